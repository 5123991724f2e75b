//! `traceparent.jsonl`: which trace a header belongs to.

use super::{Case, Suite, nothing, same};
use comity_core::{RunId, TraceContext};

/// The case without a header in which a trace is expected all the same.
const FRESH: &str = "traceparent-0003";

pub(super) const TRACEPARENT: Suite = Suite {
    name: "traceparent",
    text: include_str!("../../tests/cases/traceparent.jsonl"),
    decided: &[(
        FRESH,
        "without a header a fresh trace is made, by chance there and from the run's id here, so that a run that is \
         resumed stays in its trace",
    )],
    pending: &[],
    judge,
    meanwhile: nothing,
};

fn judge(case: &Case) -> Result<(), String> {
    let read = TraceContext::parse(case.input["header"].as_str().expect("a header is a text"));
    if case.id == FRESH {
        let fresh = TraceContext::of_run(RunId::from_bytes([7; 16]));
        same("trace", &read, &None)?;
        return same("fresh trace", &TraceContext::parse(&fresh.to_string()), &Some(fresh));
    }
    let trace = read.and_then(|read| read.to_string().split('-').nth(1).map(str::to_owned));
    same("trace", &trace.as_deref(), &case.expected["trace_id"].as_str())
}
