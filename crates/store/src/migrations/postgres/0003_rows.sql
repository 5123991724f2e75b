-- An entry's row number says of which run it is and where it stands there: so it needs no index of its own, no two
-- servers have to agree on it, and nobody can change it. A run has less than 2^25 entries, a database 2^35 runs.
ALTER TABLE payloads DROP CONSTRAINT payloads_pkey;
UPDATE payloads p SET id = ((e.run << 25) | e.seq) * 8 + p.id % 8 FROM entries e WHERE e.id = p.id / 8;
ALTER TABLE payloads ADD PRIMARY KEY (id);
ALTER TABLE entries DROP COLUMN id;
ALTER TABLE entries ADD COLUMN id bigint NOT NULL GENERATED ALWAYS AS ((run << 25) | seq) STORED;
DROP SEQUENCE entry_blocks;
