//! Follows a run's entries as they become durable, and hands them on as events.

use crate::error::Error;
use crate::event::Events;
use comity_api::{Event, EventKind};
use comity_core::{RunId, Tenant};
use comity_ledger::read_page;
use comity_store::Store;
use tokio::sync::mpsc::Sender;

/// Follows a run from entry `from` on until it finishes, or until nobody listens.
///
/// What is handed on was read back from the store, so it is durable. A slow listener slows only this.
pub async fn follow(
    store: &Store,
    tenant: &Tenant,
    run: RunId,
    from: u64,
    mut events: Events,
    out: &Sender<Event>,
) -> Result<(), Error> {
    let mut commits = store.commits();
    let mut next = from;
    loop {
        commits.borrow_and_update();
        let Some(cell) = store.run(tenant, run).await? else { return Ok(()) };
        loop {
            let page = read_page(store, &cell, next).await?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            for record in &page {
                let Some(event) = events.read(record)? else { continue };
                let finished = event.kind == EventKind::RunFinished;
                if out.send(event).await.is_err() || finished {
                    return Ok(());
                }
            }
        }
        if commits.changed().await.is_err() {
            return Ok(());
        }
    }
}
