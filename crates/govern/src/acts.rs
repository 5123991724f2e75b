//! What a run has done so far, as rules may ask about it: by target, and bounded.

use comity_core::Principal;
use comity_rules::Actor;
use std::collections::HashMap;
use std::sync::Arc;

/// What a run has done to one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    /// How often it was admitted.
    pub times: u64,
    /// Whether it settled at least once.
    pub settled: bool,
    /// Whether a person said yes to it at least once.
    pub approved: bool,
}

/// The most targets that a run keeps count of. One more is not acted on where rules are asked.
const TARGETS: usize = 1_000;

/// A principal, as rules see it.
pub(crate) fn actor(principal: &Principal) -> Actor {
    Actor {
        id: principal.id.to_string(),
        name: principal.id.to_string(),
        role: String::new(),
        kind: principal.kind,
        trust: principal.trust,
        tenant: principal.tenant.clone(),
        namespace: principal.namespace.clone(),
    }
}

/// What a run has done, by what it was done to.
#[derive(Clone, Debug, Default)]
pub struct ActsByTarget(HashMap<Arc<str>, Acts>);

impl ActsByTarget {
    /// Takes note of what is done to a target; of one more than is counted, nothing.
    pub(crate) fn note(&mut self, target: &Arc<str>, note: impl FnOnce(&mut Acts)) {
        if self.counts(target) {
            note(self.0.entry(Arc::clone(target)).or_default());
        }
    }

    /// Whether what is done to this target is known: rules that count would otherwise be told less than happened.
    pub fn counts(&self, target: &str) -> bool {
        self.0.len() < TARGETS || self.0.contains_key(target)
    }

    /// What was done to a target.
    pub fn of(&self, target: &str) -> Acts {
        self.0.get(target).copied().unwrap_or_default()
    }

    /// Every target that something was done to, with that.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Acts)> {
        self.0.iter().map(|(target, acts)| (&**target, acts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_too_many_is_not_counted_and_that_is_said() {
        let mut acts = ActsByTarget::default();
        for number in 0..TARGETS {
            acts.note(&format!("t{number}").into(), |acts| acts.times += 1);
        }
        acts.note(&"more".into(), |acts| acts.times += 1);
        assert!(!acts.counts("more") && acts.counts("t0"));
        assert_eq!((acts.of("more").times, acts.of("t0").times), (0, 1));
    }
}
