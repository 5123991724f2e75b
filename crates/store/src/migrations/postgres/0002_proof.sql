-- Keys name the tenant: the same id used by two tenants names two rows, and neither learns of the other.
-- `anchored` counts the entries that the run's last leaf covers; `due` says that the run stands in the queue below.
ALTER TABLE runs ADD COLUMN anchored bigint NOT NULL DEFAULT 0, ADD COLUMN due boolean NOT NULL DEFAULT false;
UPDATE runs SET due = true WHERE next_seq > 0;
ALTER TABLE runs ALTER COLUMN anchored DROP DEFAULT, ALTER COLUMN due DROP DEFAULT, DROP CONSTRAINT runs_id_key;
DROP INDEX runs_by_tenant;
CREATE UNIQUE INDEX runs_by_tenant ON runs (tenant, id);
ALTER TABLE accounts DROP CONSTRAINT accounts_pkey, ADD PRIMARY KEY (tenant, id);
ALTER TABLE approvals DROP CONSTRAINT approvals_pkey, ADD PRIMARY KEY (tenant, id);

-- Runs that moved since their last leaf.
CREATE TABLE due (
    tenant text   NOT NULL,
    run    bigint NOT NULL,
    PRIMARY KEY (tenant, run)
);
INSERT INTO due SELECT tenant, key FROM runs WHERE due;

-- One Merkle log a tenant. A leaf covers the first `size` entries of a run; `frontier` is what its tree grows from.
CREATE TABLE logs (
    tenant text   PRIMARY KEY,
    size   bigint NOT NULL,
    hashes bigint NOT NULL
);
CREATE TABLE leaves (
    tenant   text   NOT NULL,
    position bigint NOT NULL,
    run      bigint NOT NULL,
    size     bigint NOT NULL,
    kind     bigint NOT NULL,
    root     bytea  NOT NULL,
    frontier bytea  NOT NULL,
    PRIMARY KEY (tenant, position)
);
CREATE UNIQUE INDEX leaves_by_run ON leaves (run, size);
CREATE TABLE hashes (
    tenant   text   NOT NULL,
    position bigint NOT NULL,
    hash     bytea  NOT NULL,
    PRIMARY KEY (tenant, position)
);
CREATE TABLE checkpoints (
    tenant text   NOT NULL,
    size   bigint NOT NULL,
    at_ms  bigint NOT NULL,
    note   bytea  NOT NULL,
    PRIMARY KEY (tenant, size)
);

-- Keys that texts are encrypted under, each wrapped by a key that is not in this database.
CREATE TABLE subjects (
    tenant  text   NOT NULL,
    id      bytea  NOT NULL,
    run     bigint,
    class   bigint NOT NULL,
    by_key  bytea  NOT NULL,
    wrapped bytea  NOT NULL,
    label   bytea  NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX subjects_by_run ON subjects (run) WHERE run IS NOT NULL;

-- Values that are set once: what this database calls itself, which public keys it was first seen with.
CREATE TABLE pins (
    tenant text  NOT NULL,
    name   text  NOT NULL,
    value  bytea NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- Which processes are alive: each pushes its row's end on, and counts as gone after it.
CREATE TABLE servers (
    owner text        PRIMARY KEY,
    until timestamptz NOT NULL
);

-- The second wall: a session sees and changes only the tenants it names, whatever its statements say. `*` is for those
-- who look after the whole database. The owner of the tables is bound as well.
DO $$
DECLARE
    name text;
    named constant text := '(SELECT string_to_array(current_setting(''comity.tenants'', true), '',''))::text[]';
BEGIN
    FOREACH name IN ARRAY ARRAY['entries', 'payloads', 'runs', 'accounts', 'approvals', 'breakers', 'due', 'logs',
        'leaves', 'hashes', 'checkpoints', 'subjects', 'pins'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenants ON %I USING (tenant = ANY (%s)
            OR (SELECT current_setting(''comity.tenants'', true)) = ''*'')', name, named);
    END LOOP;
END $$;
