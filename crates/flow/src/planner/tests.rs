mod control;

use super::*;
use crate::compile;
use comity_core::{KindSpec, RiskTier, StepKind};
use proptest::prelude::*;
use std::{collections::BTreeSet, fmt::Write as _};

static FAKE: KindSpec = KindSpec {
    name: "fake",
    step: StepKind::ToolCall,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[],
    about: "Does nothing.",
};

const DENIED: Fate = Fate::Denied(ReasonCode::BudgetUsd);
const FAILED: Fate = Fate::Failed(ReasonCode::EffectFailed);

/// A plan of steps named `0`, `1`, … with these edges; `terminal` is left to the default when empty.
fn plan(steps: usize, edges: &[(usize, usize)], terminal: &[usize]) -> Plan {
    let mut source = "nodes:\n".to_owned();
    (0..steps).for_each(|step| writeln!(source, "  {step}: {{kind: fake}}").unwrap());
    source += "edges: [";
    edges.iter().for_each(|(from, to)| write!(source, "{from} -> {to},").unwrap());
    source += "]\n";
    if !terminal.is_empty() {
        writeln!(source, "terminal: {terminal:?}").unwrap();
    }
    compile(&source, &[&FAKE]).unwrap_or_else(|invalid| panic!("{}", invalid.render("f", &source)))
}

#[test]
fn steps_become_ready_without_waiting_for_their_level() {
    let plan = plan(4, &[(0, 2), (1, 3)], &[]);
    let mut planner = Planner::new(&plan);
    assert_eq!(planner.ready(), [0, 1]);
    assert_eq!(planner.ready(), [0; 0]);
    assert_eq!(planner.finish(0, Fate::Settled), [0; 0]);
    assert_eq!(planner.ready(), [2]);
    assert_eq!(planner.context(2), [0]);
}

