#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use super::*;
use crate::tests::{Grown, Heard, ask, ask_with, open};
use comity_ledger::log::note::Note;

fn trusted(log: &Grown) -> Vec<Verifier> {
    vec![log.verifier().clone()]
}

fn opened(log: &Grown) -> (tempfile::TempDir, Witness, Heard) {
    let folder = tempfile::tempdir().unwrap();
    let (witness, heard) = open(folder.path(), &trusted(log)).unwrap();
    (folder, witness, heard)
}

fn evidence(folder: &Path) -> Vec<serde_json::Value> {
    let files = std::fs::read_dir(folder.join("evidence")).unwrap();
    files.map(|file| serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
}

#[test]
fn cosigns_what_grows() {
    let log = Grown::new("log").grown(20, "a");
    let (_folder, witness, heard) = opened(&log);
    let mut old = 0;
    for new in [0, 1, 2, 7, 7, 16, 20] {
        let answer = ask(&witness, &log, old, new);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut note = log.note(new);
        note.add(Signature::parse_lines(&answer.body).unwrap().remove(0)).unwrap();
        let signed = note.verify(&[witness.verifier().clone()]).unwrap();
        assert_eq!(signed.by[0].at, Some(1_800_000_000));
        old = new;
    }
    assert_eq!(heard.lock().unwrap().len(), 7);
}

#[test]
fn says_where_the_proof_has_to_begin() {
    let log = Grown::new("log").grown(20, "a");
    let (_folder, witness, _) = opened(&log);
    ask(&witness, &log, 0, 9);
    let answer = ask(&witness, &log, 4, 20);
    assert_eq!((answer.status, answer.content_type, answer.body.as_str()), (409, "text/x.tlog.size", "9\n"));
    assert_eq!(ask(&witness, &log, 3, 5).status, 409, "it never goes back");
    assert_eq!(ask(&witness, &log, 9, 20).status, 200);
}

#[test]
fn refuses_whom_it_does_not_trust() {
    let (log, stranger) = (Grown::new("log").grown(3, "a"), Grown::new("stranger").grown(3, "a"));
    let (_folder, witness, _) = opened(&log);
    assert_eq!(ask(&witness, &stranger, 0, 3).status, 404);
    let mut unsigned = Note::new(log.note(3).text()).unwrap();
    unsigned.add(stranger.note(3).signatures()[0].clone()).unwrap();
    assert_eq!(witness.add_checkpoint(&Request::body(0, &[], &unsigned.to_bytes())).status, 403);
    let mut wrong = log.note(3).signatures()[0].clone();
    wrong.bytes[9] ^= 1;
    unsigned.add(wrong).unwrap();
    assert_eq!(witness.add_checkpoint(&Request::body(0, &[], &unsigned.to_bytes())).status, 403);
    assert_eq!(witness.add_checkpoint(b"hello").status, 400);
    assert_eq!(ask_with(&witness, &log, 0, 3, &[Digest::ZERO]).status, 422);
    assert_eq!(ask(&witness, &log, 0, 3).status, 200, "nothing of that was remembered");
}

#[test]
fn a_witness_s_key_is_not_a_log_s() {
    let log = Grown::new("log");
    let (_folder, witness, _) = opened(&log);
    let other = tempfile::tempdir().unwrap();
    assert!(matches!(open(other.path(), &[witness.verifier().clone()]), Err(Error::NotALog(_))));
}

#[test]
fn keeps_both_views_when_a_log_shows_two() {
    let log = Grown::new("log").grown(6, "a");
    let (folder, witness, heard) = opened(&log);
    ask(&witness, &log, 0, 6);
    // Both know the first three leaves.
    let other = Grown::new("log").grown(3, "a").grown(9, "b");
    let same_size = ask(&witness, &other, 3, 6);
    assert_eq!((same_size.status, same_size.body.as_str()), (409, "6\n"));
    assert_eq!(ask(&witness, &other, 6, 12).status, 422);
    assert_eq!(ask(&witness, &other, 6, 12).status, 422);

    let mut kept = evidence(folder.path());
    kept.sort_by_key(|piece| piece["what"].as_str().unwrap().to_owned());
    assert_eq!(kept.len(), 2, "the same piece is kept once");
    for (piece, size) in kept.iter().zip([6, 12]) {
        assert_eq!(piece["proven"], true);
        for (view, head) in [("cosigned", log.head(6)), ("refused", other.head(size))] {
            let view = Note::open(piece[view].as_str().unwrap().as_bytes(), &trusted(&log)).unwrap();
            assert_eq!(checkpoint_of(view.note.text()).unwrap().head, head, "the log signed each view");
        }
    }
    let said = heard.lock().unwrap();
    let Said::Split { origin, cosigned, refused, how, evidence: Ok(path) } = &said[1] else {
        panic!("{said:?}")
    };
    assert_eq!((origin.as_str(), *cosigned, *refused), ("log", log.head(6), other.head(6)));
    assert_eq!((*how, path.exists()), (Split::SameSize, true));
    drop(said);
    assert_eq!(ask(&witness, &log.grown(1, "a"), 6, 7).status, 200, "the first view goes on");
}

#[test]
fn evidence_of_one_log_has_an_end() {
    let log = Grown::new("log").grown(3, "a");
    let (folder, witness, heard) = opened(&log);
    ask(&witness, &log, 0, 3);
    for number in 0..70 {
        let other = Grown::new("log").grown(3, &number.to_string());
        assert_eq!(ask(&witness, &other, 3, 3).status, 409);
    }
    assert_eq!(evidence(folder.path()).len(), 64);
    let said = heard.lock().unwrap();
    assert!(matches!(said.last(), Some(Said::Split { evidence: Err(_), .. })), "it is said all the same");
}

#[test]
fn remembers_over_a_restart() {
    let log = Grown::new("log").grown(9, "a");
    let (folder, witness, _) = opened(&log);
    ask(&witness, &log, 0, 6);
    let key = witness.verifier().clone();
    drop(witness);
    let (witness, _) = open(folder.path(), &trusted(&log)).unwrap();
    assert_eq!(witness.verifier(), &key);
    assert_eq!(ask(&witness, &log, 0, 9).body, "6\n");
    let other = Grown::new("log").grown(6, "b");
    assert_eq!(ask(&witness, &other, 0, 6).status, 409);
    assert_eq!(evidence(folder.path()).len(), 1);
}

#[test]
fn a_log_that_was_not_trusted_for_a_while_is_remembered() {
    let log = Grown::new("log").grown(9, "a");
    let (folder, witness, _) = opened(&log);
    ask(&witness, &log, 0, 6);
    drop(witness);
    let (witness, _) = open(folder.path(), &[]).unwrap();
    assert_eq!(ask(&witness, &log, 6, 9).status, 404);
    drop(witness);
    let (witness, _) = open(folder.path(), &trusted(&log)).unwrap();
    assert_eq!(ask(&witness, &log, 0, 9).body, "6\n");
}

#[test]
fn one_process_is_the_witness_of_a_folder() {
    let log = Grown::new("log");
    let (folder, _witness, _) = opened(&log);
    assert!(matches!(open(folder.path(), &[]), Err(Error::Taken(_))));
}

#[test]
fn does_not_start_on_a_state_that_it_did_not_write() {
    let log = Grown::new("log").grown(9, "a");
    let (folder, witness, _) = opened(&log);
    ask(&witness, &log, 0, 6);
    let path = witness.state.file("log");
    drop(witness);
    let good = std::fs::read(&path).unwrap();
    let refused = |why: &str| assert!(open(folder.path(), &trusted(&log)).is_err(), "{why}");
    let log_s_line = log.note(6).signatures()[0].line();
    let begins = good.windows(log_s_line.len()).position(|part| part == log_s_line.as_bytes()).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        // Only the log's own signature is not looked at again: what counts is that this witness signed the text.
        if !(begins..begins + log_s_line.len()).contains(&at) {
            refused(&format!("byte {at} changed"));
        }
    }
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    refused("half a file");
    std::fs::write(&path, "").unwrap();
    refused("an empty file");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(folder.path().join("logs").join("a"), &good).unwrap();
    refused("the file of another log");
    std::fs::remove_file(folder.path().join("logs").join("a")).unwrap();
    std::fs::write(&path, &good).unwrap();
    std::fs::remove_file(folder.path().join("key")).unwrap();
    refused("its key is gone");
}

