-- Keys name the tenant: the same id used by two tenants names two rows, and neither learns of the other.
-- `anchored` counts the entries that the run's last leaf covers; `due` says that the run stands in the queue below.
CREATE TABLE new_runs (
    key        INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL,
    tenant     TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    owner      TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    next_seq   INTEGER NOT NULL,
    head       BLOB    NOT NULL,
    opened_ms  INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    anchored   INTEGER NOT NULL,
    due        INTEGER NOT NULL
) STRICT;
INSERT INTO new_runs SELECT key, id, tenant, namespace, epoch, owner, status, next_seq, head, opened_ms, updated_ms,
    0, next_seq > 0 FROM runs;
DROP TABLE runs;
ALTER TABLE new_runs RENAME TO runs;
CREATE UNIQUE INDEX runs_by_tenant ON runs (tenant, id);

CREATE TABLE new_accounts (
    tenant          TEXT    NOT NULL,
    id              BLOB    NOT NULL,
    label           TEXT    NOT NULL,
    cap_micro_usd   INTEGER NOT NULL,
    cap_millis      INTEGER NOT NULL,
    cap_steps       INTEGER NOT NULL,
    cap_tokens      INTEGER NOT NULL,
    held_micro_usd  INTEGER NOT NULL,
    held_millis     INTEGER NOT NULL,
    held_steps      INTEGER NOT NULL,
    held_tokens     INTEGER NOT NULL,
    spent_micro_usd INTEGER NOT NULL,
    spent_millis    INTEGER NOT NULL,
    spent_steps     INTEGER NOT NULL,
    spent_tokens    INTEGER NOT NULL,
    frozen          INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_accounts SELECT tenant, id, label, cap_micro_usd, cap_millis, cap_steps, cap_tokens, held_micro_usd,
    held_millis, held_steps, held_tokens, spent_micro_usd, spent_millis, spent_steps, spent_tokens, frozen
    FROM accounts;
DROP TABLE accounts;
ALTER TABLE new_accounts RENAME TO accounts;

CREATE TABLE new_approvals (
    tenant     TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    run        INTEGER NOT NULL,
    step       BLOB    NOT NULL,
    binding    BLOB    NOT NULL,
    state      INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    asked_seq  INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_approvals SELECT tenant, id, run, step, binding, state, expires_ms, asked_seq FROM approvals;
DROP TABLE approvals;
ALTER TABLE new_approvals RENAME TO approvals;
CREATE INDEX approvals_by_run ON approvals (run);

-- Runs that moved since their last leaf.
CREATE TABLE due (
    tenant TEXT    NOT NULL,
    run    INTEGER NOT NULL,
    PRIMARY KEY (tenant, run)
) STRICT, WITHOUT ROWID;
INSERT INTO due SELECT tenant, key FROM runs WHERE due = 1;

-- One Merkle log a tenant. A leaf covers the first `size` entries of a run; `frontier` is what its tree grows from.
CREATE TABLE logs (
    tenant TEXT    PRIMARY KEY,
    size   INTEGER NOT NULL,
    hashes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE leaves (
    tenant   TEXT    NOT NULL,
    position INTEGER NOT NULL,
    run      INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    root     BLOB    NOT NULL,
    frontier BLOB    NOT NULL,
    PRIMARY KEY (tenant, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX leaves_by_run ON leaves (run, size);
CREATE TABLE hashes (
    tenant   TEXT    NOT NULL,
    position INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (tenant, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoints (
    tenant TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,
    note   BLOB    NOT NULL,
    PRIMARY KEY (tenant, size)
) STRICT, WITHOUT ROWID;

-- Keys that texts are encrypted under, each wrapped by a key that is not in this database.
CREATE TABLE subjects (
    tenant  TEXT    NOT NULL,
    id      BLOB    NOT NULL,
    run     INTEGER,
    class   INTEGER NOT NULL,
    by_key  BLOB    NOT NULL,
    wrapped BLOB    NOT NULL,
    label   BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX subjects_by_run ON subjects (run) WHERE run IS NOT NULL;

-- Values that are set once: what this database calls itself, which public keys it was first seen with.
CREATE TABLE pins (
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
