//! Plays seeds: `sim --seeds N [--from S]`, or one seed, or a planted defect that must be found.

use comity_govern::planted::Defect;
use comity_testkit::sim::{Outcome, run_seed};

/// Seeds within which every planted defect must be found.
const PATIENCE: u64 = 2_000;

fn number(name: &str, otherwise: u64) -> u64 {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == name);
    at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(otherwise)
}

fn add(total: &mut Outcome, one: &Outcome) {
    total.kills += one.kills;
    total.drops += one.drops;
    total.overlaps += one.overlaps;
    total.choices += one.choices;
}

fn honest(from: u64, seeds: u64) -> bool {
    let mut total = Outcome::default();
    for seed in from..from + seeds {
        let outcome = run_seed(seed, None);
        if let Some(violation) = outcome.violation {
            println!("violated: {violation}\nagain: cargo xtask sim --from {seed} --seeds 1");
            return false;
        }
        add(&mut total, &outcome);
    }
    let Outcome { kills, drops, overlaps, choices, .. } = total;
    println!(
        "{seeds} seeds: {choices} choices, {kills} kills, {drops} drops, {overlaps} overlaps, no violation"
    );
    true
}

fn planted(defect: Defect) -> bool {
    let found =
        (0..PATIENCE).find_map(|seed| run_seed(seed, Some(defect)).violation.map(|what| (seed, what)));
    match found {
        Some((seed, what)) => {
            let line = what.lines().next().unwrap_or_default();
            println!("planted {defect:?}: found at seed {seed}: {line}");
            true
        }
        None => {
            println!("planted {defect:?}: not found in {PATIENCE} seeds");
            false
        }
    }
}

fn main() {
    let honest = honest(number("--from", 0), number("--seeds", 200));
    let found = honest && Defect::ALL.into_iter().all(planted);
    std::process::exit(i32::from(!(honest && found)));
}
