//! The command line, read once into types.

mod flow;

pub use flow::{Described, Fmt, Schema, Validate};

use crate::command;
use crate::command::{
    explain::Explain, forecast::Forecast, replay::Replay, runs::Runs, stream::Stream, trace::Trace,
    watch::Watch,
};
use crate::config::{Interval, witness};
use crate::exit::Exit;
use crate::printer::{Color, Format, Printer};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use comity_core::{ApprovalId, RunId};
use comity_runtime::Verifier;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

/// Runs workflows through one gate, and keeps what happened in a hash-chained ledger.
#[derive(Debug, Parser)]
#[command(name = "comity", version, arg_required_else_help = true, after_help = EXITS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub globals: Flags,
}

const EXITS: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 invalid file, 4 auth, 5 unreachable, 6 denied, 7 budget, \
8 waiting for a person, 9 ledger broken, 130 interrupted.";

/// What every command takes, as far as it was said. What was not comes from [`crate::config`].
#[derive(Clone, Debug, Default, Args)]
pub struct Flags {
    /// How answers are written [default: text] [env: COMITY_OUTPUT]
    #[arg(short, long, global = true, value_enum)]
    pub output: Option<Format>,
    /// The database [default: .comity/comity.db] [env: COMITY_DB]
    #[arg(long, global = true, value_name = "PATH")]
    pub db: Option<PathBuf>,
    /// Where the keys are that texts are under, in a folder for each database [default:
    /// ~/.local/share/comity/keys] [env: COMITY_KEYS]
    #[arg(long, global = true, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// What an acknowledged step survives [default: power] [env: COMITY_DURABILITY]
    #[arg(long, global = true, value_enum)]
    pub durability: Option<Durability>,
    /// When to use colour [default: auto] [env: COMITY_COLOR]
    #[arg(long, global = true, value_enum)]
    pub color: Option<Color>,
    /// Never ask; what needs a person waits for `comity approve` [env: COMITY_NO_INPUT]
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Ask this witness to sign checkpoints: `URL KEY`, as `comity witness` prints its key; may be given several times
    /// [env: COMITY_WITNESS]
    #[arg(long, global = true, value_name = "WITNESS", value_parser = witness)]
    pub ask_witness: Vec<String>,
    /// Keep copies of checkpoints there: `s3://BUCKET/PREFIX`, a folder, or a file [env: COMITY_CHECKPOINT_TO]
    #[arg(long, global = true, value_name = "PLACE")]
    pub checkpoint_to: Option<String>,
    /// How often a checkpoint is made while a run is under way: `90s`, `5m`, `2h`; `end` only when it ends or waits,
    /// `never` not by itself [default: 60s] [env: COMITY_CHECKPOINT_INTERVAL]
    #[arg(long, global = true, value_name = "SPAN")]
    pub checkpoint_interval: Option<Interval>,
    /// Agents use the sandbox, also where a provider key is set [env: COMITY_SANDBOX]
    #[arg(long, global = true)]
    pub sandbox: bool,
}

/// What an acknowledged step survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// A power cut
    Power,
    /// The end of the process, however sudden; a power cut may take the last steps
    Process,
}

impl From<Durability> for comity_runtime::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Power => Self::Power,
            Durability::Process => Self::Process,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workflow
    Run(Run),
    /// Go on with a run, after answering what it asks
    Resume(Resume),
    /// Go back to a step of a run, in a new run
    Fork(command::fork::Fork),
    /// Answer a held step, without going on
    Approve(Approve),
    /// List the newest runs
    Runs(Runs),
    /// Show a run: its steps, their checks and their entries
    Trace(Trace),
    /// Say why a step stands as it does
    Explain(Explain),
    /// Follow a run from another terminal
    Watch(Watch),
    /// Run a workflow and write its events as NDJSON
    Stream(Stream),
    /// Show a run again as it happened; nothing is executed
    Replay(Replay),
    /// Say what a workflow may cost, without running it
    Forecast(Forecast),
    /// Say what runs cost: by run, agent, model, step or day
    Costs(command::costs::Costs),
    /// Compare two runs, step by step
    Diff(command::diff::Diff),
    /// Write a run as a file that speaks for itself
    Export(command::export::Export),
    /// Keep copies of runs in a bucket or a folder
    Archive(command::archive::Archive),
    /// Sign a statement about a run: what it was made of, and what came of it
    Attest(command::attest::Attest),
    /// Sign a checkpoint over everything that is recorded
    Checkpoint(command::checkpoint::Checkpoint),
    /// Prove that an entry was recorded, or that the log only grew
    Prove(command::prove::Prove),
    /// Recompute the ledger, or check a file that came out of it
    Verify(Verify),
    /// Erase texts of runs for good
    Erase(command::erase::Erase),
    /// Erase what went into runs and came out of them; workflow and policy stay
    Anonymize(command::erase::Anonymize),
    /// Keep texts from being erased
    Hold(command::hold::Hold),
    /// Look after the ledger as a whole
    Ledger(command::ledger::Ledger),
    /// Sign that logs of others only grew
    Witness(command::witness::Witness),
    /// Check workflow files without running them
    Validate(Validate),
    /// Run four agents under a policy, in two seconds: no key, no files, no network
    Demo(command::demo::Demo),
    /// Draw a workflow, without running it
    Describe(command::describe::Describe),
    /// Start a project in a folder
    Init(command::init::Init),
    /// Show the settings that count, and where each comes from
    Config(command::config::Config),
    /// Check that everything a run needs is there
    Doctor(command::doctor::Doctor),
    /// Print what completes commands in a shell
    Completions(command::completions::Completions),
    /// Print the manual page
    Man(command::man::Man),
    /// Write workflow files in the one tidy way
    Fmt(Fmt),
    /// Print the JSON Schema of workflow files, for editors
    Schema(Schema),
}

