//! The statements of a batch: one a table, each for all of the batch's rows.

use super::codec::{
    account_columns, approval_columns, run_columns, share_columns, slice_columns, subject_columns,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

const TENANTS: &str = "SELECT set_config('comity.tenants', $1, true)";

// Rows are locked in the order of their keys, and tables in one order: two servers never wait for each other.
const RUNS: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM unnest($1::text[], $2::bytea[]) AS n (tenant, id) JOIN runs r ON r.tenant = n.tenant AND r.id = n.id
      ORDER BY r.tenant, r.id FOR UPDATE OF r"
);
const LOGS: &str =
    "SELECT l.size, l.hashes, l.tenant FROM logs l WHERE l.tenant = ANY($1) ORDER BY l.tenant FOR UPDATE";
const ACCOUNTS: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", ",
    share_columns!(),
    " FROM unnest($1::text[], $2::bytea[]) AS n (tenant, id) JOIN accounts a ON a.tenant = n.tenant AND a.id = n.id
      ORDER BY a.tenant, a.id FOR UPDATE OF a"
);
// Whoever only asks whether it is there does not wait for those who change it.
const KNOWN: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM unnest($1::text[], $2::bytea[]) AS n (tenant, id) JOIN accounts a ON a.tenant = n.tenant AND a.id = n.id"
);
const SLICES: &str = concat!(
    "SELECT ",
    slice_columns!(),
    " FROM unnest($1::text[], $2::bytea[], $3::boolean[]) AS n (tenant, account, every)
      JOIN slices s ON s.tenant = n.tenant AND s.account = n.account AND (n.every OR s.holder = $4)
      ORDER BY s.tenant, s.account, s.holder FOR UPDATE OF s"
);
const APPROVALS: &str = concat!(
    "SELECT ",
    approval_columns!(),
    " FROM unnest($1::text[], $2::bytea[]) AS n (tenant, id) JOIN approvals a ON a.tenant = n.tenant AND a.id = n.id
      JOIN runs r ON r.key = a.run ORDER BY a.tenant, a.id FOR UPDATE OF a"
);
const BREAKERS: &str = "SELECT b.failures, b.window_ms, b.opened_ms, b.tenant, b.endpoint
    FROM unnest($1::text[], $2::text[]) AS n (tenant, endpoint)
    JOIN breakers b ON b.tenant = n.tenant AND b.endpoint = n.endpoint ORDER BY b.tenant, b.endpoint FOR UPDATE OF b";
const SUBJECTS: &str = concat!(
    "SELECT ",
    subject_columns!(),
    " FROM unnest($1::text[], $2::bytea[]) AS n (tenant, id) JOIN subjects s ON s.tenant = n.tenant AND s.id = n.id
      LEFT JOIN runs r ON r.key = s.run ORDER BY s.tenant, s.id FOR UPDATE OF s"
);
const PINS: &str = "SELECT p.value, p.tenant, p.name FROM unnest($1::text[], $2::text[]) AS n (tenant, name)
    JOIN pins p ON p.tenant = n.tenant AND p.name = n.name";

const NEW_ENTRIES: &str = "INSERT INTO entries (tenant, run, seq, body, hash)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])";
const NEW_PAYLOADS: &str = "INSERT INTO payloads (id, tenant, codec, subject, salt, body)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[])";
const NEW_RUNS: &str = "INSERT INTO runs (key, id, tenant, namespace, epoch, owner, status, next_seq, head, opened_ms,
        updated_ms, anchored, due)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[],
        $8::bigint[], $9::bytea[], $10::bigint[], $11::bigint[], $12::bigint[], $13::boolean[])";
const CHANGED_RUNS: &str = "UPDATE runs SET epoch = n.epoch, owner = n.owner, status = n.status,
        next_seq = n.next_seq, head = n.head, updated_ms = n.updated_ms, anchored = n.anchored, due = n.due
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[],
        $8::bigint[], $9::boolean[]) AS n (key, epoch, owner, status, next_seq, head, updated_ms, anchored, due)
    WHERE runs.key = n.key";
const NEW_ACCOUNTS: &str = "INSERT INTO accounts (tenant, id, label, cap_micro_usd, cap_millis, cap_steps, cap_tokens,
        held_micro_usd, held_millis, held_steps, held_tokens, spent_micro_usd, spent_millis, spent_steps,
        spent_tokens, frozen)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[], $16::bigint[])";
