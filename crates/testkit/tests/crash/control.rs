//! Kills runs that loop, choose, try again, wait for moments and nest workflows and agents, and goes on.
//!
//! What an undisturbed run did is the measure: each kill may repeat one harmless effect and nothing else. One
//! point in several is taken; `COMITY_KILLS=all` takes every one, and kills every second life too.

use crate::kill::{Dice, is_thorough};
use crate::oracle::{self, check_told, unknown, wait_for_orphans};
use crate::sandbox::{Ended, PROGRAM, Sandbox, words};
use comity_api::{Event, RunReport, TraceRow};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Instant;

/// Commands after which a run that has not ended never will.
const LONGEST: usize = 60;

/// Points that are taken of each workflow, unless all are.
const FEW: usize = 26;

/// What one lost try can cost beside what it would have cost anyway: the bound of one model call, or a price.
const SURCHARGE: u64 = 20_000;

/// The steps whose effects must never happen twice.
pub const ONCE: [&str; 4] = ["mark", "sub/once", "agent/send", "last"];

/// A loop of three passes around a choice, a step that fails twice, a moment, a workflow with a moment and a
/// question in it, and an agent that calls a tool.
pub fn control(oracle: &Path) -> String {
    let step = |name: &str, script: &str, keys: &str| line(oracle, name, script, keys);
    let mut text = "name: control\npolicy: {max_steps: 400, timeout_s: 600}\ntools:\n".to_owned();
    text += &step("agent/look", "", "risk: read-only, idempotent: true, price_usd: 0.000003")
        .replace("agent/look: {", "look: {");
    text += "nodes:\n";
    text += &step("start", "", "idempotent: true, price_usd: 0.000001");
    text += &step("count", PASS, "idempotent: true, price_usd: 0.00001");
    text += &step("mark", "", "price_usd: 0.0001");
    text += &step("check", PASS, "idempotent: true, price_usd: 0.00001");
    text += &step("odd", "", "idempotent: true, price_usd: 0.00002");
    text += &step("even", "", "idempotent: true");
    text += &step("join", "", "idempotent: true, price_usd: 0.00003");
    let thrice = "test $(grep -cx flaky oracle) -ge 3 && echo done";
    text +=
        &step("flaky", thrice, "idempotent: true, price_usd: 0.001, max_retries: 2, retry_backoff_s: 0.03");
    text += "  rest: {kind: timer, after_s: 0.1}\n  sub: {kind: subgraph, workflow: inner.yaml}\n  \
             agent: {kind: native, tools: [look], sandbox: {calls: [{tool: look}], content: seen}}\n";
    text += &step("last", "", "price_usd: 0.002");
    text += "edges:\n  - start -> count -> mark -> check\n  \
             - {from: check, to: odd, condition: 'n == 3'}\n  \
             - {from: check, to: even, condition: 'n != 3'}\n  - odd -> join\n  - even -> join\n  \
             - join -> flaky -> rest -> sub -> agent -> last\n\
             loop_edges:\n  - {from: check, to: count, condition: 'n < 3', max_iterations: 5}\n";
    text
}

pub fn inner(oracle: &Path) -> String {
    let step = |name: &str, keys: &str| line(oracle, name, "", keys).replacen("sub/", "", 1);
    let mut text = "name: inner\npolicy: {budget_usd: 0.5, max_steps: 100}\nnodes:\n".to_owned();
    text += &step("sub/safe", "idempotent: true, price_usd: 0.004");
    text += &step("sub/once", "price_usd: 0.008");
    text += "  nap: {kind: timer, after_s: 0.05}\n  ask: {kind: human, prompt: 'Go on?'}\n";
    text += &step("sub/end", "idempotent: true, price_usd: 0.016");
    text + "edges: [safe -> once -> nap -> ask -> end]\n"
}

/// An agent in a workflow in a workflow, whose tool a person has to allow.
fn held(oracle: &Path) -> String {
    let mut text =
        "name: held\npolicy: {max_steps: 100, human_approval_tier: irreversible}\ntools:\n".to_owned();
    text += &line(oracle, "agent/send", "", "risk: irreversible, price_usd: 0.000003")
        .replace("agent/send: {", "send: {");
    text +=
        "nodes:\n  agent: {kind: native, tools: [send], sandbox: {calls: [{tool: send}], content: sent}}\n";
    text += &line(oracle, "last", "", "price_usd: 0.002");
    text + "edges: [agent -> last]\n"
}

