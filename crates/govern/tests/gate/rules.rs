//! Rules are asked about every act, with what the run has done so far.

use crate::{House, denied, done, plain, settled};
use comity_core::{ReasonCode, RiskTier, Step, StepKind, Tenant};
use comity_govern::{Outcome, Policy, Ruling, Scope};

const ALL: &str = "@id(\"all\") permit (principal, action, resource);\n";

fn under(rules: &str) -> Policy {
    let file = comity_rules::File { name: "a.cedar".to_owned(), text: rules.to_owned() };
    Policy { rules: vec![file], ..Policy::default() }
}

fn on(scope: &Scope, ordinal: u32, target: &str) -> Step {
    Step { target: target.into(), ..plain(scope, ordinal) }
}

fn run(house: &House, scope: &Scope, step: Step) -> Outcome {
    house.wait(house.gate.run(scope, step, async |_| done())).unwrap()
}

#[test]
fn what_no_rule_permits_does_not_happen() {
    let house = House::new();
    let rules = "permit (principal, action, resource == Target::\"search\");";
    let scope = Scope::root(house.open_with(under(rules)));
    settled(run(&house, &scope, on(&scope, 0, "search")));
    let outcome = house.gate.run(&scope, on(&scope, 1, "mail"), async |_| panic!("it ran"));
    assert_eq!(denied(&house.wait(outcome).unwrap()), Some(ReasonCode::Policy));
    house.sound(scope.run().id());
}

#[test]
fn after_one_act_never_another() {
    let house = House::new();
    let rules = format!(
        "{ALL}@id(\"no mail after reading\") forbid (principal, action, resource == Target::\"mail\")
         when {{ context.done.contains(\"read\") }};"
    );
    let scope = Scope::root(house.open_with(under(&rules)));
    settled(run(&house, &scope, on(&scope, 0, "mail")));
    settled(run(&house, &scope, on(&scope, 1, "read")));
    let Outcome::Denied(refusal) = run(&house, &scope, on(&scope, 2, "mail")) else { panic!("it ran") };
    assert!(refusal.message.contains("no mail after reading"), "{}", refusal.message);
    // The next process knows what the last one did: here, from steps that were named after what they acted on.
    let named = |scope: &Scope, ordinal, name: &str| Step { name: name.into(), ..on(scope, ordinal, name) };
    settled(run(&house, &scope, named(&scope, 3, "read")));
    house.settle();
    let next = house.another();
    let scope = Scope::root(next.resume(scope.run().id()));
    assert_eq!(denied(&run(&next, &scope, named(&scope, 4, "mail"))), Some(ReasonCode::Policy));
    next.sound(scope.run().id());
}

#[test]
fn at_most_so_often_in_a_run() {
    let house = House::new();
    let rules = format!("{ALL}forbid (principal, action, resource) when {{ context.times_in_run >= 2 }};");
    let scope = Scope::root(house.open_with(under(&rules)));
    settled(run(&house, &scope, on(&scope, 0, "pay")));
    settled(run(&house, &scope, on(&scope, 1, "pay")));
    assert_eq!(denied(&run(&house, &scope, on(&scope, 2, "pay"))), Some(ReasonCode::Policy));
    settled(run(&house, &scope, on(&scope, 3, "look")));
    house.sound(scope.run().id());
}

#[test]
fn a_rule_asks_a_person_and_their_yes_counts_once() {
    let house = House::new();
    let rules = format!(
        "{ALL}@hold @advice(\"ask first\") forbid (principal, action, resource) unless {{ context.approved }};"
    );
    let scope = Scope::root(house.open_with(under(&rules)));
    let Outcome::Held(approval) = run(&house, &scope, on(&scope, 0, "mail")) else { panic!("it ran") };
    assert!(approval.message.contains("ask first"), "{}", approval.message);
    house.wait(house.gate.rule(&Tenant::local(), approval.id, Ruling::Approve, &house.person(), "")).unwrap();
    settled(run(&house, &scope, on(&scope, 0, "mail")));
    assert!(matches!(run(&house, &scope, on(&scope, 1, "mail")), Outcome::Held(_)));
    house.sound(scope.run().id());
}

#[test]
fn a_rule_that_cannot_be_decided_denies() {
    let house = House::new();
    let rules = format!(
        "{ALL}forbid (principal, action, resource) when {{ context.risk + 9223372036854775807 > 1 }};"
    );
    let scope = Scope::root(house.open_with(under(&rules)));
    assert_eq!(denied(&run(&house, &scope, on(&scope, 0, "mail"))), Some(ReasonCode::CheckError));
}

#[test]
fn rules_that_cannot_be_read_open_no_run() {
    let house = House::new();
    house.policy.replace(under("permit (principal, action, resource) when { context.nothing };"));
    assert!(house.try_open(None).is_err());
}

#[test]
fn inside_another_workflow_the_rules_of_both_hold() {
    let house = House::new();
    let outer = format!("{ALL}forbid (principal, action == Action::\"send\", resource);");
    let scope = Scope::root(house.open_with(under(&outer)));
    let step = Step { kind: StepKind::Workflow, ..plain(&scope, 0) };
    let step = Step { bound: comity_core::Amounts { steps: 9, ..comity_core::Amounts::ZERO }, ..step };
    let outcome = house.gate.run(&scope, step, async |permit| {
        let inner = under("permit (principal, action, resource == Target::\"search\");");
        let scope = permit.scope().unwrap().under(&inner).unwrap();
        for (ordinal, kind, target, ok) in [
            (0, StepKind::ToolCall, "search", true),
            (1, StepKind::ToolCall, "mail", false),
            (2, StepKind::Send, "search", false),
        ] {
            let step = Step { kind, ..on(&scope, ordinal, target) };
            let outcome = house.gate.run(&scope, step, async |_| done()).await.unwrap();
            assert_eq!(matches!(outcome, Outcome::Settled(_)), ok, "{target}");
        }
        done()
    });
    settled(house.wait(outcome).unwrap());
}

#[test]
fn an_act_is_judged_by_what_it_seems_and_never_less_than_declared() {
    let house = House::new();
    let policy = Policy { max_risk_tier: RiskTier::Internal, ..Policy::default() };
    let scope = Scope::root(house.open_with(policy));
    let seems = |ordinal, action: &str| Step { action: action.into(), ..plain(&scope, ordinal) };
    settled(run(&house, &scope, seems(0, "search")));
    assert_eq!(denied(&run(&house, &scope, seems(1, "send mail"))), Some(ReasonCode::RiskTier));
    let shell = Step { input: br#"{"cmd":"rm -rf /"}"#.as_slice().into(), ..seems(2, "shell") };
    assert_eq!(denied(&run(&house, &scope, shell)), Some(ReasonCode::RiskTier));
    let declared = Step { risk: RiskTier::ExternalIo, ..seems(3, "search") };
    assert_eq!(denied(&run(&house, &scope, declared)), Some(ReasonCode::RiskTier));
    // What only holds other steps is what it was declared.
    let named = Step { kind: StepKind::Timer, ..seems(4, "delete") };
    settled(run(&house, &scope, named));
}
