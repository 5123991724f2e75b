//! Walks with conditions, routes and loops, against a slow reading of the rules.

use super::*;
use crate::plan::{EdgePlan, When};
use std::collections::BTreeMap;

fn read(source: &str) -> Result<Plan, String> {
    compile(source, &[&FAKE]).map_err(|invalid| invalid.render("f", source))
}

/// A routing that follows the edges at these places, or goes back.
fn routing(follow: &[bool], back: Option<usize>) -> Routing {
    Routing { back, named: false, follow: follow.to_vec() }
}

/// A routing that goes back over the loop that a step ends.
fn back_of(plan: &Plan, step: usize) -> Routing {
    routing(&[], plan.step(step).unwrap().loops.first().copied())
}

#[test]
fn a_hub_may_send_the_run_to_each_of_its_steps_in_turn() {
    let source = "nodes:\n  0: {kind: fake, routes: [1, 2, 3]}\n  1: {kind: fake, routes: [0]}\n  \
                  2: {kind: fake, routes: [0]}\n  3: {kind: fake}\n";
    let plan = read(source).unwrap();
    for (first, second) in [(1, 2), (2, 1)] {
        let mut planner = Planner::new(&plan);
        for step in [first, second] {
            assert_eq!(planner.ready(), [0]);
            planner.follow(0, Fate::Settled, &routing(&[step == 1, step == 2, false], None));
            assert_eq!(planner.ready(), [step]);
            assert_eq!(planner.follow(step, Fate::Settled, &back_of(&plan, step)), [0; 0]);
        }
        assert_eq!((planner.ready(), planner.context(0)), (vec![0], vec![second]));
        assert_eq!(planner.follow(0, Fate::Settled, &routing(&[false, false, true], None)), [1, 2]);
        assert_eq!(planner.ready(), [3]);
        planner.finish(3, Fate::Settled);
        assert_eq!(planner.verdict(), Some(RunVerdict::Completed));
    }
}

#[test]
fn steps_beside_each_other_go_back_together_once_all_have_ended() {
    let source = "nodes:\n  0: {kind: fake}\n  1: {kind: fake, routes: [0]}\n  2: {kind: fake, routes: [0]}\n  \
                  3: {kind: fake}\nedges: [0 -> 1, 0 -> 2, 0 -> 3]\n";
    let plan = read(source).unwrap();
    for (one, other) in [(1, 2), (2, 1)] {
        let mut planner = Planner::new(&plan);
        planner.ready();
        planner.finish(0, Fate::Settled);
        assert_eq!(planner.ready(), [1, 2], "3 waits until neither goes back");
        planner.follow(one, Fate::Settled, &back_of(&plan, one));
        assert_eq!((planner.ready(), planner.verdict()), (vec![], None));
        planner.finish(other, Fate::Waiting);
        assert_eq!((planner.ready(), planner.verdict()), (vec![], Some(RunVerdict::Waiting)));
        planner.follow(other, Fate::Settled, &back_of(&plan, other));
        assert_eq!(planner.verdict(), None);
        assert_eq!((planner.ready(), planner.context(0)), (vec![0], vec![1, 2]));
        assert_eq!([1, 2].map(|step| planner.iteration(step)), [1, 1]);
        planner.finish(0, Fate::Settled);
        assert_eq!(planner.ready(), [1, 2]);
        planner.finish(one, Fate::Settled);
        planner.follow(other, Fate::Settled, &back_of(&plan, other));
        assert_eq!((planner.ready(), planner.context(0)), (vec![0], vec![other]));
        planner.finish(0, Fate::Settled);
        planner.ready();
        planner.finish(one, Fate::Settled);
        assert_eq!(planner.ready(), [0; 0]);
        planner.finish(other, Fate::Settled);
        assert_eq!((planner.ready(), planner.iteration(0)), (vec![3], 2));
    }
}

