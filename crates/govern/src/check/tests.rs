use super::*;
use comity_core::{Digest, RiskTier, RunId, StepId, StepKind, Taint};

fn step() -> Step {
    Step {
        id: StepId::derive(RunId::from_bytes([1; 16]), None, 0, 0),
        parent: None,
        ordinal: 0,
        iteration: 0,
        name: "send".into(),
        target: "mail".into(),
        action: "".into(),
        kind: StepKind::ToolCall,
        risk: RiskTier::ExternalIo,
        idempotent: false,
        contract: Digest::ZERO,
        endpoint: "command:mail".into(),
        bound: Amounts { micro_usd: 420_000, steps: 1, ..Amounts::ZERO },
        timeout: None,
        input: (*b"0123456789").into(),
        taint: Taint::NONE,
    }
}

fn nobody() -> &'static Actor {
    static NOBODY: std::sync::LazyLock<Actor> = std::sync::LazyLock::new(|| Actor {
        id: "local:jo".to_owned(),
        name: "jo".to_owned(),
        role: String::new(),
        kind: comity_core::PrincipalKind::Person,
        trust: comity_core::TrustTier::InternalTrusted,
        tenant: comity_core::Tenant::local(),
        namespace: comity_core::Namespace::default_name(),
    });
    &NOBODY
}

fn evidence(policy: &Policy) -> Evidence<'_> {
    Evidence {
        policy,
        elapsed: Duration::from_secs(1),
        depth: 0,
        assessment: Assessment::declared(RiskTier::ExternalIo),
        breaker: Breaker::Closed,
        approved: false,
        attempt: 1,
        books: &[],
        actor: nobody(),
        acts: ActsByTarget::default(),
        now: Timestamp::from_millis(1_796_000_000_000),
        shortfall: None,
    }
}

fn short(unit: Unit) -> Shortfall {
    Shortfall {
        account: "run_3a".into(),
        unit,
        left: Amounts { micro_usd: 100_000, ..Amounts::ZERO },
        caps: Amounts { micro_usd: 1_000_000, steps: 50, ..Amounts::ZERO },
        frozen: false,
    }
}

fn reason(finding: &Finding) -> Option<ReasonCode> {
    match finding {
        Finding::Pass => None,
        Finding::Hold(reason, _) | Finding::Deny(reason, _) => Some(*reason),
    }
}

#[test]
fn the_table_is_alphabetical() {
    assert!(CHECKS.is_sorted_by_key(|check| check.name));
}

#[test]
fn each_check_speaks_up_and_only_it() {
    let strict = Policy { max_risk_tier: RiskTier::Internal, ..Policy::default() };
    let asking = Policy { human_approval_tier: Some(RiskTier::ExternalIo), ..Policy::default() };
    let small = Policy { max_input_bytes: 9, ..Policy::default() };
    let plain = Policy::default();
    let human = Step { kind: StepKind::HumanDecision, ..step() };
    let open = Breaker::Open { millis_left: 5, failures: 5 };
    let frozen = Shortfall { frozen: true, ..short(Unit::Steps) };
    let cases: Vec<(&str, Step, Evidence<'_>, ReasonCode)> = vec![
        ("approval", human, evidence(&plain), ReasonCode::ApprovalRequired),
        ("breaker", step(), Evidence { breaker: open, ..evidence(&plain) }, ReasonCode::BreakerOpen),
        (
            "budget",
            step(),
            Evidence { shortfall: Some(short(Unit::MicroUsd)), ..evidence(&plain) },
            ReasonCode::BudgetUsd,
        ),
        (
            "budget",
            step(),
            Evidence { shortfall: Some(short(Unit::Tokens)), ..evidence(&plain) },
            ReasonCode::BudgetTokens,
        ),
        (
            "budget",
            step(),
            Evidence { shortfall: Some(short(Unit::Millis)), ..evidence(&plain) },
            ReasonCode::BudgetSeconds,
        ),
        (
            "budget",
            step(),
            Evidence { shortfall: Some(frozen), ..evidence(&plain) },
            ReasonCode::AccountFrozen,
        ),
        ("deadline", step(), Evidence { elapsed: plain.timeout, ..evidence(&plain) }, ReasonCode::Deadline),
        ("depth", step(), Evidence { depth: 9, ..evidence(&plain) }, ReasonCode::Depth),
        ("input_size", step(), evidence(&small), ReasonCode::InputSize),
        ("risk", step(), evidence(&strict), ReasonCode::RiskTier),
        ("risk", step(), evidence(&asking), ReasonCode::ApprovalRequired),
        (
            "step_limit",
            step(),
            Evidence { shortfall: Some(short(Unit::Steps)), ..evidence(&plain) },
            ReasonCode::StepLimit,
        ),
    ];
    for (name, step, evidence, expected) in cases {
        let judgement = judge(&step, &evidence);
        assert_eq!(reason(&judgement.finding), Some(expected), "{name}");
        let loud: Vec<&str> =
            judgement.marks.iter().filter(|mark| mark.1 != Verdict::Pass).map(|mark| &*mark.0).collect();
        assert_eq!(loud, [name]);
    }
    assert_eq!(judge(&step(), &evidence(&plain)).finding, Finding::Pass);
}

#[test]
fn the_message_puts_the_limit_beside_the_actual() {
    let policy = Policy::default();
    let judgement = judge(&step(), &Evidence { shortfall: Some(short(Unit::MicroUsd)), ..evidence(&policy) });
    let Finding::Deny(_, message) = judgement.finding else { panic!("not denied") };
    assert_eq!(message, "step `send` needs $0.42 but `run_3a` has $0.10 left of $1.00");
}

#[test]
fn approval_lifts_a_hold_and_never_a_denial() {
    let policy =
        Policy { human_approval_tier: Some(RiskTier::ExternalIo), max_input_bytes: 9, ..Policy::default() };
    let approved = Evidence { approved: true, ..evidence(&policy) };
    assert_eq!(reason(&judge(&step(), &approved).finding), Some(ReasonCode::InputSize));
    let lenient = Policy { max_input_bytes: 10, ..policy.clone() };
    assert_eq!(judge(&step(), &Evidence { policy: &lenient, ..approved }).finding, Finding::Pass);
}

#[test]
fn deny_overrides_hold_and_an_error_denies() {
    let policy = Policy::default();
    let hold =
        Check { name: "a", decide: |_, _| Ok(Finding::Hold(ReasonCode::ApprovalRequired, String::new())) };
    let broken = Check { name: "b", decide: |_, _| Err(Undecided("lost".into())) };
    let judgement = judge_with(&[hold, broken], &step(), &evidence(&policy));
    assert_eq!(
        judgement.finding,
        Finding::Deny(ReasonCode::CheckError, "check `b` could not decide: lost".into())
    );
}

#[test]
fn what_is_short_is_refused_whether_a_check_says_so_or_not() {
    let policy = Policy::default();
    let short = Evidence { shortfall: Some(short(Unit::MicroUsd)), ..evidence(&policy) };
    let pass = Check { name: "a", decide: |_, _| Ok(Finding::Pass) };
    let judgement = judge_with(&[pass], &step(), &short);
    assert_eq!(reason(&judgement.finding), Some(ReasonCode::CheckError));
}
