//! The right to sequence a tenant's log: a lock of the session's, which ends with it.
//!
//! It only keeps servers from doing the same work. What keeps the log right is that an anchor names the size it
//! begins at, so that a holder who has lost the lock and does not know it yet does no harm.

use super::Postgres;
use super::fail;
use super::pool::{Pinned, Sees, ask};
use super::read::value;
use crate::error::Error;
use comity_core::Tenant;
use tokio_postgres::types::Type;

/// Tells these locks from others on the server: "CmTyLog".
const SEED: i64 = 0x43_6d54_794c_6f67;

/// Has the server miss a holder whose machine is gone within half a minute, and not after hours.
const NOTICED: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// The lock, for as long as this and its session last.
pub struct Held(Pinned);

impl Held {
    /// Whether the session is still there, as far as is known here.
    pub fn lasts(&self) -> bool {
        !self.0.client.is_closed()
    }
}

impl Postgres {
    /// Tries to become the one that sequences the tenant's log; `None` while somebody else is.
    pub async fn lease(&self, tenant: &Tenant) -> Result<Option<Held>, Error> {
        let fail = |error| fail::explain(&error, self.shown());
        let lent = self.inner.pool.lend().await?;
        let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, $2))";
        let name = tenant.as_str();
        let values = [value(&name, Type::TEXT), value(&SEED, Type::INT8)];
        let rows = ask(lent.client()?, Sees::Tenant(tenant), sql, &values).await.map_err(fail)?;
        let locked = rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
        // The session leaves the pool with its lock. Where it cannot be kept, both end here.
        let Some(pinned) = locked.then(|| lent.keep()).flatten() else { return Ok(None) };
        pinned.client.batch_execute(NOTICED).await.map_err(fail)?;
        Ok(Some(Held(pinned)))
    }
}
