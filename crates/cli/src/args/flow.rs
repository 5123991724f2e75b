//! Arguments of the commands that are about workflow files and run nothing.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Check workflow files.
#[derive(Debug, Args)]
pub struct Validate {
    /// The workflow files
    #[arg(required = true)]
    pub flow: Vec<PathBuf>,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// Print the JSON Schema of what this build reads.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of what
    #[arg(long, value_enum, default_value_t = Described::Flow)]
    pub kind: Described,
}

/// What has a JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Described {
    /// Workflow files
    Flow,
}

/// Write workflow files in the one tidy way.
#[derive(Debug, Args)]
pub struct Fmt {
    /// The workflow files
    #[arg(required = true)]
    pub flow: Vec<PathBuf>,
    /// Change nothing; exit 1 if a file is not tidy
    #[arg(long)]
    pub check: bool,
}
