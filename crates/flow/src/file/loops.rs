//! Ways back: loop edges, and steps that may send the run back to a step they choose.

mod waits;

use super::{
    condition::{self, Asked},
    edges::{self, Names},
    fields::Fields,
    graph::Graph,
    reach::{self, Steps},
    table::LOOP_EDGE,
};
use crate::{
    diagnostic::Code,
    findings::Findings,
    plan::{LoopPlan, When},
    tree::{Entry, Mark},
};
use std::collections::HashMap;

/// Ways back that one file may have.
pub(super) const MAX_LOOPS: usize = 1_000;
/// Steps that the bodies of all loops may have together.
const MAX_BODIES: usize = 2_000_000;
/// How often a loop is gone through when the file does not say.
const ITERATIONS: u32 = 10;

/// After `from`, back to `to`.
pub(super) struct Loop<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) mark: Mark,
    /// `None` for a step that chooses.
    pub(super) condition: Option<Asked<'a>>,
    pub(super) max_iterations: u32,
}

/// Reads the loop edges that are right; each that is not is reported.
pub(super) fn read<'a>(entry: &'a Entry, names: &Names<'_>, findings: &mut Findings) -> Vec<Loop<'a>> {
    let items = edges::maps(entry, "a list of maps with `from`, `to` and `condition`", findings);
    if items.len() > MAX_LOOPS {
        let message =
            format!("the workflow has {} loop edges, and at most {MAX_LOOPS} are read", items.len());
        findings.report(Code::TOO_LARGE, entry.key_mark, message);
        return Vec::new();
    }
    let mut lines: HashMap<(usize, usize), u32> = HashMap::new();
    let mut loops = Vec::new();
    for item in items {
        let Some(fields) = Fields::open(item, &LOOP_EDGE, item.mark, findings) else { continue };
        let named = (Code::EDGE_UNKNOWN_STEP, "loop edge");
        let from = names.field(&fields, "from", named, findings);
        let to = names.field(&fields, "to", named, findings);
        let condition = fields.entry("condition").and_then(|entry| condition::read(entry, findings));
        let max_iterations = fields.small("max_iterations", findings).unwrap_or(ITERATIONS);
        let (Some((from, _)), Some((to, mark))) = (from, to) else { continue };
        if let Some(first) = lines.insert((from, to), mark.line) {
            let message = format!("loop edge `{} -> {}` stands twice", names.name(from), names.name(to));
            let help = format!("it is already on line {first}");
            findings.advise(Code::EDGE_TWICE, mark, message, help);
            continue;
        }
        loops.push(Loop { from, to, mark, condition, max_iterations });
    }
    loops
}

/// Finds the body of each loop. Reports loops that do not go back, and loops that overlap.
pub(super) fn plan(
    loops: &[Loop<'_>],
    graph: &Graph,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<LoopPlan> {
    let mut bodies: Vec<(&Loop<'_>, Steps)> = Vec::with_capacity(loops.len());
    for back in loops {
        let behind = reach::from(back.from, graph.after());
        if !behind.contains(back.to) {
            refuse_forward(back, names, findings);
            continue;
        }
        let mut body = reach::from(back.to, graph.before());
        body.keep(&behind);
        bodies.push((back, body));
    }
    join(&mut bodies);
    if refuse_overlaps(&bodies, names, findings) {
        refuse_waits(&bodies, graph, names, findings);
    }
    if bodies.iter().map(|(_, body)| body.count()).sum::<usize>() > MAX_BODIES {
        let mark = loops.first().map_or(Mark::START, |back| back.mark);
        let message = format!("the loops have more than {MAX_BODIES} steps between them");
        findings.report(Code::TOO_LARGE, mark, message);
        return Vec::new();
    }
    bodies.into_iter().map(|(back, body)| back.planned(body)).collect()
}

impl Loop<'_> {
    fn planned(&self, body: Steps) -> LoopPlan {
        let when = self.condition.as_ref().map_or(When::Routed, |asked| When::If(asked.condition.clone()));
        let Self { from, to, max_iterations, .. } = *self;
        LoopPlan { from, to, when, max_iterations, body: body.list() }
    }
}

fn refuse_forward(back: &Loop<'_>, names: &Names<'_>, findings: &mut Findings) {
    let (from, to) = (names.name(back.from), names.name(back.to));
    let message = format!("loop edge `{from} -> {to}` does not go back: `{from}` does not wait for `{to}`");
    let help = format!("write it under `edges`, or let `{from}` wait for `{to}`");
    findings.advise(Code::LOOP_NOT_BACK, back.mark, message, help);
}

/// Where several steps choose to go back to one step and their ways part, each goes through them all: what one
/// of them passed over, the next pass may choose.
fn join(bodies: &mut [(&Loop<'_>, Steps)]) {
    let mut targets: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, (back, _)) in bodies.iter().enumerate().filter(|(_, (back, _))| back.condition.is_none()) {
        targets.entry(back.to).or_default().push(place);
    }
    for places in targets.into_values() {
        let mut whole: Option<Steps> = None;
        for (_, body) in places.iter().filter_map(|place| bodies.get(*place)) {
            whole.get_or_insert_with(|| body.clone()).take_in(body);
        }
        let Some(whole) = whole else { continue };
        let chain = |place: &usize| {
            places.iter().all(|other| match (bodies.get(*place), bodies.get(*other)) {
                (Some((_, one)), Some((_, other))) => one.nests_with(other),
                _ => true,
            })
        };
        if places.iter().all(chain) {
            continue;
        }
        for place in places {
            bodies.get_mut(place).into_iter().for_each(|(_, body)| *body = whole.clone());
        }
    }
}

/// Whether there are none.
fn refuse_overlaps(bodies: &[(&Loop<'_>, Steps)], names: &Names<'_>, findings: &mut Findings) -> bool {
    let mut is_fine = true;
    for (place, (back, body)) in bodies.iter().enumerate() {
        let earlier = bodies.iter().take(place);
        let Some((other, _)) = earlier.into_iter().find(|(_, other)| !body.nests_with(other)) else {
            continue;
        };
        is_fine = false;
        let message = format!(
            "the loop `{} -> {}` and the loop `{} -> {}` share steps, and neither is inside the other",
            names.name(back.from),
            names.name(back.to),
            names.name(other.from),
            names.name(other.to),
        );
        let help = format!(
            "the other one is on line {}; let one go back over the whole of the other",
            other.mark.line
        );
        findings.advise(Code::LOOPS_OVERLAP, back.mark, message, help);
    }
    is_fine
}

fn refuse_waits(bodies: &[(&Loop<'_>, Steps)], graph: &Graph, names: &Names<'_>, findings: &mut Findings) {
    let Some((first, second)) = waits::circle(bodies, graph.before()) else { return };
    let (Some((other, _)), Some((back, _))) = (bodies.get(first), bodies.get(second)) else { return };
    let message = format!(
        "the loop `{} -> {}` and the loop `{} -> {}` wait for each other to be over",
        names.name(back.from),
        names.name(back.to),
        names.name(other.from),
        names.name(other.to),
    );
    let help = format!(
        "the other one is on line {}; what leads out of a loop waits until it is over: let edges lead from one \
         of them to the other only",
        other.mark.line
    );
    findings.advise(Code::LOOPS_OVERLAP, back.mark, message, help);
}
