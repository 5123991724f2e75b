//! The statements: one a table, each for a whole batch.

use comity_core::{Amounts, ApprovalId, Digest, RunId, StepId, Tenant, Timestamp};
use comity_store::apply::{Cells, NewEntry, Writes};
use comity_store::commit::MAX_PAYLOADS;
use comity_store::{AccountCell, AccountId, ApprovalCell, ApprovalState, BreakerCell, Payload, RunCell};
use futures_util::try_join;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Error, Row, Statement};

/// In which order rows are locked. Only [`Order::Ids`] is right; the other shows what goes wrong without it.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    Ids,
    Backwards,
}

const RUNS: &str =
    "SELECT id, key, tenant, namespace, epoch, owner, status, next_seq, head, opened_ms, updated_ms
    FROM runs WHERE id = ANY($1) ORDER BY id FOR UPDATE";
const ACCOUNTS: &str = "SELECT id, tenant, label, cap_micro_usd, cap_millis, cap_steps, cap_tokens,
    held_micro_usd, held_millis, held_steps, held_tokens, spent_micro_usd, spent_millis, spent_steps,
    spent_tokens, frozen FROM accounts WHERE id = ANY($1) ORDER BY id FOR UPDATE";
const APPROVALS: &str = "SELECT a.id, a.run, r.id, a.step, a.binding, a.state, a.expires_ms, a.asked_seq
    FROM approvals a JOIN runs r ON r.key = a.run WHERE a.id = ANY($1) ORDER BY a.id FOR UPDATE OF a";

const NEW_ENTRIES: &str = "INSERT INTO entries (id, tenant, run, seq, body, hash)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[])";
const NEW_PAYLOADS: &str = "INSERT INTO payloads (id, tenant, codec, salt, body)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[])";
const NEW_RUNS: &str =
    "INSERT INTO runs SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[],
    $5::bigint[], $6::text[], $7::bigint[], $8::bigint[], $9::bytea[], $10::bigint[], $11::bigint[])";
const CHANGED_RUNS: &str = "UPDATE runs SET epoch = n.epoch, owner = n.owner, status = n.status,
    next_seq = n.next_seq, head = n.head, updated_ms = n.updated_ms
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[])
        AS n (key, epoch, owner, status, next_seq, head, updated_ms)
    WHERE runs.key = n.key";
const NEW_ACCOUNTS: &str = "INSERT INTO accounts SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[],
    $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
    $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[])";
const CHANGED_ACCOUNTS: &str = "UPDATE accounts SET held_micro_usd = n.h1, held_millis = n.h2, held_steps = n.h3,
    held_tokens = n.h4, spent_micro_usd = n.s1, spent_millis = n.s2, spent_steps = n.s3, spent_tokens = n.s4,
    frozen = n.frozen
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[]) AS n (id, h1, h2, h3, h4, s1, s2, s3, s4, frozen)
    WHERE accounts.id = n.id";
const NEW_APPROVALS: &str =
    "INSERT INTO approvals SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[],
    $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[])";
const CHANGED_APPROVALS: &str = "UPDATE approvals SET state = n.state
    FROM unnest($1::bytea[], $2::bigint[]) AS n (id, state) WHERE approvals.id = n.id";
const BREAKERS: &str = "INSERT INTO breakers
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    ON CONFLICT (tenant, endpoint) DO UPDATE SET failures = excluded.failures, window_ms = excluded.window_ms,
        opened_ms = excluded.opened_ms";

pub struct Statements {
    pub runs: Statement,
    pub accounts: Statement,
    pub approvals: Statement,
    new_entries: Statement,
    new_payloads: Statement,
    new_runs: Statement,
    changed_runs: Statement,
    new_accounts: Statement,
    changed_accounts: Statement,
    new_approvals: Statement,
    changed_approvals: Statement,
    breakers: Statement,
}

