use super::*;
use crate::tests::Grown;
use comity_core::Digest;

fn request(log: &Grown, old: u64, new: u64, proof: Vec<Digest>) -> Request {
    Request::parse(&Request::body(old, &proof, &log.note(new).to_bytes())).unwrap()
}

fn judged(latest: Option<Head>, log: &Grown, old: u64, new: u64) -> Judgement {
    let proof = if old == 0 { Vec::new() } else { log.proof(old, new) };
    judge(latest, &request(log, old, new, proof))
}

#[test]
fn every_growth_of_a_small_log_is_cosigned_and_no_other_view_is() {
    let log = Grown::new("log").grown(24, "a");
    for common in 0..24 {
        let other = Grown::new("log").grown(common, "a").grown(24 - common, "b");
        for old in 1..24u64 {
            for new in old..=24u64 {
                let latest = Some(log.head(old));
                assert_eq!(judged(latest, &log, old, new), Judgement::Cosign, "{old} to {new}");
                let told = judged(latest, &other, old, new);
                if new <= common || old <= common {
                    assert_eq!(told, Judgement::Cosign, "{old} to {new}, common {common}");
                } else if old == new {
                    assert_eq!(told, Judgement::Split(Split::SameSize));
                } else if old.is_power_of_two() {
                    // The proof does not repeat an old tree that is one subtree: it cannot show which it was.
                    assert_eq!(told, Judgement::Split(Split::NotShown));
                } else {
                    assert_eq!(told, Judgement::Split(Split::OtherPast), "{old} to {new}, common {common}");
                }
            }
        }
    }
}

#[test]
fn a_first_checkpoint_is_believed_and_a_later_one_has_to_follow() {
    let log = Grown::new("log").grown(9, "a");
    assert_eq!(judged(None, &log, 0, 9), Judgement::Cosign);
    assert_eq!(judged(None, &log, 0, 0), Judgement::Cosign);
    assert_eq!(judged(None, &log, 3, 9), Judgement::Elsewhere { size: 0 });
    assert_eq!(judged(Some(log.head(0)), &log, 0, 5), Judgement::Cosign);
    assert_eq!(judged(Some(log.head(5)), &log, 0, 9), Judgement::Elsewhere { size: 5 });
    assert_eq!(judged(Some(log.head(5)), &log, 3, 4), Judgement::Elsewhere { size: 5 });
    assert_eq!(judged(Some(log.head(9)), &log, 9, 9), Judgement::Cosign);
}

#[test]
fn two_roots_at_one_size_are_a_split_whatever_the_proof_begins_at() {
    let (log, other) = (Grown::new("log").grown(6, "a"), Grown::new("log").grown(6, "b"));
    for old in [0, 2, 6] {
        assert_eq!(judged(Some(log.head(6)), &other, old, 6), Judgement::Split(Split::SameSize));
    }
}

#[test]
fn a_proof_where_none_belongs_shows_nothing() {
    let log = Grown::new("log").grown(6, "a");
    let extra = || vec![Digest::ZERO];
    assert_eq!(judge(None, &request(&log, 0, 6, extra())), Judgement::Unproven);
    assert_eq!(judge(Some(log.head(6)), &request(&log, 6, 6, extra())), Judgement::Unproven);
}

#[test]
fn a_proof_of_garbage_proves_nothing_about_the_log() {
    let log = Grown::new("log").grown(11, "a");
    for length in 0..6 {
        let garbage = vec![Digest::of(&[b"garbage"]); length];
        let judgement = judge(Some(log.head(6)), &request(&log, 6, 11, garbage));
        assert_eq!(judgement, Judgement::Split(Split::NotShown), "{length}");
    }
}

#[test]
fn the_root_of_nothing_is_that_of_nothing() {
    let mut forged = request(&Grown::new("log"), 0, 0, Vec::new());
    forged.checkpoint.head.root = Digest::ZERO;
    assert_eq!(judge(None, &forged), Judgement::Unproven);
}
