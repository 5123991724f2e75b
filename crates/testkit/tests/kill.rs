//! Kills the program at every point of a workflow, goes on, and compares with what its steps noted.
//!
//! The oracle is a file that each step itself appends its name to and syncs; the ledger is what is judged.
//! `COMITY_KILLS=all` takes every point of both workflows, `COMITY_SEED=N` repeats a choice.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an integration test, all of it")]
#![expect(clippy::disallowed_methods, reason = "the subject is processes and what they leave in files")]

#[path = "shared/oracle.rs"]
mod oracle;
#[path = "shared/sandbox.rs"]
mod sandbox;

use comity_api::{Event, RunReport, TraceRow};
use oracle::{Tally, reply, tally, unknown, wait_for_orphans};
use sandbox::{Ended, Sandbox, graph, words};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const POINTS: [&str; 4] = ["before_commit", "after_commit", "before_effect", "after_effect"];

/// Commands that a point is looked for in again, when the one that should have died there came by less often.
const TRIES: usize = 5;

/// A workflow, and the exit codes of the commands that take it to its end: `run`, then `resume --approve`s.
struct Subject {
    name: &'static str,
    sandbox: fn() -> Sandbox,
    codes: &'static [i32],
    /// How many of its steps end with a result.
    settles: u64,
}

const EXAMPLE: Subject = Subject { name: "example", sandbox: Sandbox::example, codes: &[8, 0], settles: 5 };
const GRAPH: Subject = Subject { name: "graph", sandbox: || Sandbox::new(graph), codes: &[0], settles: 30 };

/// When a command is killed.
#[derive(Clone, Debug)]
enum When {
    /// By itself, at a point: `before_commit:7`.
    At(String),
    /// From outside, after so long.
    After(Duration),
}

/// One life and its afterlife.
#[derive(Clone, Debug)]
struct Case {
    /// Which of the commands is killed.
    command: usize,
    when: When,
    /// Where the first command that goes on is killed as well.
    again: Option<String>,
}

/// What came of a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Killed(usize),
    /// The point was not reached: the command ended by itself, and well.
    Missed,
}

#[test]
fn every_point_of_the_example() {
    let mut cases = EXAMPLE.cases();
    let mut dice = Dice::new();
    for case in cases.iter_mut().step_by(3) {
        case.again = Some(dice.point(4));
    }
    EXAMPLE.play(cases);
}

#[test]
fn points_of_thirty_steps() {
    let mut dice = Dice::new();
    let mut cases = GRAPH.cases();
    if std::env::var("COMITY_KILLS").as_deref() != Ok("all") {
        let offset = dice.below(EVERY);
        cases = cases.into_iter().skip(offset).step_by(EVERY).collect();
    }
    for case in cases.iter_mut().skip(1).step_by(3) {
        case.again = Some(dice.point(20));
    }
    GRAPH.play(cases);
}

/// In the default run, every so many-th point of the thirty steps is taken.
const EVERY: usize = 6;

#[test]
fn any_instant() {
    let all = std::env::var("COMITY_KILLS").as_deref() == Ok("all");
    let mut dice = Dice::new();
    let mut cases = Vec::new();
    for _ in 0..if all { 100 } else { 10 } {
        let when = When::After(Duration::from_micros(dice.below(400_000) as u64));
        cases.push(Case { command: 0, when, again: Some(dice.point(20)) });
    }
    GRAPH.play(cases);
}

/// Numbers by a seed that is printed.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let seed = std::env::var("COMITY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
        println!("COMITY_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn point(&mut self, most: usize) -> String {
        let point = POINTS.get(self.below(POINTS.len())).copied().unwrap_or_default();
        format!("{point}:{}", 1 + self.below(most))
    }
}

