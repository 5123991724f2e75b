//! What protects the log outside of the database, by setting: witnesses that sign its checkpoints, and a second place
//! that keeps copies of them.
//!
//! Neither can stop a run, nor undo one: who does not answer in time is named in a warning, and has the next
//! checkpoint to catch up with, which covers everything before it. Who has seen another log raises an alarm.
//! Start with [`Runtime::guard`].

mod file;
mod second;
mod standing;

pub use second::{BadPlace, SecondPlace};
pub use standing::{Guard, Standing};

use crate::error::Error;
use crate::runtime::Runtime;
use crate::witness::{Effort, Witness, Witnessed};
use comity_govern::{Anchored, Error as GateError};
use comity_ledger::Error as LedgerError;
use comity_store::CheckpointRow;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// How long the second place may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is to sign the log's checkpoints, and where copies of them go.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// Who is asked to sign.
    pub witnesses: Vec<Witness>,
    /// Where copies go.
    pub second: Option<SecondPlace>,
}

impl Guards {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.witnesses.is_empty() && self.second.is_none()
    }
}

/// What came of putting what is recorded under a checkpoint, and the checkpoint under its guards.
#[derive(Debug, Default)]
pub struct Guarded {
    /// The newest checkpoint, with what the witnesses signed; `None` if nothing was ever recorded, or it failed.
    pub newest: Option<CheckpointRow>,
    /// What does not protect it.
    pub missing: Vec<Missing>,
    /// What was found that must not be: another view of the log.
    pub alarm: Option<Error>,
}

/// One thing that does not protect the log, as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing: `the checkpoint`, or whoever should have it.
    pub guard: Guard,
    /// Why, as the end of a sentence about it.
    pub why: String,
}

impl Runtime {
    /// Brings everything that is durable under a signed checkpoint, and the checkpoint to its guards. Takes no longer
    /// than they are waited for.
    pub async fn guard(&self) -> Guarded {
        match self.anchor().await {
            Ok(None) => Guarded::default(),
            Ok(Some(anchored)) => self.bring_outside(&anchored).await,
            Err(error) => {
                let mut guarded = Guarded::default();
                guarded.fault(Guard::Checkpoint, error);
                guarded
            }
        }
    }

    /// Brings the newest checkpoint to its guards.
    pub(crate) async fn bring_outside(&self, anchored: &Anchored) -> Guarded {
        let mut guarded = Guarded { newest: Some(anchored.row.clone()), ..Guarded::default() };
        let guards = self.guards();
        if !guards.witnesses.is_empty() {
            match self.ask_witnesses(&guards.witnesses, Effort::Once).await {
                Ok(asked) => {
                    asked.told.into_iter().for_each(|told| guarded.told(told));
                    guarded.alarm = asked.split;
                }
                Err(error) => guarded.fault(Guard::Checkpoint, error),
            }
            // With what they signed.
            if let Ok(Some(row)) =
                self.store().checkpoint(self.tenant(), Some(anchored.checkpoint.head.size)).await
            {
                guarded.newest = Some(row);
            }
        }
        self.copy_outside(&mut guarded).await;
        guarded
    }

    /// Copies the newest checkpoint to the second place, if there is one.
    pub async fn copy_outside(&self, guarded: &mut Guarded) {
        let (Some(second), Some(row)) = (&self.guards().second, guarded.newest.clone()) else { return };
        let guard = Guard::Copies(second.to_string());
        match self.within(PATIENCE, second.keep(self, &row)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => guarded.fault(guard, error),
            Err(why) => guarded.missing.push(Missing { guard, why }),
        }
    }

    /// What comes of something within a time; else the end of a sentence about whoever took longer.
    pub(crate) async fn within<T>(
        &self,
        time: Duration,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, String> {
        let late = self.clock().sleep(time);
        match select(pin!(work), late).await {
            Either::Left((came, _)) => Ok(came),
            Either::Right(((), _)) => Err(format!("did not answer within {} s", time.as_secs())),
        }
    }
}

impl Guarded {
    /// Whether everything is protected as it was set up.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.alarm.is_none()
    }

    fn told(&mut self, told: Witnessed) {
        match told {
            // Whoever made the log grow brings that further.
            Witnessed::Signed { .. } | Witnessed::Outgrown { .. } => {}
            Witnessed::Silent { witness, why } => {
                self.missing.push(Missing { guard: Guard::Witness(witness), why });
            }
        }
    }

    fn fault(&mut self, guard: Guard, error: Error) {
        if is_alarm(&error) {
            self.alarm.get_or_insert(error);
        } else {
            self.missing.push(Missing { guard, why: error.to_string() });
        }
    }
}

/// Whether a failure says that the log is not what it was, rather than that somebody is not there.
fn is_alarm(error: &Error) -> bool {
    matches!(
        error,
        Error::Split { .. }
            | Error::BadCheckpoint(_)
            | Error::OtherCopy { .. }
            | Error::Gate(GateError::OtherKey { .. } | GateError::Ledger(LedgerError::Log { .. }))
            | Error::Ledger(LedgerError::Log { .. })
    )
}
