//! Follows a run's entries as they become durable, and hands them on as events.

use crate::error::Error;
use crate::event::Events;
use comity_api::{Event, EventKind};
use comity_core::{RunId, Tenant};
use comity_ledger::{Vault, read_page_with};
use tokio::sync::mpsc::Sender;

/// Follows a run from entry `from` on until it finishes, or until nobody listens.
///
/// What is handed on was read back from the store, so it is durable. A slow listener slows only this.
pub async fn follow(
    vault: &Vault,
    tenant: &Tenant,
    run: RunId,
    from: u64,
    mut events: Events,
    out: &Sender<Event>,
) -> Result<(), Error> {
    let store = vault.store();
    let mut commits = store.commits();
    let mut next = from;
    let mut keys = None;
    loop {
        commits.borrow_and_update();
        let Some(cell) = store.run(tenant, run).await? else { return Ok(()) };
        let keys = match &mut keys {
            Some(keys) => keys,
            none => none.insert(vault.open(&cell).await?),
        };
        loop {
            let page = read_page_with(store, &cell, keys, next).await?;
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