/// What a step in the loop says: which pass it is in, from its input.
const PASS: &str =
    r#"n=$(sed -n "s/.*\"iteration\":\\([0-9]*\\).*/\\1/p"); echo "{\"n\": $((${n:-0} + 1))}""#;

/// A step that notes itself, and then says its name or what the script says.
fn line(oracle: &Path, name: &str, script: &str, keys: &str) -> String {
    let mut command = vec![PROGRAM, "--oracle", oracle.to_str().unwrap(), name];
    if !script.is_empty() {
        command.extend(["--", "sh", "-c", script]);
    }
    let risk = if keys.contains("risk:") { "" } else { "risk: read-only, " };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "  {name}: {{kind: command, command: {}, {risk}{keys}}}",
        serde_json::to_string(&command).unwrap()
    );
    text
}

fn control_sandbox() -> Sandbox {
    let mut text = String::new();
    let sandbox = Sandbox::new(|oracle| {
        text = inner(oracle);
        (control(oracle), Vec::new())
    });
    sandbox.with("inner.yaml", &text)
}

fn held_sandbox() -> Sandbox {
    Sandbox::new(|oracle| (held(oracle), Vec::new()))
}

#[test]
fn loops_choices_tries_moments_and_workflows() {
    Subject { name: "control", sandbox: control_sandbox }.play(FEW);
}

#[test]
fn an_agent_whose_tool_is_held() {
    Subject { name: "held", sandbox: held_sandbox }.play(FEW / 2);
}

struct Subject {
    name: &'static str,
    sandbox: fn() -> Sandbox,
}

/// What an undisturbed run came to.
#[derive(Debug)]
struct Measure {
    report: RunReport,
    counts: BTreeMap<String, usize>,
    /// How often each step settled.
    settled: BTreeMap<String, usize>,
    admitted: BTreeMap<String, usize>,
}

/// One kill, in which of the commands and where, and where the next life is killed as well.
#[derive(Clone, Debug)]
struct Case {
    command: usize,
    point: String,
    again: Option<String>,
}

impl Subject {
    fn play(&self, few: usize) {
        let began = Instant::now();
        let mut dice = Dice::new();
        let (measure, mut cases) = self.measure(&mut dice);
        let points = cases.len();
        if !is_thorough() {
            while cases.len() > few {
                cases.swap_remove(dice.below(cases.len()));
            }
        }
        let count = cases.len();
        let queue = Mutex::new(cases.into_iter());
        let results = Mutex::new((0, Vec::new()));
        let work = || {
            loop {
                let Some(case) = queue.lock().unwrap().next() else { break };
                let came = catch_unwind(AssertUnwindSafe(|| self.case(&case, &measure)));
                let mut results = results.lock().unwrap();
                match came {
                    Ok(kills) => results.0 += kills,
                    Err(_) => results.1.push(case),
                }
                if results.1.len() > 4 {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(work)));
        });
        let (kills, wrong) = results.into_inner().unwrap();
        let seconds = began.elapsed().as_secs_f64();
        println!("{}: {count} of {points} points, {kills} kills in {seconds:.1} s", self.name);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", self.name);
        assert!(kills * 5 >= count * 4, "{}: too many points were not reached", self.name);
    }

    /// Runs it undisturbed, and lists every point that its commands reach.
    fn measure(&self, dice: &mut Dice) -> (Measure, Vec<Case>) {
        let mut life = Life::new((self.sandbox)());
        let mut cases = Vec::new();
        let file = life.sandbox.path("points");
        for command in 0.. {
            let arguments = life.next();
            let mut process = life.sandbox.command(&words(&arguments));
            let ended = Ended::by(process.args(["-o", "json"]).env("COMITY_POINTS_FILE", &file));
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                let (point, total) = line.split_once(' ').unwrap();
                for nth in 1..=total.parse::<usize>().unwrap() {
                    let again = (is_thorough() || cases.len() % 3 == 0).then(|| dice.point(30));
                    cases.push(Case { command, point: format!("{point}:{nth}"), again });
                }
            }
            if life.hear(&ended) {
                break;
            }
        }
        let rows = life.rows();
        let report = life.report.take().unwrap();
        let counts = life.sandbox.oracle().counts();
        (Measure { report, counts, settled: ends(&rows), admitted: tries(&rows) }, cases)
    }

    fn case(&self, case: &Case, measure: &Measure) -> usize {
        let mut life = Life::new((self.sandbox)());
        let lived = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..case.command {
                let arguments = life.next();
                let ended = life.command(&arguments);
                assert!(!life.hear(&ended), "it ended early");
            }
            life.kill(&case.point);
            if let Some(again) = &case.again {
                life.kill(again);
            }
            for _ in 0..LONGEST {
                if life.is_over() {
                    break;
                }
                let arguments = life.next();
                let ended = life.command(&arguments);
                if life.hear(&ended) {
                    break;
                }
            }
            life.check(measure);
        }));
        if let Err(cause) = lived {
            life.sandbox.keep();
            eprintln!("{}: {case:?}: see {}", self.name, life.sandbox.folder().display());
            std::panic::resume_unwind(cause);
        }
        life.kills
    }
}

