//! Trace headers are read as the cases taken from MeshFlow 1.3.0 want them to be.

use comity_core::{RunId, TraceContext};
use serde_json::Value;

const CASES: &str = include_str!("cases/traceparent.jsonl");

/// Decided for `traceparent-0003`: an empty header with a trace id expected means that a fresh one is made, and
/// which is chance there. Ours is derived from the run, so that a run that is resumed stays in its trace.
#[test]
fn every_case_is_answered_by_its_stance() {
    let mut followed = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (id, expected) = (&case["id"], &case["expected"]["trace_id"]);
        assert_eq!(case["stance"], "follow", "{id}: nobody has decided");
        let read = TraceContext::parse(case["input"]["header"].as_str().unwrap());
        if id == "traceparent-0003" {
            assert_eq!(read, None, "{id}");
            let fresh = TraceContext::of_run(RunId::from_bytes([7; 16]));
            assert_eq!(TraceContext::parse(&fresh.to_string()), Some(fresh), "{id}");
        } else {
            let trace = read.map(|read| read.to_string().split('-').nth(1).unwrap().to_owned());
            assert_eq!(trace.as_deref(), expected.as_str(), "{id}");
        }
        followed += 1;
    }
    assert_eq!(followed, 5);
}
