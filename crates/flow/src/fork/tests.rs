use super::*;
use crate::compile;
use crate::plan::tests::kinds::{COMMAND, PERSON};

/// Five steps, of which `b` and `c` run beside each other and are run again as long as `d` says so.
const LOOPED: &str = "nodes:\n  a: {kind: person}\n  b: {kind: person}\n  c: {kind: person}\n  d: {kind: person}\n  \
                      e: {kind: person}\n  z: {kind: person}\nedges:\n  - a -> b -> d -> e\n  - b -> c -> d\n\
                      loop_edges: [{from: d, to: b, condition: 'again', max_iterations: 3}]\n";

/// Passes in the order in which they are written, each over before the next begins: `a b c d b c d e`.
fn walked(plan: &Plan, order: &str) -> Vec<Passed> {
    let step = |name: &str| plan.steps().iter().position(|step| &*step.name == name).unwrap();
    let passes = order.split(' ').zip(1u64..);
    passes
        .map(|(name, place)| Passed { step: step(name), began: 10 * place, ended: 10 * place + 1 })
        .collect()
}

/// What comes after the passes at these places, by place.
fn check(source: &str, order: &str, from: &[usize], expected: &[usize]) {
    let plan = compile(source, &[&COMMAND, &PERSON]).unwrap();
    let passes = walked(&plan, order);
    let marked = after(&plan, &passes, from);
    let found: Vec<usize> = (0..passes.len()).filter(|place| marked[*place]).collect();
    assert_eq!(found, expected, "after {from:?} of `{order}`");
}

#[test]
fn what_waits_for_a_step_comes_after_it() {
    let plain = "nodes:\n  a: {kind: person}\n  b: {kind: person}\n  c: {kind: person}\n  d: {kind: person}\n\
                 edges: [a -> b -> d, a -> c -> d]\n";
    check(plain, "a b c d", &[0], &[1, 2, 3]);
    check(plain, "a b c d", &[1], &[3]);
    check(plain, "a c b d", &[1], &[3]);
    check(plain, "a b c d", &[3], &[]);
    check(plain, "a b c d", &[1, 2], &[3]);
}

#[test]
fn a_further_pass_comes_after_everything_in_the_one_before() {
    //            0 1 2 3 4 5 6 7 8
    let order = "a z b c d b c d e";
    check(LOOPED, order, &[0], &[2, 3, 4, 5, 6, 7, 8]);
    check(LOOPED, order, &[3], &[4, 5, 6, 7, 8]);
    check(LOOPED, order, &[5], &[6, 7, 8]);
    check(LOOPED, order, &[6], &[7, 8]);
    check(LOOPED, order, &[8], &[]);
    check(LOOPED, order, &[1], &[]);
}

#[test]
fn what_runs_beside_a_step_in_the_same_pass_does_not_come_after_it() {
    let beside = "nodes:\n  s: {kind: person}\n  l: {kind: person}\n  r: {kind: person}\n  j: {kind: person}\n\
                  edges:\n  - s -> l -> j\n  - s -> r -> j\n\
                  loop_edges: [{from: j, to: s, condition: 'again', max_iterations: 2}]\n";
    //            0 1 2 3 4 5 6 7
    let order = "s l r j s r l j";
    check(beside, order, &[1], &[3, 4, 5, 6, 7]);
    check(beside, order, &[5], &[7]);
}

#[test]
fn nothing_comes_after_what_has_not_ended() {
    let plan = compile(LOOPED, &[&COMMAND, &PERSON]).unwrap();
    let mut passes = walked(&plan, "a b c");
    // It went on being written about after the others had begun.
    passes[0].ended = 100;
    assert_eq!(after(&plan, &passes, &[0]), vec![false; 3]);
}
