//! Kills a fork while it takes results over and while it does the rest, and goes on.
//!
//! The run it was forked from has ended before. One point in several is taken; `COMITY_KILLS=all` takes every one, and
//! kills every second life too.

use crate::kill::{Dice, is_thorough};
use crate::oracle::{reply, wait_for_orphans};
use crate::sandbox::{Ended, Sandbox, graph, words};
use comity_api::RunReport;

/// Points that are taken, unless all are.
const FEW: usize = 12;

/// Where it is forked. `start` leads to fourteen steps beside each other, which lead to `join`: either all of these
/// are taken over before anything is done, or one of them is done anew while the others are taken over.
const POINTS: [&str; 2] = ["join", "a07"];

/// Whether a step's result is taken over.
fn is_before(step: &str, from: &str) -> bool {
    step == "start" || (step.starts_with('a') && step != from)
}

/// A folder with a run of thirty steps that has ended, and the command that forks it.
fn ended(from: &str) -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new(graph);
    sandbox.comity(&words(&sandbox.run())).expect(0);
    let origin = sandbox.runs().first().unwrap().run_id.clone();
    let fork = ["fork", &origin, "--from", from, "--yes"].map(str::to_owned).to_vec();
    (sandbox, fork)
}

/// The fork, once it is there.
fn forked(sandbox: &Sandbox) -> Option<String> {
    let runs = sandbox.runs();
    assert!(runs.len() <= 2, "{runs:?}");
    runs.iter().find(|run| run.forked_from.is_some()).map(|run| run.run_id.clone())
}

fn kill(sandbox: &Sandbox, arguments: &[String], point: &str) -> Ended {
    Ended::by(sandbox.command(&words(arguments)).env("COMITY_CRASH", point))
}

/// Goes on until the fork has ended; the first of these commands may be killed as well.
fn go_on(sandbox: &Sandbox, fork: &[String], mut again: Option<String>) {
    let mut flags = Vec::new();
    for _ in 0..100 {
        wait_for_orphans(sandbox.folder());
        let arguments = match forked(sandbox) {
            Some(run) => [vec!["resume".to_owned(), run], std::mem::take(&mut flags)].concat(),
            None => fork.to_vec(),
        };
        let status = sandbox.runs().first().unwrap().status.clone();
        if forked(sandbox).is_some() && status == "completed" {
            return;
        }
        if let Some(point) = again.take() {
            kill(sandbox, &arguments, &point);
            continue;
        }
        let ended = sandbox.comity(&[&words(&arguments)[..], &["-o", "json"]].concat());
        assert!(matches!(ended.code(), Some(0 | 8)), "{ended:#?}");
        if ended.code() == Some(8) {
            let report: RunReport = ended.json();
            // It was done once in the run it was forked from: what was noted since then is the fork's.
            let step = report.approvals.first().unwrap().step.clone();
            let oracle = sandbox.oracle();
            let reply = match oracle.count(&step) {
                1 => crate::oracle::Reply::NotHappened(step.clone()),
                _ => reply(&report, &oracle).unwrap(),
            };
            flags = sandbox.flags(&reply);
        }
    }
    panic!("the fork does not end");
}

/// Everything that must hold once the fork has ended.
fn check(sandbox: &Sandbox, from: &str) {
    sandbox.verify();
    let run = forked(sandbox).unwrap();
    let rows = sandbox.trace(&run);
    let reused: Vec<&str> =
        rows.iter().filter(|row| row.kind == "reused").filter_map(|row| row.step.as_deref()).collect();
    let facts = &sandbox.facts;
    let (before, anew): (Vec<_>, Vec<_>) = facts.iter().partition(|fact| is_before(&fact.name, from));
    let mut names: Vec<&str> = before.iter().map(|fact| &*fact.name).collect();
    let mut sorted = reused.clone();
    names.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(sorted, names, "each is taken over once");
    let oracle = sandbox.oracle();
    for fact in before {
        assert_eq!(oracle.count(&fact.name), 1, "`{}` was taken over, and done", fact.name);
    }
    let mut cost = 0;
    for fact in anew {
        let of = |kind: &str| {
            let about =
                |row: &&comity_api::TraceRow| row.kind == kind && row.step.as_deref() == Some(&fact.name);
            rows.iter().filter(about).count()
        };
        let done = oracle.count(&fact.name);
        if fact.idempotent {
            assert!(done >= 2, "`{}` has a result and was not done", fact.name);
        } else {
            assert_eq!(done, 2, "`{}` is done once in each run", fact.name);
        }
        assert_eq!(of("settled") + of("happened"), 1, "`{}` has one result", fact.name);
        let paid = if fact.idempotent { of("admitted") - of("cancelled") } else { 1 };
        cost += fact.price * paid as u64;
    }
    let runs = sandbox.runs();
    let row = runs.iter().find(|row| row.run_id == run).unwrap();
    assert_eq!(row.cost_usd, comity_api::usd(cost), "only what was done costs anything");
}