impl Statements {
    pub async fn prepare(client: &Client, order: Order) -> Result<Self, Error> {
        let accounts = match order {
            Order::Ids => ACCOUNTS.to_owned(),
            Order::Backwards => ACCOUNTS.replace("ORDER BY id", "ORDER BY id DESC"),
        };
        Ok(Self {
            runs: client.prepare(RUNS).await?,
            accounts: client.prepare(&accounts).await?,
            approvals: client.prepare(APPROVALS).await?,
            new_entries: client.prepare(NEW_ENTRIES).await?,
            new_payloads: client.prepare(NEW_PAYLOADS).await?,
            new_runs: client.prepare(NEW_RUNS).await?,
            changed_runs: client.prepare(CHANGED_RUNS).await?,
            new_accounts: client.prepare(NEW_ACCOUNTS).await?,
            changed_accounts: client.prepare(CHANGED_ACCOUNTS).await?,
            new_approvals: client.prepare(NEW_APPROVALS).await?,
            changed_approvals: client.prepare(CHANGED_APPROVALS).await?,
            breakers: client.prepare(BREAKERS).await?,
        })
    }
}

/// The rows with these ids, locked; none when there are no ids.
pub async fn load(client: &Client, query: &Statement, ids: &BTreeSet<[u8; 16]>) -> Result<Vec<Row>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&[u8]> = ids.iter().map(|id| &id[..]).collect();
    client.query(query, &[&ids]).await
}

pub async fn number(client: &Client, query: &str) -> Result<i64, Error> {
    Ok(client.query_one(query, &[]).await?.get(0))
}

/// One column of a batch: what `unnest` takes.
type Column<'a> = Box<dyn ToSql + Sync + Send + 'a>;

fn column<'a, R, T: ToSql + Sync + Send + 'a>(rows: &[R], value: impl Fn(&R) -> T) -> Column<'a> {
    Box::new(rows.iter().map(value).collect::<Vec<T>>())
}

/// Sends one statement for all rows. A row that is not there to be changed would be a bug: it was locked.
async fn send(
    client: &Client,
    statement: &Statement,
    rows: usize,
    columns: Vec<Column<'_>>,
) -> Result<(), Error> {
    if rows == 0 {
        return Ok(());
    }
    let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as _).collect();
    let changed = client.execute(statement, &columns).await?;
    assert_eq!(changed, rows as u64);
    Ok(())
}

/// Writes everything and commits, in one round trip.
///
/// COMMIT is sent before the statements have answered. When one of them fails the server rolls back, and
/// answers COMMIT without an error; so the batch is durable only if *all* of them answered well.
pub async fn write(client: &Client, s: &Statements, writes: &Writes, cells: &Cells) -> Result<(), Error> {
    let entries: Vec<&NewEntry> = writes.entries.iter().collect();
    let payloads: Vec<_> =
        entries.iter().flat_map(|entry| entry.payloads.iter().map(|text| (*entry, text))).collect();
    let (new_runs, runs) = split(&writes.runs, |id| cells.runs[id].as_ref());
    let (new_accounts, accounts) = split(&writes.accounts, |id| cells.accounts[id].as_ref());
    let (new_approvals, approvals) = split(&writes.approvals, |id| cells.approvals[id].as_ref());
    // Sorted, or two servers wait for each other; and each named once, or PostgreSQL refuses the statement.
    let breakers: BTreeMap<_, _> = writes.breakers.iter().map(|(t, e, cell)| ((t, e), cell)).collect();
    let breakers: Vec<_> = breakers.into_iter().collect();

    try_join!(
        send(client, &s.new_runs, new_runs.len(), new_run_columns(&new_runs)),
        send(client, &s.changed_runs, runs.len(), run_columns(&runs)),
        send(client, &s.new_accounts, new_accounts.len(), new_account_columns(&new_accounts)),
        send(client, &s.changed_accounts, accounts.len(), account_columns(&accounts)),
        send(client, &s.new_approvals, new_approvals.len(), new_approval_columns(&new_approvals, cells)),
        send(client, &s.changed_approvals, approvals.len(), approval_columns(&approvals)),
        send(client, &s.breakers, breakers.len(), breaker_columns(&breakers)),
        send(client, &s.new_entries, entries.len(), entry_columns(&entries)),
        send(client, &s.new_payloads, payloads.len(), payload_columns(&payloads)),
        client.batch_execute("COMMIT"),
    )?;
    Ok(())
}

fn entry_columns<'a>(entries: &[&'a NewEntry]) -> Vec<Column<'a>> {
    vec![
        column(entries, |entry| entry.id),
        column(entries, |entry| entry.tenant.as_str()),
        column(entries, |entry| entry.run),
        column(entries, |entry| stored(entry.seq)),
        column(entries, |entry| &entry.body[..]),
        column(entries, |entry| &entry.hash.0[..]),
    ]
}

