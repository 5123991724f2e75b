//! What one decision costs: prints a JSON line for each condition. `cargo xtask bench condition` calls it.

use comity_flow::Condition;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::time::Duration;

const DECISIONS: u32 = 500_000;
const REPEAT: usize = 10;

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Nanoseconds of CPU a decision: the best of several rounds.
fn measure(text: &str, scope: &Map<String, Value>) -> Result<f64, String> {
    let condition = Condition::parse(text).map_err(|bad| bad.message)?;
    let values: Vec<Option<&Value>> = condition.names().iter().map(|name| scope.get(&**name)).collect();
    condition.decide(&values).map_err(|undecided| undecided.0)?;
    let mut best = Duration::MAX;
    for _ in 0..REPEAT {
        let before = cpu();
        for _ in 0..DECISIONS {
            let _ = black_box(black_box(&condition).decide(black_box(&values)));
        }
        best = best.min(cpu().saturating_sub(before));
    }
    Ok(best.as_secs_f64() * 1e9 / f64::from(DECISIONS))
}

/// `bench-condition SCOPE TEXT…`, with the scope as JSON.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let scope: Map<String, Value> = serde_json::from_str(&args.next().unwrap_or_default())?;
    for text in args {
        let ns = measure(&text, &scope).map_err(|why| format!("`{text}`: {why}"))?;
        println!("{}", json!({"condition": text, "ns": ns}));
    }
    Ok(())
}
