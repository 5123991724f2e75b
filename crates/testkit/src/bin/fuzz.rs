//! Mangled input until the time is up: `fuzz TARGET [--minutes 1] [--seed S] [--executions N]`.
//!
//! Each execution has a seed of its own, so that `--seed S --executions 1` plays one again.

#![expect(
    clippy::disallowed_methods,
    reason = "a fuzzer: it times what it calls, and takes its seed from the clock"
)]

use comity_testkit::fuzz::{TARGETS, Target};
use comity_testkit::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long one execution may take.
const PATIENCE: Duration = Duration::from_secs(2);

fn option(name: &str) -> Option<u64> {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1)?.parse().ok()
}

/// What is being executed, and since when.
type Watched = Arc<Mutex<Option<(u64, String, Instant)>>>;

/// Ends the process when an execution does not come back: nothing else could end it.
fn watch(watched: Watched) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let now = watched.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((seed, input, since)) = &*now
                && since.elapsed() > PATIENCE * 5
            {
                report(*seed, input, "it does not come back");
                std::process::exit(1);
            }
        }
    });
}

fn report(seed: u64, input: &str, what: &str) {
    println!("found: {what}\nseed: {seed}\ninput: {input:?}");
}

/// What is wrong with one execution.
fn execute(target: &Target, seed: u64, watched: &Watched) -> Result<(), ()> {
    let random = Random::new(seed);
    let input = (target.input)(&random);
    let start = Instant::now();
    *watched.lock().unwrap_or_else(PoisonError::into_inner) = Some((seed, input.clone(), start));
    let what = match catch_unwind(AssertUnwindSafe(|| (target.check)(&input, &random))) {
        Ok(Ok(())) if start.elapsed() < PATIENCE => return Ok(()),
        Ok(Ok(())) => format!("it took {} ms", start.elapsed().as_millis()),
        Ok(Err(what)) => what,
        Err(_) => "it panicked".to_owned(),
    };
    report(seed, &input, &what);
    Err(())
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("error: `{name}` is not a target\n\nhint: choose from {}", names.join(", "));
        return ExitCode::from(2);
    };
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // Far apart, so that two runs do not share executions.
    let first = option("--seed").unwrap_or(clock << 24);
    let most = option("--executions").unwrap_or(u64::MAX);
    let (start, limit) = (Instant::now(), Duration::from_secs(60 * option("--minutes").unwrap_or(1)));
    let watched = Watched::default();
    watch(Arc::clone(&watched));
    let mut done = 0;
    while done < most && start.elapsed() < limit {
        if execute(target, first.wrapping_add(done), &watched).is_err() {
            return ExitCode::FAILURE;
        }
        done += 1;
    }
    println!("{name}: {done} executions in {} s from seed {first}, nothing found", start.elapsed().as_secs());
    ExitCode::SUCCESS
}
