use super::*;
use crate::args;
use crate::config::Globals;
use crate::printer::{Color, Format};
use comity_core::Unwatched;
use serde_json::json;
use std::sync::Arc;

fn step(name: &str, status: &str, reason: Option<&str>) -> StepReport {
    StepReport {
        step: name.into(),
        status: status.into(),
        reason: reason.map(str::to_owned),
        message: reason.map(|_| "since\nso".to_owned()),
        cost_usd: if status == "settled" { 0.002 } else { 0.0 },
        duration_ms: (status == "settled").then_some(12),
        attempts: 1,
    }
}

fn report(status: &str, steps: Vec<StepReport>, approvals: Vec<ApprovalInfo>) -> RunReport {
    RunReport {
        run_id: "run_1".into(),
        status: status.into(),
        output: Value::Null,
        cost_usd: 0.002,
        cost_micro_usd: 2_000,
        tokens: 0,
        steps,
        approvals,
        head: "ab".repeat(32),
        entries: 9,
        verified: true,
        unprotected: Vec::new(),
    }
}

fn context(db: &str) -> Context {
    let words = ["comity", "runs", "--db", db].map(std::ffi::OsString::from);
    let globals = Globals::of_flags(&args::parse(words).unwrap().globals);
    Context::new(globals, Printer::new(Format::Text, Color::Never), Arc::new(Unwatched))
}

#[test]
fn a_summary_names_verdicts_and_the_head() {
    let steps = vec![
        step("traps", "settled", None),
        step("send", "denied", Some("risk.tier")),
        step("later", "pending", None),
    ];
    let shown = text(&Printer::new(Format::Text, Color::Never), &report("completed", steps, Vec::new()));
    let head = "ab".repeat(32);
    let expected = format!(
        "run:    run_1\nstatus: completed\ncost:   $0.002\n\n\
         STEP   VERDICT  TIME     COST    WHY\n\
         traps  settled  0.012 s  $0.002\n\
         send   denied                    risk.tier: since so\n\
         later  pending\n\n\
         ledger: 9 entries, head {head}, chain verified\n"
    );
    assert_eq!(shown, expected);
}

#[test]
fn a_long_run_shows_what_went_another_way() {
    let mut steps: Vec<StepReport> =
        (0..1000).map(|number| step(&format!("s{number}"), "settled", None)).collect();
    steps[500] = step("odd", "failed", Some("effect.failed"));
    let shown = verdicts(&Printer::new(Format::Text, Color::Never), &steps);
    assert_eq!(shown.lines().count(), 3);
    assert!(shown.contains("odd   failed") && shown.contains("999 of 1000 steps settled; 1 shown here"));
}

#[test]
fn text_comes_out_as_it_is_except_on_a_terminal() {
    let with = |output| RunReport { output, ..report("completed", Vec::new(), Vec::new()) };
    assert_eq!(output(&with(json!("a\u{1b}[1m\n")), false), "a\u{1b}[1m\n\n");
    assert_eq!(output(&with(json!("a\u{1b}[1m")), true), "a\u{fffd}[1m\n\n");
    assert_eq!(output(&with(json!({"b": 1})), false), "{\n  \"b\": 1\n}\n\n");
    assert_eq!(output(&with(Value::Null), false), "");
    let answer = json!({"content": "Done.", "model": "m", "structured": {"n": 1}});
    assert_eq!(output(&with(answer), false), "Done.\n\n");
    assert!(output(&with(json!({"content": " ", "model": "m"})), false).starts_with('{'));
    assert!(output(&with(json!({"content": "x"})), false).starts_with('{'));
}

fn ask(step: &str, approval: &str) -> ApprovalInfo {
    let (approval, step, message) = (approval.to_owned(), step.to_owned(), "a person has to".to_owned());
    ApprovalInfo { approval, step, prompt: Some("Ready?".into()), message, expires_ms: Some(0) }
}

#[test]
fn every_question_comes_with_the_lines_that_answer_it() {
    let context = context("other.db");
    let one = asks(&context, &report("waiting", Vec::new(), vec![ask("review", "apr_1")]));
    let expected = "
review waits for a person
  asked:  Ready?
  why:    a person has to
  until:  1970-01-01T00:00:00.000Z
  to answer and go on:
    comity resume run_1 --approve --db other.db
    comity resume run_1 --reject --db other.db
";
    assert_eq!(one, expected);
    let several = asks(&context, &report("waiting", Vec::new(), vec![ask("a", "apr_1"), ask("b", "apr_2")]));
    assert!(several.contains("comity resume run_1 --approve --step b --db other.db\n"), "{several}");
    let unknown = asks(&context, &report("waiting", Vec::new(), vec![ask("send", "")]));
    assert!(
        unknown.contains("comity resume run_1 --step send --not-happened --db other.db   # "),
        "{unknown}"
    );
    let stopped = asks(&context, &report("interrupted", Vec::new(), Vec::new()));
    assert_eq!(stopped, "\nto go on: comity resume run_1 --db other.db\n");
}

#[test]
fn money_and_counts_read_well() {
    assert_eq!([money(0.002), money(0.0), money(0.1 + 0.2)], ["$0.002", "$0.00", "$0.30"]);
    assert_eq!([count(1, "entry"), count(2, "entry"), count(0, "run")], ["1 entry", "2 entries", "0 runs"]);
}
