//! What MeshFlow 1.3.0 answers, and what we answer, case by case.

#![expect(clippy::expect_used, reason = "tests")]

use comity_testkit::cases::{SUITES, Stance, Suite, table};

/// Answers every case of one file; how many there are for each stance.
fn drive(name: &str) -> [usize; 4] {
    let suite: &Suite = SUITES.iter().find(|suite| suite.name == name).expect("there is such a file");
    let judged = suite.judge();
    let faults: Vec<String> = judged
        .iter()
        .filter_map(|judged| Some(format!("{}: {}", judged.case.id, judged.fault.as_ref()?)))
        .collect();
    assert_eq!(faults, [""; 0], "{}", faults.join("\n"));
    let count = |stance| judged.iter().filter(|judged| judged.case.stance == stance).count();
    [count(Stance::Follow), count(Stance::Diverge), count(Stance::Decided), count(Stance::Pending)]
}

#[test]
fn cron_answers_by_stance() {
    assert_eq!(drive("cron"), [1, 1, 5, 0]);
}

#[test]
fn conditions_answer_by_stance() {
    assert_eq!(drive("edge_conditions"), [14, 0, 1, 0]);
}

#[test]
fn findings_answer_by_stance() {
    assert_eq!(drive("lint"), [7, 0, 1, 0]);
}

#[test]
fn output_schemas_answer_by_stance() {
    assert_eq!(drive("output_schema"), [9, 0, 0, 0]);
}

#[test]
fn trace_headers_answer_by_stance() {
    assert_eq!(drive("traceparent"), [4, 0, 1, 0]);
}

#[test]
fn runs_answer_by_stance() {
    assert_eq!(drive("workflow_run"), [4, 7, 4, 2]);
}

#[test]
fn workflow_files_answer_by_stance() {
    assert_eq!(drive("workflow_yaml"), [10, 0, 1, 10]);
}

#[test]
fn every_file_is_driven_and_every_listed_case_is_there() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).unwrap();
    let mut files: Vec<String> =
        files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let driven: Vec<String> = SUITES.iter().map(|suite| format!("{}.jsonl", suite.name)).collect();
    assert_eq!(files, driven);
    for suite in SUITES {
        assert_eq!(suite.strays(), [""; 0], "{}", suite.name);
    }
}

#[test]
fn the_table_names_what_is_pending() {
    let (table, is_right) = table();
    assert!(is_right, "{table}");
    assert!(table.contains("pending  workflow_run-0019: "), "{table}");
}
