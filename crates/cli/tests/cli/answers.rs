use crate::sandbox::Sandbox;

const ASKS: &str = "nodes:\n  ask: {kind: human, prompt: 'Ship it?'}\n  ship: {kind: echo, text: shipped}\nedges: [ask -> ship]\n";

/// Two questions, one step behind both.
const ASKS_TWICE: &str = "nodes:\n  one: {kind: human, prompt: 'One?'}\n  two: {kind: human, prompt: 'Two?'}\n  end: {kind: echo, text: over}\nedges: [one -> end, two -> end]\n";

#[test]
fn approving_and_resuming_are_two_acts() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(ASKS).expect(8).run_id();
    let recorded = sandbox.comity(&["approve", &run, "--comment", "fine"]).expect(0);
    assert!(recorded.out.starts_with("approved apr_"), "{}", recorded.out);
    assert!(recorded.out.ends_with(&format!("to go on: comity resume {run}\n")), "{}", recorded.out);
    let again = sandbox.comity(&["approve", &run]).expect(1);
    assert!(again.err.contains("has nothing that waits for a person's approval [CM0234]"), "{}", again.err);
    let done = sandbox.comity(&["resume", &run]).expect(0);
    assert!(done.out.starts_with("shipped\n"), "{}", done.out);
    let ended = sandbox.comity(&["resume", &run]).expect(1);
    assert!(ended.err.contains("has ended: it is completed"), "{}", ended.err);
}

#[test]
fn an_approval_can_be_named_by_itself() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", ASKS);
    let report = sandbox.comity(&["run", "flow.yaml", "-o", "json"]).expect(8).json();
    let (run, ask) = (report["run_id"].as_str().unwrap(), &report["approvals"][0]);
    assert_eq!((&ask["step"], &ask["prompt"]), (&"ask".into(), &"Ship it?".into()));
    let approval = ask["approval"].as_str().unwrap();
    let recorded = sandbox.comity(&["approve", approval, "-o", "json"]).expect(0).json();
    assert_eq!(recorded["run_id"], run);
    assert_eq!(recorded["ruling"], "approved");
    assert_eq!(recorded["resume"], format!("comity resume {run}"));
    sandbox.comity(&["approve", approval]).expect(1);
    sandbox.comity(&["resume", run]).expect(0);
}

#[test]
fn a_no_ends_the_run_as_denied_when_nothing_else_leads_to_its_end() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(ASKS).expect(8).run_id();
    let ended = sandbox.comity(&["resume", &run, "--reject", "--comment", "not yet"]).expect(6);
    assert!(ended.out.contains("status: denied"), "{}", ended.out);
    assert!(ended.out.contains("not yet"), "{}", ended.out);
    let trace = sandbox.comity(&["trace", &run]).expect(0).out;
    assert!(trace.contains("approval.rejected") && trace.contains(": not yet"), "{trace}");
}

#[test]
fn a_no_to_one_of_two_lets_the_run_end() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(ASKS_TWICE).expect(8).run_id();
    let unclear = sandbox.comity(&["resume", &run, "--approve"]).expect(2);
    assert!(unclear.err.contains("asks about several steps: one, two"), "{}", unclear.err);
    assert!(unclear.err.contains("\n\nhint: add `--step NAME`\n"), "{}", unclear.err);
    sandbox.comity(&["resume", &run, "--approve", "--step", "three"]).expect(1);
    sandbox.comity(&["resume", &run, "--reject", "--step", "one"]).expect(8);
    let done = sandbox.comity(&["resume", &run, "--approve", "--step", "two"]).expect(0);
    assert!(done.out.starts_with("over\n") && done.out.contains("one   denied"), "{}", done.out);
}

#[test]
fn an_unknown_step_is_told_how_it_ended() {
    let unknown = "nodes:\n  slow: {kind: command, command: [sleep, '30'], timeout_s: 0.2}\n";
    for (flags, code, output) in [
        (vec!["--happened", "result.json"], 0, "{\n  \"sent\": 3\n}\n"),
        (vec!["--happened", "result.txt"], 0, "sent it\n"),
        (vec!["--abandon"], 1, "run: "),
        (vec!["--not-happened"], 8, "run: "),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("result.json", "{\"sent\": 3}");
        sandbox.write("result.txt", "sent it\n");
        let waiting = sandbox.run(unknown).expect(8);
        let run = waiting.run_id();
        let line = format!("comity resume {run} --step slow --happened FILE");
        assert!(waiting.out.contains(&line), "{}", waiting.out);
        let words: Vec<&str> = ["resume", &run, "--step", "slow"].into_iter().chain(flags).collect();
        let ended = sandbox.comity(&words).expect(code);
        assert!(ended.out.starts_with(output), "{}", ended.out);
        sandbox.comity(&["verify"]).expect(0);
    }
}

#[test]
fn only_an_unknown_step_is_told_how_it_ended() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(ASKS).expect(8).run_id();
    let refused = sandbox.comity(&["resume", &run, "--step", "ask", "--not-happened"]).expect(1);
    assert!(refused.err.contains("hint: "), "{}", refused.err);
    sandbox.comity(&["resume", &run, "--approve"]).expect(0);
}

#[test]
fn the_line_to_resume_with_names_the_database() {
    let sandbox = Sandbox::new();
    sandbox.write("flow.yaml", ASKS);
    let waiting = sandbox.comity(&["run", "flow.yaml", "--db", "my runs.db"]).expect(8);
    let run = waiting.run_id();
    assert!(
        waiting.out.contains(&format!("comity resume {run} --approve --db 'my runs.db'\n")),
        "{}",
        waiting.out
    );
    let output = sandbox.command(&["approve", &run]).env("COMITY_DB", "my runs.db").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with(&format!("to go on: comity resume {run}\n")), "{said}");
}
