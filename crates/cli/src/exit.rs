//! How commands end: exit codes, and what every error means for the person who reads it.

mod codes;

pub use codes::CODES;

use crate::error::Error;
use comity_runtime::KeyFault;
use comity_runtime::{ArchiveError, Error as RuntimeError, GateError, LedgerError, RunStatus, StoreError};
use comity_witness::Error as WitnessError;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A file is wrong.
    InvalidFile = 3,
    /// Credentials are missing, or refused.
    Auth = 4,
    /// A server is out of reach.
    Unreachable = 5,
    /// Refused by policy, or by a person.
    Denied = 6,
    /// A budget is used up.
    Budget = 7,
    /// A person has to answer first.
    Waiting = 8,
    /// The ledger is not as it was written.
    LedgerBroken = 9,
    /// Stopped from outside.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code, with what it says.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Usage, "usage"),
        (Self::InvalidFile, "invalid file"),
        (Self::Auth, "auth"),
        (Self::Unreachable, "unreachable"),
        (Self::Denied, "denied"),
        (Self::Budget, "budget"),
        (Self::Waiting, "waiting for a person"),
        (Self::LedgerBroken, "ledger broken"),
        (Self::Interrupted, "interrupted"),
    ];

    /// The number the process ends with.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The same, but for a run that waits: that is fine where somebody asked for it.
    pub fn fine_if_waiting(self, fine: bool) -> Self {
        if fine && self == Self::Waiting { Self::Done } else { self }
    }

    /// How a command ends whose run stands like this.
    pub fn of(status: RunStatus) -> Self {
        match status {
            RunStatus::Completed => Self::Done,
            RunStatus::Failed | RunStatus::Running => Self::Failed,
            RunStatus::Denied => Self::Denied,
            RunStatus::Exhausted => Self::Budget,
            RunStatus::Waiting => Self::Waiting,
            RunStatus::Interrupted => Self::Interrupted,
        }
    }
}

/// What an error means: how the command ends, a stable code, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// How the command ends.
    pub exit: Exit,
    /// A stable code. Codes are never renamed or reused.
    pub code: &'static str,
    /// What to do.
    pub hint: &'static str,
}

const fn means(exit: Exit, code: &'static str, hint: &'static str) -> Meaning {
    Meaning { exit, code, hint }
}

/// What an error means for the person who reads it.
pub fn meaning(error: &Error) -> Meaning {
    match error {
        Error::Runtime(error) => of_runtime(error),
        Error::Flow { .. } => means(Exit::InvalidFile, "CM0201", MEND),
        Error::NoFile(_) => {
            means(Exit::InvalidFile, "CM0202", "check the path; it is read from the folder you are in")
        }
        Error::Unreadable { .. } => {
            means(Exit::InvalidFile, "CM0203", "check that it is a file, and that you may read it")
        }
        Error::TooLarge { .. } => {
            means(Exit::InvalidFile, "CM0204", "make it smaller, or hand over its path as the task")
        }
        Error::Unwritable { .. } => {
            means(Exit::Failed, "CM0274", "make the file and its folder writable; nothing was changed")
        }
        Error::NotText(_) => means(Exit::InvalidFile, "CM0205", "save it as UTF-8"),
        Error::TaskTooLarge { .. } => {
            means(Exit::Usage, "CM0206", "put the material in a file and name the file in the task")
        }
        Error::NoDatabase(_) => means(
            Exit::Failed,
            "CM0210",
            "`comity run FLOW` makes one; name another with `--db PATH` or COMITY_DB",
        ),
        Error::DoneAgain(_) => {
            means(Exit::Usage, "CM0245", "`--yes` lets it; or begin after them, with another `--from STEP`")
        }
        Error::UnknownLog(_) => means(
            Exit::Auth,
            "CM0320",
            "name it with `--key KEY`; whoever keeps the log prints it with `comity checkpoint --public-key`",
        ),
        Error::NoRuns => means(Exit::Failed, "CM0281", "`comity run FLOW` starts one"),
        Error::NothingToTamper => means(Exit::Failed, "CM0283", "run `comity demo` first"),
        Error::NoProvider(_) => means(
            Exit::Usage,
            "CM0209",
            "pass `--sandbox` (or set COMITY_SANDBOX=1) for simulated answers, or unset the key",
        ),
        Error::Config { .. } => means(
            Exit::InvalidFile,
            "CM0290",
            "mend the file; `comity config show --origin` shows what counts and where it comes from",
        ),
        Error::Variable { .. } => means(Exit::Usage, "CM0291", "set it to one of these, or unset it"),
        Error::Setting { .. } => means(
            Exit::Usage,
            "CM0323",
            "`comity config show --origin` shows where it was said; mend it there, or leave it away",
        ),
        Error::Exists(_) => {
            means(Exit::Failed, "CM0292", "name another folder: `comity init FOLDER`, or move the file away")
        }
        Error::NotMade { .. } => {
            means(Exit::Failed, "CM0293", "check that you may write there, and that there is room")
        }
        Error::Witness(error) => of_witness(error),
        Error::Output(_) => means(
            Exit::Failed,
            "CM0270",
            "make room where the output goes; what was recorded is kept: see `comity runs`",
        ),
        Error::Machine(_) => means(
            Exit::Failed,
            "CM0271",
            "the system refuses threads, memory or signal handlers: raise its limits",
        ),
    }
}

