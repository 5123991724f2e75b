//! What came from somebody who is not trusted stays marked, and reaches nobody outside.

use crate::{House, denied, done, plain, settled};
use comity_core::{ReasonCode, RiskTier, Step, StepKind, Taint};
use comity_govern::{OnTaint, Outcome, Policy, Scope};

fn outside(scope: &Scope, ordinal: u32, taint: Taint) -> Step {
    Step { risk: RiskTier::ExternalIo, taint, ..plain(scope, ordinal) }
}

fn run(house: &House, scope: &Scope, step: Step) -> Outcome {
    house.wait(house.gate.run(scope, step, async |_| done())).unwrap()
}

#[test]
fn is_refused_held_or_let_through_as_the_policy_says() {
    for (on_taint, reason) in
        [(OnTaint::Allow, None), (OnTaint::Hold, None), (OnTaint::Deny, Some(ReasonCode::Tainted))]
    {
        let house = House::new();
        let scope = Scope::root(house.open_with(Policy { on_taint, ..Policy::default() }));
        let outcome = run(&house, &scope, outside(&scope, 0, Taint::WEB));
        assert_eq!(denied(&outcome), reason, "{on_taint:?}");
        assert_eq!(matches!(outcome, Outcome::Held(_)), on_taint == OnTaint::Hold);
        settled(run(&house, &scope, outside(&scope, 1, Taint::NONE)));
        let inside = Step { risk: RiskTier::Internal, taint: Taint::WEB, ..plain(&scope, 2) };
        settled(run(&house, &scope, inside));
        house.sound(scope.run().id());
    }
}

#[test]
fn an_output_has_the_sources_of_its_input_and_of_whoever_made_it() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let step = Step { taint: Taint::WEB, ..plain(&scope, 0) };
    let outcome = house.gate.run(&scope, step.clone(), async |permit| {
        permit.taint(Taint::TOOL);
        done()
    });
    let both = Taint::WEB | Taint::TOOL;
    assert_eq!(settled(house.wait(outcome).unwrap()).taint, both);
    // So it is for whoever asks again, here or in the next process.
    assert_eq!(settled(run(&house, &scope, step.clone())).taint, both);
    house.settle();
    let next = house.another();
    let scope = Scope::root(next.resume(scope.run().id()));
    assert_eq!(settled(run(&next, &scope, step)).taint, both);
    next.sound(scope.run().id());
}

#[test]
fn a_persons_words_are_their_own() {
    let house = House::new();
    let scope = Scope::root(house.open());
    let step = Step { kind: StepKind::HumanDecision, taint: Taint::WEB, ..plain(&scope, 0) };
    let Outcome::Held(approval) = run(&house, &scope, step.clone()) else { panic!("nobody was asked") };
    let (tenant, yes) = (comity_core::Tenant::local(), comity_govern::Ruling::Approve);
    house.wait(house.gate.rule(&tenant, approval.id, yes, &house.person(), "")).unwrap();
    assert_eq!(settled(run(&house, &scope, step)).taint, Taint::NONE);
}
