//! Processes that share a database on a server.

use crate::oracle::{self, check_counts, tally, wait_for_orphans};
use crate::sandbox::{Ended, Sandbox, graph, words};
use comity_testkit::postgres;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A folder with the graph in it, and an empty database of its own.
fn sandbox(name: &str) -> Sandbox {
    Sandbox::new(graph).on(&postgres::database(&format!("crash_{name}_{}", std::process::id())))
}

fn start(sandbox: &Sandbox, crash: &str) -> Child {
    let mut command = sandbox.command(&words(&sandbox.run()));
    command.args(["-o", "json"]).env("COMITY_CRASH", crash);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Everything that must hold once the run has ended.
fn check(sandbox: &Sandbox, run: &str) {
    sandbox.verify();
    let tallies = tally(&sandbox.trace(run));
    check_counts(&sandbox.facts, &sandbox.oracle(), &tallies);
    let cost = oracle::expected_cost(&sandbox.facts, &tallies);
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = threads.block_on(oracle::last_report(&sandbox.database()));
    assert_eq!(report.cost_micro_usd, cost);
}

#[test]
fn what_a_killed_process_left_another_takes_over_and_does_each_step_once() {
    let points = ["before_commit:4", "after_commit:5", "before_effect:6", "after_effect:17"];
    let sandboxes: Vec<(&str, Sandbox)> = points
        .iter()
        .enumerate()
        .map(|(place, point)| (*point, sandbox(&format!("taken_{place}"))))
        .collect();
    let children: Vec<Child> = sandboxes.iter().map(|(point, sandbox)| start(sandbox, point)).collect();
    for (child, (point, _)) in children.into_iter().zip(&sandboxes) {
        let ended = Ended::of(child);
        assert!(ended.was_killed(), "{point}: {ended:#?}");
    }
    let killed = Instant::now();
    for (point, sandbox) in &sandboxes {
        wait_for_orphans(sandbox.folder());
        let run = sandbox.runs().first().unwrap().run_id.clone();
        if killed.elapsed() < Duration::from_secs(4) {
            let refused = sandbox.comity(&["resume", &run]).expect(1);
            assert!(refused.err.contains("is being worked on by process"), "{point}: {refused:#?}");
        }
        // Its sign of life counts for some seconds more.
        while sandbox.runs().first().unwrap().status != "interrupted" {
            assert!(killed.elapsed() < Duration::from_secs(30), "{point}: it counts as alive");
            std::thread::sleep(Duration::from_millis(200));
        }
        sandbox.finish(&run);
        check(sandbox, &run);
    }
}

#[test]
fn two_processes_work_at_the_same_time_and_share_their_roofs() {
    let first = sandbox("shared");
    let second = Sandbox::new(graph).on(&first.database().display().to_string());
    let children = [&first, &second].map(|sandbox| {
        let mut command = sandbox.command(&words(&sandbox.run()));
        command.args(["-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let mut cost = 0;
    for (child, sandbox) in children.into_iter().zip([&first, &second]) {
        let report: comity_api::RunReport = Ended::of(child).expect(0).json();
        let tallies = tally(&first.trace(&report.run_id));
        check_counts(&sandbox.facts, &sandbox.oracle(), &tallies);
        let expected = oracle::expected_cost(&sandbox.facts, &tallies);
        assert_eq!(report.cost_micro_usd, expected);
        cost += expected;
    }
    first.verify();
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    threads.block_on(oracle::check_balances(&first.database(), cost, 2 * 30));
}

#[test]
fn the_settings_are_shown_without_the_password() {
    let sandbox = Sandbox::new(graph).on("postgres://ann:s3cret@db.example/ledger?sslmode=verify-full");
    let shown = sandbox.comity(&["config", "show", "--origin"]).expect(0);
    assert!(
        shown.out.contains("postgres://db.example/ledger") && !shown.out.contains("s3cret"),
        "{shown:#?}"
    );
}
