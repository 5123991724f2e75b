-- The chain: one row an entry, hash-linked per run. Truth; everything else is a view of it.
CREATE TABLE entries (
    id     INTEGER PRIMARY KEY,
    tenant TEXT    NOT NULL,
    run    INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    hash   BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_by_run ON entries (run, seq);

-- Texts beside the chain. Row number: the entry's times 8, plus the slot. `subject` is for encryption keys.
CREATE TABLE payloads (
    id      INTEGER PRIMARY KEY,
    tenant  TEXT    NOT NULL,
    codec   INTEGER NOT NULL,
    subject BLOB,
    salt    BLOB    NOT NULL,
    body    BLOB    NOT NULL
) STRICT;

CREATE TABLE runs (
    key        INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL UNIQUE,
    tenant     TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    owner      TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    next_seq   INTEGER NOT NULL,
    head       BLOB    NOT NULL,
    opened_ms  INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_tenant ON runs (tenant, id);

CREATE TABLE accounts (
    id              BLOB    PRIMARY KEY,
    tenant          TEXT    NOT NULL,
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
    frozen          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    id         BLOB    PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    run        INTEGER NOT NULL,
    step       BLOB    NOT NULL,
    binding    BLOB    NOT NULL,
    state      INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    asked_seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approvals_by_run ON approvals (run);

CREATE TABLE breakers (
    tenant    TEXT    NOT NULL,
    endpoint  TEXT    NOT NULL,
    failures  INTEGER NOT NULL,
    window_ms INTEGER NOT NULL,
    opened_ms INTEGER,
    PRIMARY KEY (tenant, endpoint)
) STRICT, WITHOUT ROWID;