const SPLIT: &str =
    "keep a copy of the database as it is; the witness's operator has both signed checkpoints";
const OTHER_COPY: &str =
    "keep the database and the copies as they are: the copy shows what the log was when it was made";
const MEND: &str = "mend the file; `comity validate FILE` checks it without running anything";

fn of_runtime(error: &RuntimeError) -> Meaning {
    match error {
        RuntimeError::Invalid(_) | RuntimeError::InvalidInner { .. } => {
            means(Exit::InvalidFile, "CM0201", MEND)
        }
        RuntimeError::Adapter { .. } | RuntimeError::Agent { .. } | RuntimeError::Tool { .. } => {
            means(Exit::InvalidFile, "CM0207", MEND)
        }
        RuntimeError::Forecast { .. } => means(
            Exit::Budget,
            "CM0284",
            "`comity forecast FLOW` shows where it comes from; raise `max_forecast_usd`, or lower prices, tries \
             and passes",
        ),
        RuntimeError::TooMany { .. } | RuntimeError::Inner { .. } => means(Exit::InvalidFile, "CM0208", MEND),
        RuntimeError::NoAdapter(_) => means(Exit::Failed, "CM0260", DEFECT),
        RuntimeError::Gate(error) => of_gate(error),
        RuntimeError::Archive(error) => of_archive(error),
        RuntimeError::Store(error) => of_store(error),
        RuntimeError::Ledger(error) => of_ledger(error),
        RuntimeError::Broken { .. } => means(Exit::LedgerBroken, "CM0253", BROKEN),
        RuntimeError::Unsigned(_) => means(
            Exit::Failed,
            "CM0294",
            "keys lie in a folder of your own that only you may read; `comity doctor` shows where data lies",
        ),
        RuntimeError::BadCheckpoint(_) => means(Exit::LedgerBroken, "CM0315", BROKEN),
        RuntimeError::Split { .. } => means(Exit::LedgerBroken, "CM0314", SPLIT),
        RuntimeError::OtherCopy { .. } => means(Exit::LedgerBroken, "CM0322", OTHER_COPY),
        RuntimeError::NoFolder(_) => {
            means(Exit::Failed, "CM0222", "put the folder back, then `comity resume RUN`")
        }
        RuntimeError::Owned { .. } => means(
            Exit::Failed,
            "CM0231",
            "wait until that process ends, or end it; to answer a question meanwhile: `comity approve RUN`",
        ),
        RuntimeError::Planner { .. } => {
            means(Exit::Failed, "CM0232", "go on with the build that started the run, or start it again")
        }
        RuntimeError::NoStep { .. } => {
            means(Exit::Failed, "CM0233", "`comity trace RUN` lists its steps and which of them wait")
        }
        RuntimeError::NoEntry { .. } => means(Exit::Failed, "CM0321", ENTRIES),
        RuntimeError::OtherKey { .. } => means(Exit::Auth, "CM0275", OTHER_KEY),
        RuntimeError::NotReached { .. } => means(
            Exit::Failed,
            "CM0282",
            "`comity trace RUN` shows how far it came; `comity watch RUN` follows it",
        ),
        RuntimeError::Unforkable { .. } => means(
            Exit::Failed,
            "CM0244",
            "`comity trace RUN` lists its steps, and which of them have a result",
        ),
        RuntimeError::NothingHeld(_) => {
            means(Exit::Failed, "CM0234", "`comity resume RUN` goes on with it; `comity trace RUN` shows it")
        }
        RuntimeError::Ambiguous { .. } => means(Exit::Usage, "CM0235", "add `--step NAME`"),
        RuntimeError::Owner { .. } => {
            means(Exit::Failed, "CM0218", "make the folder writable, or choose another with `--db PATH`")
        }
    }
}

