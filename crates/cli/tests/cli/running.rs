use crate::sandbox::{Ended, Sandbox, example};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const TWO: &str = "nodes:\n  a: {kind: echo, text: hello}\n  b: {kind: echo, text: bye}\nedges: [a -> b]\n";

#[test]
fn the_example_waits_and_goes_on_when_it_is_approved() {
    let sandbox = Sandbox::new();
    let waiting = sandbox.comity(&["run", &example(), "--task", "Find the renewal traps"]).expect(8);
    let run = waiting.run_id();
    let line = format!("\n    comity resume {run} --approve\n");
    assert!(waiting.out.contains(&line), "{}", waiting.out);
    assert!(waiting.out.contains("asked:  Is this ready to go to the client?"), "{}", waiting.out);
    assert!(waiting.err.contains("\ndenied     send_notice  risk.tier  "), "{}", waiting.err);
    let done = sandbox.comity(&["resume", &run, "--approve", "--comment", "go"]).expect(0);
    assert!(done.out.starts_with("Find the renewal traps\n======================\n"), "{}", done.out);
    for part in ["Review: approved true, approver local:", ", comment go\n", "Notice: none was sent\n"] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert!(done.out.contains("status: completed\ncost:   $0.008\n"), "{}", done.out);
    assert!(done.out.ends_with(", chain verified\n"), "{}", done.out);
    assert!(done.err.ends_with(&format!("\ncompleted  {run}  $0.008\n")), "{}", done.err);
    sandbox.comity(&["verify"]).expect(0);
}

#[test]
fn progress_goes_to_stderr_and_the_result_to_stdout() {
    let ended = Sandbox::new().run(TWO).expect(0);
    assert!(ended.out.starts_with("bye\n\nrun:    run_"), "{}", ended.out);
    let words: Vec<&str> = ended.err.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(words, ["running", "running", "settled", "running", "settled", "completed"]);
    assert!(!ended.err.contains('\u{1b}') && !ended.out.contains('\u{1b}'), "{ended:?}");
}

#[test]
fn colour_is_on_when_it_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", TWO);
    let colored = sandbox.comity(&["run", "flow.yaml", "--color", "always"]).expect(0);
    assert!(colored.out.contains("\u{1b}[32mcompleted\u{1b}[0m"), "{}", colored.out);
    let with = |name: &str| Ended::of(sandbox.command(&["runs"]).env(name, "1").output().unwrap()).out;
    assert!(with("CLICOLOR_FORCE").contains('\u{1b}') && !with("NO_COLOR").contains('\u{1b}'));
}

#[test]
fn a_task_comes_from_a_flag_a_file_or_stdin() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", "nodes:\n  a: {kind: echo}\n");
    sandbox.write("task.txt", "from a file\n");
    let task = |ended: Ended| ended.expect(0).json()["output"]["task"].clone();
    assert_eq!(task(sandbox.comity(&["run", "flow.yaml", "--task", "said", "-o", "json"])), "said");
    assert_eq!(
        task(sandbox.comity(&["run", "flow.yaml", "--task-file", "task.txt", "-o", "json"])),
        "from a file"
    );
    let mut command = sandbox.command(&["run", "flow.yaml", "--task-file", "-", "-o", "json"]);
    let stdin = std::fs::File::open(sandbox.path("task.txt")).unwrap();
    assert_eq!(task(Ended::of(command.stdin(stdin).output().unwrap())), "from a file");
    sandbox.comity(&["run", "flow.yaml", "--task", "a", "--task-file", "task.txt"]).expect(2);
}

#[test]
fn programs_start_in_the_folder_of_their_workflow() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("deep")).unwrap();
    sandbox.write("deep/said.txt", "from the folder");
    sandbox.write("deep/flow.yaml", "nodes:\n  a: {kind: command, command: [cat, said.txt]}\n");
    let ended = sandbox.comity(&["run", "deep/flow.yaml"]).expect(0);
    assert!(ended.out.starts_with("from the folder\n"), "{}", ended.out);
}

#[test]
fn a_used_up_budget_is_7_and_a_refusal_is_6() {
    let sandbox = Sandbox::new();
    let budget = "policy: {budget_usd: 0.01}\nnodes:\n  a: {kind: echo, price_usd: 0.02}\n";
    let ended = sandbox.run(budget).expect(7);
    assert!(ended.out.contains("status: exhausted") && ended.out.contains("budget.usd"), "{}", ended.out);
    let risk = "policy: {max_risk_tier: internal}\nnodes:\n  a: {kind: echo, risk: irreversible}\n";
    let ended = sandbox.run(risk).expect(6);
    assert!(ended.out.contains("a     denied") && ended.out.contains("risk.tier"), "{}", ended.out);
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_run() {
    let sandbox = Sandbox::new();
    sandbox
        .write("flow.yaml", "nodes:\n  a: {kind: echo, delay_ms: 200}\n  b: {kind: echo}\nedges: [a -> b]\n");
    let mut child =
        sandbox.command(&["run", "flow.yaml", "-o", "ndjson"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("run_started"), "{first}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let runs = sandbox.comity(&["runs", "-o", "json"]).expect(0).json();
    assert_eq!(runs[0]["status"], "completed", "{runs}");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", TWO);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = sandbox.command(&["run", "flow.yaml"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let ended = Ended::of(ended.wait_with_output().unwrap()).expect(1);
    assert!(ended.err.contains("error: cannot write the output"), "{}", ended.err);
}

#[test]
fn a_signal_stops_in_order_and_the_run_can_go_on() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "flow.yaml",
        "nodes:\n  a: {kind: echo}\n  b: {kind: command, command: [sleep, '60']}\nedges: [a -> b]\n",
    );
    let mut command = sandbox.command(&["run", "flow.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "running    b"));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let said: Vec<String> = lines.collect();
    let ended = Ended::of(child.wait_with_output().unwrap()).expect(130);
    let run = ended.run_id();
    assert!(said.iter().any(|line| line.starts_with("stopping")), "{said:?}");
    assert!(ended.out.contains(&format!("\nto go on: comity resume {run}\n")), "{}", ended.out);
    assert!(ended.out.contains(&format!("comity resume {run} --step b --not-happened")), "{}", ended.out);
    sandbox.comity(&["verify"]).expect(0);
}

#[test]
fn two_runs_share_a_database() {
    let sandbox = Sandbox::new();
    let mut flow = "policy: {max_steps: 200}\nnodes:\n".to_owned();
    (0..100).for_each(|step| flow.push_str(&format!("  s{step}: {{kind: echo}}\n")));
    sandbox.write("flow.yaml", flow);
    let start = || {
        let mut command = sandbox.command(&["run", "flow.yaml", "--durability", "process"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start(), start(), start()];
    for child in children {
        Ended::of(child.wait_with_output().unwrap()).expect(0);
    }
    let verified = sandbox.comity(&["verify"]).expect(0);
    assert!(verified.out.starts_with("valid: 3 runs, 606 entries, "), "{}", verified.out);
}