#[test]
fn what_leads_out_of_two_loops_with_one_end_is_decided_once() {
    let source = "nodes: {0: {kind: fake}, 1: {kind: fake}, 2: {kind: fake}, 3: {kind: fake}, 4: {kind: fake}}\n\
                  edges: [0 -> 1 -> 2, 1 -> 3, 4 -> 3]\nloop_edges: [{from: 2, to: 1, condition: 'True'}, \
                  {from: 2, to: 0, condition: 'True'}]\n";
    let plan = read(source).unwrap();
    let mut planner = Planner::new(&plan);
    assert_eq!(planner.ready(), [0, 4]);
    for step in 0..3 {
        planner.finish(step, Fate::Settled);
        assert_eq!(planner.ready(), if step < 2 { vec![step + 1] } else { vec![] }, "3 waits for 4");
    }
    planner.finish(4, FAILED);
    assert_eq!((planner.ready(), planner.context(3)), (vec![3], vec![1]));
}

/// A workflow, what its steps say, and some orders in which they end.
#[derive(Clone, Debug)]
struct Chances {
    source: String,
    seed: u64,
    orders: Vec<u64>,
}

/// Steps `0`, `1`, … of which each edge leads to a later one; of the ways back as many as the loader takes.
fn chances() -> impl Strategy<Value = Chances> {
    (2usize..9).prop_flat_map(|steps| {
        let edges = prop::collection::btree_map((0..steps, 0..steps), 0u8..6, 1..steps * 3);
        let backs = prop::collection::btree_map((0..steps, 0..steps), (any::<bool>(), 1u32..4), 0..9);
        let orders = prop::collection::vec(any::<u64>(), 4);
        (edges, backs, any::<u64>(), orders).prop_map(move |(edges, backs, seed, orders)| {
            let mut sketch = Sketch { steps, edges: BTreeMap::new(), backs: Vec::new() };
            sketch.edges.extend(edges.into_iter().filter(|((from, to), _)| from < to));
            for ((one, other), (routed, most)) in backs {
                sketch.backs.push((one.max(other), one.min(other), routed, most));
                // A way back alone may not fit where several to one step do.
                if sketch.backs.len() % 2 == 0 && read(&sketch.source()).is_err() {
                    sketch.backs.pop();
                    if read(&sketch.source()).is_err() {
                        sketch.backs.pop();
                    }
                }
            }
            if read(&sketch.source()).is_err() {
                sketch.backs.pop();
            }
            Chances { source: sketch.source(), seed, orders }
        })
    })
}

struct Sketch {
    steps: usize,
    /// Each with its form: a route, one with a condition, or neither.
    edges: BTreeMap<(usize, usize), u8>,
    /// From, to, whether it is a route, and how often.
    backs: Vec<(usize, usize, bool, u32)>,
}

impl Sketch {
    fn source(&self) -> String {
        let mut source = "policy: {max_replans: 2}\nnodes:\n".to_owned();
        for step in 0..self.steps {
            let forth = self.edges.iter().filter(|((from, _), form)| *from == step && **form == 0);
            let back = self.backs.iter().filter(|(from, _, routed, _)| *from == step && *routed);
            let routes: Vec<usize> = forth.map(|((_, to), _)| *to).chain(back.map(|back| back.1)).collect();
            let routes = if routes.is_empty() { String::new() } else { format!(", routes: {routes:?}") };
            writeln!(source, "  {step}: {{kind: fake{routes}}}").unwrap();
        }
        source += "edges: [";
        for ((from, to), form) in self.edges.iter().filter(|(_, form)| **form > 0) {
            let condition = if *form < 3 { ", condition: 'True'" } else { "" };
            write!(source, "{{from: {from}, to: {to}{condition}}},").unwrap();
        }
        source += "]\nloop_edges: [";
        for (from, to, _, most) in self.backs.iter().filter(|(_, _, routed, _)| !routed) {
            let condition = "condition: 'True'";
            write!(source, "{{from: {from}, to: {to}, {condition}, max_iterations: {most}}},").unwrap();
        }
        source + "]\n"
    }
}

