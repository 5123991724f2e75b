//! What can keep a run from being started, resumed or shown.

use comity_core::RunId;

/// A failure of the runtime.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workflow file is wrong.
    #[error(transparent)]
    Invalid(#[from] comity_flow::Invalid),
    /// A step's program or setting cannot be used.
    #[error("step `{step}`: {source}")]
    Adapter {
        /// The step.
        step: String,
        /// What is wrong with it.
        source: comity_adapter::Error,
    },
    /// An agent cannot be built.
    #[error("step `{step}`: {source}")]
    Agent {
        /// The step.
        step: String,
        /// What is wrong with it.
        source: comity_agent::Error,
    },
    /// A tool cannot be used.
    #[error("tool `{tool}`: {source}")]
    Tool {
        /// The tool.
        tool: String,
        /// What is wrong with it.
        source: comity_adapter::Error,
    },
    /// A kind of step passed the file's check and has no adapter: a defect of the build.
    #[error("no adapter does steps of kind `{0}`")]
    NoAdapter(String),
    /// A workflow file that a step names cannot be used.
    #[error("step `{step}`: workflow file `{file}` {why}")]
    Inner {
        /// The step.
        step: String,
        /// The file, as it is named.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A workflow has too many steps with everything inside it.
    #[error(
        "the workflow has {steps} steps with those of the workflows inside it, and at most {most} are taken"
    )]
    TooMany {
        /// How many.
        steps: usize,
        /// The most.
        most: usize,
    },
    /// A workflow file that a step names is wrong.
    #[error("{file}: {invalid}")]
    InvalidInner {
        /// The file.
        file: String,
        /// Its text.
        text: String,
        /// Its mistakes.
        invalid: comity_flow::Invalid,
    },
    /// A workflow may cost more than its file lets it be forecast to cost.
    #[error("the workflow may cost up to {wanted}, and its `max_forecast_usd` is {most}")]
    Forecast {
        /// What it may cost.
        wanted: comity_core::MicroUsd,
        /// The most that its file allows.
        most: comity_core::MicroUsd,
    },
    /// The gate failed.
    #[error(transparent)]
    Gate(#[from] comity_govern::Error),
    /// A place that copies are kept in failed.
    #[error(transparent)]
    Archive(#[from] comity_archive::Error),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] comity_store::Error),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] comity_ledger::Error),
    /// The run's chain is not as it was written: nothing is done on it.
    #[error("the chain of run `{run}` is not as it was written: {fault}")]
    Broken {
        /// The run.
        run: RunId,
        /// The first fault.
        fault: String,
    },
    /// A statement about a run cannot be signed.
    #[error("the statement cannot be signed: {0}")]
    Unsigned(String),
    /// The newest checkpoint of the log is not as it was written.
    #[error("the newest checkpoint of the log cannot be used: {0}")]
    BadCheckpoint(String),
    /// A witness has seen another view of the log.
    #[error("the witness `{witness}` has seen another `{log}`: {how}")]
    Split {
        /// The name of the witness's key.
        witness: String,
        /// The log.
        log: String,
        /// How the two differ.
        how: String,
    },
    /// A copy of a checkpoint that is kept elsewhere is of another log.
    #[error("{place} has a checkpoint of another `{log}`: {how}")]
    OtherCopy {
        /// Where it is kept.
        place: String,
        /// The log.
        log: String,
        /// How the two differ.
        how: String,
    },
    /// The folder that the run's programs start in is gone.
    #[error("there is no folder `{0}` to start the run's programs in")]
    NoFolder(String),
    /// Another process is working on the run.
    #[error("run `{run}` is being worked on by process {pid}")]
    Owned {
        /// The run.
        run: RunId,
        /// The process.
        pid: u32,
    },
    /// The run was pinned by a build whose planner this one does not have.
    #[error("run `{run}` was started under planner version {found}, and this build has version {known}")]
    Planner {
        /// The run.
        run: RunId,
        /// The version pinned.
        found: u64,
        /// This build's version.
        known: u64,
    },
    /// A run has no step of this name.
    #[error("run `{run}` has no step `{step}`")]
    NoStep {
        /// The run.
        run: RunId,
        /// The name.
        step: String,
    },
    /// A step of a run has not been decided about yet.
    #[error("step `{step}` of run `{run}` has not been reached yet")]
    NotReached {
        /// The run.
        run: RunId,
        /// The step.
        step: String,
    },
    /// A run cannot be forked in the way that is asked for.
    #[error("run `{run}` cannot be forked like this: {why}")]
    Unforkable {
        /// The run.
        run: RunId,
        /// What stands in the way.
        why: String,
    },
    /// A run has nothing that waits for a person.
    #[error("run `{0}` has nothing that waits for a person's approval")]
    NothingHeld(RunId),
    /// A run has several questions, and the answer did not say which it is to.
    #[error("run `{run}` asks about several steps: {steps}")]
    Ambiguous {
        /// The run.
        run: RunId,
        /// Their names.
        steps: String,
    },
    /// The sign that this process is alive cannot be left beside the database.
    #[error("cannot leave a lock file in `{folder}`: {why}")]
    Owner {
        /// The folder.
        folder: String,
        /// The operating system's words.
        why: String,
    },
    /// A run has no entry at this place.
    #[error("run `{run}` has {entries} entries, and none at place {seq}: they are counted from 0")]
    NoEntry {
        /// The run.
        run: RunId,
        /// The place.
        seq: u64,
        /// How many there are.
        entries: u64,
    },
    /// The key of a log is another one than was first seen here.
    #[error("the key of the log `{log}` is {found}, and the one known here is {known}")]
    OtherKey {
        /// The log's name.
        log: String,
        /// The key that was first seen.
        known: String,
        /// The key at hand.
        found: String,
    },
}
