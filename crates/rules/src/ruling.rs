//! What rules answer.

/// The answer of a set of rules. Forbid overrides hold, and hold overrides permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// At least one rule permits it, and none has anything against it.
    Permit(Vec<Spoken>),
    /// It waits for a person: these rules say so, and no other forbids it.
    Hold(Vec<Spoken>),
    /// These rules forbid it.
    Forbid(Vec<Spoken>),
    /// No rule permits it, and none forbids it.
    Silent,
    /// These rules could not be decided. That forbids it.
    Broken(Vec<Spoken>),
}

/// A rule that had a say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Its name.
    pub rule: String,
    /// What it says about itself (`@advice`), or what went wrong with it.
    pub words: String,
}
