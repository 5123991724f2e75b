//! What there is to see: the database, the disk, the clock, the terminal, the environment. Makes nothing.

use crate::config::{Surroundings, check_file, shown};
use crate::context::{self, Context};
use crate::error::Error;
use crate::exit::meaning;
use crate::screen::Screen;
use comity_api::GuardReport;
use comity_core::Unwatched;
use comity_runtime::{Address, Runtime, SCHEMA, Signs, signs, system_world};
use rustix::fs::{Access, access, statvfs};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Programs that the examples and templates start.
const PROGRAMS: [&str; 3] = ["awk", "cat", "wc"];
/// Runs that are looked at.
const RUNS: usize = 10_000;

/// What was seen.
pub struct Facts {
    /// Where the database is, or would be.
    pub path: PathBuf,
    /// The database.
    pub database: Database,
    /// Bytes that are free where it is.
    pub free: Option<u64>,
    /// Other processes on it.
    pub signs: Signs,
    /// Whether the database is on a server: then nothing is known of its disk.
    pub is_server: bool,
    /// The clock, in milliseconds since 1970.
    pub now: u64,
    /// When the database was last written, in milliseconds since 1970.
    pub newest: Option<u64>,
    /// What stdout can show.
    pub screen: Screen,
    /// Whether it has colour.
    pub color: bool,
    /// Whether a person can be asked.
    pub asks: bool,
    /// Where the keys of databases are, as it is set up.
    pub key_folder: String,
    /// How many witnesses are set up, and whether there is a second place.
    pub set_up: (usize, Option<String>),
    /// Names of the provider keys that are set.
    pub keys: Vec<&'static str>,
    /// The configuration files there are, and what is wrong with them; then variables that are wrong.
    pub config: Vec<(String, Option<String>)>,
    /// Programs, and whether they are there.
    pub programs: Vec<(&'static str, bool)>,
}

/// How what is recorded is protected outside of the database.
#[derive(Debug, Default)]
pub struct Protected {
    /// When the newest checkpoint was made, in milliseconds since 1970.
    pub newest: Option<u64>,
    /// Whether there are runs that moved since.
    pub due: bool,
    /// How far each guard has come.
    pub guards: Vec<GuardReport>,
    /// What is wrong with a copy of a checkpoint.
    pub fault: Option<String>,
}

/// What became of opening the database.
pub enum Database {
    /// There is none.
    None {
        /// Whether one could be made.
        writable: bool,
    },
    /// It is open.
    Open {
        /// Number of its schema.
        schema: usize,
        /// Runs in it.
        runs: u64,
        /// Of these, cut off.
        interrupted: u64,
        /// Of these, waiting for a person.
        waiting: u64,
        /// How what is recorded is protected.
        protected: Protected,
    },
    /// It cannot be used.
    Refused {
        /// Why.
        why: String,
        /// What to do.
        hint: &'static str,
    },
}

/// Looks at everything.
pub fn gather(context: &Context) -> Facts {
    let path = context.globals.db.clone();
    let near = near(&path);
    let (newest, signs) = (written(&path), signs(&path));
    let surroundings = Surroundings::real();
    let mut config: Vec<(String, Option<String>)> = Vec::new();
    for (file, shown) in &surroundings.files {
        match check_file(file, shown) {
            Ok(true) => config.push((shown.clone(), None)),
            Ok(false) => {}
            Err(error) => config.push((shown.clone(), Some(error.to_string()))),
        }
    }
    if let Err(error @ Error::Variable { .. }) = crate::config::read_variables(&surroundings) {
        config.push((String::new(), Some(error.to_string())));
    }
    let printer = &context.printer;
    Facts {
        database: database(context, &path, &near),
        free: statvfs(&near).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        signs,
        now: system_world(Arc::new(Unwatched)).clock.now().millis(),
        newest,
        screen: printer.screen(),
        color: printer.has_color(),
        asks: !context.globals.no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        key_folder: setting(context, "keys"),
        set_up: (context.globals.witnesses.len(), context.globals.checkpoint_to.clone()),
        keys: crate::provider::keys(),
        config,
        programs: PROGRAMS.into_iter().map(|name| (name, is_installed(name))).collect(),
        path: shown(&path).into(),
        is_server: Address::from(path).is_server(),
    }
}

/// A setting as it counts.
fn setting(context: &Context, key: &str) -> String {
    let said = context.globals.said.iter().find(|said| said.key == key);
    said.map(|said| said.value.to_string_lossy().into_owned()).unwrap_or_default()
}

fn database(context: &Context, path: &Path, near: &Path) -> Database {
    if context::is_missing(path) {
        return Database::None { writable: access(near, Access::WRITE_OK).is_ok() };
    }
    let seen = context.block_on(async {
        let runtime = context.open(context::Database::Existing)?.runtime;
        let runs = runtime.runs(RUNS).await?;
        let with = |status: &str| runs.iter().filter(|run| run.status == status).count();
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (interrupted, waiting) = (number(with("interrupted")), number(with("waiting")));
        let protected = protected(&runtime).await?;
        Ok(Database::Open { schema: SCHEMA, runs: number(runs.len()), interrupted, waiting, protected })
    });
    seen.unwrap_or_else(|error| Database::Refused { why: error.to_string(), hint: meaning(&error).hint })
}

async fn protected(runtime: &Runtime) -> Result<Protected, Error> {
    let (guards, fault) = runtime.guard_reports().await?;
    let newest = runtime.store().checkpoint(runtime.tenant(), None).await?.map(|row| row.at.millis());
    let due = !runtime.store().due(runtime.tenant(), 1).await?.is_empty();
    Ok(Protected { newest, due, guards, fault })
}

/// The folder of the database, or the nearest one around it that is there.
fn near(path: &Path) -> PathBuf {
    let around = path.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    around.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// When a database or its log was last written.
fn written(path: &Path) -> Option<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let modified = |path: &Path| path.metadata().and_then(|about| about.modified()).ok();
    let newest = [modified(path), modified(Path::new(&log))].into_iter().flatten().max()?;
    u64::try_from(newest.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Whether a program is in a folder of `PATH`.
fn is_installed(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .any(|program| program.is_file() && access(&program, Access::EXEC_OK).is_ok())
}
