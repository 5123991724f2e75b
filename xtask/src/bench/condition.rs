//! Conditions: what one decision costs, beside CPython's `eval` of the same expression, compiled before.

use super::lab::number;
use super::table::Table;
use serde_json::Value;
use std::process::Command;

const SCOPE: &str = r#"{"confidence": 0.6, "approved": true, "content": "the clause on renewal is a trap",
    "ctx": {"risk": 0.9, "owner": "legal"}, "items": ["a", "b", "c", "d"], "structured": {"risk_score": 0.9}}"#;

const CONDITIONS: &[&str] = &[
    "confidence < 0.8 and approved == True",
    "0.5 <= confidence < 0.8",
    "ctx.get('risk', 0) > 0.85",
    "not approved or 'trap' in content",
    "len(items) > 3 and 'd' in items",
    "structured['risk_score'] <= 0.85 or ctx['owner'] in ('legal', 'finance')",
];

const PYTHON: &str = "
import json, sys, timeit
scope = json.loads(sys.argv[1])
for text in sys.argv[2:]:
    code = compile(text, 'condition', 'eval')
    timer = timeit.Timer('eval(code, scope)', globals={'code': code, 'scope': scope}, timer=__import__('time').process_time)
    print(json.dumps({'condition': text, 'ns': min(timer.repeat(10, 100000)) / 100000 * 1e9}))
";

/// Nanoseconds a decision may take.
const LIMIT: f64 = 100.0;

/// Measures every condition in both; whether each is within its limit.
pub fn run() -> Result<bool, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--release", "--locked", "--quiet", "--package", "comity-testkit"]);
    cargo.args(["--bin", "bench-condition", "--", SCOPE]).args(CONDITIONS);
    let ours = lines(&mut cargo)?;
    let theirs = lines(Command::new("python3").args(["-c", PYTHON, SCOPE]).args(CONDITIONS))?;
    let mut table = Table::default();
    for (text, (ours, theirs)) in CONDITIONS.iter().zip(ours.iter().zip(&theirs)) {
        let (ours, theirs) = (number(ours, "ns"), number(theirs, "ns"));
        table.at_most(text, ours, LIMIT, "ns");
        table.note("  CPython's eval, compiled", theirs, "ns");
        table.note("  ours : CPython's", ours / theirs, "x");
    }
    println!("\n{}", table.text());
    Ok(table.is_met())
}

fn lines(command: &mut Command) -> Result<Vec<Value>, String> {
    let ran = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    let lines: Vec<Value> = String::from_utf8_lossy(&ran.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if lines.len() == CONDITIONS.len() { Ok(lines) } else { Err("a figure is missing".to_owned()) }
}