#[test]
fn a_step_runs_with_one_settled_predecessor() {
    let plan = plan(4, &[(0, 3), (1, 3), (2, 3)], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(2, Fate::Settled);
    planner.finish(0, FAILED);
    assert_eq!(planner.ready(), [0; 0]);
    planner.finish(1, DENIED);
    assert_eq!(planner.ready(), [3]);
    assert_eq!(planner.context(3), [2]);
    planner.finish(3, Fate::Settled);
    assert_eq!(planner.verdict(), Some(RunVerdict::Completed));
    assert_eq!(planner.outputs(), [3]);
}

#[test]
fn the_strongest_cause_is_carried_to_the_end() {
    let plan = plan(5, &[(0, 2), (1, 2), (2, 3), (3, 4)], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(1, FAILED);
    assert_eq!(planner.finish(0, DENIED), [2, 3, 4]);
    assert_eq!(planner.fate(4), Some(Fate::Skipped(Cause::Failed(ReasonCode::EffectFailed))));
    assert_eq!(planner.verdict(), Some(RunVerdict::Failed(ReasonCode::EffectFailed)));
}

#[test]
fn a_failure_beside_a_settled_end_fails_the_run() {
    let plan = plan(2, &[], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(0, Fate::Settled);
    planner.finish(1, FAILED);
    assert_eq!(planner.verdict(), Some(RunVerdict::Failed(ReasonCode::EffectFailed)));
    assert_eq!(planner.outputs(), [0]);
}

#[test]
fn a_refusal_beside_a_settled_end_completes_the_run() {
    let plan = plan(2, &[], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(0, DENIED);
    assert_eq!(planner.verdict(), None);
    planner.finish(1, Fate::Settled);
    assert_eq!(planner.verdict(), Some(RunVerdict::Completed));
}

#[test]
fn a_failure_that_no_terminal_step_needs_is_survived() {
    let plan = plan(3, &[(0, 2), (1, 2)], &[2]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(0, FAILED);
    planner.finish(1, Fate::Settled);
    assert_eq!(planner.ready(), [2]);
    planner.finish(2, Fate::Settled);
    assert_eq!(planner.verdict(), Some(RunVerdict::Completed));
}

#[test]
fn a_refused_run_keeps_its_reason() {
    let plan = plan(2, &[(0, 1)], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(0, DENIED);
    let Some(RunVerdict::Denied(reason)) = planner.verdict() else { panic!("{:?}", planner.verdict()) };
    assert!(reason.is_budget());
}

#[test]
fn a_waiting_step_blocks_what_comes_after_it_until_it_is_reopened() {
    let plan = plan(3, &[(0, 1)], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(0, Fate::Waiting);
    planner.finish(2, FAILED);
    assert_eq!(planner.verdict(), Some(RunVerdict::Waiting));
    planner.reopen(0);
    assert_eq!(planner.verdict(), None);
    assert_eq!(planner.ready(), [0]);
    planner.finish(0, Fate::Settled);
    assert_eq!(planner.ready(), [1]);
}

#[test]
fn a_waiting_step_may_end_without_running_again() {
    let plan = plan(2, &[(0, 1)], &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    planner.finish(0, Fate::Waiting);
    assert_eq!(planner.finish(0, Fate::Denied(ReasonCode::ApprovalRejected)), [1]);
    assert_eq!(planner.verdict(), Some(RunVerdict::Denied(ReasonCode::ApprovalRejected)));
}

#[test]
fn a_step_that_does_not_run_cannot_end() {
    let plan = plan(2, &[(0, 1)], &[]);
    let mut planner = Planner::new(&plan);
    planner.finish(0, Fate::Settled);
    assert_eq!(planner.fate(0), None, "ready and not taken");
    planner.ready();
    for step in [1, 2, usize::MAX] {
        assert_eq!(planner.finish(step, FAILED), [0; 0]);
        planner.reopen(step);
    }
    planner.finish(0, Fate::Settled);
    planner.finish(0, FAILED);
    planner.reopen(0);
    assert_eq!(planner.fate(0), Some(Fate::Settled));
    assert_eq!(planner.ready(), [1]);
}

#[test]
fn skipping_ten_thousand_steps_needs_no_deep_stack() {
    let edges: Vec<(usize, usize)> = (1..10_000).map(|step| (step - 1, step)).collect();
    let plan = plan(10_000, &edges, &[]);
    let mut planner = Planner::new(&plan);
    planner.ready();
    assert_eq!(planner.finish(0, DENIED).len(), 9_999);
    assert_eq!(planner.verdict(), Some(RunVerdict::Denied(ReasonCode::BudgetUsd)));
}

/// A run as chance has it: a graph, what becomes of each step, and in which order steps end.
#[derive(Clone, Debug)]
struct Scenario {
    edges: Vec<(usize, usize)>,
    terminal: Vec<usize>,
    /// Per step: what becomes of it, after it waited this many times.
    fates: Vec<(Fate, u8)>,
    order: Vec<usize>,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    (1usize..12).prop_flat_map(|steps| {
        let rank = Just((0..steps).collect::<Vec<_>>()).prop_shuffle();
        let pairs = prop::collection::vec((0..steps, 0..steps), 0..steps * 2);
        let terminal = prop::collection::btree_set(0..steps, 0..3);
        let reason = prop::sample::select(ReasonCode::ALL);
        let fate = prop_oneof![
            3 => Just(Fate::Settled),
            1 => reason.clone().prop_map(Fate::Denied),
            1 => reason.prop_map(Fate::Failed),
        ];
        let fates = prop::collection::vec((fate, prop_oneof![3 => Just(0u8), 1 => 1u8..3]), steps);
        let order = prop::collection::vec(any::<usize>(), 64);
        (rank, pairs, terminal, fates, order).prop_map(|(rank, pairs, terminal, fates, order)| {
            let edges: BTreeSet<(usize, usize)> = pairs
                .into_iter()
                .filter(|(a, b)| a != b)
                .map(|(a, b)| (rank[a.min(b)], rank[a.max(b)]))
                .collect();
            let (edges, terminal) = (edges.into_iter().collect(), terminal.into_iter().collect());
            Scenario { edges, terminal, fates, order }
        })
    })
}

/// What the rules say about a whole run, worked out by asking again and again until nothing changes.
fn reference(scenario: &Scenario) -> Vec<Fate> {
    let steps = scenario.fates.len();
    let mut ends: Vec<Option<Fate>> = vec![None; steps];
    while ends.iter().any(Option::is_none) {
        for step in 0..steps {
            let mut before: Vec<usize> =
                scenario.edges.iter().filter(|(_, to)| *to == step).map(|(from, _)| *from).collect();
            before.sort_unstable();
            let known: Vec<Fate> = before.iter().filter_map(|other| ends[*other]).collect();
            if known.len() < before.len() {
                continue;
            }
            let runs = known.is_empty() || known.contains(&Fate::Settled);
            ends[step] = Some(if runs { scenario.fates[step].0 } else { Fate::Skipped(strongest(&known)) });
        }
    }
    ends.into_iter().flatten().collect()
}

fn strongest(fates: &[Fate]) -> Cause {
    let mut denied = None;
    for fate in fates {
        match *fate {
            Fate::Failed(reason) | Fate::Skipped(Cause::Failed(reason)) => return Cause::Failed(reason),
            Fate::Denied(reason) | Fate::Skipped(Cause::Denied(reason)) => {
                denied.get_or_insert(Cause::Denied(reason));
            }
            Fate::Settled | Fate::Waiting | Fate::Skipped(Cause::Passed) => {}
        }
    }
    denied.unwrap()
}

fn reference_verdict(plan: &Plan, ends: &[Fate]) -> RunVerdict {
    let terminal: Vec<Fate> = plan.terminal().iter().map(|step| ends[*step]).collect();
    let settled = terminal.contains(&Fate::Settled);
    if terminal.iter().all(|fate| *fate == Fate::Settled) {
        return RunVerdict::Completed;
    }
    match strongest(&terminal) {
        Cause::Failed(reason) => RunVerdict::Failed(reason),
        Cause::Denied(_) if settled => RunVerdict::Completed,
        Cause::Denied(reason) => RunVerdict::Denied(reason),
        Cause::Passed => unreachable!("no edge of these plans has a condition"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_as_the_rules_say(scenario in scenario()) {
        let steps = scenario.fates.len();
        let plan = plan(steps, &scenario.edges, &scenario.terminal);
        let mut planner = Planner::new(&plan);
        let mut order = scenario.order.iter().copied().cycle();
        let mut waits: Vec<u8> = scenario.fates.iter().map(|(_, waits)| *waits).collect();
        let (mut running, mut waiting, mut ended) = (Vec::new(), Vec::new(), BTreeSet::new());
        loop {
            for step in planner.ready() {
                let before = &plan.step(step).unwrap().after;
                prop_assert!(before.iter().all(|other| ended.contains(other)), "{step} ran too early");
                prop_assert!(!ended.contains(&step) && !running.contains(&step), "{step} ran twice");
                running.push(step);
            }
            if running.is_empty() && waiting.is_empty() {
                break;
            }
            let pick = order.next().unwrap();
            if running.is_empty() || (pick % 3 == 0 && !waiting.is_empty()) {
                prop_assert_eq!(planner.verdict().is_some(), running.is_empty());
                let step = waiting.swap_remove(pick % waiting.len());
                planner.reopen(step);
                continue;
            }
            prop_assert_eq!(planner.verdict(), None);
            let step = running.swap_remove(pick % running.len());
            if waits[step] > 0 {
                waits[step] -= 1;
                prop_assert_eq!(planner.finish(step, Fate::Waiting), Vec::<usize>::new());
                waiting.push(step);
                continue;
            }
            prop_assert!(ended.insert(step));
            for skipped in planner.finish(step, scenario.fates[step].0) {
                let before = &plan.step(skipped).unwrap().after;
                prop_assert!(before.iter().all(|other| ended.contains(other)), "{skipped} was skipped too early");
                prop_assert!(ended.insert(skipped), "{skipped} ended twice");
            }
        }
        let expected = reference(&scenario);
        let ends: Vec<Fate> = (0..steps).filter_map(|step| planner.fate(step)).collect();
        prop_assert_eq!(ended.len(), steps);
        prop_assert_eq!(planner.verdict(), Some(reference_verdict(&plan, &expected)));
        prop_assert_eq!(ends, expected);
    }
}
