//! Keys that may not stand where they stand.

use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    tree::Entry,
};

/// Reports every key that is neither known here nor left for a later build, and those too.
pub(super) fn refuse_stray(
    entries: &[Entry],
    place: &str,
    known: &[&str],
    later: &[&str],
    findings: &mut Findings,
) {
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        if later.contains(&entry.key.as_str()) {
            refuse_later(entry, findings);
        } else {
            refuse_unknown(entry, place, known.iter().copied(), findings);
        }
    }
}

/// Reports a key that a later build reads.
pub(super) fn refuse_later(entry: &Entry, findings: &mut Findings) {
    let message = format!("key {} is not in this build yet", quote(&entry.key));
    findings.report(Code::LATER_KEY, entry.key_mark, message);
}

/// Reports a key that no build reads.
pub(super) fn refuse_unknown<'a>(
    entry: &Entry,
    place: &str,
    known: impl Iterator<Item = &'a str>,
    findings: &mut Findings,
) {
    let message = format!("unknown key {} {place}", quote(&entry.key));
    findings.misspelt(Code::UNKNOWN_KEY, entry.key_mark, message, &entry.key, known);
}