#[test]
fn every_point_of_forks() {
    let mut dice = Dice::new();
    for from in POINTS {
        every_point(from, &mut dice);
    }
}

fn every_point(from: &str, dice: &mut Dice) {
    let (sandbox, fork) = ended(from);
    let file = sandbox.path("points");
    Ended::by(sandbox.command(&words(&fork)).env("COMITY_POINTS_FILE", &file)).expect(0);
    check(&sandbox, from);
    let text = std::fs::read_to_string(&file).unwrap();
    let counted = text.lines().map(|line| line.split_once(' ').unwrap());
    let points: Vec<String> = counted
        .flat_map(|(point, total)| {
            (1..=total.parse().unwrap()).map(move |nth: usize| format!("{point}:{nth}"))
        })
        .collect();
    let every = if is_thorough() { 1 } else { points.len().div_ceil(FEW) };
    let skip = dice.below(every);
    let mut kills = 0;
    for (place, point) in points.iter().enumerate().skip(skip).step_by(every) {
        let (mut sandbox, fork) = ended(from);
        let again = (is_thorough() || place % 3 == 0).then(|| dice.point(12));
        println!("from {from}: {point}, then {again:?}");
        sandbox.keep();
        kills += usize::from(kill(&sandbox, &fork, point).was_killed());
        go_on(&sandbox, &fork, again);
        check(&sandbox, from);
        std::fs::remove_dir_all(sandbox.folder()).unwrap();
    }
    println!("from {from}: {kills} kills at {} points", points.len());
    assert!(kills > 0, "nothing was killed");
}

/// A fork that was killed before it had taken anything over, and the run it goes back to.
fn cut_off() -> (Sandbox, String) {
    let (sandbox, fork) = ended("join");
    assert!(kill(&sandbox, &fork, "before_commit:2").was_killed());
    wait_for_orphans(sandbox.folder());
    let run = forked(&sandbox).unwrap();
    assert_eq!(sandbox.trace(&run).len(), 1, "it was opened, and no more");
    (sandbox, run)
}

fn change(sandbox: &Sandbox, sql: &str) {
    rusqlite::Connection::open(sandbox.database()).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_fork_that_still_needs_the_other_run_does_not_go_on_without_it() {
    let (sandbox, run) = cut_off();
    change(&sandbox, "UPDATE entries SET hash = zeroblob(32) WHERE seq = 5");
    let refused = sandbox.comity(&["resume", &run]).expect(9);
    assert!(refused.err.contains("[CM0253]"), "{}", refused.err);
    let (sandbox, run) = cut_off();
    change(
        &sandbox,
        "PRAGMA foreign_keys = off; DELETE FROM runs WHERE id != (SELECT id FROM runs ORDER BY id DESC LIMIT 1)",
    );
    let refused = sandbox.comity(&["resume", &run]).expect(1);
    assert!(refused.err.contains("is not there any more [CM0243]"), "{}", refused.err);
    // As it was, it goes on.
    let (sandbox, run) = cut_off();
    sandbox.comity(&["resume", &run]).expect(0);
    check(&sandbox, "join");
}

#[test]
fn a_fork_that_has_taken_everything_over_needs_the_other_run_no_more() {
    let (sandbox, fork) = ended("join");
    assert!(kill(&sandbox, &fork, "before_effect:1").was_killed());
    wait_for_orphans(sandbox.folder());
    let run = forked(&sandbox).unwrap();
    change(
        &sandbox,
        "PRAGMA foreign_keys = off; DELETE FROM runs WHERE id != (SELECT id FROM runs ORDER BY id DESC LIMIT 1)",
    );
    let ended = sandbox.comity(&["resume", &run]);
    assert!(!ended.err.contains("CM0243"), "{ended:#?}");
    assert!(
        sandbox.trace(&run).iter().any(|row| row.kind == "settled" || row.kind == "unknown"),
        "it went on"
    );
}
