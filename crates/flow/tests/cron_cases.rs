//! Schedules answer as the cases taken from MeshFlow 1.3.0 want them to.

#![expect(clippy::unwrap_used, reason = "tests")]

use comity_core::Timestamp;
use comity_flow::Timer;
use serde_json::{Value, json};

const CASES: &str = include_str!("cases/cron.jsonl");

fn timer(key: &str, text: &Value) -> Result<Timer, String> {
    Timer::parse(json!({ key: text }).as_object().unwrap()).map_err(|bad| bad.to_string())
}

fn moment(text: &Value) -> Timestamp {
    timer("until", text).unwrap().due(Timestamp::default()).unwrap()
}

/// Decided for the five cases to be reviewed: all are followed. They are what every cron answers: the first
/// firing strictly after the moment (0002, 0003, 0008), and Sunday under both of its numbers (0006, 0007).
#[test]
fn every_case_is_answered_by_its_stance() {
    let mut followed = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (id, input, expected) = (&case["id"], &case["input"], &case["expected"]);
        let parsed = timer("cron", &input["expr"]);
        match (case["stance"].as_str().unwrap(), expected.is_string()) {
            ("follow" | "review", true) => {
                let due = parsed.unwrap().due(moment(&input["after"]));
                assert_eq!(due, Some(moment(expected)), "{id}");
            }
            ("follow", false) => {
                // It raises for an expression that is none; ours refuses it when the file is read.
                let message = "minute `a` is no number from 0 to 59 in `a b c d e`";
                assert_eq!(parsed.unwrap_err(), message, "{id}");
            }
            ("diverge", _) => {
                let message = "`0 0 31 2 *` never fires: no month it names has such a day";
                assert_eq!(parsed.unwrap_err(), message, "{id}");
            }
            stance => panic!("{id}: nobody has decided about {stance:?}"),
        }
        followed += 1;
    }
    assert_eq!(followed, 7);
}
