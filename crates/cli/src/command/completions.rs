//! `comity completions`: what completes commands in a shell.

use crate::args::Cli;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

/// Print what completes commands.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: For,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum For {
    /// Load it with `source <(comity completions bash)`
    Bash,
    /// Put it into a folder of `fpath` as `_comity`
    Zsh,
    /// Put it into ~/.config/fish/completions/comity.fish
    Fish,
    /// Load it with `comity completions powershell | Out-String | Invoke-Expression`
    #[value(name = "powershell")]
    PowerShell,
    /// Load it with `eval (comity completions elvish | slurp)`
    Elvish,
}

/// Prints it.
pub fn perform(context: &Context, args: &Completions) -> Result<Exit, Error> {
    let shell = match args.shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
        For::PowerShell => Shell::PowerShell,
        For::Elvish => Shell::Elvish,
    };
    // The generator ends the program when its reader goes away: it writes to memory, the printer to stdout.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "comity", &mut script);
    context.printer.out(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
