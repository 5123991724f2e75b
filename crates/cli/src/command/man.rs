//! `comity man`: manual pages.

use crate::args::Cli;
use crate::context::Context;
use crate::create::{self, Made};
use crate::error::Error;
use crate::exit::Exit;
use crate::summary::count;
use clap::{Args, Command, CommandFactory};
use std::path::PathBuf;

/// Print the manual page.
#[derive(Debug, Args)]
pub struct Man {
    /// Write it and one page for each command into this folder instead
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Prints it, or writes them.
pub fn perform(context: &Context, args: &Man) -> Result<Exit, Error> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.dir else {
        context.printer.out(&String::from_utf8_lossy(&page(command, "comity".to_owned())?.1));
        return Ok(Exit::Done);
    };
    let mut pages = Vec::new();
    add_pages(&command, "comity", &mut pages)?;
    let files: Vec<Made<'_>> = pages.iter().map(|(name, bytes)| Made { name, bytes }).collect();
    create::over(folder, &files)?;
    let pages = u64::try_from(pages.len()).unwrap_or(u64::MAX);
    context.printer.out(&format!("wrote {} to {}\n", count(pages, "page"), folder.display()));
    Ok(Exit::Done)
}

/// The page of a command and those of the commands below it.
fn add_pages(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    pages.push(page(command.clone(), name.to_owned())?);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        add_pages(below, &format!("{name}-{}", below.get_name()), pages)?;
    }
    Ok(())
}

/// A page's file name and text.
fn page(command: Command, name: String) -> Result<(String, Vec<u8>), Error> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.disable_help_subcommand(true)).title(name.to_uppercase());
    page.render(&mut text).map_err(|error| Error::Machine(error.to_string()))?;
    Ok((format!("{name}.1"), text))
}