#[test]
fn an_unfinished_write_is_swept_away() {
    let log = Grown::new("log").grown(9, "a");
    let (folder, witness, _) = opened(&log);
    ask(&witness, &log, 0, 6);
    let unfinished = witness.state.file("log").with_extension("new");
    drop(witness);
    std::fs::write(&unfinished, "half of").unwrap();
    let (witness, _) = open(folder.path(), &trusted(&log)).unwrap();
    assert!(!unfinished.exists());
    assert_eq!(ask(&witness, &log, 0, 9).body, "6\n");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let log = Grown::new("log");
    let (folder, witness, _) = opened(&log);
    drop(witness);
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let key = folder.path().join("key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    mode(&key, 0o640);
    assert!(open(folder.path(), &[]).is_err());
    mode(&key, 0o600);
    mode(folder.path(), 0o770);
    assert!(open(folder.path(), &[]).is_err());
    mode(folder.path(), 0o700);
    assert!(open(folder.path(), &[]).is_ok());
}

#[test]
fn cosigns_nothing_more_when_it_cannot_remember() {
    let log = Grown::new("log").grown(9, "a");
    let (folder, witness, heard) = opened(&log);
    ask(&witness, &log, 0, 3);
    // A folder in the place of the file that would be written.
    let blocked = witness.state.file("log").with_extension("new");
    std::fs::create_dir(&blocked).unwrap();
    assert_eq!(ask(&witness, &log, 3, 6).status, 500);
    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(ask(&witness, &log, 3, 6).status, 503, "the disk may say this or that");
    assert!(matches!(heard.lock().unwrap().last(), Some(Said::Stuck { .. })));
    drop(witness);
    let (witness, _) = open(folder.path(), &trusted(&log)).unwrap();
    assert_eq!(ask(&witness, &log, 3, 6).status, 200);
}
