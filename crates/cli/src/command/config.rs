//! `comity config`: the settings that count.

use crate::config::{Said, shown};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::printer::{Format, Stream, Tone, one_line};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::Path;

/// Show settings.
#[derive(Debug, Args)]
pub struct Config {
    /// What to do with them
    #[command(subcommand)]
    pub what: What,
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Show what counts: flags, then COMITY_* variables, ./comity.toml, ~/.config/comity/config.toml, defaults
    Show {
        /// Also say where each comes from
        #[arg(long)]
        origin: bool,
    },
}

/// One setting.
#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: String,
    origin: String,
}

/// Shows them.
pub fn perform(context: &Context, args: &Config) -> Result<Exit, Error> {
    let What::Show { origin } = args.what;
    let rows: Vec<Row> = context.globals.said.iter().map(row).collect();
    let printer = &context.printer;
    if printer.format() != Format::Text {
        printer.json_list(&rows);
        return Ok(Exit::Done);
    }
    let longest =
        |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).chars().count()).max().unwrap_or(0);
    let (keys, values) = (longest(|row| row.key), longest(|row| &row.value));
    for row in &rows {
        let line = if origin {
            let origin = printer.paint(Stream::Out, Tone::Dim, &row.origin);
            format!("{:keys$} = {:values$}   {origin}\n", row.key, row.value)
        } else {
            format!("{:keys$} = {}\n", row.key, row.value)
        };
        printer.out(&line);
    }
    Ok(Exit::Done)
}

fn row(said: &Said) -> Row {
    let value = match said.key {
        "db" => shown(Path::new(&said.value)),
        _ => said.value.to_string_lossy().into_owned(),
    };
    let value = if value.is_empty() { "none".to_owned() } else { one_line(&value) };
    Row { key: said.key, value, origin: one_line(&said.origin.to_string()) }
}
