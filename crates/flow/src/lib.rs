//! Workflow file, plan, and the pure planner.
//!
//! This room knows no HTTP, no agents, no adapters and no I/O: a file arrives as text, and what there is to
//! do next is computed from what has ended. Start with [`compile`], then [`Planner`].

pub mod condition;
pub mod diagnostic;
pub mod draw;
pub mod drive;
mod file;
mod findings;
pub mod plan;
pub mod planner;
pub mod schema;
mod tree;
mod value;
mod yaml;

pub use condition::{BadCondition, Condition, Undecided};
pub use diagnostic::{CODES, Code, Diagnostic, Invalid};
pub use drive::{Approver, Drive, StepRunner, Walked};
pub use plan::{
    Control, EdgePlan, LoopPlan, Merge, ModelRouter, OnTimeout, Plan, Retry, StepPlan, ToolPlan, When,
    compile,
};
pub use planner::{Cause, Fate, Planner, RunVerdict};
pub use schema::OutputSchema;
