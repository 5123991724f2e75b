//! How rows are spelled: the columns of each read, and the types they come back as.

use crate::apply::share::Slice;
use crate::cells::{AccountCell, ApprovalCell, ApprovalState, BreakerCell, LogCell, RunCell, SubjectCell};
use crate::commit::{AccountId, KeyId, WrappedKey};
use comity_core::{Amounts, ApprovalId, Digest, RunId, StepId, SubjectId, Tenant, Timestamp};
use std::str::FromStr;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// Why a row could not be read.
#[derive(Debug)]
pub enum Unread {
    /// The column is not of the type it has in this build's schema.
    Column(tokio_postgres::Error),
    /// The column holds what this program never writes: somebody changed it.
    Odd(&'static str),
}

impl From<tokio_postgres::Error> for Unread {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Column(error)
    }
}

/// PostgreSQL's integers are signed. Every number here is at most 2^53 - 1 by construction; one that is not
/// becomes the largest, which no cap or sequence reaches.
pub fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number written by [`stored`]; a negative one, which only tampering can leave, reads as a
/// number no honest row has.
pub fn loaded(row: &Row, column: usize) -> Result<u64, Unread> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or(u64::MAX))
}

/// The bits of an entry's row number that say where it stands in its run, as `0003_rows.sql` says.
pub const PLACE_BITS: u32 = 25;

/// The row number of the entry at `seq` of the run with this number.
pub fn entry_number(run: i64, seq: u64) -> i64 {
    (run << PLACE_BITS) | stored(seq)
}

/// A column as it is.
pub fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, Unread> {
    Ok(row.try_get(column)?)
}

/// Bytes of a certain form.
pub fn bytes<T>(row: &Row, column: usize, read: impl Fn(&[u8]) -> Option<T>) -> Result<T, Unread> {
    read(get(row, column)?).ok_or(Unread::Odd("bytes of another length"))
}

/// A name of a certain form.
pub fn name<T: FromStr>(row: &Row, column: usize) -> Result<T, Unread> {
    get::<&str>(row, column)?.parse().map_err(|_| Unread::Odd("a name that is none"))
}

/// A small number.
pub fn small(row: &Row, column: usize) -> Result<u8, Unread> {
    u8::try_from(get::<i64>(row, column)?).map_err(|_| Unread::Odd("a number out of range"))
}

/// Columns as [`run`] reads them.
macro_rules! run_columns {
    () => {
        "r.key, r.tenant, r.namespace, r.epoch, r.owner, r.status, r.next_seq, r.head, r.opened_ms, r.updated_ms,
         r.anchored, r.due, r.id"
    };
}
pub(super) use run_columns;

/// Columns: key, tenant, namespace, epoch, owner, status, next_seq, head, opened, updated, anchored, due, id.
pub fn run(row: &Row) -> Result<(RunId, RunCell), Unread> {
    let cell = RunCell {
        key: get(row, 0)?,
        tenant: name(row, 1)?,
        namespace: name(row, 2)?,
        epoch: loaded(row, 3)?,
        owner: get::<&str>(row, 4)?.into(),
        status: small(row, 5)?,
        next_seq: loaded(row, 6)?,
        head: bytes(row, 7, Digest::from_slice)?,
        opened: Timestamp::from_millis(loaded(row, 8)?),
        updated: Timestamp::from_millis(loaded(row, 9)?),
        anchored: loaded(row, 10)?,
        due: get(row, 11)?,
    };
    Ok((bytes(row, 12, RunId::from_slice)?, cell))
}

/// Columns as [`account`] reads them.
macro_rules! account_columns {
    () => {
        "a.id, a.tenant, a.label, a.cap_micro_usd, a.cap_millis, a.cap_steps, a.cap_tokens, a.held_micro_usd,
         a.held_millis, a.held_steps, a.held_tokens, a.spent_micro_usd, a.spent_millis, a.spent_steps,
         a.spent_tokens, a.frozen"
    };
}
pub(super) use account_columns;

/// Columns: id, tenant, label, four caps, four held, four spent, frozen.
pub fn account(row: &Row) -> Result<(AccountId, AccountCell), Unread> {
    let cell = AccountCell {
        tenant: name(row, 1)?,
        label: get::<&str>(row, 2)?.into(),
        caps: amounts(row, 3)?,
        held: amounts(row, 7)?,
        spent: amounts(row, 11)?,
        frozen: loaded(row, 15)? != 0,
    };
    Ok((bytes(row, 0, account_id)?, cell))
}

