//! Turns what PostgreSQL says into errors that say what to do.

use crate::error::Error;
use tokio_postgres::error::SqlState;

/// Says what an error means for this server.
pub fn explain(error: &tokio_postgres::Error, server: &str) -> Error {
    let server = server.to_owned();
    let why = words(error);
    match error.code() {
        None if is_lost(error) => Error::Unreachable { server, why },
        Some(code) if is_shutting_down(code) => Error::Unreachable { server, why },
        _ => Error::Server { server, why },
    }
}

/// The same, for an attempt to connect.
pub fn connecting(error: &tokio_postgres::Error, server: &str) -> Error {
    Error::Unreachable { server: server.to_owned(), why: words(error) }
}

/// The words of the server, or of whatever failed below; never the statement or its values.
fn words(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = inner.source();
    }
    text
}

/// Whether the connection is gone.
pub fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.code().is_some_and(is_shutting_down) || error.code().is_none() && has_io(error)
}

fn has_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<std::io::Error>() {
            return true;
        }
        source = inner.source();
    }
    false
}

fn is_shutting_down(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
}

/// Whether the server says that it will be there soon.
pub fn is_starting(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::CANNOT_CONNECT_NOW)
}

/// Whether the same batch may do better when it is run again: another server made a row first, or locks crossed.
pub fn is_worth_again(error: &tokio_postgres::Error) -> bool {
    let again =
        [SqlState::UNIQUE_VIOLATION, SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
    error.code().is_some_and(|code| again.contains(code))
}
