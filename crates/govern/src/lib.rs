//! The gate: decides, reserves, and records.
//!
//! This room decides and records. It performs no effect and knows no model, no socket, no workflow file.
//! It is the only writer of the ledger. Start with [`Gate::run`]; then [`check`] for the decisions,
//! [`Permit`] for the meter, and [`Run`] for what a run remembers.

mod acts;
mod admit;
mod anchor;
mod approval;
pub mod book;
mod breaker;
pub mod check;
pub mod classify;
pub mod control;
mod cosign;
mod effect;
mod error;
mod gate;
mod history;
mod outcome;
mod permit;
pub mod planted;
mod policy;
mod purse;
mod reuse;
mod run;
mod scope;
mod settle;
mod world;

pub use anchor::Anchored;
pub use approval::Ruling;
pub use comity_rules::{Error as RulesError, File as RuleFile, Rules as RuleBook};
pub use cosign::Cosigned;
pub use effect::{Failure, Input, Output};
pub use error::Error;
pub use gate::Gate;
pub use history::{Answer, Past, PastState};
pub use outcome::{Approval, Asked, Ended, Outcome, Refusal, Settled};
pub use permit::{Decision, Overspent, Permit};
pub use policy::{BreakerPolicy, OnTaint, Policy};
pub use reuse::{Legacy, Recorded};
pub use run::{Opening, Rest, Run};
pub use scope::Scope;
pub use world::World;
