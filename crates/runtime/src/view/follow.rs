//! A run's events, from its beginning or from a cursor, whichever process makes them.

use crate::error::Error;
use crate::event::Events;
use crate::pinned::Pinned;
use crate::runtime::Runtime;
use comity_api::Event;
use comity_core::{Clock, RunId};
use comity_ledger::{RunKeys, RunStatus, read_page_with};
use comity_store::RunCell;
use futures_util::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How long a run is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until all there is now was handed on.
    Now,
    /// Until it finishes, or stops for now.
    Paused,
    /// Until it finishes, through every pause.
    Finished,
}

/// How often a run is looked at that another process works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Between two looks.
    pub look: Duration,
    /// Looks without anything new after which it is asked whether its process still lives.
    pub doubt: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { look: Duration::from_millis(150), doubt: 7 }
    }
}

/// Reads a run's events on and on.
struct Reader {
    events: Events,
    keys: RunKeys,
    next: u64,
    /// Events of earlier entries were told before.
    from: u64,
}

impl Runtime {
    /// Hands on the events of every entry after `from`, all of them if nothing is said, and says where the run
    /// stands then. Nobody who listens ends it too.
    ///
    /// A server tells of every process's commits, and wakes this; beside a file those of other processes make no
    /// sound. So the run's row is looked at again and again, too.
    pub async fn follow(
        &self,
        id: RunId,
        from: Option<u64>,
        until: Until,
        patience: Patience,
        clock: &dyn Clock,
        out: &Sender<Event>,
    ) -> Result<RunStatus, Error> {
        let mut commits = self.store().commits();
        let Pinned { mut cell, source, .. } = self.pinned(id).await?;
        let events = Events::new(Arc::new(self.compile(&source)?));
        let keys = self.vault().open(&cell).await?;
        let mut reader = Reader { events, keys, next: 0, from: from.map_or(0, |seq| seq.saturating_add(1)) };
        let mut idle = 0;
        loop {
            let news = reader.next < cell.next_seq;
            if !reader.drain(self, &cell, out).await? {
                return Ok(self.standing(&cell).await?.0);
            }
            if news {
                idle = 0;
            }
            let said = RunStatus::from_number(cell.status).unwrap_or(RunStatus::Running);
            let told = reader.next >= cell.next_seq;
            if told && is_enough(said, until) {
                return Ok(self.standing(&cell).await?.0);
            }
            let doubtful = told && said == RunStatus::Running && until == Until::Paused;
            if doubtful && idle >= patience.doubt && self.is_cut_off(id, &cell).await? {
                return Ok(RunStatus::Interrupted);
            }
            idle = if idle >= patience.doubt { 0 } else { idle };
            match select(clock.sleep(patience.look), pin!(commits.changed())).await {
                Either::Left(((), _)) => idle += 1,
                Either::Right((Ok(()), _)) => {}
                // The store has closed, and tells of nothing more.
                Either::Right((Err(_), rest)) => rest.await,
            }
            // Before the look: what is told of from here on is looked at again.
            commits.borrow_and_update();
            cell = self.row(id).await?;
        }
    }

    /// Whether the run's process is gone, and wrote nothing more before it went.
    async fn is_cut_off(&self, id: RunId, cell: &RunCell) -> Result<bool, Error> {
        Ok(self.standing(cell).await?.1.is_none() && self.row(id).await? == *cell)
    }

    async fn row(&self, id: RunId) -> Result<RunCell, Error> {
        let row = self.store().run(self.tenant(), id).await?;
        Ok(row.ok_or(comity_govern::Error::NoRun(id))?)
    }
}

/// Whether a run that stands like this is followed no further.
fn is_enough(status: RunStatus, until: Until) -> bool {
    match until {
        Until::Now => true,
        Until::Paused => status != RunStatus::Running,
        Until::Finished => status.is_final(),
    }
}

impl Reader {
    /// Hands on what the row says there is. False when nobody listens any more.
    async fn drain(&mut self, runtime: &Runtime, cell: &RunCell, out: &Sender<Event>) -> Result<bool, Error> {
        while self.next < cell.next_seq {
            let page = read_page_with(runtime.store(), cell, &self.keys, self.next).await?;
            let Some(last) = page.last() else { break };
            self.next = last.seq + 1;
            for record in &page {
                let Some(event) = self.events.read(record)? else { continue };
                if record.seq >= self.from && out.send(event).await.is_err() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
