//! Kills the program at every point of a workflow, goes on, and compares with what its steps noted.
//!
//! The oracle is a file that each step itself appends its name to and syncs; the ledger is what is judged.
//! Every point is taken once. `COMITY_KILLS=all` kills every second life too, and at many more instants;
//! `COMITY_SEED=N` repeats a choice.

use crate::oracle::{self, Reply, Tally, check_told, reply, tally, unknown, wait_for_orphans};
use crate::sandbox::{Ended, Sandbox, graph, words};
use comity_api::{Event, RunReport};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const POINTS: [&str; 4] = ["before_commit", "after_commit", "before_effect", "after_effect"];

/// Cases that go wrong before the rest is left alone.
const ENOUGH: usize = 8;

/// Commands that a point is looked for in again, when the one that should have died there came by less often.
const TRIES: u32 = 5;

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

impl When {
    /// The same, for another attempt: a command that was quicker than the kill is killed earlier.
    fn sooner(&self, attempt: u32) -> Self {
        match self {
            Self::At(point) => Self::At(point.clone()),
            Self::After(delay) => Self::After(*delay / 2u32.pow(attempt)),
        }
    }
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

/// What came of cases.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    kills: usize,
    /// Commands whose point was not reached: they ended by themselves, and well.
    missed: usize,
    /// Unknown steps that had happened, and that had not.
    happened: usize,
    not_happened: usize,
    /// Tries of idempotent steps that were lost and made again.
    lost: usize,
}

#[test]
fn every_point_of_the_example() {
    EXAMPLE.play(EXAMPLE.cases(&mut Dice::new()));
}

#[test]
fn every_point_of_thirty_steps() {
    GRAPH.play(GRAPH.cases(&mut Dice::new()));
}

#[test]
fn any_instant() {
    let mut dice = Dice::new();
    let sandbox = (GRAPH.sandbox)();
    let began = Instant::now();
    sandbox.comity(&words(&sandbox.run())).expect(0);
    let time = began.elapsed().as_micros() as usize;
    let count = if is_thorough() { 200 } else { 10 };
    let after = |dice: &mut Dice| When::After(Duration::from_micros(dice.below(time) as u64));
    GRAPH.play(
        (0..count)
            .map(|_| Case { command: 0, when: after(&mut dice), again: Some(dice.point(20)) })
            .collect(),
    );
}

pub fn is_thorough() -> bool {
    std::env::var("COMITY_KILLS").as_deref() == Ok("all")
}

/// Numbers by a seed that is printed.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let seed = std::env::var("COMITY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
        println!("COMITY_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub fn point(&mut self, most: usize) -> String {
        let point = POINTS.get(self.below(POINTS.len())).copied().unwrap_or_default();
        format!("{point}:{}", 1 + self.below(most))
    }
}

