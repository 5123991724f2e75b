//! Policy as code: Cedar rules over who acts, on what, and how.
//!
//! A set of rules is read once, checked against the schema, and asked for every act. It answers permit, hold or forbid;
//! forbid overrides, a rule that errs forbids, and where no rule speaks that is said. This room knows no ledger and no
//! clock: everything a rule may look at is handed in. Start with [`Rules::parse`] and [`Rules::ask`].

mod error;
mod question;
mod ruling;
mod scope;
mod set;

pub use error::{Error, Fault, Place};
pub use question::{Actor, Circumstances, Question, Target};
pub use ruling::{Ruling, Spoken};
pub use set::{File, Rules, SCHEMA, digest};