const CHANGED_ACCOUNTS: &str = "UPDATE accounts SET held_micro_usd = n.h1, held_millis = n.h2, held_steps = n.h3,
        held_tokens = n.h4, spent_micro_usd = n.s1, spent_millis = n.s2, spent_steps = n.s3, spent_tokens = n.s4,
        frozen = n.frozen
    FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
        AS n (tenant, id, h1, h2, h3, h4, s1, s2, s3, s4, frozen)
    WHERE accounts.tenant = n.tenant AND accounts.id = n.id";
const CHANGED_SHARES: &str = "UPDATE accounts SET held_micro_usd = n.h1, held_millis = n.h2, held_steps = n.h3,
        held_tokens = n.h4, spent_micro_usd = n.s1, spent_millis = n.s2, spent_steps = n.s3, spent_tokens = n.s4,
        frozen = n.frozen, given_micro_usd = n.g1, given_millis = n.g2, given_steps = n.g3, given_tokens = n.g4,
        sliced = true
    FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[])
        AS n (tenant, id, h1, h2, h3, h4, s1, s2, s3, s4, frozen, g1, g2, g3, g4)
    WHERE accounts.tenant = n.tenant AND accounts.id = n.id";
const NEW_SLICES: &str = "INSERT INTO slices (tenant, account, holder, drawn_micro_usd, drawn_millis, drawn_steps,
        drawn_tokens, held_micro_usd, held_millis, held_steps, held_tokens, spent_micro_usd, spent_millis, spent_steps,
        spent_tokens)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[])";
const CHANGED_SLICES: &str =
    "UPDATE slices SET drawn_micro_usd = n.d1, drawn_millis = n.d2, drawn_steps = n.d3,
        drawn_tokens = n.d4, held_micro_usd = n.h1, held_millis = n.h2, held_steps = n.h3, held_tokens = n.h4,
        spent_micro_usd = n.s1, spent_millis = n.s2, spent_steps = n.s3, spent_tokens = n.s4
    FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[])
        AS n (tenant, account, holder, d1, d2, d3, d4, h1, h2, h3, h4, s1, s2, s3, s4)
    WHERE slices.tenant = n.tenant AND slices.account = n.account AND slices.holder = n.holder";
const OLD_SLICES: &str = "DELETE FROM slices USING unnest($1::text[], $2::bytea[], $3::text[])
        AS n (tenant, account, holder)
    WHERE slices.tenant = n.tenant AND slices.account = n.account AND slices.holder = n.holder";
const NEW_APPROVALS: &str = "INSERT INTO approvals (tenant, id, run, step, binding, state, expires_ms, asked_seq)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[],
        $8::bigint[])";
const CHANGED_APPROVALS: &str = "UPDATE approvals SET state = n.state
    FROM unnest($1::text[], $2::bytea[], $3::bigint[]) AS n (tenant, id, state)
    WHERE approvals.tenant = n.tenant AND approvals.id = n.id";
// A row that another server makes meanwhile is a collision: the batch is run again, and sees it.
const NEW_BREAKERS: &str = "INSERT INTO breakers (tenant, endpoint, failures, window_ms, opened_ms)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])";
const CHANGED_BREAKERS: &str = "UPDATE breakers SET failures = n.failures, window_ms = n.window_ms,
        opened_ms = n.opened_ms
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS n (tenant, endpoint, failures, window_ms, opened_ms)
    WHERE breakers.tenant = n.tenant AND breakers.endpoint = n.endpoint";
// Replaced whole: a key that one batch erases and makes anew may belong to another run than before.
const NEW_SUBJECTS: &str = "INSERT INTO subjects (tenant, id, by_key, wrapped, label, run, class)
    SELECT n.tenant, n.id, n.by_key, n.wrapped, n.label, r.key, n.class
    FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[])
        AS n (tenant, id, by_key, wrapped, label, run, class)
    LEFT JOIN runs r ON r.tenant = n.tenant AND r.id = n.run";
const CHANGED_SUBJECTS: &str =
    "UPDATE subjects SET by_key = n.by_key, wrapped = n.wrapped, label = n.label, run = r.key,
        class = n.class
    FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[])
        AS n (tenant, id, by_key, wrapped, label, run, class)
    LEFT JOIN runs r ON r.tenant = n.tenant AND r.id = n.run
    WHERE subjects.tenant = n.tenant AND subjects.id = n.id";
