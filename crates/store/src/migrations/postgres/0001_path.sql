-- The tables of the embedded backend's first migration, in PostgreSQL's types.

-- The chain: one row an entry, hash-linked per run. Truth; everything else is a view of it.
CREATE TABLE entries (
    id     bigint PRIMARY KEY,
    tenant text   NOT NULL,
    run    bigint NOT NULL,
    seq    bigint NOT NULL,
    body   bytea  NOT NULL,
    hash   bytea  NOT NULL
);
CREATE UNIQUE INDEX entries_by_run ON entries (run, seq);

-- Texts beside the chain. Row number: the entry's times 8, plus the slot. `subject` is for encryption keys.
CREATE TABLE payloads (
    id      bigint PRIMARY KEY,
    tenant  text   NOT NULL,
    codec   bigint NOT NULL,
    subject bytea,
    salt    bytea  NOT NULL,
    body    bytea  NOT NULL
);

CREATE TABLE runs (
    key        bigint PRIMARY KEY,
    id         bytea  NOT NULL UNIQUE,
    tenant     text   NOT NULL,
    namespace  text   NOT NULL,
    epoch      bigint NOT NULL,
    owner      text   NOT NULL,
    status     bigint NOT NULL,
    next_seq   bigint NOT NULL,
    head       bytea  NOT NULL,
    opened_ms  bigint NOT NULL,
    updated_ms bigint NOT NULL
);
CREATE INDEX runs_by_tenant ON runs (tenant, id);

CREATE TABLE accounts (
    id              bytea  PRIMARY KEY,
    tenant          text   NOT NULL,
    label           text   NOT NULL,
    cap_micro_usd   bigint NOT NULL,
    cap_millis      bigint NOT NULL,
    cap_steps       bigint NOT NULL,
    cap_tokens      bigint NOT NULL,
    held_micro_usd  bigint NOT NULL,
    held_millis     bigint NOT NULL,
    held_steps      bigint NOT NULL,
    held_tokens     bigint NOT NULL,
    spent_micro_usd bigint NOT NULL,
    spent_millis    bigint NOT NULL,
    spent_steps     bigint NOT NULL,
    spent_tokens    bigint NOT NULL,
    frozen          bigint NOT NULL
);

CREATE TABLE approvals (
    id         bytea  PRIMARY KEY,
    tenant     text   NOT NULL,
    run        bigint NOT NULL,
    step       bytea  NOT NULL,
    binding    bytea  NOT NULL,
    state      bigint NOT NULL,
    expires_ms bigint NOT NULL,
    asked_seq  bigint NOT NULL
);
CREATE INDEX approvals_by_run ON approvals (run);

CREATE TABLE breakers (
    tenant    text   NOT NULL,
    endpoint  text   NOT NULL,
    failures  bigint NOT NULL,
    window_ms bigint NOT NULL,
    opened_ms bigint,
    PRIMARY KEY (tenant, endpoint)
);

-- Row numbers are handed to servers in blocks: one number here is the first of a block of this size. A block
-- of entries holds the largest batch (256 commits of 64 operations), so a batch's numbers are contiguous.
CREATE SEQUENCE entry_blocks INCREMENT BY 16384 MINVALUE 1;
CREATE SEQUENCE run_blocks INCREMENT BY 256 MINVALUE 1;