/// A number that depends on nothing but these.
fn dice(seed: u64, step: usize, iteration: u32, throw: u64) -> u64 {
    let mut mixed = seed ^ (step as u64) << 48 ^ u64::from(iteration) << 24 ^ throw;
    for _ in 0..3 {
        mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 31;
    }
    mixed
}

/// How a step ends in one of its passes, and where that leads: the same whenever it ends.
fn ending(
    plan: &Plan,
    seed: u64,
    (step, iteration): (usize, u32),
    left: &dyn Fn(usize) -> u32,
) -> (Fate, Option<Routing>) {
    let throw = |number: u64| dice(seed, step, iteration, number);
    match throw(0) % 12 {
        0 => return (DENIED, None),
        1 => return (FAILED, None),
        2 => return (Fate::Settled, None),
        _ => {}
    }
    let planned = plan.step(step).unwrap();
    let backs: Vec<usize> = planned.loops.iter().copied().filter(|place| left(*place) > 0).collect();
    if !backs.is_empty() && throw(1) % 3 > 0 {
        let back = Some(backs[throw(2) as usize % backs.len()]);
        return (Fate::Settled, Some(Routing { back, ..Routing::default() }));
    }
    let when = |place: usize| &plan.edges()[planned.outgoing[place]].when;
    let count = planned.outgoing.len();
    let routes: Vec<usize> = (0..count).filter(|place| matches!(when(*place), When::Routed)).collect();
    if !routes.is_empty() && throw(3) % 3 > 0 {
        let chosen = routes[throw(4) as usize % routes.len()];
        let follow = (0..count).map(|place| place == chosen).collect();
        return (Fate::Settled, Some(Routing { back: None, named: true, follow }));
    }
    let follows = |place: usize| match when(place) {
        When::Always => true,
        When::If(_) => throw(5 + place as u64) % 2 == 0,
        When::Routed => false,
    };
    (Fate::Settled, Some(routing(&(0..count).map(follows).collect::<Vec<_>>(), None)))
}

/// Everything that can be seen of a walk, whatever the order in which its steps ended.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// Step, pass, and whose outputs it was given.
    ran: BTreeSet<(usize, u32, Vec<usize>)>,
    skipped: BTreeSet<(usize, u32, String)>,
    ends: Vec<Option<Fate>>,
    outputs: Vec<usize>,
    verdict: Option<RunVerdict>,
}

/// The rules, asked again and again: nothing is counted, and nothing is remembered but how steps ended.
struct Slow<'p> {
    plan: &'p Plan,
    seed: u64,
    ended: BTreeMap<usize, (Fate, Option<Routing>)>,
    iteration: Vec<u32>,
    turns: Vec<u32>,
    /// For the first step of a loop: who went back to it.
    again: Vec<Vec<usize>>,
    seen: Seen,
}

impl<'p> Slow<'p> {
    fn new(plan: &'p Plan, seed: u64) -> Self {
        let (steps, loops) = (plan.steps().len(), plan.loops().len());
        let (iteration, turns, again) = (vec![0; steps], vec![0; loops], vec![Vec::new(); steps]);
        Self { plan, seed, ended: BTreeMap::new(), iteration, turns, again, seen: Seen::default() }
    }

    fn went_back(&self, step: usize) -> Option<usize> {
        self.ended.get(&step)?.1.as_ref()?.back
    }

    /// Whether an edge is followed; `None` when that is not decided.
    fn decided(&self, edge: usize) -> Option<bool> {
        let EdgePlan { from, to, .. } = self.plan.edges()[edge];
        let (fate, routing) = self.ended.get(&from)?;
        let is_over = |last: usize| self.ended.contains_key(&last) && self.went_back(last).is_none();
        let leaves = self.plan.loops().iter().filter(|it| it.body.contains(&from) && !it.body.contains(&to));
        if self.went_back(from).is_some() || !leaves.map(|it| it.from).all(is_over) {
            return None;
        }
        let place = self.plan.step(from).unwrap().outgoing.iter().position(|other| *other == edge).unwrap();
        Some(routing.as_ref().map_or(*fate == Fate::Settled, |routing| routing.follows(place)))
    }