fn payload_columns<'a>(payloads: &[(&'a NewEntry, &'a Payload)]) -> Vec<Column<'a>> {
    vec![
        column(payloads, |(entry, text)| entry.id * MAX_PAYLOADS as i64 + i64::from(text.slot)),
        column(payloads, |(entry, _)| entry.tenant.as_str()),
        column(payloads, |(_, text)| i64::from(text.codec)),
        column(payloads, |(_, text)| &text.salt[..]),
        column(payloads, |(_, text)| &text.body[..]),
    ]
}

fn new_run_columns<'a>(new_runs: &[(RunId, &'a RunCell)]) -> Vec<Column<'a>> {
    vec![
        column(new_runs, |(_, run)| run.key),
        column(new_runs, |(id, _)| id.bytes().to_vec()),
        column(new_runs, |(_, run)| run.tenant.as_str()),
        column(new_runs, |(_, run)| run.namespace.as_str()),
        column(new_runs, |(_, run)| stored(run.epoch)),
        column(new_runs, |(_, run)| &*run.owner),
        column(new_runs, |(_, run)| i64::from(run.status)),
        column(new_runs, |(_, run)| stored(run.next_seq)),
        column(new_runs, |(_, run)| &run.head.0[..]),
        column(new_runs, |(_, run)| stored(run.opened.millis())),
        column(new_runs, |(_, run)| stored(run.updated.millis())),
    ]
}

fn run_columns<'a>(runs: &[(RunId, &'a RunCell)]) -> Vec<Column<'a>> {
    vec![
        column(runs, |(_, run)| run.key),
        column(runs, |(_, run)| stored(run.epoch)),
        column(runs, |(_, run)| &*run.owner),
        column(runs, |(_, run)| i64::from(run.status)),
        column(runs, |(_, run)| stored(run.next_seq)),
        column(runs, |(_, run)| &run.head.0[..]),
        column(runs, |(_, run)| stored(run.updated.millis())),
    ]
}

fn new_account_columns<'a>(new_accounts: &[(AccountId, &'a AccountCell)]) -> Vec<Column<'a>> {
    let mut made_accounts = vec![
        column(new_accounts, |(id, _)| id.0.to_vec()),
        column(new_accounts, |(_, cell)| cell.tenant.as_str()),
        column(new_accounts, |(_, cell)| &*cell.label),
    ];
    amounts(&mut made_accounts, new_accounts, |cell| &cell.caps);
    amounts(&mut made_accounts, new_accounts, |cell| &cell.held);
    amounts(&mut made_accounts, new_accounts, |cell| &cell.spent);
    made_accounts.push(column(new_accounts, |(_, cell)| i64::from(cell.frozen)));
    made_accounts
}

fn account_columns<'a>(accounts: &[(AccountId, &'a AccountCell)]) -> Vec<Column<'a>> {
    let mut changed_accounts = vec![column(accounts, |(id, _)| id.0.to_vec())];
    amounts(&mut changed_accounts, accounts, |cell| &cell.held);
    amounts(&mut changed_accounts, accounts, |cell| &cell.spent);
    changed_accounts.push(column(accounts, |(_, cell)| i64::from(cell.frozen)));
    changed_accounts
}

fn new_approval_columns<'a>(
    new_approvals: &[(ApprovalId, &'a ApprovalCell)],
    cells: &'a Cells,
) -> Vec<Column<'a>> {
    vec![
        column(new_approvals, |(id, _)| id.bytes().to_vec()),
        column(new_approvals, |(_, cell)| cells.runs[&cell.run_id].as_ref().unwrap().tenant.as_str()),
        column(new_approvals, |(_, cell)| cell.run),
        column(new_approvals, |(_, cell)| cell.step.bytes().to_vec()),
        column(new_approvals, |(_, cell)| cell.binding.0.to_vec()),
        column(new_approvals, |(_, cell)| i64::from(cell.state as u8)),
        column(new_approvals, |(_, cell)| stored(cell.expires.millis())),
        column(new_approvals, |(_, cell)| stored(cell.asked)),
    ]
}

