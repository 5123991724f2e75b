//! Reads: each names a tenant, touches an index, and returns at most a page.

use super::Postgres;
use super::codec::{self, Unread, account_columns, approval_columns, get, loaded, run_columns, stored};
use super::fail;
use super::pool::{Sees, Values, ask};
use crate::cells::{BreakerCell, RunCell};
use crate::commit::{AccountId, MAX_PAYLOADS};
use crate::error::Error;
use crate::rows::{AccountRow, ApprovalRow, EntryRow, PAGE, PayloadRow, RunRow, Totals};
use comity_core::{ApprovalId, RunId, Tenant};
use futures_util::TryStreamExt;
use std::pin::pin;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// One value of a statement, with its type.
pub(super) fn value(value: &(dyn ToSql + Sync), kind: Type) -> (&(dyn ToSql + Sync), Type) {
    (value, kind)
}

/// A page's length, as PostgreSQL counts.
pub(super) fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE)).unwrap_or(i64::MAX)
}

/// Accounts with what is in slices of them.
macro_rules! whole {
    () => {
        " FROM (SELECT a.id, a.tenant, a.label, a.cap_micro_usd, a.cap_millis, a.cap_steps, a.cap_tokens, a.frozen,
            a.held_micro_usd + coalesce(s.h1, 0) AS held_micro_usd, a.held_millis + coalesce(s.h2, 0) AS held_millis,
            a.held_steps + coalesce(s.h3, 0) AS held_steps, a.held_tokens + coalesce(s.h4, 0) AS held_tokens,
            a.spent_micro_usd + coalesce(s.s1, 0) AS spent_micro_usd,
            a.spent_millis + coalesce(s.s2, 0) AS spent_millis,
            a.spent_steps + coalesce(s.s3, 0) AS spent_steps, a.spent_tokens + coalesce(s.s4, 0) AS spent_tokens
        FROM accounts a LEFT JOIN LATERAL (SELECT
            sum(held_micro_usd)::bigint AS h1, sum(held_millis)::bigint AS h2, sum(held_steps)::bigint AS h3,
            sum(held_tokens)::bigint AS h4, sum(spent_micro_usd)::bigint AS s1, sum(spent_millis)::bigint AS s2,
            sum(spent_steps)::bigint AS s3, sum(spent_tokens)::bigint AS s4
            FROM slices WHERE a.sliced AND tenant = a.tenant AND account = a.id) s ON true) a"
    };
}

impl Postgres {
    /// The rows of a statement, as they are now or as they were at the snapshot.
    pub(super) async fn rows(
        &self,
        sees: Sees<'_>,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, Error> {
        match &self.pinned {
            None => self.inner.pool.rows(sees, sql, values).await,
            Some(pinned) => {
                let asked = ask(&pinned.client, sees, sql, values).await;
                asked.map_err(|error| fail::explain(&error, self.shown()))
            }
        }
    }

    /// Rows, each read by `read`.
    pub(super) async fn all<T>(
        &self,
        sees: Sees<'_>,
        sql: &str,
        values: Values<'_>,
        read: fn(&Row) -> Result<T, Unread>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.rows(sees, sql, values).await?;
        self.inner.pool.explain(rows.iter().map(read).collect())
    }

