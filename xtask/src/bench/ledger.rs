//! The ledger: how fast entries become durable and are verified, in each store, beside what the peers keep.

use super::lab::{Lab, number};
use super::postgres::Server;
use super::table::Table;
use serde_json::{Value, json};

/// A store that is measured, and what it has to reach.
struct Place<'l> {
    name: &'l str,
    /// The file or the address; a file is made anew for each workload.
    address: String,
    appends_per_second: f64,
    /// How long a lone append may take in the middle, in microseconds, where that was promised.
    lone_us: Option<f64>,
}

/// Measures everything; whether every target is met.
pub fn run(peers: bool, quick: bool) -> Result<bool, String> {
    let lab = Lab::set_up()?;
    let mut table = Table::default();
    let theirs = if peers { measure_peers(&lab, &mut table)? } else { Vec::new() };
    let scratch = lab.scratch.display().to_string();
    table.note(
        "the disk: 4 KiB written and synced, p50",
        number(&lab.ledger(&["disk", &scratch])?, "fdatasync_p50_us"),
        "us",
    );
    let file = lab.scratch.join("ledger.db").display().to_string();
    // A store of another kind is one more line here.
    let server = Server::start(&["shared_buffers=256MB", "max_wal_size=4GB"]);
    server.create("ledger");
    let places = [
        Place { name: "SQLite", address: file, appends_per_second: 50_000.0, lone_us: Some(60.0) },
        Place {
            name: "PostgreSQL",
            address: server.socket_url("ledger"),
            appends_per_second: 30_000.0,
            lone_us: None,
        },
    ];
    for place in &places {
        appends(&lab, &mut table, place, if quick { 1_000 } else { 10_000 })?;
    }
    verification(&lab, &mut table, &theirs, if quick { 50_000 } else { 1_000_000 })?;
    lab.clear()?;
    println!("\n{}", table.text());
    let report = lab.report("ledger");
    let figures = json!({"figures": table.json(), "peers": theirs});
    std::fs::write(&report, format!("{figures:#}\n")).map_err(|error| error.to_string())?;
    println!("as JSON: {}", report.display());
    Ok(table.is_met())
}

fn measure_peers(lab: &Lab, table: &mut Table) -> Result<Vec<Value>, String> {
    println!("peers, in this run: one caller, rows of 1 KB");
    let mut lines = lab.peer("meshflow", "meshflow_ledger.py", "requirements-meshflow.txt")?;
    lines.extend(lab.peer("langgraph", "langgraph_ledger.py", "requirements-langgraph.txt")?);
    for line in &lines {
        let name = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let what = format!("{} {}", name("peer"), name("act"));
        table.note(&format!("{what}, rows a second"), 1e6 / number(line, "wall_us_per_row"), "rows");
        table.note(&format!("{what}, CPU a row"), number(line, "cpu_us_per_row"), "us");
    }
    Ok(lines)
}

fn appends(lab: &Lab, table: &mut Table, place: &Place<'_>, millis: u64) -> Result<(), String> {
    let Place { name, address, .. } = place;
    println!("{name}: entries of 1 KB, spelled out, encrypted, linked and stored");
    lab.clear()?;
    let many = lab.ledger(&["together", address, "power", "64", &millis.to_string()])?;
    let per_second = number(&many, "appends_per_second");
    table.at_least(
        &format!("{name}, 64 callers at `power`"),
        per_second,
        place.appends_per_second,
        "appends/s",
    );
    table.note("  appends a sync", number(&many, "appends_per_commit"), "appends");
    table.note("  CPU an append", number(&many, "cpu_us_per_append"), "us");
    lab.clear()?;
    let lone = lab.ledger(&["lone", address, "process", "20000"])?;
    let what = format!("{name}, a lone caller at `process`, p50");
    match place.lone_us {
        Some(limit) => table.at_most(&what, number(&lone, "p50_us"), limit, "us"),
        None => table.note(&what, number(&lone, "p50_us"), "us"),
    }
    table.note("  p99", number(&lone, "p99_us"), "us");
    table.note("  CPU an append", number(&lone, "cpu_us_per_append"), "us");
    lab.clear()?;
    let durable = lab.ledger(&["lone", address, "power", "2000"])?;
    table.note(&format!("{name}, a lone caller at `power`, p50"), number(&durable, "p50_us"), "us");
    Ok(())
}

fn verification(lab: &Lab, table: &mut Table, theirs: &[Value], entries: u64) -> Result<(), String> {
    println!("verification of {entries} entries, in a process of its own");
    let database = lab.scratch.join("fill.db").display().to_string();
    lab.work(&["fill", &database, &entries.to_string()])?;
    let verified = lab.work_here(&["verify", &database])?;
    table.at_least("entries verified", number(&verified, "entries"), entries as f64, "entries");
    let millionth = number(&verified, "cpu_s") * 1e6 / entries as f64;
    table.at_most("verify, CPU a million entries", millionth, 3.0, "s");
    table.note("  wall", number(&verified, "wall_s"), "s");
    table.at_most("  peak memory", number(&verified, "peak_mb"), 100.0, "MB");
    let chain = theirs.iter().find(|line| line.get("act").and_then(Value::as_str) == Some("verify_chain"));
    if let Some(chain) = chain {
        let ratio = millionth / number(chain, "cpu_us_per_row");
        table.note("  ours : MeshFlow's verify_chain, CPU an entry", ratio, "x");
    }
    Ok(())
}
