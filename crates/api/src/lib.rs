//! Wire types: what leaves the program as JSON, on the command line today and over HTTP later.
//!
//! This room knows how things are spelled, not how they are served. Start with [`Event`].

mod archive;
pub mod attestation;
mod costs;
mod describe;
mod diff;
mod event;
mod export;
mod forecast;
mod proof;
mod report;
pub mod sbom;
mod view;

pub use archive::{ArchiveCheck, ArchiveReport};
pub use costs::{CostRow, CostsReport};
pub use describe::{DescribeReport, EdgeInfo, LoopInfo, StepInfo, ToolInfo};
pub use diff::{Change, DiffReport, DiffSide, StepDiff};
pub use event::{Event, EventKind};
pub use export::{EXPORT_FORMAT, Export, ExportReport, ExportedEntry, ExportedPayload};
pub use forecast::{Budget, Cost, ForecastReport, StepForecast};
pub use proof::{CheckpointReport, ProofReport, WitnessReport};
pub use report::{
    ApprovalInfo, Check, ErrorReport, GuardReport, Origin, RebuildReport, RunReport, RunSummary, StepReport,
    TraceRow, ValidateReport, VerifyReport, ViewDifference, usd,
};
pub use view::{
    Asked, AtView, CauseView, ConditionView, Explanation, Purse, RunView, SettledView, StandingView,
    StepFacts, StepView,
};