    /// The first row, if there is one.
    pub(super) async fn one<T>(
        &self,
        sees: Sees<'_>,
        sql: &str,
        values: Values<'_>,
        read: fn(&Row) -> Result<T, Unread>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(sees, sql, values, read).await?.pop())
    }

    /// The store as it is now, for reads that must fit together: what is committed later does not show.
    pub async fn snapshot(&self) -> Result<Self, Error> {
        let pinned = self.inner.pool.pin().await?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM migrations";
        // The first read is what fixes the moment.
        pinned.client.batch_execute(begin).await.map_err(|error| fail::explain(&error, self.shown()))?;
        Ok(Self { inner: self.inner.clone(), pinned: Some(pinned.into()) })
    }

    /// One run of this tenant.
    pub async fn run(&self, tenant: &Tenant, run: RunId) -> Result<Option<RunCell>, Error> {
        let sql = concat!("SELECT ", run_columns!(), " FROM runs r WHERE r.id = $1 AND r.tenant = $2");
        let (id, name) = (&run.bytes()[..], tenant.as_str());
        let values = [value(&id, Type::BYTEA), value(&name, Type::TEXT)];
        let found = self.one(Sees::Tenant(tenant), sql, &values, codec::run).await?;
        Ok(found.map(|(_, cell)| cell))
    }

    /// This tenant's runs, newest first, older than `before`, at most a page.
    pub async fn runs(
        &self,
        tenant: &Tenant,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Error> {
        let sql = concat!(
            "SELECT ",
            run_columns!(),
            " FROM runs r WHERE r.tenant = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"
        );
        // Longer than any id, and so after all of them.
        let before = before.map_or_else(|| vec![u8::MAX; 17], |run| run.bytes().to_vec());
        let (name, before, limit) = (tenant.as_str(), &before[..], page(limit));
        let values = [value(&name, Type::TEXT), value(&before, Type::BYTEA), value(&limit, Type::INT8)];
        let found = self.all(Sees::Tenant(tenant), sql, &values, codec::run).await?;
        Ok(found.into_iter().map(|(id, cell)| RunRow { id, cell }).collect())
    }

    /// A run's entries from `from` on, with their payloads, handed to `visit` one by one; at most a page.
    /// Returns how many there were.
    pub async fn entries(
        &self,
        run: &RunCell,
        from: u64,
        limit: usize,
        mut visit: impl FnMut(EntryRow) + Send,
    ) -> Result<usize, Error> {
        let sees = Sees::Tenant(&run.tenant);
        let sql = "SELECT id, tenant, seq, body, hash FROM entries
            WHERE run = $1 AND seq >= $2 AND tenant = $4 ORDER BY seq LIMIT $3";
        let (from, limit, whose) = (stored(from), page(limit), run.tenant.as_str());
        let values = [
            value(&run.key, Type::INT8),
            value(&from, Type::INT8),
            value(&limit, Type::INT8),
            value(&whose, Type::TEXT),
        ];
        let entries = self.all(sees, sql, &values, entry).await?;
        let count = entries.len();
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        let mut entries = entries.into_iter().peekable();
        let attach = |(id, payload): (i64, PayloadRow)| {
            while let Some(done) = entries.next_if(|entry| entry.id != id) {
                visit(done);
            }
            if let Some(entry) = entries.peek_mut() {
                entry.payloads.push(payload);
            }
        };
        self.payloads(sees, &ids, attach).await?;
        entries.for_each(visit);
        Ok(count)
    }

    /// The payloads of these entries, in the order the entries are named, and each entry's by slot; one at a time,
    /// because a page of them may be large.
    async fn payloads(
        &self,
        sees: Sees<'_>,
        entries: &[i64],
        mut each: impl FnMut((i64, PayloadRow)),
    ) -> Result<(), Error> {
        // Each entry's payloads lie together, and the limit says so to the planner.
        let sql = "SELECT e.id, p.id, p.tenant, p.codec, p.subject, p.salt, p.body
            FROM unnest($1::bigint[]) WITH ORDINALITY AS e (id, place) CROSS JOIN LATERAL
                (SELECT * FROM payloads p WHERE p.id BETWEEN e.id * 8 AND e.id * 8 + 7 ORDER BY p.id LIMIT 8) p
            ORDER BY e.place, p.id";
        if entries.is_empty() {
            return Ok(());
        }
        let values = [value(&entries, Type::INT8_ARRAY)];
        let lent;
        let client: &Client = match &self.pinned {
            Some(pinned) => &pinned.client,
            None => {
                lent = self.inner.pool.lend().await?;
                lent.client()?
            }
        };
        let fail = |error| fail::explain(&error, self.shown());
        let list = sees.list();
        let name = [value(&list, Type::TEXT)];
        let name = client.query_typed("SELECT set_config('comity.tenants', $1, false)", &name);
        let rows = client.query_typed_raw(sql, values);
        let (_, rows) = tokio::try_join!(biased; name, rows).map_err(fail)?;
        let mut rows = pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(fail)? {
            each(self.inner.pool.explain(payload(&row))?);
        }
        Ok(())
    }

    /// One approval of this tenant.
    pub async fn approval(&self, tenant: &Tenant, id: ApprovalId) -> Result<Option<ApprovalRow>, Error> {
        let sql = concat!(
            "SELECT ",
            approval_columns!(),
            " FROM approvals a JOIN runs r ON r.key = a.run WHERE a.id = $1 AND a.tenant = $2"
        );
        let (bytes, name) = (&id.bytes()[..], tenant.as_str());
        let values = [value(&bytes, Type::BYTEA), value(&name, Type::TEXT)];
        let found = self.one(Sees::Tenant(tenant), sql, &values, codec::approval).await?;
        Ok(found.map(|(id, cell)| ApprovalRow { id, cell }))
    }

    /// The approvals of one run, in no particular order.
    pub async fn approvals(&self, run: &RunCell) -> Result<Vec<ApprovalRow>, Error> {
        let sql = concat!(
            "SELECT ",
            approval_columns!(),
            " FROM approvals a JOIN runs r ON r.key = a.run WHERE a.run = $1 AND a.tenant = $2"
        );
        let whose = run.tenant.as_str();
        let values = [value(&run.key, Type::INT8), value(&whose, Type::TEXT)];
        let found = self.all(Sees::Tenant(&run.tenant), sql, &values, codec::approval).await?;
        Ok(found.into_iter().map(|(id, cell)| ApprovalRow { id, cell }).collect())
    }

    /// One account of this tenant.
    pub async fn account(&self, tenant: &Tenant, id: AccountId) -> Result<Option<AccountRow>, Error> {
        let sql = concat!("SELECT ", account_columns!(), whole!(), " WHERE a.id = $1 AND a.tenant = $2");
        let (bytes, name) = (&id.0[..], tenant.as_str());
        let values = [value(&bytes, Type::BYTEA), value(&name, Type::TEXT)];
        let found = self.one(Sees::Tenant(tenant), sql, &values, codec::account).await?;
        Ok(found.map(|(id, cell)| AccountRow { id, cell }))
    }

    /// This tenant's accounts after `after`, at most a page, in the order of their ids.
    pub async fn accounts(
        &self,
        tenant: &Tenant,
        after: Option<AccountId>,
    ) -> Result<Vec<AccountRow>, Error> {
        let sql = concat!(
            "SELECT ",
            account_columns!(),
            whole!(),
            " WHERE a.tenant = $1 AND a.id > $2 ORDER BY a.id LIMIT $3"
        );
        let after = after.map_or(Vec::new(), |id| id.0.to_vec());
        let (name, after, limit) = (tenant.as_str(), &after[..], page(PAGE));
        let values = [value(&name, Type::TEXT), value(&after, Type::BYTEA), value(&limit, Type::INT8)];
        let found = self.all(Sees::Tenant(tenant), sql, &values, codec::account).await?;
        Ok(found.into_iter().map(|(id, cell)| AccountRow { id, cell }).collect())
    }

    /// The circuit breaker of one endpoint; closed and empty when it never failed.
    pub async fn breaker(&self, tenant: &Tenant, endpoint: &str) -> Result<BreakerCell, Error> {
        let sql = "SELECT failures, window_ms, opened_ms FROM breakers WHERE tenant = $1 AND endpoint = $2";
        let name = tenant.as_str();
        let values = [value(&name, Type::TEXT), value(&endpoint, Type::TEXT)];
        Ok(self.one(Sees::Tenant(tenant), sql, &values, codec::breaker).await?.unwrap_or_default())
    }

    /// Counts what there is, and finds what belongs to nothing. Reads whole tables; the numbers belong together
    /// only in a [`Postgres::snapshot`].
    pub async fn totals(&self) -> Result<Totals, Error> {
        let count = "SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM payloads),
            (SELECT coalesce(max(id), 0) FROM entries)";
        let stray_entry = "SELECT e.id, e.seq FROM entries e LEFT JOIN runs r ON r.key = e.run
            WHERE r.key IS NULL ORDER BY e.id LIMIT 1";
        // Laid out first: row-level security lets no division into the condition of an index.
        let stray_payload = "WITH p AS MATERIALIZED (SELECT id, id / 8 AS entry FROM payloads),
                e AS MATERIALIZED (SELECT id FROM entries)
            SELECT p.id FROM p LEFT JOIN e ON e.id = p.entry WHERE e.id IS NULL ORDER BY p.id LIMIT 1";
        let stray_leaf = "SELECT l.tenant, l.position FROM leaves l LEFT JOIN runs r ON r.key = l.run
            WHERE r.key IS NULL ORDER BY l.tenant, l.position LIMIT 1";
        let counted = |row: &Row| Ok((loaded(row, 0)?, loaded(row, 1)?, get(row, 2)?));
        let (entries, payloads, last_entry) =
            self.one(Sees::All, count, &[], counted).await?.unwrap_or_default();
        Ok(Totals {
            entries,
            payloads,
            last_entry,
            stray_entry: self
                .one(Sees::All, stray_entry, &[], |row| Ok((get(row, 0)?, loaded(row, 1)?)))
                .await?,
            stray_payload: self.one(Sees::All, stray_payload, &[], |row| get(row, 0)).await?,
            stray_leaf: self
                .one(Sees::All, stray_leaf, &[], |row| Ok((get(row, 0)?, loaded(row, 1)?)))
                .await?,
        })
    }

    /// Whether `owner` showed a sign of life that still counts.
    pub async fn lives(&self, owner: &str) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT FROM servers WHERE owner = $1 AND until > clock_timestamp())";
        let found = self.one(Sees::All, sql, &[value(&owner, Type::TEXT)], |row| get(row, 0)).await?;
        Ok(found.unwrap_or_default())
    }

    /// The tenants that have runs, in order.
    pub async fn tenants(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT DISTINCT tenant COLLATE \"C\" AS tenant FROM runs ORDER BY tenant";
        self.all(Sees::All, sql, &[], |row| get(row, 0)).await
    }
}

fn entry(row: &Row) -> Result<EntryRow, Unread> {
    Ok(EntryRow {
        id: get(row, 0)?,
        tenant: get(row, 1)?,
        seq: loaded(row, 2)?,
        body: get(row, 3)?,
        hash: get(row, 4)?,
        payloads: Vec::new(),
    })
}

/// Columns: the entry, and then as they are stored.
fn payload(row: &Row) -> Result<(i64, PayloadRow), Unread> {
    let (entry, id): (i64, i64) = (get(row, 0)?, get(row, 1)?);
    let slot = entry.checked_mul(MAX_PAYLOADS as i64).and_then(|first| id.checked_sub(first));
    let row = PayloadRow {
        slot: slot.and_then(|slot| u8::try_from(slot).ok()).unwrap_or(u8::MAX),
        tenant: get(row, 2)?,
        codec: get(row, 3)?,
        subject: get(row, 4)?,
        salt: get(row, 5)?,
        body: get(row, 6)?,
    };
    Ok((entry, row))
}