impl Subject {
    /// One case for every time that one of its undisturbed commands reaches a point. Every third is killed
    /// once more when it goes on.
    fn cases(&self, dice: &mut Dice) -> Vec<Case> {
        let sandbox = (self.sandbox)();
        let mut cases = Vec::new();
        for (command, code) in self.codes.iter().enumerate() {
            let file = sandbox.path("points");
            let arguments = self.arguments(&sandbox, command);
            let mut process = sandbox.command(&words(&arguments));
            Ended::by(process.env("COMITY_POINTS_FILE", &file)).expect(*code);
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                let (point, total) = line.split_once(' ').unwrap();
                for nth in 1..=total.parse().unwrap() {
                    let nth: usize = nth;
                    let again = (is_thorough() || cases.len() % 3 == 0).then(|| dice.point(12));
                    cases.push(Case { command, when: When::At(format!("{point}:{nth}")), again });
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
        let results = Mutex::new((Sum::default(), Vec::new()));
        let work = || {
            loop {
                let Some(case) = queue.lock().unwrap().next() else { break };
                if results.lock().unwrap().1.len() >= ENOUGH {
                    break;
                }
                let came = catch_unwind(AssertUnwindSafe(|| self.case(&case)));
                let mut results = results.lock().unwrap();
                match came {
                    Ok(sum) => results.0.add(&sum),
                    Err(_) => results.1.push(case),
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
        let (sum, wrong) = results.into_inner().unwrap();
        println!("{}: {count} cases in {:.1} s: {sum:?}", self.name, began.elapsed().as_secs_f64());
        assert!(wrong.is_empty(), "{}: {} of {count} went wrong: {wrong:#?}", self.name, wrong.len());
        assert!(sum.missed * 5 <= count, "{}: too many of {count} points were not reached", self.name);
    }

    /// Lives a case, again if its point was not reached.
    fn case(&self, case: &Case) -> Sum {
        for attempt in 0..TRIES {
            let mut life = Life::new((self.sandbox)());
            let when = case.when.sooner(attempt);
            let lived = catch_unwind(AssertUnwindSafe(|| self.live(case, &when, &mut life)));
            if let Err(cause) = lived {
                life.sandbox.keep();
                eprintln!("{}: {case:?}: see {}", self.name, life.sandbox.folder().display());
                std::panic::resume_unwind(cause);
            }
            if life.sum.kills > 0 {
                return life.sum;
            }
        }
        Sum { missed: 1, ..Sum::default() }
    }

    fn live(&self, case: &Case, when: &When, life: &mut Life) {
        for (command, code) in self.codes.iter().enumerate().take(case.command) {
            life.sandbox.comity(&words(&self.arguments(&life.sandbox, command))).expect(*code);
        }
        let arguments = self.arguments(&life.sandbox, case.command);
        let ended = life.kill(&arguments, when);
        if !ended.was_killed() {
            assert_eq!(ended.code(), self.codes.get(case.command).copied(), "{ended:#?}");
            return;
        }
        life.look();
        life.go_on(case.again.as_deref());
        life.check(self.settles);
    }
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.missed += other.missed;
        self.happened += other.happened;
        self.not_happened += other.not_happened;
        self.lost += other.lost;
    }
}

/// A workflow that is killed, what it said before, and what is found when it goes on.
struct Life {
    sandbox: Sandbox,
    sum: Sum,
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
        Self { sandbox, sum: Sum::default(), told, settled, lost, owed }
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
        let ended = Ended::of(child);
        if ended.was_killed() {
            self.sum.kills += 1;
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
        check_told(&self.told, &rows);
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
                let lost = self.lost.entry(fact.name.clone()).or_default();
                self.sum.lost += open.map_or(0, |open| usize::from(lost.insert(open)));
            } else if count > 0 || tally.is_open() || tally.last == "unknown" {
                self.owed.insert(fact.name.clone());
            }
        }
        for event in self.told.iter().filter(|event| event.kind == comity_api::EventKind::StepSettled) {
            let step = event.step.as_ref().unwrap();
            assert!(self.settled.contains_key(step), "`{step}` was told to have settled and is {tallies:?}");
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
            assert!(matches!(ended.code(), Some(0 | 8)), "{ended:#?}");
            let report: RunReport = ended.json();
            assert!(report.verified, "{report:?}");
            let asked = unknown(&report);
            let silent: Vec<_> = self.owed.iter().filter(|step| !asked.contains(*step)).collect();
            assert!(silent.is_empty(), "nobody was asked about {silent:?}: {report:#?}");
            if ended.code() == Some(0) {
                return;
            }
            let reply = reply(&report, &self.sandbox.oracle());
            let reply = reply.unwrap_or_else(|| panic!("it waits and asks nothing: {report:#?}"));
            match &reply {
                Reply::Approve(_) => {}
                Reply::Happened(step) => {
                    self.sum.happened += 1;
                    self.owed.remove(step);
                }
                Reply::NotHappened(step) => {
                    self.sum.not_happened += 1;
                    self.owed.remove(step);
                }
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
        check_told(&self.told, &rows);
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
        let balances = oracle::check_balances(&database, cost, settles);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(balances);
    }
}
