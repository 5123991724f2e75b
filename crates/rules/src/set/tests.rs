use super::*;
use crate::{Actor, Circumstances, Target};
use comity_core::{Namespace, PrincipalKind, RiskTier, StepKind, Tenant, TrustTier};

fn rules(text: &str) -> Rules {
    Rules::parse(vec![File { name: "a.cedar".to_owned(), text: text.to_owned() }]).unwrap()
}

fn faults(text: &str) -> Vec<Fault> {
    match Rules::parse(vec![File { name: "a.cedar".to_owned(), text: text.to_owned() }]) {
        Err(Error::Faults(faults)) => faults,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken: {text}"),
    }
}

fn actor() -> Actor {
    Actor {
        id: "did:key:z6Mk".to_owned(),
        name: "dig".to_owned(),
        role: "researcher".to_owned(),
        kind: PrincipalKind::Agent,
        trust: TrustTier::InternalRestricted,
        tenant: Tenant::local(),
        namespace: Namespace::default_name(),
    }
}

fn target() -> Target {
    Target {
        name: "mail".to_owned(),
        kind: "command".to_owned(),
        endpoint: "command:/usr/bin/mail".to_owned(),
        tenant: Tenant::local(),
    }
}

fn how() -> Circumstances {
    Circumstances {
        step: "dig/mail".to_owned(),
        risk: RiskTier::ExternalIo,
        declared_risk: RiskTier::Internal,
        tainted: false,
        approved: false,
        idempotent: false,
        depth: 1,
        attempt: 1,
        most_micro_usd: 1_000,
        most_tokens: 0,
        input_bytes: 10,
        steps_so_far: 3,
        elapsed_s: 1,
        hour_utc: 9,
        weekday: 2,
        done: ["search".to_owned()].into(),
        approved_acts: Default::default(),
        times_in_run: 0,
    }
}

fn ask_of(rules: &Rules, how: &Circumstances) -> Ruling {
    let (actor, target) = (actor(), target());
    rules.ask(&Question { actor: &actor, kind: StepKind::ToolCall, target: &target, how }).unwrap()
}

fn ask(text: &str) -> Ruling {
    ask_of(&rules(text), &how())
}

fn names(ruling: &Ruling) -> Vec<&str> {
    match ruling {
        Ruling::Silent => Vec::new(),
        Ruling::Permit(spoken) | Ruling::Hold(spoken) | Ruling::Forbid(spoken) | Ruling::Broken(spoken) => {
            spoken.iter().map(|spoken| &*spoken.rule).collect()
        }
    }
}

const ALL: &str = "@id(\"all\") permit (principal, action, resource);\n";

#[test]
fn a_rule_has_to_permit_it() {
    assert_eq!(ask(""), Ruling::Silent);
    assert!(matches!(ask(ALL), Ruling::Permit(_)));
    assert_eq!(ask("permit (principal, action == Action::\"model_call\", resource);"), Ruling::Silent);
}

#[test]
fn forbid_overrides_hold_and_hold_overrides_permit() {
    let hold = "@id(\"ask\") @advice(\"ask Jo\") @hold forbid (principal, action, resource) unless { context.approved };\n";
    let forbid = "@id(\"no\") @advice(\"never\") forbid (principal, action, resource);\n";
    let held = ask(&format!("{ALL}{hold}"));
    assert_eq!(held, Ruling::Hold(vec![Spoken { rule: "ask".to_owned(), words: "ask Jo".to_owned() }]));
    let forbidden = ask(&format!("{ALL}{hold}{forbid}"));
    assert_eq!(forbidden, Ruling::Forbid(vec![Spoken { rule: "no".to_owned(), words: "never".to_owned() }]));
    let approved = Circumstances { approved: true, ..how() };
    assert!(matches!(ask_of(&rules(&format!("{ALL}{hold}")), &approved), Ruling::Permit(_)));
}

#[test]
fn a_rule_that_errs_forbids() {
    let text = format!(
        "{ALL}@id(\"sum\") forbid (principal, action, resource) when {{ context.risk + 9223372036854775807 > 1 }};"
    );
    assert!(matches!(ask(&text), Ruling::Broken(_)));
}

