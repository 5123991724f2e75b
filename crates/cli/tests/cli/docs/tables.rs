//! Pages that list what there is: nothing is left out, and nothing else is listed.

use super::text;
use crate::sandbox::Sandbox;
use comity_api::{Event, EventKind, Origin};
use comity_cli::Exit;
use comity_core::ReasonCode;

/// The first cells of the tables under a heading, without backticks; of the whole page if it is empty.
fn listed(page: &str, heading: &str) -> Vec<String> {
    let text = text(page);
    let part = if heading.is_empty() { text.as_str() } else { section(&text, heading) };
    let rows = part.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let cells = rows.filter(|cell| cell.starts_with(['`', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']));
    cells.map(|cell| cell.trim_matches('`').to_owned()).collect()
}

fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no `{heading}`"));
    rest.split("\n## ").next().unwrap()
}

#[test]
fn every_exit_code_is_listed() {
    let listed = listed("reference/exit-codes.md", "All of them");
    let codes: Vec<String> = Exit::ALL.iter().map(|(exit, _)| exit.code().to_string()).collect();
    assert_eq!(listed, codes);
    let page = text("reference/exit-codes.md");
    for (exit, words) in Exit::ALL {
        assert!(page.contains(&format!("| {} | {words} |", exit.code())), "{words}");
    }
    let help = Sandbox::new().comity(&["--help"]).expect(0).out;
    let help: String = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for (exit, words) in Exit::ALL {
        assert!(help.contains(&format!("{} {words}", exit.code())), "{words}: {help}");
    }
}

#[test]
fn every_reason_is_listed_with_its_meaning() {
    let codes: Vec<&str> = ReasonCode::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(listed("reference/reasons.md", ""), codes);
    for line in text("reference/reasons.md").lines().filter(|line| line.starts_with("| `")) {
        assert!(line.split('|').filter(|cell| cell.trim().len() > 4).count() >= 2, "{line}");
    }
}

/// The words of an enum, from what serde says that it expected.
fn event_kinds() -> Vec<String> {
    let error = serde_json::from_str::<EventKind>("\"?\"").unwrap_err().to_string();
    let expected = error.split_once("expected one of").unwrap().1;
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_event_is_listed() {
    let kinds = event_kinds();
    assert!(kinds.contains(&"run_finished".to_owned()), "{kinds:?}");
    assert_eq!(listed("reference/events.md", "Kinds"), kinds);
}

#[test]
fn every_field_of_an_event_is_listed() {
    let text = || Some("x".to_owned());
    let full = Event {
        attempt: Some(1),
        iteration: Some(1),
        due_ms: Some(1),
        reason: text(),
        message: text(),
        approval: text(),
        cost_usd: Some(1.0),
        duration_ms: Some(1),
        origin: Some(Origin { run_id: "x".into(), seq: 1, hash: "x".into(), edited_by: None }),
        status: text(),
        output: Some(serde_json::Value::from(1)),
        ..Event::bare(EventKind::StepSettled, "a")
    };
    let serde_json::Value::Object(fields) = serde_json::to_value(&full).unwrap() else { panic!("a map") };
    let mut listed = listed("reference/events.md", "Fields");
    listed.sort();
    let mut fields: Vec<String> = fields.keys().cloned().collect();
    fields.sort();
    assert_eq!(listed, fields);
}

#[test]
fn every_command_is_listed() {
    let help = Sandbox::new().comity(&["--help"]).expect(0).out;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    let listed = listed("reference/commands.md", "");
    let mut first: Vec<&str> = listed.iter().map(|cell| cell.split(' ').next().unwrap()).collect();
    first.retain(|word| !word.starts_with('-'));
    first.dedup();
    let commands: Vec<&str> = commands.into_iter().filter(|command| *command != "help").collect();
    assert_eq!(first, commands);
}
