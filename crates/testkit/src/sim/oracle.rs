//! What must be true whatever the seed did, told from the effects and not from the ledger.

use crate::sim::chain::Chain;
use crate::sim::probe;
use crate::sim::scenario::Flow;
use comity_api::{Event, EventKind};
use comity_core::{RunId, StepId};
use comity_ledger::{EntryKind, account, read};
use comity_runtime::{RunStatus, Runtime};
use std::collections::HashMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What was heard and seen so far.
#[derive(Default)]
pub struct Oracle {
    /// The highest entry that an event spoke of: it must never be lost.
    heard: Option<u64>,
    /// How often a step's effect had happened when its settlement was told.
    at_settlement: HashMap<(u32, u32), usize>,
    /// Whether a process was alive while another took its run over: what it was in the middle of may touch the
    /// world after the other has done it again and settled it. Only what may be done twice is done again.
    pub overlapped: bool,
}

/// Runs a future that never waits: reads of the embedded store answer at once.
fn now<T>(future: impl Future<Output = T>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("a read waited".to_owned()),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Oracle {
    /// A process may only end for reasons that are somebody else's doing.
    pub fn excuse(&mut self, why: &str) -> Result<(), String> {
        let fine =
            ["killed", "was taken over by", "is being worked on", "has ended", "does not wait to be told"];
        if fine.iter().any(|known| why.contains(known)) {
            Ok(())
        } else {
            Err(format!("a process ended with: {why}"))
        }
    }

    /// Every event speaks of an entry that is durable.
    pub fn hear(&mut self, runtime: &Runtime, run: Option<RunId>, event: &Event) -> Result<(), String> {
        let Some(run) = run else { return Err("an event names no run".to_owned()) };
        let cell = now(runtime.store().run(runtime.tenant(), run))?.map_err(text)?;
        let next = cell.map_or(0, |cell| cell.next_seq);
        if event.kind == EventKind::StepSettled {
            let name = event.step.as_deref().unwrap_or_default();
            if let Some(ordinal) = name.strip_prefix('s').and_then(|number| number.parse::<u32>().ok()) {
                if !settled(runtime, run, ordinal)? {
                    return Err(format!("`{name}` was said to have settled before that was durable"));
                }
                let pass = event.iteration.unwrap_or_default();
                let id = StepId::derive(run, None, ordinal, pass);
                self.at_settlement.entry((ordinal, pass)).or_insert(count(id));
            }
        }
        if event.seq >= next {
            return Err(format!("an event speaks of entry {}, and {next} are durable", event.seq));
        }
        self.heard = self.heard.max(Some(event.seq));
        Ok(())
    }

    /// Between processes: the ledger verifies, and nothing that was told is gone.
    pub fn check(&self, runtime: &Runtime, run: Option<RunId>) -> Result<(), String> {
        let report = now(runtime.verify(None))?.map_err(text)?;
        if let Some(fault) = report.fault {
            return Err(format!("verify: {fault} (entry {:?})", report.bad_seq));
        }
        let (Some(run), Some(heard)) = (run, self.heard) else { return Ok(()) };
        let cell = now(runtime.store().run(runtime.tenant(), run))?.map_err(text)?;
        match cell {
            Some(cell) if cell.next_seq > heard => Ok(()),
            _ => Err(format!("entry {heard} was told and is gone")),
        }
    }

    /// Where the run stands.
    pub fn status(&self, runtime: &Runtime, run: Option<RunId>) -> Result<Option<RunStatus>, String> {
        let Some(run) = run else { return Ok(None) };
        let cell = now(runtime.store().run(runtime.tenant(), run))?.map_err(text)?;
        Ok(cell.and_then(|cell| RunStatus::from_number(cell.status)))
    }

    /// At the end: effects and ledger agree.
    pub fn last(&self, runtime: &Runtime, run: Option<RunId>, flow: &Flow) -> Result<(), String> {
        self.check(runtime, run)?;
        let Some(run) = run else { return Err("the run was never told of".to_owned()) };
        let mut paid = 0;
        for (ordinal, once) in flow.once.iter().enumerate() {
            let number = u32::try_from(ordinal).map_err(text)?;
            let mut all = 0;
            for pass in 0..flow.passes as u32 {
                let times = count(StepId::derive(run, None, number, pass));
                all += times;
                if *once && times > 1 {
                    return Err(format!("`s{ordinal}` must not happen twice, and happened {times} times"));
                }
                let late = self.overlapped && !*once;
                if !late && self.at_settlement.get(&(number, pass)).is_some_and(|then| *then != times) {
                    return Err(format!("`s{ordinal}` happened again after it had settled"));
                }
            }
            paid += flow.prices.get(ordinal).copied().unwrap_or_default() * all as u64;
            let probe = flow.probes.get(ordinal) == Some(&true);
            if probe && settled(runtime, run, number)? && all == 0 {
                return Err(format!("`s{ordinal}` is settled, and never happened"));
            }
        }
        for effect in probe::effects().iter().filter(|effect| effect.run == run && !effect.idempotent) {
            if count(effect.step) > 1 {
                return Err(format!("step {} must not happen twice, and did", effect.step));
            }
        }
        follow(runtime, run)?;
        paid += probe::effects()
            .iter()
            .filter(|effect| effect.run == run)
            .map(|effect| effect.spent)
            .sum::<u64>();
        let row = now(runtime.store().account(runtime.tenant(), account::of_run(run)))?.map_err(text)?;
        let cell = row.ok_or("the run has no account")?.cell;
        if !cell.held.is_zero() {
            return Err(format!("the run has ended, and {:?} is still held", cell.held));
        }
        if cell.spent.exceeds(&cell.caps).is_some() {
            return Err(format!("{:?} was spent of {:?}", cell.spent, cell.caps));
        }
        if cell.spent.micro_usd < paid {
            return Err(format!("effects cost {paid}, and {} was booked", cell.spent.micro_usd));
        }
        Ok(())
    }
}

fn count(step: StepId) -> usize {
    probe::effects().iter().filter(|effect| effect.step == step).count()
}

/// Follows the run's entries from the first to the last.
fn follow(runtime: &Runtime, run: RunId) -> Result<(), String> {
    let cell = now(runtime.store().run(runtime.tenant(), run))?.map_err(text)?.ok_or("there is no run")?;
    let (mut chain, mut wrong) = (Chain::default(), None);
    let reading = read(runtime.vault(), &cell, |record| {
        let came = chain.add(&record.entry).err();
        wrong = wrong.take().or(came.map(|why| format!("entry {}: {why}", record.seq)));
        Ok(())
    });
    now(reading)?.map_err(text)?;
    wrong.map_or(Ok(()), Err)
}

/// Whether the ledger holds a settlement of this step of the run itself.
fn settled(runtime: &Runtime, run: RunId, ordinal: u32) -> Result<bool, String> {
    let Some(cell) = now(runtime.store().run(runtime.tenant(), run))?.map_err(text)? else {
        return Ok(false);
    };
    let mut found = false;
    let reading = read(runtime.vault(), &cell, |record| {
        let this =
            record.entry.step.as_ref().is_some_and(|step| step.parent.is_none() && step.ordinal == ordinal);
        found |= this && matches!(record.entry.kind, EntryKind::Settled | EntryKind::Happened);
        Ok(())
    });
    now(reading)?.map_err(text)?;
    Ok(found)
}
