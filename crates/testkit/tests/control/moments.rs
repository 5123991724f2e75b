//! Timers.

use crate::entries;
use crate::house::{House, calls};
use std::time::{Duration, Instant};

fn flow(wait: &str) -> String {
    format!(
        "name: t\nnodes:\n  a: {{kind: say, as: a}}\n  rest: {{kind: timer, after_s: {wait}}}\n  \
         b: {{kind: say, as: b}}\nedges: [a -> rest -> b]\n"
    )
}

#[test]
fn a_timer_waits_for_its_moment() {
    let house = House::new();
    let began = Instant::now();
    let report = house.run(&flow("0.3"));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b".to_owned()));
    let rows = entries(&house.trace(&report.run_id));
    assert_eq!(rows[2..5], ["scheduled rest", "admitted rest", "settled rest"]);
}

#[test]
fn a_moment_outlives_the_process_that_waits_for_it() {
    let house = House::new();
    let stopped = house.run_for(&flow("0.6"), Duration::from_millis(150));
    assert_eq!((stopped.status.as_str(), calls().join(" ")), ("interrupted", "a".to_owned()));
    let due = |run: &str| {
        let rows = house.trace(run);
        rows.iter().filter(|row| row.kind == "scheduled").count()
    };
    let report = house.resume(&stopped.run_id);
    assert_eq!((report.status.as_str(), calls().join(" ")), ("completed", "a b".to_owned()));
    // The moment is the one that was recorded first: no second one was set.
    assert_eq!(due(&report.run_id), 1);
}

#[test]
fn a_moment_that_has_passed_meanwhile_has_come() {
    let house = House::new();
    let stopped = house.run_for(&flow("2.5"), Duration::from_millis(100));
    assert_eq!(stopped.status, "interrupted");
    std::thread::sleep(Duration::from_millis(2500));
    let began = Instant::now();
    assert_eq!(house.resume(&stopped.run_id).status, "completed");
    assert!(began.elapsed() < Duration::from_millis(2000), "it waited again");
}

#[test]
fn waiting_for_a_moment_costs_no_time_of_the_run() {
    let house = House::new();
    let report = house.run(&flow("0.4").replace("name: t\n", "name: t\npolicy: {timeout_s: 0.35}\n"));
    assert_eq!(report.status, "completed", "{report:?}");
}

#[test]
fn many_who_wait_keep_nobody_from_beginning() {
    let house = House::new();
    let timers: String = (0..1_100).map(|n| format!("  t{n}: {{kind: timer, after_s: 4}}\n")).collect();
    let began = Instant::now();
    let report = house.run(&format!(
        "name: t\npolicy: {{max_steps: 5000}}\nnodes:\n{timers}  b: {{kind: say, as: b, say: ['now']}}\n"
    ));
    assert_eq!(report.status, "completed");
    let rows = entries(&house.trace(&report.run_id));
    let place = |what: &str| rows.iter().position(|row| row == what).unwrap();
    assert!(place("settled b") < place("admitted t0"), "b waited for a timer");
    assert!(began.elapsed() < Duration::from_secs(60));
}
