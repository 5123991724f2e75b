//! The command line, read once into types.

mod flow;

pub use flow::{Described, Fmt, Schema, Validate};

use crate::exit::Exit;
use crate::printer::{Color, Format, Printer};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use comity_core::{ApprovalId, RunId};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where runs are kept when nobody says otherwise.
const DATABASE: &str = ".comity/comity.db";

/// Runs workflows through one gate, and keeps what happened in a hash-chained ledger.
#[derive(Debug, Parser)]
#[command(name = "comity", version, arg_required_else_help = true, after_help = EXITS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub globals: Globals,
}

const EXITS: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 invalid file, 4 auth, 5 unreachable, 6 denied, 7 budget,
8 waiting for a person, 9 ledger broken, 130 interrupted.";

/// What every command takes.
#[derive(Debug, Args)]
pub struct Globals {
    /// How answers are written
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// The database; `.comity/comity.db` if nothing is said
    #[arg(long, global = true, value_name = "PATH", env = "COMITY_DB")]
    pub db: Option<PathBuf>,
    /// What an acknowledged step survives
    #[arg(long, global = true, value_enum, env = "COMITY_DURABILITY", default_value_t = Durability::Power)]
    pub durability: Durability,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Never ask; what needs a person waits for `comity approve`
    #[arg(long, global = true)]
    pub no_input: bool,
}

impl Globals {
    /// The database.
    pub fn database(&self) -> &Path {
        self.db.as_deref().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(DATABASE))
    }

    /// The flag that names the database again, unless the default or the environment does.
    pub fn database_flag(&self) -> Option<String> {
        let database = self.database();
        let said = std::env::var_os("COMITY_DB").is_some_and(|said| said == database.as_os_str());
        (!said && database != Path::new(DATABASE)).then(|| format!("--db {}", quoted(database)))
    }
}

/// A path as a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
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
    /// Answer a held step, without going on
    Approve(Approve),
    /// List the newest runs
    Runs(Runs),
    /// Show every entry of a run
    Trace(Trace),
    /// Recompute the ledger
    Verify(Verify),
    /// Check workflow files without running them
    Validate(Validate),
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

/// List the newest runs.
#[derive(Debug, Args)]
pub struct Runs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// Show every entry of a run.
#[derive(Debug, Args)]
pub struct Trace {
    /// The run
    pub run: RunId,
}

/// Recompute the ledger.
#[derive(Debug, Args)]
pub struct Verify {
    /// Only this run
    pub run: Option<RunId>,
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

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("/tmp/a.db")), "/tmp/a.db");
        assert_eq!(quoted(Path::new("it's $HOME")), r"'it'\''s $HOME'");
    }
}
