//! Several processes on one file: side by side, asking each other, and in each other's way.

use crate::oracle::{self, Fact, check_counts, tally, wait_for_orphans};
use crate::sandbox::{Ended, PROGRAM, Sandbox, graph, words};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A question; beside it a program that waits for the file `go`; and behind both one that may run only once.
fn asks(oracle: &Path) -> (String, Vec<Fact>) {
    let wrapped = format!("{PROGRAM}, --oracle, {}", oracle.display());
    let text = format!(
        "nodes:\n  ask: {{kind: human, prompt: 'Go on?'}}\n  \
         slow: {{kind: command, command: [{wrapped}, slow, --, sh, -c, 'until [ -e go ]; do sleep 0.02; done']}}\n  \
         last: {{kind: command, command: [{wrapped}, last]}}\n\
         edges:\n  - ask -> last\n  - slow -> last\n"
    );
    let fact = |name: &str, notes: bool| Fact { name: name.to_owned(), idempotent: !notes, price: 0, notes };
    (text, vec![fact("ask", false), fact("slow", true), fact("last", true)])
}

/// Waits until the step has begun.
fn wait_for(sandbox: &Sandbox, step: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while sandbox.oracle().count(step) == 0 {
        assert!(Instant::now() < deadline, "`{step}` does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts `run` and waits until `ask` is held and `slow` is under way.
fn start(sandbox: &Sandbox) -> (Child, String) {
    let mut command = sandbox.command(&words(&sandbox.run()));
    let mut child =
        command.args(["-o", "ndjson"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"step_held\"")), "nothing is held");
    // The rest of what it prints is read and dropped, so that it can go on printing.
    std::thread::spawn(move || lines.count());
    wait_for(sandbox, "slow");
    (child, sandbox.runs().first().unwrap().run_id.clone())
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Everything that must hold once the run has ended.
fn check(sandbox: &Sandbox, run: &str) {
    sandbox.verify();
    check_counts(&sandbox.facts, &sandbox.oracle(), &tally(&sandbox.trace(run)));
}

#[test]
fn four_runs_at_the_same_time_share_a_file() {
    let sandboxes: Vec<Sandbox> = (0..4).map(|_| Sandbox::new(graph)).collect();
    let shared = sandboxes.first().unwrap().database();
    let runs: Vec<Child> = sandboxes
        .iter()
        .map(|sandbox| {
            let mut command = Command::new(PROGRAM);
            command.args(sandbox.run()).args(["-o", "json", "--db"]).arg(&shared);
            command.env("XDG_DATA_HOME", comity_testkit::keys::data_home());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let first = sandboxes.first().unwrap();
    let mut cost = 0;
    for (child, sandbox) in runs.into_iter().zip(&sandboxes) {
        let ended = Ended::of(child).expect(0);
        let report: comity_api::RunReport = ended.json();
        let tallies = tally(&first.trace(&report.run_id));
        check_counts(&sandbox.facts, &sandbox.oracle(), &tallies);
        let expected = oracle::expected_cost(&sandbox.facts, &tallies);
        assert_eq!(report.cost_micro_usd, expected);
        assert!(tallies.values().all(|tally| tally.admitted == 1), "{tallies:?}");
        cost += expected;
    }
    first.verify();
    let spent: f64 = first.runs().iter().map(|run| run.cost_usd).sum();
    assert!((spent * 1e6 - cost as f64).abs() < 0.5, "{spent} and {cost}");
    let balances = oracle::check_balances(&shared, cost, 4 * 30);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(balances);
}

#[test]
fn another_process_approves_while_the_run_goes_on() {
    let sandbox = Sandbox::new(asks);
    let (child, run) = start(&sandbox);
    sandbox.comity(&["approve", &run]).expect(0);
    let again = sandbox.comity(&["approve", &run]).expect(1);
    assert!(again.err.contains("nothing that waits"), "{again:#?}");
    assert_eq!(sandbox.oracle().count("last"), 0);
    std::fs::write(sandbox.path("go"), "").unwrap();
    // Nobody asks in this process, but it looks for rulings before it stops.
    Ended::of(child).expect(0);
    check(&sandbox, &run);
}

#[test]
fn a_stopped_owner_keeps_its_run_and_a_killed_one_does_not() {
    let sandbox = Sandbox::new(asks);
    let (mut child, run) = start(&sandbox);
    let pid = child.id();
    signal(&child, Signal::STOP);
    for words in [vec!["resume", &run], vec!["resume", &run, "--step", "slow", "--not-happened"]] {
        let refused = sandbox.comity(&words).expect(1);
        let says = format!("error: run `{run}` is being worked on by process {pid} [CM0231]");
        assert!(refused.err.contains(&says), "{refused:#?}");
    }
    let owner = sandbox.runs().first().unwrap().owner.clone();
    assert_eq!(owner, Some(format!("process {pid}")));
    sandbox.comity(&["approve", &run]).expect(0);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    std::fs::write(sandbox.path("go"), "").unwrap();
    wait_for_orphans(sandbox.folder());
    let waiting = sandbox.comity(&["resume", &run]).expect(8);
    assert!(waiting.out.contains("nobody knows how slow ended"), "{waiting:#?}");
    sandbox.finish(&run);
    assert_eq!((sandbox.oracle().count("slow"), sandbox.oracle().count("last")), (1, 1));
    check(&sandbox, &run);
}

/// A question in a workflow in a workflow, behind a step that may run only once; and behind it, a slow one.
fn nested(oracle: &Path) -> (String, Vec<Fact>) {
    let last = format!("{PROGRAM}, --oracle, {}, last", oracle.display());
    let text = format!(
        "name: outer\nnodes:\n  sub: {{kind: subgraph, workflow: inner.yaml}}\n  \
         last: {{kind: command, command: [{last}]}}\nedges: [sub -> last]\n"
    );
    let fact = |name: &str, notes: bool| Fact { name: name.to_owned(), idempotent: !notes, price: 0, notes };
    (text, vec![fact("sub/once", true), fact("sub/ask", false), fact("sub/slow", true), fact("last", true)])
}

#[test]
fn a_question_in_a_workflow_is_put_by_one_process_answered_by_another_and_taken_on_by_one_of_two() {
    let sandbox = Sandbox::new(nested);
    let wrapped = format!("{PROGRAM}, --oracle, {}", sandbox.path("oracle").display());
    let sandbox = sandbox.with(
        "inner.yaml",
        &format!(
            "name: inner\nnodes:\n  once: {{kind: command, command: [{wrapped}, sub/once]}}\n  \
             ask: {{kind: human, prompt: 'Go on?'}}\n  \
             slow: {{kind: command, command: [{wrapped}, sub/slow, --, sh, -c, 'until [ -e go ]; do sleep 0.02; done']}}\n\
             edges: [once -> ask -> slow]\n"
        ),
    );
    sandbox.comity(&words(&sandbox.run())).expect(8);
    let run = sandbox.runs().first().unwrap().run_id.clone();
    sandbox.comity(&["approve", &run, "--step", "sub/ask"]).expect(0);
    let resume = || {
        let mut command = sandbox.command(&["resume", &run]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut two = [resume(), resume()];
    wait_for(&sandbox, "sub/slow");
    // One of them works on the run now; the other has been refused, and ends by itself.
    let deadline = Instant::now() + Duration::from_secs(20);
    let refused = loop {
        if let Some(place) = two.iter_mut().position(|child| child.try_wait().unwrap().is_some()) {
            break place;
        }
        assert!(Instant::now() < deadline, "both go on");
        std::thread::sleep(Duration::from_millis(10));
    };
    std::fs::write(sandbox.path("go"), "").unwrap();
    let [one, other] = two;
    let (refused, wins) = if refused == 0 { (one, other) } else { (other, one) };
    let refused = Ended::of(refused).expect(1);
    let says = ["is being worked on by process", "was taken over by"];
    assert!(says.iter().any(|says| refused.err.contains(says)), "{refused:#?}");
    Ended::of(wins).expect(0);
    let tallies = tally(&sandbox.trace(&run));
    assert_eq!((tallies["sub"].admitted, tallies["sub/once"].admitted), (2, 1));
    check(&sandbox, &run);
}

/// Starts a run, and interrupts it once it waits for a moment.
fn interrupted(text: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new(|_| (text.to_owned(), Vec::new()));
    let mut command = sandbox.command(&words(&sandbox.run()));
    command.args(["-o", "ndjson"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"step_scheduled\"")), "nothing is scheduled");
    let began = Instant::now();
    signal(&child, Signal::INT);
    assert!(lines.any(|line| line.contains("\"interrupted\"")), "it is not paused");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_millis(1_000), "it waits for the moment first");
    let run = sandbox.runs().first().unwrap().run_id.clone();
    (sandbox, run)
}

#[test]
fn an_interrupt_ends_a_wait_at_once_and_the_moment_stays() {
    let timer = "name: t\nnodes:\n  rest: {kind: timer, after_s: 2}\n";
    let inner =
        "name: t\nnodes:\n  a: {kind: command, command: ['false'], max_retries: 1, retry_backoff_s: 2}\n";
    for (text, code) in [(timer, 0), (inner, 1)] {
        let (sandbox, run) = interrupted(text);
        sandbox.comity(&["resume", &run]).expect(code);
        let rows = sandbox.trace(&run);
        let due: Vec<u64> =
            rows.iter().filter(|row| row.kind == "scheduled").filter_map(|row| row.due_ms).collect();
        let next = rows.iter().rfind(|row| row.kind == "admitted").unwrap();
        assert!(due.len() == 1 && next.at_ms >= due[0], "{due:?} and {}", next.at_ms);
        sandbox.verify();
    }
}

/// Holds the write lock until its standard input ends.
const HOLDER: &str = "
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print(os.getpid(), flush=True)
sys.stdin.read()
";

#[test]
fn a_busy_writer_is_named() {
    let sandbox = Sandbox::new(graph);
    sandbox.comity(&words(&sandbox.run())).expect(0);
    let mut holder = Command::new("python3");
    holder.args(["-c", HOLDER]).arg(sandbox.database()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut holder) = holder.stderr(Stdio::null()).spawn() else {
        return skip("a_busy_writer_is_named", "there is no python3 to hold the lock");
    };
    let mut pid = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
    if pid.is_empty() {
        return skip("a_busy_writer_is_named", "python3 has no sqlite3 to hold the lock with");
    }
    let began = Instant::now();
    let refused = sandbox.comity(&words(&sandbox.run())).expect(1);
    let waited = began.elapsed().as_secs_f64();
    assert!(waited > 4.5 && waited < 20.0, "it waited {waited} s");
    let says = format!("process {} is writing to it", pid.trim());
    assert!(refused.err.contains(&says) && refused.err.contains("[CM0215]"), "{refused:#?}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    sandbox.comity(&words(&sandbox.run())).expect(0);
    sandbox.verify();
    assert_eq!(sandbox.oracle().count("start"), 2, "the run that was refused did nothing");
}

/// Notes that a test could not be run here.
fn skip(name: &str, reason: &str) {
    let line = format!("SKIPPED: {name}: {reason}\n");
    eprint!("{line}");
    if let Some(file) = std::env::var_os("COMITY_SKIPS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }
}
