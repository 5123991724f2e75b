//! Workflow files that tests and benches run.

use std::fmt::Write;

const POLICY: &str = "policy: {budget_usd: 1000, max_steps: 1000000, timeout_s: 86400}\n";

/// What each step of a workload produces: 225 bytes, so that no payload is a toy.
pub fn payload() -> String {
    "The notice period ends sixty days before the renewal date. ".repeat(4).chars().take(225).collect()
}

/// `steps` steps in a row, each of which hands on [`payload`].
pub fn chain(steps: usize) -> String {
    chain_of(steps, &payload())
}

/// `steps` steps in a row, each of which hands on `text`: a file of many steps has room for little.
pub fn chain_of(steps: usize, text: &str) -> String {
    let mut flow = format!("name: chain\n{POLICY}nodes:\n");
    for step in 0..steps {
        let _ = writeln!(flow, "  n{step:05}: {{kind: echo, text: \"{text}\", price_usd: 0.0001}}");
    }
    if steps > 1 {
        flow.push_str("edges:\n");
    }
    for step in 1..steps {
        let _ = writeln!(flow, "  - n{:05} -> n{step:05}", step - 1);
    }
    flow
}

/// One step, then `branches` that each take `delay_ms`, then one that joins them.
pub fn fan(branches: usize, delay_ms: u64) -> String {
    let text = payload();
    let mut flow = format!("name: fan\n{POLICY}nodes:\n  start: {{kind: echo, text: go}}\n");
    for branch in 0..branches {
        let _ = writeln!(flow, "  b{branch:05}: {{kind: echo, text: \"{text}\", delay_ms: {delay_ms}}}");
    }
    flow.push_str("  join: {kind: echo, text: done}\nedges:\n");
    for branch in 0..branches {
        let _ = writeln!(flow, "  - start -> b{branch:05} -> join");
    }
    flow
}
