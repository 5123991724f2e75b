//! What a person sees of runs, compared with files.

pub use crate::kept::golden;
use crate::sandbox::{Ended, Sandbox};

/// The run that has a bit of everything, in a sandbox of its own.
pub fn review() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path(".comity")).unwrap();
    let run = comity_testkit::fixture::review(&sandbox.path(".comity/comity.db")).unwrap();
    (sandbox, run.to_string())
}

/// Runs a command at 80 and 120 columns, with and without colour, and compares each.
#[track_caller]
fn all(sandbox: &Sandbox, name: &str, words: &[&str], code: i32) {
    for columns in ["80", "120"] {
        for color in ["never", "always"] {
            let mut command = sandbox.command(words);
            command.args(["--color", color]).env("COLUMNS", columns);
            let ended = Ended::of(command.output().unwrap()).expect(code);
            let lit = if color == "always" { ".color" } else { "" };
            golden(&format!("{name}.{columns}{lit}"), &ended.out);
            let room = columns.parse().unwrap();
            // A command is never broken or cropped: it is there to be copied.
            let mut lines = ended.out.lines().map(bare).filter(|line| !line.contains("comity "));
            let wide = lines.find(|line| line.chars().count() > room);
            assert_eq!(wide, None, "{name} at {columns}");
        }
    }
}

/// A line without its colours.
fn bare(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out + rest
}

#[test]
fn a_run_step_by_step() {
    let (sandbox, run) = review();
    all(&sandbox, "trace", &["trace", &run], 0);
    all(&sandbox, "trace_entries", &["trace", &run, "--entries"], 0);
}

#[test]
fn everything_of_a_step() {
    let (sandbox, run) = review();
    all(&sandbox, "trace_verbose", &["trace", &run, "--verbose"], 0);
    all(&sandbox, "trace_step", &["trace", &run, "--step", "draft#2"], 0);
}

#[test]
fn a_run_as_it_stood() {
    let (sandbox, run) = review();
    all(&sandbox, "at_first_pass", &["trace", &run, "--at", "draft#1"], 0);
    all(&sandbox, "at_second_pass", &["trace", &run, "--at", "draft"], 0);
    all(&sandbox, "at_refusal", &["trace", &run, "--at", "send_notice"], 0);
}

#[test]
fn why_each_step_stands_as_it_does() {
    let (sandbox, run) = review();
    let steps = [
        ("settled", "draft"),
        ("suspended", "researcher"),
        ("nested", "researcher/confirm"),
        ("denied", "send_notice"),
        ("skipped", "record"),
        ("rejected", "sign"),
        ("held", "ship"),
        ("scheduled", "publish"),
        ("pending", "done"),
    ];
    for (name, step) in steps {
        all(&sandbox, &format!("explain_{name}"), &["explain", &run, step], 0);
    }
}

#[test]
fn what_happened_line_by_line() {
    let (sandbox, run) = review();
    all(&sandbox, "replay", &["replay", &run], 0);
    all(&sandbox, "watch", &["watch", &run], 8);
    all(&sandbox, "watch_from", &["watch", "--from", "20"], 8);
    all(&sandbox, "runs", &["runs"], 0);
}

#[test]
fn what_it_cost_and_how_it_differs() {
    let (sandbox, run) = review();
    all(&sandbox, "costs", &["costs"], 0);
    all(&sandbox, "costs_by_step", &["costs", &run, "--by", "step"], 0);
    all(&sandbox, "diff_same", &["diff", &run, &run], 0);
}

#[test]
fn the_fixture_is_sound() {
    let (sandbox, run) = review();
    let verified = sandbox.comity(&["verify", &run]).expect(0);
    assert!(verified.out.starts_with("valid: "), "{}", verified.out);
}
