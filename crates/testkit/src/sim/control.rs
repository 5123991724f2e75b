//! Workflows that loop, choose, try again, wait for moments and nest others.

use crate::random::Random;
use crate::sim::scenario::Flow;
use std::fmt::Write;

/// How often a step may be tried again.
pub const RETRIES: u64 = 2;

const POLICY: &str = "policy: {budget_usd: 1, max_steps: 500, timeout_s: 100000}\n";

/// A loop around a step that may happen only once a pass; a choice and where its ways meet; a step that fails
/// at first; a moment; a workflow inside; and an end.
pub fn flow(random: &Random) -> Flow {
    let mut flow = Flow { passes: 1 + random.below(3) as u64, ..Flow::default() };
    let passes = flow.passes;
    let _ = write!(flow.source, "name: control\n{POLICY}nodes:\n");
    for step in 0..7 {
        let keys = match step {
            6 => format!(", flunks: {}, max_retries: {RETRIES}, retry_backoff_s: 0.02", random.below(4)),
            _ => String::new(),
        };
        // A step that may fail and is tried again may happen again.
        let once = step != 6 && random.one_in(2);
        let price = random.below(5) * 100;
        let _ = writeln!(flow.source, "  s{step}: {}", probe(random, once, price, 0, &keys));
        flow.prices.push(price as u64);
        flow.once.push(once);
        flow.probes.push(true);
    }
    let wait = 1 + random.below(60);
    let _ = write!(
        flow.source,
        "  s7: {{kind: timer, after_s: 0.{wait:03}}}\n  \
         s8: {{kind: subgraph, workflow: inner.yaml, max_retries: {RETRIES}, retry_backoff_s: 0.03}}\n"
    );
    let _ = writeln!(flow.source, "  s9: {}", probe(random, false, 100, 0, ""));
    flow.prices.extend([0, 0, 100]);
    flow.once.extend([false; 3]);
    flow.probes.extend([false, false, true]);
    let _ = write!(
        flow.source,
        "edges:\n  - s0 -> s1 -> s2 -> s3\n  - {{from: s3, to: s4, condition: 'n > 1'}}\n  \
         - {{from: s3, to: s5, condition: 'n <= 1'}}\n  - s4 -> s6\n  - s5 -> s6\n  \
         - s6 -> s7 -> s9\n  - s6 -> s8 -> s9\n\
         loop_edges:\n  - {{from: s3, to: s1, condition: 'n < {passes}', max_iterations: 4}}\n"
    );
    flow.files.insert("inner.yaml".to_owned(), inner(random));
    flow
}

fn inner(random: &Random) -> String {
    let mut text = "name: inner\nnodes:\n".to_owned();
    let keys = ["", "", "", ", fails: true"].get(random.below(4)).copied().unwrap_or_default();
    let once = random.one_in(2);
    let _ = writeln!(text, "  t0: {}", probe(random, false, 300, 300, ""));
    let _ = writeln!(text, "  t1: {}", probe(random, once, 200, 200, ""));
    if random.one_in(2) {
        let _ = writeln!(text, "  t2: {{kind: human, prompt: ok?}}");
    } else {
        let _ = writeln!(text, "  t2: {{kind: timer, after_s: 0.{:03}}}", 1 + random.below(60));
    }
    let _ = writeln!(text, "  t3: {}", probe(random, false, 100, 100, keys));
    text + "edges: [t0 -> t1 -> t2 -> t3]\n"
}

/// `worth` is noted as spent with its effect, for steps whose price nobody looks up.
fn probe(random: &Random, once: bool, price: usize, worth: u64, keys: &str) -> String {
    let (delay, children) = (random.below(20), if random.one_in(4) { random.below(3) } else { 0 });
    let fails = if keys.contains("fails:") { "" } else { ", fails: false" };
    format!(
        "{{kind: probe, idempotent: {}, risk: read-only, price_usd: 0.{price:06}, delay_ms: {delay}, \
         children: {children}, once: {once}, worth: {worth}{fails}{keys}}}",
        !once
    )
}
