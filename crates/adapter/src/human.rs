//! A person decides.

use crate::{Adapter, Error, Setup, keys::Keys};
use comity_core::{BoxFuture, KeySpec, KindSpec, RiskTier, Shape, StepKind};
use comity_govern::{Decision, Failure, Input, Output, Permit};
use serde_json::{Map, Value, json};
use std::{future, sync::Arc};

pub(crate) const SPEC: KindSpec = KindSpec {
    name: "human",
    step: StepKind::HumanDecision,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[KeySpec {
        name: "prompt",
        shape: Shape::Text,
        required: false,
        about: "What the person is asked to decide; they see the step's name in any case.",
    }],
    about: "Waits for a person's yes.",
};

/// Reports the decision its permit rests on. The asking and the waiting happen before there is a permit,
/// so by the time this is called it has nothing left to ask.
struct Human;

pub(crate) fn build(_: &Setup, map: &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error> {
    let keys = Keys { kind: SPEC.name, map };
    keys.text("prompt")?;
    Ok(Arc::new(Human))
}

impl Adapter for Human {
    fn call<'a>(&'a self, permit: &'a mut Permit, _: &'a Input) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(future::ready(report(permit.decision())))
    }

    fn endpoint(&self) -> String {
        SPEC.name.to_owned()
    }
}

fn report(decision: Option<&Decision>) -> Result<Output, Failure> {
    let decision = decision.ok_or_else(|| Failure::Failed("nobody decided".to_owned()))?;
    let Decision { approver, comment } = decision;
    Ok(Output { value: json!({"approved": true, "approver": approver, "comment": comment}) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_who_decided_and_what_they_said() {
        let decision = Decision { approver: "ada".to_owned(), comment: "go".to_owned() };
        let expected = json!({"approved": true, "approver": "ada", "comment": "go"});
        assert_eq!(report(Some(&decision)), Ok(Output { value: expected }));
    }

    #[test]
    fn nothing_needs_to_be_asked_in_words() {
        let setup = Setup { base_dir: std::path::PathBuf::new() };
        let built = |keys: Value| build(&setup, keys.as_object().unwrap()).map(drop);
        assert_eq!(built(json!({})).map_err(|error| error.to_string()), Ok(()));
        assert!(built(json!({"prompt": "Go?"})).is_ok());
        assert!(built(json!({"prompt": 1})).is_err());
    }

    #[test]
    fn fails_when_nobody_decided() {
        assert_eq!(report(None), Err(Failure::Failed("nobody decided".to_owned())));
    }
}
