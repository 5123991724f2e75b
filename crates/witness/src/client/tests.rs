use super::*;
use crate::tests::{Grown, open};

fn asked<'n>(log: &Grown, note: &'n Note, old: u64) -> Asked<'n> {
    Asked { old, head: log.head(log.size()), note }
}

#[test]
fn keeps_a_cosignature_that_fits_and_no_other() {
    let log = Grown::new("log").grown(6, "a");
    let folder = tempfile::tempdir().unwrap();
    let (witness, _) = open(folder.path(), &[log.verifier().clone()]).unwrap();
    let note = log.note(6);
    let asked = asked(&log, &note, 0);
    let answer = witness.add_checkpoint(&asked.body(&[]));
    let body = answer.body.as_bytes();
    assert!(matches!(asked.next(answer.status, body, witness.verifier()), Next::Keep(_)));
    let unusable = |next: Next| assert!(matches!(next, Next::Unusable(_)), "{next:?}");
    unusable(asked.next(200, body, log.verifier()));
    unusable(asked.next(200, b"", witness.verifier()));
    unusable(asked.next(200, note.signatures()[0].line().as_bytes(), witness.verifier()));
    let longer = log.clone().grown(1, "a");
    let other = longer.note(7);
    unusable(Asked { note: &other, ..asked }.next(200, body, witness.verifier()));
}

#[test]
fn a_conflict_means_what_its_size_means() {
    let log = Grown::new("log").grown(6, "a");
    let note = log.note(6);
    let next =
        |old, status, body: &str| asked(&log, &note, old).next(status, body.as_bytes(), log.verifier());
    assert_eq!(next(0, 409, "4\n"), Next::ProveFrom(4));
    assert_eq!(next(0, 409, "6\n"), Next::ProveFrom(6));
    assert_eq!(next(6, 409, "6\n"), Next::Forked(Fork::SameSize(6)));
    assert_eq!(next(4, 409, "7\n"), Next::Longer(7));
    assert_eq!(next(4, 422, "no\n"), Next::Forked(Fork::OtherPast(4)));
    for (old, status, body) in [
        (4, 409, "4\n"),
        (4, 409, "four\n"),
        (4, 409, "5"),
        (0, 422, ""),
        (0, 403, ""),
        (0, 404, ""),
        (0, 503, ""),
    ] {
        assert!(matches!(next(old, status, body), Next::Unusable(_)), "{status} {body}");
    }
}

/// From any size the witness may be at, at most two questions lead to a cosignature or show the fork.
#[test]
fn two_questions_are_enough() {
    let log = Grown::new("log").grown(12, "a");
    for at in 0..=12 {
        for common in 0..=12 {
            let folder = tempfile::tempdir().unwrap();
            let (witness, _) = open(folder.path(), &[log.verifier().clone()]).unwrap();
            let seen = Grown::new("log").grown(common, "a").grown(12 - common, "b");
            let first = seen.note(at);
            witness.add_checkpoint(&asked(&seen, &first, 0).body(&[]));
            let (note, mut old, mut questions) = (log.note(12), 0, 0);
            let end = loop {
                let asked = asked(&log, &note, old);
                let proof = if old == 0 { Vec::new() } else { log.proof(old, 12) };
                let answer = witness.add_checkpoint(&asked.body(&proof));
                questions += 1;
                match asked.next(answer.status, answer.body.as_bytes(), witness.verifier()) {
                    Next::ProveFrom(size) => old = size,
                    other => break other,
                }
            };
            assert!(questions <= 2, "{questions}");
            let honest = at <= common;
            assert_eq!(matches!(end, Next::Keep(_)), honest, "{at} {common} {end:?}");
            assert_eq!(matches!(end, Next::Forked(_)), !honest);
        }
    }
}
