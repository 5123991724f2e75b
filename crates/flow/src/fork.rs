//! What of a run that has been walked comes after a point in it: what a fork at that point has to do again.

use crate::plan::Plan;
use std::collections::VecDeque;

/// One pass of one step, as a run recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The step's ordinal.
    pub step: usize,
    /// The place in the run's chain of the first entry about it.
    pub began: u64,
    /// The place of the last entry about it.
    pub ended: u64,
}

/// For each pass whether it came after one of those in `from`, which are places in `passes`: whether it ran, and
/// with what, could depend on how that one ended. Those in `from` themselves do not, unless on each other.
///
/// Nothing depends on what ended after it began. Of what began later, a step depends on those before it in the
/// plan, and everything in a further pass of a loop, and after it, on all that its body did before. A pass that has
/// not ended is taken to have ended with its last entry: nothing began because of it.
pub fn after(plan: &Plan, passes: &[Passed], from: &[usize]) -> Vec<bool> {
    let mut marked = vec![false; passes.len()];
    // By step, the earliest end that was followed up: later ones lead to nothing more.
    let mut followed: Vec<Option<u64>> = vec![None; plan.steps().len()];
    let mut next: VecDeque<usize> = from.iter().copied().collect();
    while let Some(place) = next.pop_front() {
        let Some(pass) = passes.get(place) else { continue };
        let Some(earliest) = followed.get_mut(pass.step) else { continue };
        if earliest.is_some_and(|earliest| earliest <= pass.ended) {
            continue;
        }
        *earliest = Some(pass.ended);
        let behind = behind(plan, pass.step);
        for (other, (later, mark)) in passes.iter().zip(&mut marked).enumerate() {
            let depends = later.began > pass.ended && behind.get(later.step) == Some(&true);
            if depends && !std::mem::replace(mark, true) {
                next.push_back(other);
            }
        }
    }
    marked
}

/// For each step whether it can begin because `step` has ended: it waits for it, directly or not, or is where a loop
/// around `step` goes back to. What follows from there is behind that step in turn.
fn behind(plan: &Plan, step: usize) -> Vec<bool> {
    let mut behind = vec![false; plan.steps().len()];
    let before = |step: usize| plan.step(step).into_iter().flat_map(|step| step.before.iter().copied());
    let mut next: Vec<usize> = before(step).collect();
    while let Some(step) = next.pop() {
        let Some(mark) = behind.get_mut(step) else { continue };
        if !std::mem::replace(mark, true) {
            next.extend(before(step));
        }
    }
    for again in plan.loops().iter().filter(|again| again.body.binary_search(&step).is_ok()) {
        behind.get_mut(again.to).into_iter().for_each(|mark| *mark = true);
    }
    behind
}

#[cfg(test)]
mod tests;