fn of_witness(error: &WitnessError) -> Meaning {
    match error {
        WitnessError::State { .. } => means(
            Exit::Failed,
            "CM0310",
            "mend what is in the way; never start a witness over on an old copy",
        ),
        WitnessError::Taken(_) => means(
            Exit::Failed,
            "CM0311",
            "end that process, or give this one a folder of its own: `--state DIR`",
        ),
        WitnessError::Listen { .. } => {
            means(Exit::Failed, "CM0312", "choose another address: `--listen HOST:PORT`")
        }
        WitnessError::NotALog(_) => {
            means(Exit::Usage, "CM0313", "take the key of the log, not that of another witness")
        }
    }
}

const DEFECT: &str = "this is a defect of Comity: please report it with the output of `comity trace RUN`";

fn of_gate(error: &GateError) -> Meaning {
    match error {
        GateError::Store(error) => of_store(error),
        GateError::Ledger(error) => of_ledger(error),
        GateError::Rules(_) => means(Exit::InvalidFile, "CM0229", MEND),
        GateError::Erased(_) => means(Exit::Failed, "CM0304", ERASED),
        GateError::OnHold { .. } => means(
            Exit::Denied,
            "CM0305",
            "`comity hold list` shows the holds; `comity hold lift N` lifts one",
        ),
        GateError::NoHold(_) => means(Exit::Failed, "CM0306", "`comity hold list` shows the holds"),
        GateError::Erasing { .. } => {
            means(Exit::Failed, "CM0307", "wait for it to end, then give the command again")
        }
        GateError::Alive { .. } => {
            means(Exit::Failed, "CM0308", "end that process, or wait for it; then give the command again")
        }
        GateError::NothingToErase | GateError::TheBook => {
            means(Exit::Failed, "CM0309", "`comity runs` lists the runs")
        }
        GateError::TooMuch { .. } => {
            means(Exit::Failed, "CM0316", "erase part of it first: a run, or a subject")
        }
        GateError::NoRun(_) => means(
            Exit::Failed,
            "CM0230",
            "`comity runs` lists the runs; is this the right database (`--db PATH`)?",
        ),
        GateError::TakenOver { .. } => {
            means(Exit::Failed, "CM0236", "`comity trace RUN` shows what the other process does")
        }
        GateError::Stopped { .. } => {
            means(Exit::Failed, "CM0237", "mend what failed, then `comity resume RUN`")
        }
        GateError::Ended { .. } => {
            means(Exit::Failed, "CM0238", "`comity trace RUN` shows how; `comity run FLOW` starts a new run")
        }
        GateError::Changed { .. } => means(
            Exit::Failed,
            "CM0239",
            "a step before it gave another result than was recorded; start a new run",
        ),
        GateError::Origin { .. } => means(
            Exit::Failed,
            "CM0243",
            "put that run back as it was, then `comity resume RUN`; or fork another run",
        ),
        GateError::NoApproval(_) => {
            means(Exit::Failed, "CM0240", "take the id that the held step printed, or name the run")
        }
        GateError::Decided { .. } => {
            means(Exit::Failed, "CM0241", "`comity resume RUN` goes on with what was decided")
        }
        GateError::NotUnknown(_) => means(
            Exit::Failed,
            "CM0242",
            "only a step shown as `unknown` is told how it ended; `comity trace RUN` shows them",
        ),
        GateError::OtherKey { .. } => {
            means(Exit::Auth, "CM0275", "use the keys that this log was made with: `--keys DIR`, COMITY_KEYS")
        }
        GateError::Overtaken(_) => means(Exit::Failed, "CM0276", "give the command again"),
        GateError::Misplaced(_) | GateError::Busy(_) | GateError::Defect { .. } => {
            means(Exit::Failed, "CM0260", DEFECT)
        }
    }
}