/// A run, through all of its commands.
struct Life {
    sandbox: Sandbox,
    kills: usize,
    told: Vec<Event>,
    report: Option<RunReport>,
    /// What the next command says.
    flags: Vec<String>,
    /// Commands that went on.
    resumes: usize,
}

impl Life {
    fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, kills: 0, told: Vec::new(), report: None, flags: Vec::new(), resumes: 0 }
    }

    fn run(&self) -> Option<String> {
        if !self.sandbox.database().exists() {
            return None;
        }
        self.sandbox.runs().first().map(|run| run.run_id.clone())
    }

    fn is_over(&self) -> bool {
        self.run().is_some() && self.sandbox.runs().iter().all(|run| run.status == "completed")
    }

    fn rows(&self) -> Vec<TraceRow> {
        self.run().map_or_else(Vec::new, |run| self.sandbox.trace(&run))
    }

    fn next(&mut self) -> Vec<String> {
        match self.run() {
            Some(run) => [vec!["resume".to_owned(), run], std::mem::take(&mut self.flags)].concat(),
            None => self.sandbox.run(),
        }
    }

    fn command(&mut self, arguments: &[String]) -> Ended {
        self.resumes += 1;
        self.sandbox.comity(&[&words(arguments)[..], &["-o", "json"]].concat())
    }

    /// Runs the next command, which is to be killed at a point. One that gets past it just ends.
    fn kill(&mut self, point: &str) {
        if self.is_over() {
            return;
        }
        let arguments = self.next();
        self.resumes += 1;
        let file = self.sandbox.path("events");
        let mut command = self.sandbox.command(&words(&arguments));
        command.args(["-o", "ndjson"]).stdout(File::create(&file).unwrap()).stderr(Stdio::piped());
        let ended = Ended::of(command.env("COMITY_CRASH", point).spawn().unwrap());
        if !ended.was_killed() {
            assert!(matches!(ended.code(), Some(0 | 8)), "{ended:#?}");
            return;
        }
        self.kills += 1;
        wait_for_orphans(self.sandbox.folder());
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        self.told.extend(lines.map(|line| serde_json::from_str::<Event>(line).unwrap()));
        check_told(&self.told, &self.rows());
    }

    /// Takes in how a command ended, and answers the first thing that is asked. Whether the run is over.
    fn hear(&mut self, ended: &Ended) -> bool {
        assert!(matches!(ended.code(), Some(0 | 8)), "{ended:#?}\n{:#?}", self.rows());
        let report: RunReport = ended.json();
        assert!(report.verified, "{report:?}");
        let over = ended.code() == Some(0);
        if let Some(ask) = report.approvals.first().filter(|_| !over) {
            let step = ask.step.clone();
            assert!(
                !unknown(&report).contains(&step) || ONCE.contains(&&*step),
                "nobody needs to know of `{step}`: {report:#?}"
            );
            self.flags = match (ask.approval.is_empty(), self.happened(&step)) {
                (false, _) => vec!["--approve".to_owned(), "--step".to_owned(), step],
                (true, false) => vec!["--step".to_owned(), step, "--not-happened".to_owned()],
                (true, true) => {
                    std::fs::write(self.sandbox.path("found.txt"), &step).unwrap();
                    vec!["--step".to_owned(), step, "--happened".to_owned(), "found.txt".to_owned()]
                }
            };
        } else {
            assert!(over, "it waits and asks nothing: {report:#?}");
        }
        self.report = Some(report);
        over
    }

    /// Whether an unknown step has happened in this pass: once more than it has settled.
    fn happened(&self, step: &str) -> bool {
        let settled = ends(&self.rows()).get(step).copied().unwrap_or_default();
        self.sandbox.oracle().count(step) > settled
    }

    /// Everything that must hold once the run has ended.
    fn check(&self, measure: &Measure) {
        self.sandbox.verify();
        assert!(self.is_over(), "the run does not end");
        let rows = self.rows();
        check_told(&self.told, &rows);
        let database = self.sandbox.database();
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let report = executor.block_on(oracle::last_report(&database));
        assert_eq!((&report.output, &report.approvals), (&measure.report.output, &Vec::new()));
        assert_eq!(ends(&rows), measure.settled, "each pass of each step settles once");
        check_moments(&rows);
        check_passes(&rows);
        let (mut repeated, oracle) = (0, self.sandbox.oracle());
        for (step, once) in &measure.counts {
            let count = oracle.count(step);
            if ONCE.contains(&&**step) {
                assert_eq!(count, *once, "`{step}` happens exactly so often");
            }
            // Each try of `flaky` that a kill took away was one of those that fail.
            assert!(count >= *once, "`{step}` was done {count} times");
            repeated += count - once;
        }
        assert!(repeated <= self.kills, "{repeated} effects repeated after {} kills", self.kills);
        for (step, count) in tries(&rows) {
            let most = measure.admitted.get(&step).copied().unwrap_or_default() + self.resumes + self.kills;
            assert!(count <= most, "`{step}` was admitted {count} times, at most {most}");
        }
        let (cost, least) = (report.cost_micro_usd, measure.report.cost_micro_usd);
        let most = least + self.kills as u64 * SURCHARGE;
        assert!((least..=most).contains(&cost), "it cost {cost}, not {least} to {most}");
    }
}

