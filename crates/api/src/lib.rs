//! Wire types: what leaves the program as JSON, on the command line today and over HTTP later.
//!
//! This room knows how things are spelled, not how they are served. Start with [`Event`].

pub mod attestation;
mod describe;
mod event;
mod forecast;
mod report;
pub mod sbom;
mod view;

pub use describe::{DescribeReport, EdgeInfo, LoopInfo, StepInfo, ToolInfo};
pub use event::{Event, EventKind};
pub use forecast::{Budget, Cost, ForecastReport, StepForecast};
pub use report::{
    ApprovalInfo, Check, ErrorReport, Origin, RunReport, RunSummary, StepReport, TraceRow, ValidateReport,
    VerifyReport, usd,
};
pub use view::{
    Asked, AtView, CauseView, ConditionView, Explanation, Purse, RunView, SettledView, StandingView,
    StepFacts, StepView,
};