#[test]
fn rules_see_who_acts_on_what_and_how() {
    for (condition, expected) in [
        ("principal.role == \"researcher\"", true),
        ("principal in Tenant::\"local\"", true),
        ("principal in Namespace::\"local/default\"", true),
        ("principal in Tenant::\"other\"", false),
        ("principal.clearance >= 3", true),
        ("principal.tenant == resource.tenant", true),
        ("context.done.contains(\"search\")", true),
        ("context.times_in_run >= 5", false),
        ("context.risk > context.declared_risk", true),
        ("context.hour_utc >= 8 && context.weekday <= 5", true),
    ] {
        let ruling = ask(&format!("permit (principal, action, resource) when {{ {condition} }};"));
        assert_eq!(matches!(ruling, Ruling::Permit(_)), expected, "{condition}");
    }
}

/// What is left out of a slice would not have applied: each head, alone and beside a permit for all.
#[test]
fn slicing_changes_no_answer() {
    for head in [
        "principal, action, resource",
        "principal is Agent, action, resource",
        "principal is Person, action, resource",
        "principal == Agent::\"did:key:z6Mk\", action, resource",
        "principal == Agent::\"other\", action, resource",
        "principal in Tenant::\"local\", action, resource",
        "principal in Tenant::\"other\", action, resource",
        "principal in Namespace::\"local/default\", action, resource",
        "principal is Agent in Namespace::\"local/default\", action, resource",
        "principal is Peer in Namespace::\"local/default\", action, resource",
        "principal, action == Action::\"tool_call\", resource",
        "principal, action == Action::\"model_call\", resource",
        "principal, action in Action::\"act\", resource",
        "principal, action in [Action::\"tool_call\", Action::\"send\"], resource",
        "principal, action in [Action::\"timer\"], resource",
        "principal, action, resource == Target::\"mail\"",
        "principal, action, resource == Target::\"other\"",
        "principal, action, resource in Tenant::\"local\"",
        "principal, action, resource is Target in Tenant::\"local\"",
        "principal, action, resource in Tenant::\"other\"",
    ] {
        let text = format!("{ALL}@id(\"it\") forbid ({head});");
        let (rules, actor, target, how) = (rules(&text), actor(), target(), how());
        let question = Question { actor: &actor, kind: StepKind::ToolCall, target: &target, how: &how };
        let put = question.put().unwrap();
        let whole =
            PolicySet::from_policies(rules.inner.rules.iter().map(|rule| rule.policy.clone())).unwrap();
        let answer = Authorizer::new().is_authorized(&put.request, &whole, &put.entities);
        let speaks = rules.inner.rules.iter().filter(|rule| rule.scope.fits(&put)).count() == 2;
        assert_eq!(speaks, answer.decision() == Decision::Deny, "{head}");
        let sliced = rules.ask(&question).unwrap();
        assert_eq!(names(&sliced), if speaks { ["it"] } else { ["all"] }, "{head}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let fault = faults("permit (principal, action, resource)\nwhen { context.risk >> 1 };").remove(0);
    assert_eq!(fault.place.unwrap().line, 2);
    let misspelled = faults("@id(\"x\") permit (principal, action, resource) when { context.rsk > 1 };");
    assert!(misspelled[0].message.contains("rsk"), "{misspelled:?}");
    let unknown = faults("permit (principal == User::\"jo\", action, resource);");
    assert!(!unknown.is_empty());
    let twice = faults(
        "@id(\"x\") permit (principal, action, resource);\n@id(\"x\") permit (principal, action, resource);",
    );
    assert!(twice[0].message.contains("`x`"));
    let slip = faults("@advise(\"x\") permit (principal, action, resource);");
    assert!(slip[0].message.contains("`@advise`"));
    let holding = faults("@hold permit (principal, action, resource);");
    assert!(holding[0].message.contains("only a `forbid`"));
    assert!(!faults("permit (principal == ?principal, action, resource);").is_empty());
}

#[test]
fn the_digest_names_files_and_texts() {
    let of = |name: &str, text: &str| {
        Rules::parse(vec![File { name: name.to_owned(), text: text.to_owned() }]).unwrap().digest()
    };
    assert_eq!(of("a", ALL), of("a", ALL));
    assert_ne!(of("a", ALL), of("b", ALL));
    assert_ne!(of("a", ALL), of("a", &format!("{ALL}\n")));
}

#[test]
fn takes_no_more_than_it_can_look_at() {
    let many: String = (0..=MOST).map(|_| "permit(principal,action,resource);").collect();
    assert!(matches!(
        Rules::parse(vec![File { name: "a".to_owned(), text: many }]),
        Err(Error::TooMuch { unit: "rules", .. })
    ));
    let long = format!("// {}", "x".repeat(LARGEST));
    assert!(matches!(
        Rules::parse(vec![File { name: "a".to_owned(), text: long }]),
        Err(Error::TooMuch { unit: "bytes", .. })
    ));
}
