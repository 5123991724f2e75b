//! What the facts say about checkpoints: their age, who signed them, where copies are, and where the keys are.

use super::facts::{Database, Facts, Protected};
use super::{Finding, note, ok, problem};
use crate::command::verify::behind;
use crate::summary::count;
use crate::time::utc;

/// A log that nothing was added to for so long, though something could be, is worth a word, in milliseconds.
const OLD: u64 = 10 * 60 * 1000;

/// What they mean.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![key_folder(facts)];
    if let Database::Open { protected, .. } = &facts.database {
        findings.push(checkpoint(facts.now, protected));
        findings.push(guards(facts, protected));
    }
    findings
}

fn key_folder(facts: &Facts) -> Finding {
    ok(
        "key folder",
        format!("{}, in a folder for each database; back it up, and not with the database", facts.key_folder),
    )
}

fn checkpoint(now: u64, protected: &Protected) -> Finding {
    let make = "`comity checkpoint` makes one";
    match (protected.newest, protected.due) {
        (None, false) => ok("checkpoint", "none yet, and nothing to cover".to_owned()),
        (None, true) => note("checkpoint", "none yet, and runs are recorded".to_owned(), make),
        (Some(at), false) => ok("checkpoint", format!("made {}, covers everything", utc(at))),
        (Some(at), true) if now.saturating_sub(at) > OLD => {
            note("checkpoint", format!("made {}, and does not cover what came since", utc(at)), make)
        }
        (Some(at), true) => {
            ok("checkpoint", format!("made {}; the next one covers what came since", utc(at)))
        }
    }
}

fn guards(facts: &Facts, protected: &Protected) -> Finding {
    if let Some(fault) = &protected.fault {
        return problem(
            "guards",
            fault.clone(),
            "keep the database and the copies as they are; `comity verify` says more",
        );
    }
    let (witnesses, second) = &facts.set_up;
    if *witnesses == 0 && second.is_none() {
        return note(
            "guards",
            "no witness and no second place: whoever can write here can also set it back unnoticed"
                .to_owned(),
            "set `witness` or `checkpoint_to`, for instance in comity.toml",
        );
    }
    let behind: Vec<String> = protected
        .guards
        .iter()
        .filter(|guard| guard.why.is_some() || guard.has != Some(guard.of))
        .map(behind)
        .collect();
    if behind.is_empty() {
        let witnesses = count(u64::try_from(*witnesses).unwrap_or(u64::MAX), "witness");
        let second = second.as_ref().map(|place| format!(", copies in {place}")).unwrap_or_default();
        return ok("guards", format!("{witnesses}{second}: each has the newest checkpoint"));
    }
    note("guards", behind.join("; "), "the next checkpoint catches up; `comity checkpoint` makes one now")
}