fn of_archive(error: &ArchiveError) -> Meaning {
    match error {
        ArchiveError::Address { .. } | ArchiveError::Key(_) => means(
            Exit::Usage,
            "CM0261",
            "give `s3://BUCKET/PREFIX`, or the path of a folder; over http only to this machine, or with \
             AWS_ALLOW_HTTP=true",
        ),
        ArchiveError::NoCredentials { .. } => {
            means(Exit::Auth, "CM0262", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        }
        ArchiveError::Refused { .. } => {
            means(Exit::Auth, "CM0263", "check the keys, and that they may get, put, list and delete there")
        }
        ArchiveError::NoBucket { .. } => {
            means(Exit::Failed, "CM0264", "make the bucket first, or name another")
        }
        ArchiveError::Unreachable { .. } => means(
            Exit::Unreachable,
            "CM0265",
            "check the address (`--endpoint URL`, AWS_ENDPOINT_URL, AWS_REGION); then give the command again: \
             what is there already is left",
        ),
        ArchiveError::WritesOver { .. } => means(
            Exit::Failed,
            "CM0266",
            "use storage that has conditional writes: Amazon S3, MinIO, R2 and others do; nothing was kept",
        ),
        ArchiveError::Conflict { .. } => means(
            Exit::LedgerBroken,
            "CM0267",
            "nothing was written over; `comity archive --check` and `comity verify` show which of the two is not \
             as it was written",
        ),
        ArchiveError::TooLarge { .. } => means(
            Exit::Failed,
            "CM0268",
            "keep it with `comity export RUN --to FILE`, or back the database up",
        ),
        ArchiveError::Failed { .. } => means(
            Exit::Failed,
            "CM0269",
            "mend it, then give the command again: what is there already is left",
        ),
    }
}

fn of_ledger(error: &LedgerError) -> Meaning {
    match error {
        LedgerError::Store(error) => of_store(error),
        LedgerError::BadEntry { .. } => means(Exit::LedgerBroken, "CM0250", BROKEN),
        LedgerError::BadPayload { .. } => means(Exit::LedgerBroken, "CM0251", BROKEN),
        LedgerError::Log { .. } => means(Exit::LedgerBroken, "CM0277", BROKEN),
        LedgerError::Signing { .. } => {
            means(Exit::Auth, "CM0278", "mend the key, or say where keys are kept with `--keys DIR`")
        }
        LedgerError::Uncovered { .. } => {
            means(Exit::Failed, "CM0273", "`comity checkpoint` makes a checkpoint that covers it")
        }
        LedgerError::Keys(error) => of_keys(error),
        LedgerError::Erased { .. } | LedgerError::RunErased => means(Exit::Failed, "CM0304", ERASED),
    }
}

const ERASED: &str = "`comity trace RUN` shows what is left; `comity run FLOW` starts a new run";

fn of_keys(error: &KeyFault) -> Meaning {
    match error {
        KeyFault::Store(error) => of_store(error),
        KeyFault::Place { .. } => {
            means(Exit::Failed, "CM0300", "mend that, or say where keys are kept with `--keys DIR`")
        }
        KeyFault::Gone { .. } => means(
            Exit::Failed,
            "CM0301",
            "name the folder that this database's keys are in with `--keys DIR`, or set COMITY_TENANT_KEY",
        ),
        // What was destroyed reads as erased; whoever cannot go on without it is told the same.
        KeyFault::Destroyed { .. } => means(Exit::Failed, "CM0304", ERASED),
        KeyFault::Other { .. } => means(
            Exit::Auth,
            "CM0319",
            "name the folder that this database's keys are in with `--keys DIR`, or set COMITY_TENANT_KEY",
        ),
        KeyFault::Damaged { .. } => means(Exit::LedgerBroken, "CM0302", BROKEN),
        KeyFault::NoNext { .. } => {
            means(Exit::Usage, "CM0303", "provide the next key, and give the command again")
        }
    }
}

const OTHER_KEY: &str = "find out who changed the key; until then believe what the first one signed";

const ENTRIES: &str = "`comity trace RUN --entries` lists its entries";

const BROKEN: &str = "keep a copy of the file as it is; `comity verify` names the first bad entry";

fn of_store(error: &StoreError) -> Meaning {
    match error {
        StoreError::UnknownBackend(_) => {
            means(Exit::Usage, "CM0211", "give a file path or a `postgres://` address: `--db PATH`")
        }
        StoreError::Open { .. } => {
            means(Exit::Failed, "CM0212", "check the path, or choose another with `--db PATH`")
        }
        StoreError::ReadOnly { .. } => means(
            Exit::Failed,
            "CM0213",
            "make the file and its folder writable, or choose another with `--db PATH`",
        ),
        StoreError::Full { .. } => {
            means(Exit::Failed, "CM0214", "free some space, then go on with `comity resume RUN`")
        }
        StoreError::Busy { .. } => {
            means(Exit::Failed, "CM0215", "wait for the other process, or end it, and try again")
        }
        StoreError::Corrupt { .. } => means(
            Exit::LedgerBroken,
            "CM0216",
            "keep a copy of the file as it is, and restore it from a backup",
        ),
        StoreError::Foreign { .. } => {
            means(Exit::Failed, "CM0217", "nothing was changed in it; choose another with `--db PATH`")
        }
        StoreError::Newer { .. } => means(Exit::Failed, "CM0219", "use the newer build"),
        StoreError::Migration { .. } => means(Exit::Failed, "CM0220", "use the build that made the database"),
        StoreError::Database { .. } => {
            means(Exit::Failed, "CM0221", "`comity verify` shows whether the database is whole")
        }
        StoreError::BadAddress { .. } => {
            means(Exit::Usage, "CM0223", "write it as `postgres://USER@HOST/DATABASE?sslmode=verify-full`")
        }
        StoreError::Unreachable { .. } => means(
            Exit::Unreachable,
            "CM0224",
            "check that it runs, the address, the password and the certificate",
        ),
        StoreError::Server { .. } => {
            means(Exit::Failed, "CM0221", "`comity verify` shows whether the database is whole")
        }
        StoreError::Odd { .. } => {
            means(Exit::LedgerBroken, "CM0225", "somebody changed a row; restore it from a backup")
        }
        StoreError::Unguarded { .. } => {
            means(Exit::Failed, "CM0226", "log in as a role without BYPASSRLS, or one that may create roles")
        }
        StoreError::Unsupported { .. } => {
            means(Exit::Failed, "CM0227", "use PostgreSQL's own tools, such as `pg_dump`")
        }
        StoreError::Panicked | StoreError::Closed => means(Exit::Failed, "CM0260", DEFECT),
    }
}

#[cfg(test)]
mod tests;