    /// Ends one step that can end; whether there was one.
    fn end_one(&mut self) -> bool {
        let is_open = |step: &usize| !self.ended.contains_key(step);
        let edges = |step: usize| self.plan.step(step).unwrap().incoming.iter();
        let can_end = |step: &usize| edges(*step).all(|edge| self.decided(*edge).is_some());
        let Some(step) = (0..self.iteration.len()).filter(is_open).find(can_end) else { return false };
        let followed = edges(step).filter(|edge| self.decided(**edge) == Some(true));
        let mut given: BTreeSet<usize> = followed.map(|edge| self.plan.edges()[*edge].from).collect();
        given.extend(&self.again[step]);
        let iteration = self.iteration[step];
        let end = if given.is_empty() && edges(step).len() > 0 {
            let before = self.plan.step(step).unwrap().after.iter().map(|before| self.ended[before].0);
            let cause = strongest_of(before).unwrap_or(Cause::Passed);
            self.seen.skipped.insert((step, iteration, format!("{cause:?}")));
            (Fate::Skipped(cause), None)
        } else {
            self.seen.ran.insert((step, iteration, given.into_iter().collect()));
            let left = |place: usize| self.plan.loops()[place].max_iterations - self.turns[place];
            ending(self.plan, self.seed, (step, iteration), &left)
        };
        self.ended.insert(step, end);
        true
    }

    /// When nothing else can be done, the innermost loop goes back that is to; whether there was one.
    fn go_back(&mut self) -> bool {
        let due = |place: &usize| self.went_back(self.plan.loops()[*place].from) == Some(*place);
        let due: Vec<usize> = (0..self.turns.len()).filter(due).collect();
        let bodies = due.iter().map(|place| &self.plan.loops()[*place].body);
        let Some(body) = bodies.min_by_key(|body| body.len()).cloned() else { return false };
        for (place, inner) in self.plan.loops().iter().enumerate() {
            if inner.body.len() < body.len() && inner.body.iter().all(|step| body.contains(step)) {
                self.turns[place] = 0;
            }
        }
        for step in &body {
            self.ended.remove(step);
            self.again[*step].clear();
            self.iteration[*step] += 1;
        }
        for place in due.into_iter().filter(|place| self.plan.loops()[*place].body == body) {
            self.turns[place] += 1;
            let back = &self.plan.loops()[place];
            self.again[back.to].push(back.from);
        }
        true
    }

    fn walk(mut self) -> Seen {
        while self.end_one() || self.go_back() {}
        let fate = |step: usize| self.ended.get(&step).map(|(fate, _)| *fate);
        let ends: Vec<Option<Fate>> = (0..self.iteration.len()).map(fate).collect();
        let terminal = || self.plan.terminal().iter().filter_map(|step| ends[*step]);
        let settled = terminal().any(|fate| fate == Fate::Settled);
        let verdict = match strongest_of(terminal()) {
            Some(Cause::Failed(reason)) => RunVerdict::Failed(reason),
            Some(Cause::Denied(reason)) if !settled => RunVerdict::Denied(reason),
            _ => RunVerdict::Completed,
        };
        let passed = terminal().all(|fate| fate == PASSED);
        let is_output = |step: &usize| {
            let planned = self.plan.step(*step).unwrap();
            let leads = || planned.outgoing.iter().any(|edge| self.decided(*edge) == Some(true));
            let ends_here = if passed { !leads() } else { self.plan.terminal().contains(step) };
            ends[*step] == Some(Fate::Settled) && ends_here
        };
        let outputs = (0..ends.len()).filter(is_output).collect();
        Seen { ends, outputs, verdict: Some(verdict), ..self.seen }
    }
}

