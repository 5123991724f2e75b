//! Loops that wait for each other: what leads out of a loop waits until it is over, so that two loops with
//! edges between them in both directions would never be.

use super::{Loop, Steps};

/// Two loops that wait for each other, directly or not, by their places.
pub(super) fn circle(bodies: &[(&Loop<'_>, Steps)], before: &[Vec<usize>]) -> Option<(usize, usize)> {
    if bodies.len() < 2 {
        return None;
    }
    let mut next: Vec<Vec<usize>> = before.to_vec();
    let mut exits: Vec<Vec<usize>> = Vec::with_capacity(bodies.len());
    for (back, body) in bodies {
        let inside = body.list();
        let out = inside.iter().filter_map(|step| before.get(*step)).flatten();
        let mut targets: Vec<usize> = out.copied().filter(|target| !body.contains(*target)).collect();
        targets.sort_unstable();
        targets.dedup();
        next.get_mut(back.from)?.extend(&targets);
        exits.push(targets);
    }
    let stuck = stuck(&next);
    let is_stuck = |step: usize| stuck.get(step).copied().unwrap_or(false);
    let waits = |(place, ((back, _), targets)): (usize, (&(&Loop<'_>, Steps), &Vec<usize>))| {
        (is_stuck(back.from) && targets.iter().any(|target| is_stuck(*target))).then_some(place)
    };
    let mut waiting = bodies.iter().zip(&exits).enumerate().filter_map(waits);
    let first = waiting.next()?;
    Some((first, waiting.next()?))
}

/// Which steps are on circles, or on ways between them.
fn stuck(next: &[Vec<usize>]) -> Vec<bool> {
    let mut prior: Vec<Vec<usize>> = vec![Vec::new(); next.len()];
    for (from, list) in next.iter().enumerate() {
        for to in list {
            prior.get_mut(*to).into_iter().for_each(|list| list.push(from));
        }
    }
    let (forth, back) = (never(next, &prior), never(&prior, next));
    forth.into_iter().zip(back).map(|(forth, back)| forth && back).collect()
}

/// Which steps never come when each waits for all of its `prior`.
fn never(next: &[Vec<usize>], prior: &[Vec<usize>]) -> Vec<bool> {
    let mut waits: Vec<usize> = prior.iter().map(Vec::len).collect();
    let mut free: Vec<usize> =
        waits.iter().enumerate().filter(|(_, count)| **count == 0).map(|(step, _)| step).collect();
    while let Some(step) = free.pop() {
        for other in next.get(step).into_iter().flatten() {
            let Some(count) = waits.get_mut(*other) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                free.push(*other);
            }
        }
    }
    waits.into_iter().map(|count| count > 0).collect()
}
