//! How rows are spelled: the columns of each read, and the types they come back as.

use crate::cells::{AccountCell, ApprovalCell, ApprovalState, BreakerCell, LogCell, RunCell, SubjectCell};
use crate::commit::{KeyId, WrappedKey};
use comity_core::{Amounts, Digest, RunId, StepId, Tenant, Timestamp};
use rusqlite::Row;

/// Columns as `run_cell` reads them.
pub const RUN_BY_ID: &str = "SELECT key, tenant, namespace, epoch, owner, status, next_seq, head, opened_ms,
    updated_ms, anchored, due FROM runs WHERE tenant = ?1 AND id = ?2";

/// Columns as `account_cell` reads them.
pub const ACCOUNT_BY_ID: &str = "SELECT tenant, label, cap_micro_usd, cap_millis, cap_steps, cap_tokens,
    held_micro_usd, held_millis, held_steps, held_tokens, spent_micro_usd, spent_millis, spent_steps,
    spent_tokens, frozen FROM accounts WHERE tenant = ?1 AND id = ?2";

/// Columns as `approval_cell` reads them.
pub const APPROVAL_BY_ID: &str = "SELECT r.id, a.step, a.binding, a.state, a.expires_ms, a.asked_seq
    FROM approvals a JOIN runs r ON r.key = a.run WHERE a.tenant = ?1 AND a.id = ?2";

/// Columns as `breaker_cell` reads them.
pub const BREAKER_BY_ENDPOINT: &str =
    "SELECT failures, window_ms, opened_ms FROM breakers WHERE tenant = ?1 AND endpoint = ?2";

/// Columns as `subject_cell` reads them.
pub const SUBJECT_BY_ID: &str = "SELECT r.id, s.class, s.by_key, s.wrapped, s.label
    FROM subjects s LEFT JOIN runs r ON r.key = s.run WHERE s.tenant = ?1 AND s.id = ?2";

/// Columns as `log_cell` reads them.
pub const LOG_BY_TENANT: &str = "SELECT size, hashes FROM logs WHERE tenant = ?1";

/// One value that is set once.
pub const PIN_BY_NAME: &str = "SELECT value FROM pins WHERE tenant = ?1 AND name = ?2";

/// SQLite's integers are signed. Every number here is at most 2^53 - 1 by construction; one that is not
/// becomes the largest, which no cap or sequence reaches.
pub fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number written by [`stored`]; a negative one, which only tampering can leave, reads as a
/// number no honest row has.
pub fn loaded(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(u64::MAX))
}

/// Reads a column whose text or bytes must have a certain form.
pub fn parsed<T>(row: &Row<'_>, column: usize, value: Option<T>) -> rusqlite::Result<T> {
    let kind = row.get_ref(column)?.data_type();
    let what = "a value that this program never writes".into();
    value.ok_or(rusqlite::Error::FromSqlConversionFailure(column, kind, what))
}

/// Columns: key, tenant, namespace, epoch, owner, status, next_seq, head, opened, updated, anchored, due.
pub fn run_cell(row: &Row<'_>) -> rusqlite::Result<RunCell> {
    let head: Vec<u8> = row.get(7)?;
    Ok(RunCell {
        key: row.get(0)?,
        tenant: tenant(row, 1)?,
        namespace: parsed(row, 2, row.get_ref(2)?.as_str().ok().and_then(|text| text.parse().ok()))?,
        epoch: loaded(row, 3)?,
        owner: row.get::<_, String>(4)?.into(),
        status: row.get(5)?,
        next_seq: loaded(row, 6)?,
        head: parsed(row, 7, Digest::from_slice(&head))?,
        opened: Timestamp::from_millis(loaded(row, 8)?),
        updated: Timestamp::from_millis(loaded(row, 9)?),
        anchored: loaded(row, 10)?,
        due: row.get(11)?,
    })
}

fn tenant(row: &Row<'_>, column: usize) -> rusqlite::Result<Tenant> {
    parsed(row, column, row.get_ref(column)?.as_str().ok().and_then(|text| text.parse().ok()))
}

/// Columns from `at`: tenant, label, four caps, four held, four spent, frozen.
pub fn account_cell(row: &Row<'_>, at: usize) -> rusqlite::Result<AccountCell> {
    let amounts = |column: usize| -> rusqlite::Result<Amounts> {
        Ok(Amounts {
            micro_usd: loaded(row, column)?,
            millis: loaded(row, column + 1)?,
            steps: loaded(row, column + 2)?,
            tokens: loaded(row, column + 3)?,
        })
    };
    Ok(AccountCell {
        tenant: tenant(row, at)?,
        label: row.get::<_, String>(at + 1)?.into(),
        caps: amounts(at + 2)?,
        held: amounts(at + 6)?,
        spent: amounts(at + 10)?,
        frozen: row.get(at + 14)?,
    })
}

/// Columns from `at`: run id, step, binding, state, expires, asked.
pub fn approval_cell(row: &Row<'_>, at: usize) -> rusqlite::Result<ApprovalCell> {
    let bytes = |column: usize| row.get::<_, Vec<u8>>(column);
    Ok(ApprovalCell {
        run_id: parsed(row, at, RunId::from_slice(&bytes(at)?))?,
        step: parsed(row, at + 1, StepId::from_slice(&bytes(at + 1)?))?,
        binding: parsed(row, at + 2, Digest::from_slice(&bytes(at + 2)?))?,
        state: parsed(row, at + 3, ApprovalState::from_number(row.get(at + 3)?))?,
        expires: Timestamp::from_millis(loaded(row, at + 4)?),
        asked: loaded(row, at + 5)?,
    })
}

/// Columns: failures, window, opened.
pub fn breaker_cell(row: &Row<'_>) -> rusqlite::Result<BreakerCell> {
    Ok(BreakerCell {
        failures: row.get(0)?,
        window: Timestamp::from_millis(loaded(row, 1)?),
        opened: row.get::<_, Option<i64>>(2)?.map(|at| Timestamp::from_millis(at.unsigned_abs())),
    })
}

/// Columns from `at`: run id, class, wrapping key, wrapped key, label.
pub fn subject_cell(row: &Row<'_>, at: usize) -> rusqlite::Result<SubjectCell> {
    let run: Option<Vec<u8>> = row.get(at)?;
    let run = run.map(|bytes| parsed(row, at, RunId::from_slice(&bytes))).transpose()?;
    let by: Vec<u8> = row.get(at + 2)?;
    let by = parsed(row, at + 2, by.try_into().ok().map(KeyId))?;
    let wrapped = WrappedKey { by, bytes: row.get(at + 3)? };
    Ok(SubjectCell { run, class: row.get(at + 1)?, wrapped, label: row.get(at + 4)? })
}

/// Columns: size, hashes.
pub fn log_cell(row: &Row<'_>) -> rusqlite::Result<LogCell> {
    Ok(LogCell { size: loaded(row, 0)?, hashes: loaded(row, 1)? })
}
