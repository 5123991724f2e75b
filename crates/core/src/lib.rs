//! The nouns every other room shares: ids, money, risk, trust, steps, principals, reasons.
//!
//! This room knows no I/O, no async runtime, no storage and no wire format beyond how an id is spelled.
//! Start with [`step`], then [`amounts`] and [`reason`].

pub mod amounts;
pub mod digest;
pub mod env;
pub mod fault;
pub mod id;
pub mod kind;
pub mod money;
pub mod name;
pub mod principal;
pub mod reason;
pub mod risk;
pub mod step;
pub mod taint;
pub mod trace_context;

pub use amounts::{Amounts, Unit};
pub use digest::Digest;
pub use env::{BoxFuture, Clock, Entropy, Spawn, Timestamp};
pub use fault::{Point, Points, Unwatched};
pub use id::{ApprovalId, RunId, StepId, SubjectId};
pub use kind::{KeySpec, KindSpec, Shape};
pub use money::MicroUsd;
pub use name::{Namespace, Tenant};
pub use principal::{Principal, PrincipalKind, TrustTier};
pub use reason::ReasonCode;
pub use risk::RiskTier;
pub use step::{Step, StepKind};
pub use taint::Taint;
pub use trace_context::TraceContext;
