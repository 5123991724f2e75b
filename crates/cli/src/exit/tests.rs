use super::*;
use comity_core::{ApprovalId, RunId, StepId};
use std::path::PathBuf;

fn path() -> PathBuf {
    "a.db".into()
}

fn store(error: StoreError) -> Error {
    error.into()
}

fn gate(error: GateError) -> Error {
    RuntimeError::Gate(error).into()
}

fn archive(error: ArchiveError) -> Error {
    RuntimeError::Archive(error).into()
}

#[test]
fn every_error_has_its_exit_and_code() {
    let (run, step) = (RunId::from_bytes([1; 16]), StepId::from_bytes([2; 16]));
    let why = || "why".to_owned();
    let cases = [
        (Error::NoFile(path()), 3, "CM0202"),
        (Error::Unreadable { path: path(), why: why() }, 3, "CM0203"),
        (Error::TooLarge { path: path(), limit: 1 }, 3, "CM0204"),
        (Error::NotText(path()), 3, "CM0205"),
        (Error::TaskTooLarge { bytes: 2, limit: 1 }, 2, "CM0206"),
        (Error::NoDatabase(path()), 1, "CM0210"),
        (Error::NothingToTamper, 1, "CM0283"),
        (Error::NoProvider("OPENAI_API_KEY"), 2, "CM0209"),
        (Error::Config { file: why(), line: 1, column: 1, what: why() }, 3, "CM0290"),
        (Error::Variable { name: "COMITY_COLOR", what: why() }, 2, "CM0291"),
        (Error::Exists(path()), 1, "CM0292"),
        (Error::NotMade { path: path(), why: why() }, 1, "CM0293"),
        (Error::Output(why()), 1, "CM0270"),
        (store(StoreError::UnknownBackend(why())), 2, "CM0211"),
        (store(StoreError::Open { path: path(), why: why() }), 1, "CM0212"),
        (store(StoreError::ReadOnly { path: path() }), 1, "CM0213"),
        (store(StoreError::Full { path: path() }), 1, "CM0214"),
        (
            store(StoreError::Busy {
                path: path(),
                waited: std::time::Duration::from_secs(5),
                holder: why(),
            }),
            1,
            "CM0215",
        ),
        (store(StoreError::Corrupt { path: path(), why: why() }), 9, "CM0216"),
        (store(StoreError::Foreign { path: path() }), 1, "CM0217"),
        (store(StoreError::Newer { found: 2, known: 1 }), 1, "CM0219"),
        (store(StoreError::Database { path: path(), why: why() }), 1, "CM0221"),
        (store(StoreError::BadAddress { shown: why(), why: why() }), 2, "CM0223"),
        (store(StoreError::Unreachable { server: why(), why: why() }), 5, "CM0224"),
        (store(StoreError::Server { server: why(), why: why() }), 1, "CM0221"),
        (store(StoreError::Odd { server: why(), why: why() }), 9, "CM0225"),
        (store(StoreError::Unguarded { server: why(), role: why() }), 1, "CM0226"),
        (store(StoreError::Unsupported { server: why(), what: "x" }), 1, "CM0227"),
        (gate(GateError::Store(StoreError::Full { path: path() })), 1, "CM0214"),
        (gate(GateError::NoRun(run)), 1, "CM0230"),
        (gate(GateError::Ended { run, status: "completed" }), 1, "CM0238"),
        (gate(GateError::NoApproval(ApprovalId::from_bytes([3; 16]))), 1, "CM0240"),
        (gate(GateError::NotUnknown(step)), 1, "CM0242"),
        (gate(GateError::Defect { run, why: why() }), 1, "CM0260"),
        (RuntimeError::Owned { run, pid: 1 }.into(), 1, "CM0231"),
        (RuntimeError::NothingHeld(run).into(), 1, "CM0234"),
        (RuntimeError::Ambiguous { run, steps: why() }.into(), 2, "CM0235"),
        (RuntimeError::Ledger(LedgerError::BadEntry { seq: 1, why: why() }).into(), 9, "CM0250"),
        (
            RuntimeError::Ledger(LedgerError::BadPayload { seq: 1, slot: "note", why: "why" }).into(),
            9,
            "CM0251",
        ),
        (archive(ArchiveError::NoCredentials { place: why() }), 4, "CM0262"),
        (archive(ArchiveError::Refused { place: why(), why: why() }), 4, "CM0263"),
        (archive(ArchiveError::NoBucket { place: why() }), 1, "CM0264"),
        (archive(ArchiveError::Unreachable { place: why(), why: why() }), 5, "CM0265"),
        (archive(ArchiveError::WritesOver { place: why() }), 1, "CM0266"),
        (archive(ArchiveError::Conflict { place: why(), key: why() }), 9, "CM0267"),
    ];
    for (error, exit, code) in cases {
        let meaning = meaning(&error);
        assert_eq!((meaning.exit.code(), meaning.code), (exit, code), "{error}");
        assert!(!meaning.hint.is_empty() && !meaning.hint.ends_with('.'), "{error}");
    }
}

#[test]
fn every_status_has_its_exit() {
    let codes = RunStatus::ALL.map(|status| (status.word(), Exit::of(status).code()));
    let expected = [
        ("running", 1),
        ("waiting", 8),
        ("completed", 0),
        ("failed", 1),
        ("denied", 6),
        ("exhausted", 7),
        ("interrupted", 130),
    ];
    assert_eq!(codes, expected);
}

#[test]
fn every_code_that_is_given_is_in_the_table() {
    let source = include_str!("../exit.rs");
    let given: std::collections::BTreeSet<&str> =
        source.split('"').filter(|word| word.starts_with("CM") && word.len() == 6).collect();
    let known: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(given.into_iter().collect::<Vec<_>>(), known);
}