/// What a shared account's row says beyond [`account_columns`].
macro_rules! share_columns {
    () => {
        "a.given_micro_usd, a.given_millis, a.given_steps, a.given_tokens, a.sliced"
    };
}
pub(super) use share_columns;

/// Columns as [`slice`] reads them.
macro_rules! slice_columns {
    () => {
        "s.tenant, s.account, s.holder, s.drawn_micro_usd, s.drawn_millis, s.drawn_steps, s.drawn_tokens,
         s.held_micro_usd, s.held_millis, s.held_steps, s.held_tokens, s.spent_micro_usd, s.spent_millis,
         s.spent_steps, s.spent_tokens"
    };
}
pub(super) use slice_columns;

/// A slice: of which account, whose, and what it is.
pub type SliceRow = ((Tenant, AccountId), Arc<str>, Slice);

/// Columns: tenant, account, holder, four drawn, four held, four spent.
pub fn slice(row: &Row) -> Result<SliceRow, Unread> {
    let slice = Slice { drawn: amounts(row, 3)?, held: amounts(row, 7)?, spent: amounts(row, 11)? };
    Ok(((tenant(row, 0)?, bytes(row, 1, account_id)?), get::<&str>(row, 2)?.into(), slice))
}

/// Four columns from `at` on.
pub fn amounts(row: &Row, at: usize) -> Result<Amounts, Unread> {
    Ok(Amounts {
        micro_usd: loaded(row, at)?,
        millis: loaded(row, at + 1)?,
        steps: loaded(row, at + 2)?,
        tokens: loaded(row, at + 3)?,
    })
}

fn account_id(bytes: &[u8]) -> Option<AccountId> {
    bytes.try_into().ok().map(AccountId)
}

/// Columns as [`approval`] reads them; the run is joined.
macro_rules! approval_columns {
    () => {
        "a.id, r.id, a.step, a.binding, a.state, a.expires_ms, a.asked_seq, a.tenant"
    };
}
pub(super) use approval_columns;

/// Columns: id, run id, step, binding, state, expires, asked; then the tenant.
pub fn approval(row: &Row) -> Result<(ApprovalId, ApprovalCell), Unread> {
    let state = ApprovalState::from_number(get(row, 4)?).ok_or(Unread::Odd("an unknown state"))?;
    let cell = ApprovalCell {
        run_id: bytes(row, 1, RunId::from_slice)?,
        step: bytes(row, 2, StepId::from_slice)?,
        binding: bytes(row, 3, Digest::from_slice)?,
        state,
        expires: Timestamp::from_millis(loaded(row, 5)?),
        asked: loaded(row, 6)?,
    };
    Ok((bytes(row, 0, ApprovalId::from_slice)?, cell))
}

/// Columns: failures, window, opened.
pub fn breaker(row: &Row) -> Result<BreakerCell, Unread> {
    let at = |number: i64| Timestamp::from_millis(number.unsigned_abs());
    Ok(BreakerCell {
        failures: u32::try_from(loaded(row, 0)?).unwrap_or(u32::MAX),
        window: Timestamp::from_millis(loaded(row, 1)?),
        opened: get::<Option<i64>>(row, 2)?.map(at),
    })
}

/// Columns as [`subject`] reads them; the run is joined.
macro_rules! subject_columns {
    () => {
        "s.id, r.id, s.class, s.by_key, s.wrapped, s.label, s.tenant"
    };
}
pub(super) use subject_columns;

/// Columns: id, run id, class, wrapping key, wrapped key, label; then the tenant.
pub fn subject(row: &Row) -> Result<(SubjectId, SubjectCell), Unread> {
    let run =
        get::<Option<&[u8]>>(row, 1)?.map(|bytes| RunId::from_slice(bytes).ok_or(Unread::Odd("a run's id")));
    let by = bytes(row, 3, |bytes| bytes.try_into().ok().map(KeyId))?;
    let cell = SubjectCell {
        run: run.transpose()?,
        class: small(row, 2)?,
        wrapped: WrappedKey { by, bytes: get(row, 4)? },
        label: get(row, 5)?,
    };
    Ok((bytes(row, 0, SubjectId::from_slice)?, cell))
}

/// Columns: size, hashes.
pub fn log(row: &Row) -> Result<LogCell, Unread> {
    Ok(LogCell { size: loaded(row, 0)?, hashes: loaded(row, 1)? })
}

/// A tenant's name.
pub fn tenant(row: &Row, column: usize) -> Result<Tenant, Unread> {
    name(row, column)
}
