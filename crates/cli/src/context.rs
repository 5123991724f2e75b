//! What every command is given.

use crate::config::Globals;
use crate::error::Error;
use crate::printer::{Format, Printer};
use comity_core::{Clock, Entropy, Points, RunId};
use comity_runtime::keys::KeyPlace;
use comity_runtime::{
    Access, Error as RuntimeError, Guards, PlaceOptions, Runtime, SecondPlace, Settings, StoreError,
    system_world,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

/// What every command is given.
#[derive(Clone)]
pub struct Context {
    /// What was said for every command.
    pub globals: Globals,
    /// Where everything is written.
    pub printer: Printer,
    points: Arc<dyn Points>,
}

/// Whether a command may make the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// It must be there.
    Existing,
    /// It must be there, and is only read: also where this person may not write.
    Read,
    /// It is made if it is not there.
    Made,
}

/// An open runtime, and the clock it goes by.
pub struct Opened {
    /// The runtime.
    pub runtime: Runtime,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// For these arguments, on this printer.
    pub fn new(globals: Globals, printer: Printer, points: Arc<dyn Points>) -> Self {
        Self { globals, printer, points }
    }

    /// The same, with answers written in this format.
    pub fn with_format(&self, format: Format) -> Self {
        Self { printer: self.printer.with_format(format), ..self.clone() }
    }

    /// Opens the database. Called inside [`Context::block_on`].
    pub fn open(&self, database: Database) -> Result<Opened, Error> {
        let path = &self.globals.db;
        if database != Database::Made && is_missing(path) {
            return Err(Error::NoDatabase(path.to_owned()));
        }
        let world = system_world(Arc::clone(&self.points));
        let clock = Arc::clone(&world.clock);
        let settings = |world| Settings::local(path, self.globals.durability.into(), world, self.keys());
        let runtime = match Runtime::open(settings(world)) {
            Err(RuntimeError::Store(StoreError::ReadOnly { .. })) if database == Database::Read => {
                let world = system_world(Arc::clone(&self.points));
                Runtime::open(Settings { access: Access::Read, ..settings(world) })?
            }
            opened => opened?,
        };
        let runtime = runtime.anchored(self.globals.anchoring).guarded(self.guards()?);
        Ok(Opened { runtime, clock })
    }

    /// Says which texts could not be read, and why. What was erased says so itself.
    pub fn tell_unread(&self, runtime: &Runtime) {
        for why in runtime.unread() {
            self.printer.note(&format!("some texts could not be read, and show as [no key]: {why}\n"));
        }
    }

    /// Where the keys are that texts are under.
    pub fn keys(&self) -> KeyPlace {
        self.globals.keys.clone().map_or(KeyPlace::Person, KeyPlace::Folder)
    }

    /// What protects the log outside of the database, as it is set up.
    fn guards(&self) -> Result<Guards, Error> {
        let second = self.globals.checkpoint_to.as_ref().map(|place| self.second_place(place)).transpose()?;
        Ok(Guards { witnesses: self.globals.witnesses.clone(), second })
    }

    /// A place for copies of checkpoints, with the credentials of the environment.
    fn second_place(&self, place: &str) -> Result<SecondPlace, Error> {
        let options = PlaceOptions { environment: aws_environment(), ..PlaceOptions::default() };
        SecondPlace::open(place, &options, self.nonce())
            .map_err(|bad| Error::Setting { name: "checkpoint_to", what: bad.to_string() })
    }

    /// The clock of this machine.
    pub fn clock(&self) -> Arc<dyn Clock> {
        system_world(Arc::clone(&self.points)).clock
    }

    /// The randomness of this machine.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        system_world(Arc::clone(&self.points)).entropy
    }

    /// Whoever is told of the moments at which a crash could matter.
    pub fn points(&self) -> Arc<dyn Points> {
        Arc::clone(&self.points)
    }

    /// Bytes that nobody can guess.
    pub fn nonce(&self) -> [u8; 8] {
        let mut nonce = [0; 8];
        system_world(Arc::clone(&self.points)).entropy.fill(&mut nonce);
        nonce
    }

    /// Runs a command's work to its end, on worker threads of its own.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        // Two at least: one may be busy writing to a slow terminal.
        let workers = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .map_err(|error| Error::Machine(error.to_string()))?;
        runtime.block_on(work)
    }

    /// A command line, as it can be pasted into a shell. Empty words are left out.
    pub fn line(&self, command: &str, words: &[&str]) -> String {
        let flag = self.globals.database_flag();
        let all = ["comity", command].into_iter().chain(words.iter().copied()).chain(flag.as_deref());
        all.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The command line that goes on with a run, as it can be pasted into a shell.
    pub fn resume_line(&self, run: &str, flags: &str) -> String {
        self.line("resume", &[run, flags])
    }
}

/// The variables that say how S3 is reached.
pub fn aws_environment() -> BTreeMap<String, String> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("AWS_"))?;
        Some((name, value.into_string().ok()?))
    });
    ours.collect()
}

/// Whether a file is not there. An address of another kind is for the store to refuse, without repeating it.
pub fn is_missing(path: &Path) -> bool {
    !path.to_string_lossy().contains("://") && !path.exists()
}

/// Errors if there is no such run, so that a misspelt id is not taken for a damaged ledger.
pub async fn must_exist(runtime: &Runtime, run: RunId) -> Result<(), Error> {
    match runtime.store().run(runtime.tenant(), run).await? {
        Some(_) => Ok(()),
        None => Err(comity_runtime::Error::Gate(comity_runtime::GateError::NoRun(run)).into()),
    }
}
