//! What people hand over in files: workflows, tasks, and outputs of steps.

use crate::error::Error;
use comity_core::TraceContext;
use comity_runtime::Request;
use serde_json::Value;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of a workflow file or a task.
pub const LIMIT: u64 = 1 << 20;
/// The most bytes of a step's output that a person hands over: what a program may print.
const OUTPUT_LIMIT: u64 = 8 << 20;

/// Reads a workflow file's text.
pub fn flow(path: &Path) -> Result<String, Error> {
    text(path, LIMIT)
}

/// Reads a workflow file, and finds the folder its programs start in.
pub fn request(flow: &Path, task: String) -> Result<Request, Error> {
    let source = text(flow, LIMIT)?;
    let unreadable =
        |error: std::io::Error| Error::Unreadable { path: flow.to_owned(), why: error.to_string() };
    let whole = flow.canonicalize().map_err(unreadable)?;
    let base_dir = whole.parent().unwrap_or(Path::new("/")).to_owned();
    let folder = base_dir.clone();
    let read = Arc::new(move |path: &str| text(&folder.join(path), LIMIT).map_err(|error| error.to_string()));
    Ok(Request {
        source,
        file: flow.display().to_string(),
        base_dir,
        task,
        read,
        trace: trace(),
        about: None,
    })
}

/// The trace that this program was called from within, as its environment says. What is no trace is none.
pub fn trace() -> Option<TraceContext> {
    std::env::var("TRACEPARENT").ok().as_deref().and_then(TraceContext::parse)
}

/// The task: as given, or from a file, or from stdin when the file is `-`. One line end at its end is dropped.
pub fn task(given: Option<String>, file: Option<&Path>) -> Result<String, Error> {
    let task = match (given, file) {
        (Some(task), _) => task,
        (None, Some(file)) => without_line_end(input(file, LIMIT)?),
        (None, None) => String::new(),
    };
    match u64::try_from(task.len()) {
        Ok(bytes) if bytes <= LIMIT => Ok(task),
        _ => Err(Error::TaskTooLarge { bytes: task.len(), limit: LIMIT }),
    }
}

/// What a step produced, as a person hands it over: JSON if it is JSON, else text.
pub fn output(file: &Path) -> Result<Value, Error> {
    let text = input(file, OUTPUT_LIMIT)?;
    Ok(serde_json::from_str(&text).unwrap_or_else(|_| Value::String(without_line_end(text))))
}

fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

fn input(file: &Path, limit: u64) -> Result<String, Error> {
    if file == Path::new("-") {
        return read(std::io::stdin().lock(), &PathBuf::from("stdin"), limit);
    }
    text(file, limit)
}

/// Reads a file of text, up to a limit.
pub fn text(path: &Path, limit: u64) -> Result<String, Error> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::NoFile(path.to_owned()),
        _ => Error::Unreadable { path: path.to_owned(), why: error.to_string() },
    })?;
    read(file, path, limit)
}

fn read(from: impl Read, path: &Path, limit: u64) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let mut from = from.take(limit + 1);
    from.read_to_end(&mut bytes)
        .map_err(|error| Error::Unreadable { path: path.to_owned(), why: error.to_string() })?;
    if from.limit() == 0 {
        return Err(Error::TooLarge { path: path.to_owned(), limit });
    }
    String::from_utf8(bytes).map_err(|_| Error::NotText(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_up_to_the_limit_and_no_further() {
        let path = Path::new("f");
        assert_eq!(read(&b"abc"[..], path, 3).unwrap(), "abc");
        assert!(matches!(read(&b"abcd"[..], path, 3), Err(Error::TooLarge { limit: 3, .. })));
        assert!(matches!(read(&b"\xff"[..], path, 3), Err(Error::NotText(_))));
    }

    #[test]
    fn a_task_loses_one_line_end() {
        assert_eq!(without_line_end("a\n\n".into()), "a\n");
        assert_eq!(without_line_end("a\r\n".into()), "a");
        assert!(matches!(task(Some("x".repeat((1 << 20) + 1)), None), Err(Error::TaskTooLarge { .. })));
    }
}