/// Run a workflow.
#[derive(Debug, Args)]
pub struct Run {
    /// The workflow file
    pub flow: PathBuf,
    /// What the run is about
    #[arg(long, value_name = "TEXT")]
    pub task: Option<String>,
    /// A file that says what the run is about; `-` reads stdin
    #[arg(long, value_name = "FILE", conflicts_with = "task")]
    pub task_file: Option<PathBuf>,
    /// Whom the run's texts are about: `comity erase --subject` finds them by this name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub subject: Option<String>,
    /// End with 0 instead of 8 when the run waits for a person
    #[arg(long)]
    pub exit_zero_on_pause: bool,
}

/// Go on with a run.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("answer").args(["approve", "reject", "happened", "not_happened", "abandon"]))]
#[command(group = ArgGroup::new("finding").args(["happened", "not_happened", "abandon"]).requires("step"))]
pub struct Resume {
    /// The run
    pub run: RunId,
    /// Say yes to the held step
    #[arg(long)]
    pub approve: bool,
    /// Say no to the held step
    #[arg(long)]
    pub reject: bool,
    /// The unknown step happened; the file holds its output, `-` reads stdin
    #[arg(long, value_name = "FILE")]
    pub happened: Option<PathBuf>,
    /// The unknown step did not happen, and may be tried again
    #[arg(long)]
    pub not_happened: bool,
    /// Give the unknown step up: it counts as failed, and its cost as spent
    #[arg(long)]
    pub abandon: bool,
    /// Which step is answered
    #[arg(long, value_name = "NAME", requires = "answer")]
    pub step: Option<String>,
    /// What to write beside the answer
    #[arg(long, value_name = "TEXT", requires = "answer")]
    pub comment: Option<String>,
    /// End with 0 instead of 8 when the run waits for a person
    #[arg(long)]
    pub exit_zero_on_pause: bool,
}

/// Answer a held step.
#[derive(Debug, Args)]
pub struct Approve {
    /// The run, or the approval it printed
    #[arg(value_name = "RUN|APPROVAL")]
    pub target: Target,
    /// Say no
    #[arg(long)]
    pub reject: bool,
    /// What to write beside the answer
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub comment: String,
    /// Which step, if the run asks about several
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
}

/// Recompute the ledger, or check a file that came out of it.
#[derive(Debug, Args)]
pub struct Verify {
    /// Only this run; or a file that `export`, `attest`, `prove` or `checkpoint` wrote
    #[arg(value_name = "RUN|FILE")]
    pub what: Option<Verified>,
    /// The public key that the file is checked by; the one first seen here if none is named
    #[arg(long, value_name = "KEY", requires = "what")]
    pub key: Option<Verifier>,
    /// A witness that has to have signed the checkpoint, by its public key
    #[arg(long, value_name = "KEY")]
    pub witness: Vec<Verifier>,
    /// A checkpoint kept elsewhere, which the file has to lead to
    #[arg(long, value_name = "CHECKPOINT", requires = "what")]
    pub consistent_with: Option<PathBuf>,
    /// A checkpoint kept elsewhere, which the ledger has to go on from
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "what")]
    pub checkpoint: Option<PathBuf>,
}

/// What is verified, if not everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// One run.
    Run(RunId),
    /// A file.
    File(PathBuf),
}

impl FromStr for Verified {
    type Err = String;

    /// What looks like a run's id is one, or wrong; anything else is a file.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("run_") && !std::path::Path::new(text).exists() {
            return text.parse().map(Self::Run).map_err(|error: comity_core::id::BadId| error.to_string());
        }
        Ok(Self::File(text.into()))
    }
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The held step of a run.
    Run(RunId),
    /// One approval.
    Approval(ApprovalId),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("apr_") {
            return text
                .parse()
                .map(Self::Approval)
                .map_err(|error: comity_core::id::BadId| error.to_string());
        }
        text.parse().map(Self::Run).map_err(|error: comity_core::id::BadId| error.to_string())
    }
}

/// Reads the command line.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(args)
}

/// Shows help, or what is wrong with the command line. Returns the exit code.
pub fn show(shown: &clap::Error) -> i32 {
    let printer = Printer::new(Format::Text, Color::Auto);
    let text = shown.render();
    if shown.use_stderr() {
        printer.note(&text.to_string());
        return Exit::Usage.code();
    }
    printer.out(&text.to_string());
    Exit::Done.code()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    const RUN: &str = "run_01KAGH0000000000000000000A";

    fn resume(rest: &str) -> Result<Cli, clap::Error> {
        let words = ["comity", "resume", RUN].into_iter().chain(rest.split_whitespace());
        parse(words.map(OsString::from))
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn answers_exclude_each_other_and_need_what_they_need() {
        for fine in [
            "",
            "--approve",
            "--reject --comment no",
            "--approve --step a",
            "--step a --happened f",
            "--step a --abandon",
        ] {
            assert!(resume(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "--approve --reject",
            "--step a",
            "--comment x",
            "--happened f",
            "--abandon",
            "--step a --approve --abandon",
            "--step a --not-happened --happened f",
        ] {
            assert!(resume(wrong).is_err(), "{wrong}");
        }
    }
}