/// The strongest cause among how steps ended, the first of its strength.
fn strongest_of(fates: impl Iterator<Item = Fate>) -> Option<Cause> {
    let causes: Vec<Cause> = fates.filter_map(cause).collect();
    let first = |is: fn(&Cause) -> bool| causes.iter().copied().find(is);
    first(|cause| matches!(cause, Cause::Failed(_)))
        .or_else(|| first(|cause| matches!(cause, Cause::Denied(_))))
        .or_else(|| causes.first().copied())
}

/// Walks a plan with the planner; which of the running steps ends next is up to `order`.
fn walk(plan: &Plan, seed: u64, order: u64) -> Result<Seen, TestCaseError> {
    let mut planner = Planner::new(plan);
    let (mut seen, mut running, mut waiting) = (Seen::default(), Vec::new(), Vec::new());
    for round in 0.. {
        for step in planner.ready() {
            prop_assert!(!running.contains(&step) && !waiting.contains(&step), "{} runs twice at once", step);
            running.push(step);
        }
        prop_assert!(round < 100_000, "it does not end");
        let pick = dice(order, round, 0, 0) as usize;
        if !waiting.is_empty() && (running.is_empty() || pick % 4 == 0) {
            planner.reopen(waiting.swap_remove(pick / 4 % waiting.len()));
            continue;
        }
        if running.is_empty() {
            break;
        }
        prop_assert_eq!(planner.verdict(), None);
        let step = running.swap_remove(pick / 4 % running.len());
        if pick % 5 == 0 {
            planner.finish(step, Fate::Waiting);
            waiting.push(step);
            continue;
        }
        let iteration = planner.iteration(step);
        let is_new = seen.ran.insert((step, iteration, planner.context(step)));
        prop_assert!(is_new, "{} ran twice in one pass", step);
        let (fate, routing) = ending(plan, seed, (step, iteration), &|place| planner.turns_left(place));
        let skipped = match routing {
            Some(routing) => planner.follow(step, fate, &routing),
            None => planner.finish(step, fate),
        };
        for step in skipped {
            let Some(Fate::Skipped(cause)) = planner.fate(step) else {
                return Err(TestCaseError::fail(format!("{step} was not skipped")));
            };
            let is_new = seen.skipped.insert((step, planner.iteration(step), format!("{cause:?}")));
            prop_assert!(is_new, "{} was skipped twice in one pass", step);
        }
    }
    seen.ends = (0..plan.steps().len()).map(|step| planner.fate(step)).collect();
    (seen.outputs, seen.verdict) = (planner.outputs(), planner.verdict());
    Ok(seen)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_is_as_the_rules_say_in_whatever_order_steps_end(chances in chances()) {
        let plan = read(&chances.source).unwrap();
        let expected = Slow::new(&plan, chances.seed).walk();
        prop_assert!(expected.ends.iter().all(Option::is_some), "the rules leave a step without an end");
        for order in chances.orders {
            prop_assert_eq!(&walk(&plan, chances.seed, order)?, &expected, "{}", chances.source);
        }
    }
}

#[test]
fn chance_makes_plans_of_every_form() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut nested, mut equal, mut again, mut passes) = (0, 0, 0, 0);
    for _ in 0..250 {
        let chances = chances().new_tree(&mut runner).unwrap().current();
        let plan = read(&chances.source).unwrap();
        let bodies: Vec<&[usize]> = plan.loops().iter().map(|again| &*again.body).collect();
        let within =
            |one: &[usize]| bodies.iter().any(|other| one.len() < other.len() && back::is_within(one, other));
        nested += usize::from(bodies.iter().any(|one| within(one)));
        let same = |one: &&[usize]| bodies.iter().filter(|other| *other == one).count() > 1;
        equal += usize::from(bodies.iter().any(|one| same(one)));
        let seen = Slow::new(&plan, chances.seed).walk();
        again += usize::from(seen.ran.iter().any(|(_, iteration, _)| *iteration > 0));
        passes += usize::from(seen.ran.iter().any(|(_, iteration, _)| *iteration > 3));
    }
    let counts = (nested, equal, again, passes);
    assert!(nested > 10 && equal > 2 && again > 40 && passes > 0, "{counts:?}");
}
