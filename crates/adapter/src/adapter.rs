//! What every adapter promises, and the table of those there are.

use crate::{Error, command, echo, http, human};
use comity_core::{Amounts, BoxFuture, KindSpec};
use comity_govern::{Failure, Input, Output, Permit};
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc};

/// Calls something that is not ours.
///
/// An implementation must guarantee that
///
/// - it ends within a second of `permit.time_left()` running out, and does nothing when none is left;
/// - it takes its time from `permit.clock()` alone;
/// - it leaves nothing running: neither when it returns nor when its future is dropped half-way;
/// - it holds a bounded amount of what comes back, however much comes;
/// - it answers [`Failure::Unknown`] when it cannot tell whether the act happened, and
///   [`Failure::Failed`] only when it never began or ended and said so;
/// - it hands `permit.idempotency_key()` to whatever it calls that can take one;
/// - its messages are for people, and it adds neither the input nor the environment to them;
/// - it keeps nothing from one call to the next, so that calls may overlap.
pub trait Adapter: Send + Sync {
    /// Does the act once, with `input`, within what `permit` allows.
    fn call<'a>(&'a self, permit: &'a mut Permit, input: &'a Input)
    -> BoxFuture<'a, Result<Output, Failure>>;

    /// What fails together: the key of the circuit breaker, as in `command:grep`.
    fn endpoint(&self) -> String;

    /// What steps nested in a call may cost at most, all together, beyond the call's own price.
    fn reserve(&self) -> Amounts {
        Amounts::ZERO
    }
}

/// Where the workflow that names an adapter stands.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder of the workflow file; the empty path is the current folder.
    pub base_dir: PathBuf,
}

/// One kind of adapter: what it is called, what it may be told, and how to make one.
#[derive(Clone, Copy)]
pub struct AdapterKind {
    /// Its name, its keys, and what it is to the gate.
    pub spec: &'static KindSpec,
    /// Makes one from keys that were checked against `spec`. Errors, and guesses nothing, if they were not.
    pub build: Build,
}

/// Makes an adapter from a step's keys.
pub type Build = fn(&Setup, &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error>;

/// Every kind of adapter, by name.
pub const ADAPTERS: &[AdapterKind] = &[
    AdapterKind { spec: &command::SPEC, build: command::build },
    AdapterKind { spec: &echo::SPEC, build: echo::build },
    AdapterKind { spec: &http::SPEC, build: http::build },
    AdapterKind { spec: &human::SPEC, build: human::build },
];

/// Looks a kind up by the word after `kind:`.
pub fn find(kind: &str) -> Option<&'static AdapterKind> {
    ADAPTERS.iter().find(|adapter| adapter.spec.name == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_is_alphabetical_and_names_nobody_twice() {
        assert!(ADAPTERS.is_sorted_by(|a, b| a.spec.name < b.spec.name));
    }

    #[test]
    fn finds_every_kind_by_its_name_and_no_other() {
        for adapter in ADAPTERS {
            assert_eq!(find(adapter.spec.name).map(|found| found.spec.name), Some(adapter.spec.name));
        }
        assert!(find("commands").is_none());
    }

    #[test]
    fn no_kind_can_be_built_without_a_key_it_requires() {
        let setup = Setup { base_dir: PathBuf::new() };
        for adapter in ADAPTERS {
            let required = adapter.spec.keys.iter().any(|key| key.required);
            assert_eq!((adapter.build)(&setup, &Map::new()).is_err(), required, "{}", adapter.spec.name);
        }
    }

    #[test]
    fn no_kind_can_be_built_with_a_key_of_the_wrong_shape() {
        let setup = Setup { base_dir: PathBuf::new() };
        for adapter in ADAPTERS {
            for key in adapter.spec.keys {
                let mut keys = Map::from_iter([
                    ("command".to_owned(), json!(["true"])),
                    ("prompt".to_owned(), json!("Ship it?")),
                    ("url".to_owned(), json!("https://example.com")),
                ]);
                assert!((adapter.build)(&setup, &keys).is_ok(), "{}", adapter.spec.name);
                // No key takes a list of nothing: neither lists, nor maps, nor anything plain.
                keys.insert(key.name.to_owned(), json!([]));
                assert!((adapter.build)(&setup, &keys).is_err(), "{}.{}", adapter.spec.name, key.name);
            }
        }
    }
}
