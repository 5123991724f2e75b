//! The shared context: what steps have written by name, as seen from one place in the graph.
//!
//! A place sees what the steps before it wrote, and nothing that ran beside it: so it does not matter in
//! which order steps happened to end, and a resumed run sees what it saw before.

use crate::output::{confidence as confidence_of, structured};
use crate::plan::Merge;
use comity_core::Taint;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When something was written: later than everything its step could see; the step's ordinal tells writers
/// apart that could not see each other.
type Written = (u64, usize);

/// The shared context at one place. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    now: u64,
    /// The untrusted sources that went into any of it.
    taint: Taint,
    keys: Arc<BTreeMap<String, Cell>>,
}

#[derive(Clone, Debug)]
enum Cell {
    One { at: Written, confidence: f64, value: Value },
    All(BTreeMap<Written, Value>),
}

/// How values under one key come together, by key.
pub(crate) type Rules = BTreeMap<String, Merge>;

impl Shared {
    /// What is seen where these places meet.
    pub(crate) fn meet<'s>(places: impl Iterator<Item = &'s Self>, rules: &Rules) -> Self {
        let mut met = Self::default();
        for place in places {
            met.now = met.now.max(place.now);
            met.taint = met.taint | place.taint;
            if met.keys.is_empty() {
                met.keys = Arc::clone(&place.keys);
            } else if !Arc::ptr_eq(&met.keys, &place.keys) {
                let keys = Arc::make_mut(&mut met.keys);
                for (key, cell) in &*place.keys {
                    put(keys, key, cell.clone(), rules);
                }
            }
        }
        met
    }

    /// What is seen after a step with this ordinal has written its output.
    pub(crate) fn after(&self, ordinal: usize, output: &Value, taint: Taint, rules: &Rules) -> Self {
        let taint = self.taint | taint;
        let mut next = Self { now: self.now + 1, taint, keys: Arc::clone(&self.keys) };
        let confidence = confidence_of(output).and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY);
        let at = (next.now, ordinal);
        for (key, value) in structured(output) {
            let value = value.clone();
            let cell = match rule(rules, key) {
                Merge::Append => Cell::All(BTreeMap::from([(at, value)])),
                _ => Cell::One { at, confidence, value },
            };
            put(Arc::make_mut(&mut next.keys), key, cell, rules);
        }
        next
    }

    /// The untrusted sources that went into any of it.
    pub(crate) fn taint(&self) -> Taint {
        self.taint
    }

    /// What stands under a key.
    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.keys.get(key).map(value)
    }

    /// Everything, by key.
    pub(crate) fn values(&self) -> Map<String, Value> {
        self.keys.iter().map(|(key, cell)| (key.clone(), value(cell))).collect()
    }
}

fn rule(rules: &Rules, key: &str) -> Merge {
    rules.get(key).copied().unwrap_or(Merge::Overwrite)
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::One { value, .. } => value.clone(),
        Cell::All(values) => Value::Array(values.values().cloned().collect()),
    }
}

fn put(keys: &mut BTreeMap<String, Cell>, key: &str, cell: Cell, rules: &Rules) {
    match keys.get_mut(key) {
        None => drop(keys.insert(key.to_owned(), cell)),
        Some(there) => join(there, cell, rule(rules, key)),
    }
}

/// Brings two cells of one key together. What was joined already may be joined again without harm.
fn join(there: &mut Cell, cell: Cell, rule: Merge) {
    match (there, cell) {
        (Cell::All(values), Cell::All(more)) => values.extend(more),
        (Cell::One { at, confidence, value }, Cell::One { at: later, confidence: surer, value: other }) => {
            let newer = later > *at;
            let wins = match rule {
                Merge::Overwrite | Merge::Append => newer,
                Merge::SelectHighestConfidence => match surer.total_cmp(confidence) {
                    std::cmp::Ordering::Greater => true,
                    std::cmp::Ordering::Less => false,
                    std::cmp::Ordering::Equal => newer,
                },
                Merge::LogicalAnd => return logical(at, value, later, &other, |one, two| one && two),
                Merge::LogicalOr => return logical(at, value, later, &other, |one, two| one || two),
            };
            if wins {
                (*at, *confidence, *value) = (later, surer, other);
            }
        }
        // Invariant: one key has one rule, and so one kind of cell.
        _ => {}
    }
}

/// Joins truth values; anything else than `true` counts as not true. What was written last does not tell what
/// was joined before: of two cells with one writer in common each may know of writers that the other does not.
fn logical(at: &mut Written, value: &mut Value, later: Written, other: &Value, join: fn(bool, bool) -> bool) {
    if *at == later && value == other {
        return;
    }
    let truth = |value: &Value| value == &Value::Bool(true);
    *value = Value::Bool(join(truth(value), truth(other)));
    *at = (*at).max(later);
}

#[cfg(test)]
mod tests;
