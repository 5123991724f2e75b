//! The path: what a governed step costs, beside what the peers take for an ungoverned one.

use super::lab::{Lab, number};
use super::table::Table;
use serde_json::{Value, json};

/// Measures everything; whether every target is met.
pub fn run(peers: bool, quick: bool) -> Result<bool, String> {
    let lab = Lab::set_up()?;
    let mut table = Table::default();
    let (meshflow, langgraph) =
        if peers { measure_peers(&lab, &mut table)? } else { (Vec::new(), Vec::new()) };
    chains(&lab, &mut table, &meshflow, &langgraph)?;
    together(&lab, &mut table)?;
    wide(&lab, &mut table)?;
    verification(&lab, &mut table, if quick { 50_000 } else { 1_000_000 })?;
    let (help, memory) = lab.start_up(&["--help"])?;
    table.at_most("comity --help, wall", help.as_secs_f64() * 1e3, 20.0, "ms");
    table.at_most("comity --help, peak memory", memory, 20.0, "MB");
    lab.clear()?;
    println!("\n{}", table.text());
    let report = lab.report("path");
    let figures = json!({"figures": table.json(), "meshflow": meshflow, "langgraph": langgraph});
    std::fs::write(&report, format!("{figures:#}\n")).map_err(|error| error.to_string())?;
    println!("as JSON: {}", report.display());
    Ok(table.is_met())
}

fn measure_peers(lab: &Lab, table: &mut Table) -> Result<(Vec<Value>, Vec<Value>), String> {
    println!("peers, in this run");
    let meshflow = lab.peer("meshflow", "meshflow_chain.py", "requirements-meshflow.txt")?;
    let langgraph = lab.peer("langgraph", "langgraph_chain.py", "requirements-langgraph.txt")?;
    for line in meshflow.iter().chain(&langgraph) {
        let name = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if line.get("cpu_us_per_step").is_some() {
            let what = format!("{} {}, CPU a step", name("peer"), name("durability"));
            table.note(&what, number(line, "cpu_us_per_step"), "us");
        }
    }
    Ok((meshflow, langgraph))
}

/// CPU a step of a peer's chain.
fn peer(lines: &[Value], durability: &str) -> f64 {
    let chain = lines.iter().find(|line| {
        line.get("durability").and_then(Value::as_str) == Some(durability)
            && line.get("cpu_us_per_step").is_some()
    });
    chain.map_or(f64::NAN, |line| number(line, "cpu_us_per_step"))
}

fn chains(lab: &Lab, table: &mut Table, meshflow: &[Value], langgraph: &[Value]) -> Result<(), String> {
    println!("chains of 200 steps, 225 bytes handed on, ledger verified after each");
    let scratch = lab.scratch.display().to_string();
    let process = number(&lab.work(&["chain", &scratch, "process", "200", "20"])?, "cpu_us_per_step");
    table.note("chain at `process`, CPU a step (goal 50)", process, "us");
    let power = lab.work(&["chain", &scratch, "power", "200", "20"])?;
    let power_cpu = number(&power, "cpu_us_per_step");
    table.note("chain at `power`, CPU a step", power_cpu, "us");
    table.note("chain at `power`, wall a step", number(&power, "wall_us_per_step"), "us");
    if !meshflow.is_empty() {
        table.at_most("`process` : MeshFlow in memory", process / peer(meshflow, "memory"), 0.1, "x");
        table.at_most(
            "`process` : LangGraph with SqliteSaver",
            process / peer(langgraph, "sqlite"),
            0.25,
            "x",
        );
        table.at_most("`power` : MeshFlow on disk", power_cpu / peer(meshflow, "disk"), 1.0 / 6.0, "x");
    }
    // The difference of two lengths leaves opening, closing and verifying out.
    let few = lab.syncs(&["chain", &scratch, "power", "200", "1"])?;
    let many = lab.syncs(&["chain", &scratch, "power", "600", "1"])?;
    table.at_most("fdatasync a step at `power`", many.saturating_sub(few) as f64 / 400.0, 1.01, "calls");
    let long = lab.work(&["long", &scratch, "10000"])?;
    let (early, late) = (number(&long, "early_us_per_step"), number(&long, "late_us_per_step"));
    table.note("step 100 to 1,000 of 10,000, CPU", early, "us");
    table.at_most("the last 1,000 : the first 1,000", late / early, 1.2, "x");
    Ok(())
}

fn together(lab: &Lab, table: &mut Table) -> Result<(), String> {
    println!("64 runs of 200 steps at the same time, at `power`");
    let scratch = lab.scratch.display().to_string();
    let one = number(&lab.work(&["many", &scratch, "power", "1", "2000"])?, "cpu_us_per_step");
    let many = lab.work(&["many", &scratch, "power", "64", "200"])?;
    table.at_least("64 runs: steps a sync", number(&many, "steps_per_commit"), 16.0, "steps");
    table.note("64 runs: steps a second", number(&many, "steps_per_second"), "steps");
    table.note("one run at `power`, CPU a step", one, "us");
    table.at_most("64 runs at `power`, CPU a step", number(&many, "cpu_us_per_step"), one, "us");
    Ok(())
}

fn wide(lab: &Lab, table: &mut Table) -> Result<(), String> {
    println!("fan-out of in-process sleeps of 50 ms, at `power`");
    let scratch = lab.scratch.display().to_string();
    let thousand = lab.work(&["fan", &scratch, "power", "1000", "50"])?;
    table.at_most("fan-out of 1,000, wall", number(&thousand, "wall_ms"), 150.0, "ms");
    let hundred = lab.work(&["fan", &scratch, "power", "100", "50"])?;
    table.at_most("fan-out of 100, wall", number(&hundred, "wall_ms"), 80.0, "ms");
    Ok(())
}

fn verification(lab: &Lab, table: &mut Table, entries: u64) -> Result<(), String> {
    println!("verification of {entries} entries, in a process of its own");
    let database = lab.scratch.join("fill.db").display().to_string();
    lab.work(&["fill", &database, &entries.to_string()])?;
    let verified = lab.work_here(&["verify", &database])?;
    table.at_least("entries verified", number(&verified, "entries"), entries as f64, "entries");
    table.at_most("verify, peak memory", number(&verified, "peak_mb"), 100.0, "MB");
    table.note("verify, CPU", number(&verified, "cpu_s"), "s");
    Ok(())
}
