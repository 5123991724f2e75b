//! Workflow file, plan, and the pure planner.
//!
//! This room knows no HTTP, no agents, no adapters and no I/O: a file arrives as text, and what there is to
//! do next is computed from what has ended. Start with [`compile`], then [`Planner`].

pub mod condition;
pub mod diagnostic;
pub mod draw;
pub mod drive;
mod facts;
mod file;
mod findings;
pub mod forecast;
pub mod fork;
mod format;
mod json_schema;
pub mod kinds;
mod output;
pub mod plan;
pub mod planner;
mod reference;
mod route;
pub mod schema;
mod shared;
pub mod timer;
mod tree;
mod value;
mod yaml;

pub use condition::{BadCondition, Condition, Undecided};
pub use diagnostic::{CODES, Code, Diagnostic, Invalid, Severity, render};
pub use drive::{Approver, Drive, Inherited, Question, StepRunner, Walked};
pub use forecast::{Forecast, StepForecast, forecast, runs_at_most};
pub use format::format;
pub use json_schema::json_schema;
pub use kinds::KINDS;
pub use plan::{
    Control, EdgePlan, LoopPlan, Merge, ModelRouter, OnTimeout, Place, Plan, Retry, StepPlan, ToolPlan, When,
    compile,
};
pub use planner::{Cause, Fate, Planner, RunVerdict};
pub use reference::reference;
pub use route::Routing;
pub use schema::OutputSchema;
pub use timer::{BadTimer, Timer};