impl Subject {
    /// One case for every time that one of its undisturbed commands reaches a point.
    fn cases(&self) -> Vec<Case> {
        let sandbox = (self.sandbox)();
        let mut cases = Vec::new();
        for (command, code) in self.codes.iter().enumerate() {
            let file = sandbox.path("points");
            let arguments = self.arguments(&sandbox, command);
            let mut process = sandbox.command(&words(&arguments));
            Ended::of(process.env("COMITY_POINTS_FILE", &file).output().unwrap()).expect(*code);
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                let (point, total) = line.split_once(' ').unwrap();
                for nth in 1..=total.parse().unwrap() {
                    let nth: usize = nth;
                    cases.push(Case { command, when: When::At(format!("{point}:{nth}")), again: None });
                }
            }
        }
        cases
    }

    /// The command that takes the workflow on, the others before it done.
    fn arguments(&self, sandbox: &Sandbox, command: usize) -> Vec<String> {
        if command == 0 {
            return sandbox.run();
        }
        let run = sandbox.runs().first().unwrap().run_id.clone();
        vec!["resume".to_owned(), run, "--approve".to_owned()]
    }

    /// Plays the cases, two at a time, and fails with all that went wrong.
    fn play(&self, cases: Vec<Case>) {
        let (count, began) = (cases.len(), Instant::now());
        let queue = Mutex::new(cases.into_iter());
        let fates = Mutex::new((0, 0, Vec::new()));
        let work = || {
            loop {
                let Some(case) = queue.lock().unwrap().next() else { break };
                let fate = catch_unwind(AssertUnwindSafe(|| self.case(&case)));
                let mut fates = fates.lock().unwrap();
                match fate {
                    Ok(Fate::Killed(kills)) => fates.0 += kills,
                    Ok(Fate::Missed) => fates.1 += 1,
                    Err(_) => fates.2.push(case),
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
        let (kills, missed, wrong) = fates.into_inner().unwrap();
        let time = began.elapsed().as_secs_f64();
        println!("{}: {count} cases, {kills} kills, {missed} points missed, {time:.1} s", self.name);
        assert!(wrong.is_empty(), "{}: {} of {count} went wrong: {wrong:#?}", self.name, wrong.len());
        assert!(missed * 10 <= count, "{}: {missed} of {count} points were not reached", self.name);
    }

    fn case(&self, case: &Case) -> Fate {
        for _ in 0..TRIES {
            let mut life = Life::new((self.sandbox)());
            let fate = catch_unwind(AssertUnwindSafe(|| self.live(case, &mut life)));
            match fate {
                Ok(Fate::Missed) => {}
                Ok(killed) => return killed,
                Err(cause) => {
                    life.sandbox.keep();
                    eprintln!("{}: {case:?}: see {}", self.name, life.sandbox.folder().display());
                    std::panic::resume_unwind(cause);
                }
            }
        }
        Fate::Missed
    }

    fn live(&self, case: &Case, life: &mut Life) -> Fate {
        for (command, code) in self.codes.iter().enumerate().take(case.command) {
            life.sandbox.comity(&words(&self.arguments(&life.sandbox, command))).expect(*code);
        }
        let arguments = self.arguments(&life.sandbox, case.command);
        let ended = life.kill(&arguments, &case.when);
        let code = self.codes.get(case.command).copied();
        if !ended.was_killed() {
            assert_eq!(ended.code(), code, "{ended:#?}");
            return Fate::Missed;
        }
        life.look();
        life.go_on(case.again.as_deref());
        life.check(self.settles);
        Fate::Killed(life.kills)
    }
}

/// A workflow that is killed, what it said before, and what is found when it goes on.
struct Life {
    sandbox: Sandbox,
    kills: usize,
    /// Events that killed processes have printed.
    told: Vec<Event>,
    /// Steps that had settled, by what was printed or by the ledger, with how often they had begun.
    settled: BTreeMap<String, usize>,
    /// Tries of idempotent steps that were under way at a kill: by step, the numbers of its tries.
    lost: BTreeMap<String, BTreeSet<usize>>,
    /// Steps that have begun and must not be tried again unless a person says so.
    owed: BTreeSet<String>,
}

impl Life {
    fn new(sandbox: Sandbox) -> Self {
        let (told, settled, lost, owed) = Default::default();
        Self { sandbox, kills: 0, told, settled, lost, owed }
    }

    /// Runs a command that is to be killed, and keeps the events it prints.
    fn kill(&mut self, arguments: &[String], when: &When) -> Ended {
        let file = self.sandbox.path("events");
        let mut command = self.sandbox.command(&words(arguments));
        command.args(["-o", "ndjson"]).stdout(File::create(&file).unwrap()).stderr(Stdio::piped());
        if let When::At(point) = when {
            command.env("COMITY_CRASH", point);
        }
        let mut child = command.spawn().unwrap();
        if let When::After(delay) = when {
            std::thread::sleep(*delay);
            let _ = child.kill();
        }
        let ended = Ended::of(child.wait_with_output().unwrap());
        if ended.was_killed() {
            self.kills += 1;
            // A line without its end was cut by the kill: nobody was told.
            let text = std::fs::read_to_string(&file).unwrap();
            let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            self.told.extend(lines.map(|line| serde_json::from_str::<Event>(line).unwrap()));
        }
        ended
    }

    fn run(&self) -> Option<String> {
        // A database that nobody has made is one without runs.
        if !self.sandbox.database().exists() {
            return None;
        }
        let runs = self.sandbox.runs();
        assert!(runs.len() <= 1, "{runs:?}");
        runs.first().map(|run| run.run_id.clone())
    }

    /// Compares what the killed process said, what its steps noted, and what its ledger holds.
    fn look(&mut self) {
        wait_for_orphans(self.sandbox.folder());
        let counts = self.sandbox.oracle().counts();
        let Some(run) = self.run() else {
            assert!(counts.is_empty(), "steps began before their run was durable: {counts:?}");
            assert!(self.told.is_empty(), "events left before their run was durable: {:?}", self.told);
            return;
        };
        let rows = self.sandbox.trace(&run);
        self.check_told(&rows);
        let tallies = tally(&rows);
        for step in counts.keys() {
            let admitted = tallies.get(step).is_some_and(|tally| tally.admitted > 0);
            assert!(admitted, "`{step}` began before its admission was durable");
        }
        for fact in &self.sandbox.facts {
            let count = counts.get(&fact.name).copied().unwrap_or_default();
            let tally = tallies.get(&fact.name).cloned().unwrap_or_default();
            if tally.has_settled() {
                self.settled.insert(fact.name.clone(), count);
                self.owed.remove(&fact.name);
            } else if fact.idempotent {
                let open = tally.is_open().then_some(tally.admitted);
                self.lost.entry(fact.name.clone()).or_default().extend(open);
            } else if count > 0 || tally.is_open() || tally.last == "unknown" {
                self.owed.insert(fact.name.clone());
            }
        }
        for event in self.told.iter().filter(|event| event.kind == comity_api::EventKind::StepSettled) {
            let step = event.step.as_ref().unwrap();
            assert!(self.settled.contains_key(step), "`{step}` was told to have settled and is {tallies:?}");
        }
    }

    /// No acknowledged row is lost or changed.
    fn check_told(&self, rows: &[TraceRow]) {
        for event in &self.told {
            let row = rows.iter().find(|row| row.seq == event.seq);
            let row = row.unwrap_or_else(|| panic!("acknowledged entry {} is lost: {event:?}", event.seq));
            assert_eq!((&row.step, row.at_ms), (&event.step, event.at_ms), "{row:?} is not {event:?}");
        }
    }

    /// Resumes and answers until the run has ended; the first of these commands may be killed as well.
    fn go_on(&mut self, mut again: Option<&str>) {
        let mut flags = Vec::new();
        for _ in 0..100 {
            let arguments = match self.run() {
                Some(run) => [vec!["resume".to_owned(), run], std::mem::take(&mut flags)].concat(),
                None => self.sandbox.run(),
            };
            if self.status().as_deref() == Some("completed") {
                return;
            }
            if let Some(point) = again.take() {
                if self.kill(&arguments, &When::At(point.to_owned())).was_killed() {
                    self.look();
                }
                continue;
            }
            let ended = self.sandbox.comity(&[&words(&arguments)[..], &["-o", "json"]].concat());
            let report: RunReport = ended.json();
            assert!(report.verified, "{report:?}");
            assert!(matches!(ended.code(), Some(0 | 8)), "{ended:#?}");
            let asked = unknown(&report);
            let silent: Vec<_> = self.owed.iter().filter(|step| !asked.contains(*step)).collect();
            assert!(silent.is_empty(), "nobody was asked about {silent:?}: {report:#?}");
            if ended.code() == Some(0) {
                return;
            }
            let reply = reply(&report, &self.sandbox.oracle());
            let reply = reply.unwrap_or_else(|| panic!("it waits and asks nothing: {report:#?}"));
            if let oracle::Reply::Happened(step) | oracle::Reply::NotHappened(step) = &reply {
                self.owed.remove(step);
            }
            flags = self.sandbox.flags(&reply);
        }
        panic!("the run does not end");
    }

    fn status(&self) -> Option<String> {
        let runs = if self.sandbox.database().exists() { self.sandbox.runs() } else { Vec::new() };
        runs.first().map(|run| run.status.clone())
    }

    /// Everything that must hold once the run has ended.
    fn check(&self, settles: u64) {
        let sandbox = &self.sandbox;
        sandbox.verify();
        let runs = sandbox.runs();
        let [run] = runs.as_slice() else { panic!("{runs:?}") };
        assert_eq!(run.status, "completed");
        let rows = sandbox.trace(&run.run_id);
        self.check_told(&rows);
        let tallies = tally(&rows);
        let oracle = sandbox.oracle();
        oracle::check_counts(&sandbox.facts, &oracle, &tallies);
        for (step, count) in &self.settled {
            assert_eq!(oracle.count(step), *count, "`{step}` had settled and began again");
        }
        for fact in sandbox.facts.iter().filter(|fact| fact.idempotent) {
            let tally = tallies.get(&fact.name).cloned().unwrap_or_else(Tally::default);
            let lost = self.lost.get(&fact.name).map_or(0, BTreeSet::len);
            assert_eq!(tally.admitted, 1 + lost, "`{}` is tried again only when a try was lost", fact.name);
            assert_eq!(tally.cancelled, 0, "a kill cancels nothing");
        }
        let cost = oracle::expected_cost(&sandbox.facts, &tallies);
        assert_eq!(run.cost_usd, comity_api::usd(cost), "what the run cost");
        let database = sandbox.database();
        let balances = oracle::check_balances(&database, &run.run_id, cost, settles);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(balances);
    }
}