fn count(rows: &[TraceRow], kinds: &[&str]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows.iter().filter(|row| kinds.contains(&&*row.kind)) {
        *counts.entry(row.step.clone().unwrap_or_default()).or_default() += 1;
    }
    counts
}

/// How often each step ended with a result.
pub fn ends(rows: &[TraceRow]) -> BTreeMap<String, usize> {
    count(rows, &["settled", "happened"])
}

/// How often each step was admitted.
fn tries(rows: &[TraceRow]) -> BTreeMap<String, usize> {
    count(rows, &["admitted"])
}

/// No moment is set twice, and nothing begins before the moment it waits for.
pub fn check_moments(rows: &[TraceRow]) {
    let mut set = BTreeMap::new();
    for (place, row) in rows.iter().enumerate().filter(|(_, row)| row.kind == "scheduled") {
        let (step, due) = (row.step.clone().unwrap(), row.due_ms.unwrap());
        let what = format!("`{step}` waits for {due} after try {:?}", row.attempt);
        assert_eq!(set.insert((step.clone(), row.pass, row.attempt), due), None, "{what}, once more");
        let next =
            rows.iter().skip(place).find(|row| row.kind == "admitted" && row.step.as_ref() == Some(&step));
        assert!(next.is_some_and(|next| next.at_ms >= due), "{what}: {next:?}");
    }
}

/// Passes come one after another, and none begins anew once it has settled.
pub fn check_passes(rows: &[TraceRow]) {
    let mut settled: BTreeMap<&str, u32> = BTreeMap::new();
    for row in rows {
        // The calls of a model in one turn are steps of one name.
        let Some(step) = row.step.as_deref().filter(|step| !step.ends_with("/model")) else { continue };
        let (pass, before) = (row.pass.unwrap_or(1), settled.get(step).copied().unwrap_or_default());
        match row.kind.as_str() {
            "admitted" => assert_eq!(pass, before + 1, "`{step}` begins out of turn: {row:?}"),
            "settled" | "happened" => {
                assert_eq!(pass, before + 1, "`{step}` settles out of turn: {row:?}");
                settled.insert(step, pass);
            }
            _ => {}
        }
    }
}
