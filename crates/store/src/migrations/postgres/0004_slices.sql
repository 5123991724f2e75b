-- What each server drew of an account that several spend from, and what it holds and booked within that. An account
-- comes to what its row says and all of its slices; `given` is the sum of what was drawn in the units it caps.
CREATE TABLE slices (
    tenant          text   NOT NULL,
    account         bytea  NOT NULL,
    holder          text   NOT NULL,
    drawn_micro_usd bigint NOT NULL,
    drawn_millis    bigint NOT NULL,
    drawn_steps     bigint NOT NULL,
    drawn_tokens    bigint NOT NULL,
    held_micro_usd  bigint NOT NULL,
    held_millis     bigint NOT NULL,
    held_steps      bigint NOT NULL,
    held_tokens     bigint NOT NULL,
    spent_micro_usd bigint NOT NULL,
    spent_millis    bigint NOT NULL,
    spent_steps     bigint NOT NULL,
    spent_tokens    bigint NOT NULL,
    PRIMARY KEY (tenant, account, holder)
);
-- `sliced`: it has, or had, slices, and its row alone does not say what it comes to.
ALTER TABLE accounts
    ADD COLUMN given_micro_usd bigint NOT NULL DEFAULT 0, ADD COLUMN given_millis bigint NOT NULL DEFAULT 0,
    ADD COLUMN given_steps bigint NOT NULL DEFAULT 0, ADD COLUMN given_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN sliced boolean NOT NULL DEFAULT false;
-- Names servers that have no name of their own.
CREATE SEQUENCE holders;

ALTER TABLE slices ENABLE ROW LEVEL SECURITY;
ALTER TABLE slices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants ON slices USING (
    tenant = ANY ((SELECT string_to_array(current_setting('comity.tenants', true), ','))::text[])
    OR (SELECT current_setting('comity.tenants', true)) = '*');
