use super::*;
use proptest::prelude::*;

/// Every kind of entry.
pub const KINDS: [EntryKind; 29] = [
    EntryKind::Opened,
    EntryKind::Resumed,
    EntryKind::Admitted,
    EntryKind::Denied,
    EntryKind::Held,
    EntryKind::Approved,
    EntryKind::Rejected,
    EntryKind::Expired,
    EntryKind::Settled,
    EntryKind::Reused,
    EntryKind::Failed,
    EntryKind::Cancelled,
    EntryKind::Unknown,
    EntryKind::Happened,
    EntryKind::NotHappened,
    EntryKind::Abandoned,
    EntryKind::Skipped,
    EntryKind::Scheduled,
    EntryKind::Suspended,
    EntryKind::Defect,
    EntryKind::Paused,
    EntryKind::Closed,
    EntryKind::HoldPlaced,
    EntryKind::HoldLifted,
    EntryKind::RetentionSet,
    EntryKind::Erasing,
    EntryKind::Erased,
    EntryKind::Anonymized,
    EntryKind::Collected,
];

/// Every kind of step.
pub const STEP_KINDS: [StepKind; 10] = [
    StepKind::AgentTurn,
    StepKind::ModelCall,
    StepKind::ToolCall,
    StepKind::HumanDecision,
    StepKind::Lease,
    StepKind::Send,
    StepKind::Invoke,
    StepKind::Round,
    StepKind::Workflow,
    StepKind::Timer,
];

/// An entry with every member.
pub fn full(text: &str, number: u64) -> Entry {
    let mut entry = Entry::new(
        EntryKind::Admitted,
        RunId::from_bytes([7; 16]),
        Tenant::local(),
        Namespace::default_name(),
        Cow::Owned(text.to_owned()),
        Timestamp::from_millis(number),
    );
    let amounts = Amounts { micro_usd: number, millis: 1, steps: 2, tokens: Amounts::MAX };
    entry.approval = Some(ApprovalId::from_bytes([1; 16]));
    entry.checks = vec![CheckMark("budget".into(), Verdict::Pass), CheckMark("risk".into(), Verdict::Hold)];
    entry.expires = Some(number);
    entry.caps = Some(amounts);
    (entry.hold, entry.part, entry.release) = (Some(amounts), Some(amounts), Some(amounts));
    (entry.usage, entry.used) = (Some(amounts), Some(amounts));
    crate::Slot::ALL.iter().for_each(|slot| entry.payloads.set(*slot, Digest::of(&[text.as_bytes()])));
    entry.origin = Some(Origin { entry: Digest::ZERO, run: RunId::from_bytes([8; 16]), seq: number });
    entry.policy = Some(Digest::ZERO);
    entry.reason = Some(ReasonCode::BudgetUsd);
    entry.status = Some(RunStatus::Running);
    entry.step = Some(StepRef {
        attempt: 1,
        contract: Digest::ZERO,
        id: StepId::from_bytes([2; 16]),
        idempotent: true,
        iteration: 0,
        kind: StepKind::ToolCall,
        ordinal: 3,
        parent: Some(StepId::from_bytes([3; 16])),
        risk: 2,
    });
    entry
}

proptest! {
    #[test]
    fn plain_serialisation_is_canonical(text in ".*", number in 0..=Amounts::MAX) {
        let entry = full(&text, number);
        let canonical = serde_json_canonicalizer::to_vec(&entry).unwrap();
        prop_assert_eq!(String::from_utf8(entry.to_bytes()).unwrap(), String::from_utf8(canonical).unwrap());
        prop_assert_eq!(Entry::from_bytes(&entry.to_bytes()).unwrap(), entry);
    }
}

#[test]
fn refuses_what_it_would_not_have_written() {
    let body = full("local:a", 5).to_bytes();
    let text = String::from_utf8(body).unwrap();
    for bad in [
        text.replace("\"v\":1", "\"v\":2"),
        text.replace("\"v\":1", "\"v\": 1"),
        text.replace("{\"approval\"", "{\"also\":1,\"approval\""),
        text.replace("admitted", "imagined"),
        text.replace("\"attempt\":1,", ""),
        format!("{text} "),
        String::new(),
    ] {
        assert!(Entry::from_bytes(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_format_does_not_drift() {
    let mut entry = Entry::new(
        EntryKind::Closed,
        RunId::from_bytes([7; 16]),
        Tenant::local(),
        Namespace::default_name(),
        "local:a".into(),
        Timestamp::from_millis(1_763_640_000_123),
    );
    entry.status = Some(RunStatus::Completed);
    assert_eq!(
        String::from_utf8(entry.to_bytes()).unwrap(),
        r#"{"at":1763640000123,"kind":"closed","namespace":"default","principal":"local:a","run":"run_070W3GE1R70W3GE1R70W3GE1R7","status":"completed","tenant":"local","v":1}"#
    );
}
