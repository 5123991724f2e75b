//! Runs a program of the operating system.
#![expect(clippy::disallowed_methods, reason = "an effect module: it is here that programs are started")]

mod environment;
mod outcome;
mod running;
mod streams;
#[cfg(test)]
mod tests;

use crate::{Adapter, Error, Setup, keys::Keys};
use comity_core::{BoxFuture, Clock, KeySpec, KindSpec, RiskTier, Shape, StepKind};
use comity_govern::{Failure, Input, Output, Permit};
use outcome::Ended;
use running::Running;
use serde_json::{Map, Value};
use std::{
    env, io,
    path::{Path, PathBuf, absolute},
    sync::Arc,
    time::Duration,
};
use streams::{Broken, STDOUT_LIMIT, Streams};

pub(crate) const SPEC: KindSpec = KindSpec {
    name: "command",
    step: StepKind::ToolCall,
    risk: RiskTier::Internal,
    idempotent: false,
    keys: &[
        KeySpec {
            name: "command",
            shape: Shape::Texts,
            required: true,
            about: "The program and its arguments; no shell reads them.",
        },
        KeySpec {
            name: "env",
            shape: Shape::Texts,
            required: false,
            about: "Names of further environment variables the program may see.",
        },
    ],
    about: "Runs a program: input as JSON on its standard input, result from its standard output.",
};

/// One program with its arguments, ready to be started any number of times.
struct Program {
    /// The program as the workflow names it; messages repeat it.
    name: String,
    /// What the operating system is asked for: a bare name to be looked up, or an absolute path.
    path: PathBuf,
    arguments: Vec<String>,
    variables: Vec<String>,
    base_dir: PathBuf,
}

/// What one call takes from its permit.
struct Call {
    clock: Arc<dyn Clock>,
    time_left: Duration,
    idempotency_key: String,
}

/// Why we stopped waiting for a program.
enum Waited {
    Ended,
    Late,
    Broken(Broken),
}

pub(crate) fn build(setup: &Setup, map: &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error> {
    Ok(Arc::new(Program::new(setup, map)?))
}

impl Adapter for Program {
    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let call = Call {
            clock: Arc::clone(permit.clock()),
            time_left: permit.time_left(),
            idempotency_key: permit.idempotency_key(),
        };
        Box::pin(self.run(call, &input.bytes))
    }

    fn endpoint(&self) -> String {
        format!("{}:{}", SPEC.name, self.path.display())
    }
}

impl Program {
    fn new(setup: &Setup, map: &Map<String, Value>) -> Result<Self, Error> {
        let keys = Keys { kind: SPEC.name, map };
        let words = keys.required("command", keys.texts("command")?)?;
        let variables = keys.texts("env")?.unwrap_or_default();
        check_words(&words)?;
        check_variables(&variables)?;
        let base_dir = folder(&setup.base_dir)?;
        let mut words = words.into_iter();
        let name = words.next().filter(|name| !name.is_empty()).ok_or(Error::NoProgram)?;
        // The folder is absolute: a relative path would be read from the folder the program starts in.
        let path = if name.contains('/') { base_dir.join(&name) } else { PathBuf::from(&name) };
        Ok(Self { name, path, arguments: words.collect(), variables, base_dir })
    }

    /// Runs the program once, and ends within a second of its time running out.
    async fn run(&self, call: Call, input: &[u8]) -> Result<Output, Failure> {
        let clock = &*call.clock;
        if call.time_left.is_zero() {
            return Err(Failure::Failed(format!("`{}` was not started: no time was left", self.name)));
        }
        let late = clock.sleep(call.time_left);
        let command = self.prepare(call.idempotency_key);
        let (mut running, mut streams) =
            Running::start(command, input).map_err(|error| self.not_started(&error))?;
        // The pipes come last: a program that floods them must hide neither its end nor ours.
        let waited = tokio::select! { biased;
            () = running.ended() => Waited::Ended,
            () = late => Waited::Late,
            Err(broken) = streams.pump() => Waited::Broken(broken),
        };
        match waited {
            Waited::Ended => self.conclude(running, streams, clock).await,
            Waited::Late => {
                running.ask_to_end(&mut streams, clock).await;
                let _ = running.bury(clock).await;
                Err(self.late(call.time_left))
            }
            Waited::Broken(broken) => {
                let _ = running.bury(clock).await;
                Err(self.broken(&broken))
            }
        }
    }

    fn prepare(&self, idempotency_key: String) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.path);
        command.args(&self.arguments).current_dir(&self.base_dir).env_clear().envs(environment::select(
            &self.variables,
            idempotency_key,
            |name| env::var_os(name),
        ));
        command
    }

    /// Collects what a program that has ended leaves, and ends what it has left running.
    async fn conclude(
        &self,
        mut running: Running,
        mut streams: Streams<'_>,
        clock: &dyn Clock,
    ) -> Result<Output, Failure> {
        let mut drained = streams.drain(clock).await;
        if drained.is_ok() {
            // Leftovers may hold the pipes open. Without them the pipes close, and the rest can be read.
            running.kill();
            drained = streams.drain(clock).await;
        }
        let buried = running.bury(clock).await;
        drained.map_err(|broken| self.broken(&broken))?;
        let status = buried
            .map_err(|error| Failure::Unknown(format!("cannot learn how `{}` ended: {error}", self.name)))?;
        outcome::read(&self.name, Ended { status, stdout: streams.printed, stderr: streams.complaint })
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        let name = &self.name;
        let why = match error.kind() {
            io::ErrorKind::NotFound => self.not_found(),
            _ => error.to_string(),
        };
        Failure::Failed(format!("cannot start `{name}`: {why}"))
    }

    /// Names the thing that is missing: the operating system says the same of all of them.
    fn not_found(&self) -> String {
        if !self.base_dir.is_dir() {
            format!("there is no folder `{}` to start it in", self.base_dir.display())
        } else if self.path.is_relative() {
            "no such program (looked in PATH; `./` before the name looks in the workflow's folder)".to_owned()
        } else if self.path.exists() {
            "the interpreter its first line names is missing".to_owned()
        } else {
            format!("no such program (looked at `{}`)", self.path.display())
        }
    }

    fn late(&self, limit: Duration) -> Failure {
        let (name, limit) = (&self.name, limit.as_secs_f64());
        Failure::Unknown(format!("`{name}` did not end within {limit:.3} s and was stopped"))
    }

    fn broken(&self, broken: &Broken) -> Failure {
        let name = &self.name;
        match broken {
            Broken::TooMuch => {
                let limit = STDOUT_LIMIT / (1024 * 1024);
                Failure::Unknown(format!("`{name}` printed more than {limit} MiB and was stopped"))
            }
            Broken::Read(error) => Failure::Unknown(format!("cannot read what `{name}` prints: {error}")),
        }
    }
}

fn check_words(words: &[String]) -> Result<(), Error> {
    match words.iter().position(|word| word.contains('\0')) {
        Some(index) => Err(Error::Word { position: index.saturating_add(1) }),
        None => Ok(()),
    }
}

fn check_variables(names: &[String]) -> Result<(), Error> {
    match names.iter().find(|name| !environment::is_name(name)) {
        Some(name) => Err(Error::Variable { name: name.escape_debug().to_string() }),
        None => Ok(()),
    }
}

fn folder(path: &Path) -> Result<PathBuf, Error> {
    let given = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    absolute(given).map_err(|source| Error::Folder { path: path.to_owned(), source })
}