fn approval_columns<'a>(approvals: &[(ApprovalId, &'a ApprovalCell)]) -> Vec<Column<'a>> {
    vec![
        column(approvals, |(id, _)| id.bytes().to_vec()),
        column(approvals, |(_, cell)| i64::from(cell.state as u8)),
    ]
}

fn breaker_columns<'a>(breakers: &[((&'a Tenant, &'a Arc<str>), &'a BreakerCell)]) -> Vec<Column<'a>> {
    vec![
        column(breakers, |((tenant, _), _)| tenant.as_str()),
        column(breakers, |((_, endpoint), _)| &***endpoint),
        column(breakers, |(_, cell)| i64::from(cell.failures)),
        column(breakers, |(_, cell)| stored(cell.window.millis())),
        column(breakers, |(_, cell)| cell.opened.map(|at| stored(at.millis()))),
    ]
}

/// Rows with their ids.
type Rows<'a, K, C> = Vec<(K, &'a C)>;

/// New rows and changed rows, each in the order of their ids.
fn split<'a, K: Copy + Ord, C>(
    list: &[(K, bool)],
    cell: impl Fn(&K) -> Option<&'a C>,
) -> (Rows<'a, K, C>, Rows<'a, K, C>) {
    let mut list = list.to_vec();
    list.sort_unstable_by_key(|(id, _)| *id);
    let pick = |wanted: bool| {
        list.iter().filter(|(_, new)| *new == wanted).map(|(id, _)| (*id, cell(id).unwrap())).collect()
    };
    (pick(true), pick(false))
}

fn amounts<'a>(
    columns: &mut Vec<Column<'a>>,
    rows: &[(AccountId, &'a AccountCell)],
    of: impl Fn(&AccountCell) -> &Amounts,
) {
    columns.push(column(rows, |(_, cell)| stored(of(cell).micro_usd)));
    columns.push(column(rows, |(_, cell)| stored(of(cell).millis)));
    columns.push(column(rows, |(_, cell)| stored(of(cell).steps)));
    columns.push(column(rows, |(_, cell)| stored(of(cell).tokens)));
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn loaded(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or(u64::MAX)
}

fn bytes<'r, const N: usize>(row: &'r Row, column: usize) -> [u8; N]
where
    &'r [u8]: FromSql<'r>,
{
    row.get::<_, &[u8]>(column).try_into().unwrap()
}

pub fn run(row: &Row) -> (RunId, Option<RunCell>) {
    let cell = RunCell {
        key: row.get(1),
        tenant: row.get::<_, &str>(2).parse().unwrap(),
        namespace: row.get::<_, &str>(3).parse().unwrap(),
        epoch: loaded(row, 4),
        owner: row.get::<_, &str>(5).into(),
        status: loaded(row, 6) as u8,
        next_seq: loaded(row, 7),
        head: Digest(bytes(row, 8)),
        opened: Timestamp::from_millis(loaded(row, 9)),
        updated: Timestamp::from_millis(loaded(row, 10)),
    };
    (RunId::from_bytes(bytes(row, 0)), Some(cell))
}

pub fn account(row: &Row) -> (AccountId, Option<AccountCell>) {
    let amounts = |at: usize| Amounts {
        micro_usd: loaded(row, at),
        millis: loaded(row, at + 1),
        steps: loaded(row, at + 2),
        tokens: loaded(row, at + 3),
    };
    let cell = AccountCell {
        tenant: row.get::<_, &str>(1).parse().unwrap(),
        label: row.get::<_, &str>(2).into(),
        caps: amounts(3),
        held: amounts(7),
        spent: amounts(11),
        frozen: loaded(row, 15) != 0,
    };
    (AccountId(bytes(row, 0)), Some(cell))
}

pub fn approval(row: &Row) -> (ApprovalId, Option<ApprovalCell>) {
    let cell = ApprovalCell {
        run: row.get(1),
        run_id: RunId::from_bytes(bytes(row, 2)),
        step: StepId::from_bytes(bytes(row, 3)),
        binding: Digest(bytes(row, 4)),
        state: ApprovalState::from_number(row.get(5)).unwrap(),
        expires: Timestamp::from_millis(loaded(row, 6)),
        asked: loaded(row, 7),
    };
    (ApprovalId::from_bytes(bytes(row, 0)), Some(cell))
}