const OLD_SUBJECTS: &str = "DELETE FROM subjects USING unnest($1::text[], $2::bytea[]) AS n (tenant, id)
    WHERE subjects.tenant = n.tenant AND subjects.id = n.id";
const NEW_DUE: &str = "INSERT INTO due (tenant, run) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT DO NOTHING";
const OLD_DUE: &str = "DELETE FROM due USING unnest($1::text[], $2::bigint[]) AS n (tenant, run)
    WHERE due.tenant = n.tenant AND due.run = n.run";
const NEW_LOGS: &str = "INSERT INTO logs (tenant, size, hashes)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])";
const CHANGED_LOGS: &str = "UPDATE logs SET size = n.size, hashes = n.hashes
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n (tenant, size, hashes) WHERE logs.tenant = n.tenant";
const NEW_LEAVES: &str = "INSERT INTO leaves (tenant, position, run, size, kind, root, frontier)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[])";
const NEW_HASHES: &str = "INSERT INTO hashes (tenant, position, hash)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])";
const CHECKPOINTS: &str = "INSERT INTO checkpoints (tenant, size, at_ms, note)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[])
    ON CONFLICT (tenant, size) DO UPDATE SET at_ms = excluded.at_ms, note = excluded.note";
const NEW_PINS: &str = "INSERT INTO pins (tenant, name, value)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])";

macro_rules! statements {
    ($($name:ident: $sql:ident,)*) => {
        /// The statements of batches, prepared on one connection.
        pub struct Statements {
            $(pub $name: Statement,)*
        }

        impl Statements {
            /// Prepares all of them in a round trip.
            pub async fn prepare(client: &Client) -> Result<Self, Error> {
                let ($($name,)*) = tokio::try_join!(biased; $(client.prepare($sql),)*)?;
                Ok(Self { $($name,)* })
            }
        }
    };
}

statements! {
    tenants: TENANTS,
    runs: RUNS,
    logs: LOGS,
    accounts: ACCOUNTS,
    known: KNOWN,
    slices: SLICES,
    approvals: APPROVALS,
    breakers: BREAKERS,
    subjects: SUBJECTS,
    pins: PINS,
    new_entries: NEW_ENTRIES,
    new_payloads: NEW_PAYLOADS,
    new_runs: NEW_RUNS,
    changed_runs: CHANGED_RUNS,
    new_accounts: NEW_ACCOUNTS,
    changed_accounts: CHANGED_ACCOUNTS,
    changed_shares: CHANGED_SHARES,
    new_slices: NEW_SLICES,
    changed_slices: CHANGED_SLICES,
    old_slices: OLD_SLICES,
    new_approvals: NEW_APPROVALS,
    changed_approvals: CHANGED_APPROVALS,
    new_breakers: NEW_BREAKERS,
    changed_breakers: CHANGED_BREAKERS,
    new_subjects: NEW_SUBJECTS,
    changed_subjects: CHANGED_SUBJECTS,
    old_subjects: OLD_SUBJECTS,
    new_due: NEW_DUE,
    old_due: OLD_DUE,
    new_logs: NEW_LOGS,
    changed_logs: CHANGED_LOGS,
    new_leaves: NEW_LEAVES,
    new_hashes: NEW_HASHES,
    checkpoints: CHECKPOINTS,
    new_pins: NEW_PINS,
}

/// The rows of these keys, each a tenant and what names the row there; nothing is asked when there are none.
pub async fn load<K: ToSql + Sync + Copy>(
    client: &Client,
    query: &Statement,
    keys: impl Iterator<Item = (&str, K)>,
) -> Result<Vec<Row>, Error> {
    let (tenants, keys): (Vec<&str>, Vec<K>) = keys.unzip();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    client.query(query, &[&tenants, &keys]).await
}

/// One column of a batch: what `unnest` takes.
pub type Column<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// The column that `value` makes of the rows.
pub fn column<'a, R, T: ToSql + Sync + Send + 'a>(rows: &[R], value: impl Fn(&R) -> T) -> Column<'a> {
    Box::new(rows.iter().map(value).collect::<Vec<T>>())
}

/// Sends one statement for all rows, and nothing when there are none; says how many rows were written.
pub async fn send(
    client: &Client,
    statement: &Statement,
    columns: Vec<Column<'_>>,
    rows: usize,
) -> Result<u64, Error> {
    if rows == 0 {
        return Ok(0);
    }
    let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as _).collect();
    client.execute(statement, &columns).await
}
