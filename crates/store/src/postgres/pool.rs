//! Connections for reading: a few, lent out and given back.

use super::codec::Unread;
use super::connect::{Purpose, Server, within};
use super::fail;
use crate::error::Error;
use comity_core::Tenant;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// The most connections that read at once.
const MOST: usize = 8;
/// The most snapshots and leases at once, each with a connection of its own beside the pool.
const PINNED: usize = 16;

/// Lends connections. Their bytes are moved by the runtime of `timer`, whatever the caller runs on.
pub struct Pool {
    server: Arc<Server>,
    timer: Handle,
    idle: Mutex<Vec<Client>>,
    places: Arc<Semaphore>,
    pins: Arc<Semaphore>,
}

/// A connection on loan; it goes back when this is dropped, unless it is broken.
pub struct Lent<'p> {
    pool: &'p Pool,
    client: Option<Client>,
    _place: OwnedSemaphorePermit,
}

/// A connection that stays with whoever asked for it.
pub struct Pinned {
    /// The connection.
    pub client: Client,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    /// An empty pool.
    pub fn new(server: Arc<Server>, timer: Handle) -> Self {
        let (places, pins) = (Arc::new(Semaphore::new(MOST)), Arc::new(Semaphore::new(PINNED)));
        Self { server, timer, idle: Mutex::default(), places, pins }
    }

    /// What all connections have in common.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Lends a connection.
    pub async fn lend(&self) -> Result<Lent<'_>, Error> {
        let place = self.place(&self.places).await?;
        let known = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let client = match known.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.fresh().await?,
        };
        Ok(Lent { pool: self, client: Some(client), _place: place })
    }

    /// A connection of the caller's own.
    pub async fn pin(&self) -> Result<Pinned, Error> {
        let place = self.place(&self.pins).await?;
        Ok(Pinned { client: self.fresh().await?, _place: place })
    }

    async fn place(&self, of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
        let (patience, shown) = (self.server.patience * 4, &self.server.place.shown);
        match within(&self.timer, patience, Arc::clone(of).acquire_owned()).await {
            Some(place) => place.map_err(|_| Error::Closed),
            None => Err(Error::Server {
                server: shown.clone(),
                why: format!("all connections for reading stayed in use for {patience:?}"),
            }),
        }
    }

    /// Made on the runtime that will move its bytes.
    async fn fresh(&self) -> Result<Client, Error> {
        let server = Arc::clone(&self.server);
        let made = self.timer.spawn(async move { server.session(Purpose::Read).await });
        made.await.map_err(|_| Error::Closed)?
    }

    /// The rows of a statement. Asked once more when the connection turns out to be gone: a read may be repeated.
    pub async fn rows(&self, sees: Sees<'_>, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Error> {
        let mut first = true;
        loop {
            let lent = self.lend().await?;
            match ask(lent.client()?, sees, sql, values).await {
                Err(error) if first && fail::is_lost(&error) => {
                    first = false;
                    // Its neighbours were lost with it.
                    self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                }
                asked => return asked.map_err(|error| fail::explain(&error, &self.server.place.shown)),
            }
        }
    }

    /// Names the server in an error.
    pub fn explain<T>(&self, read: Result<T, Unread>) -> Result<T, Error> {
        let server = || self.server.place.shown.clone();
        read.map_err(|unread| match unread {
            Unread::Column(error) => Error::Odd { server: server(), why: error.to_string() },
            Unread::Odd(what) => Error::Odd { server: server(), why: what.to_owned() },
        })
    }
}

impl Lent<'_> {
    /// The connection.
    pub fn client(&self) -> Result<&Client, Error> {
        self.client.as_ref().ok_or(Error::Closed)
    }

    /// Takes the connection out of the pool for good; `None`, and the connection ends, when too many were.
    pub fn keep(mut self) -> Option<Pinned> {
        let client = self.client.take()?;
        let place = Arc::clone(&self.pool.pins).try_acquire_owned().ok()?;
        Some(Pinned { client, _place: place })
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
    }
}

/// Whose rows a read may see, whatever its statement says.
#[derive(Clone, Copy, Debug)]
pub enum Sees<'t> {
    /// One tenant's.
    Tenant(&'t Tenant),
    /// Everybody's: for looking after the whole database.
    All,
}

impl Sees<'_> {
    /// The setting's value.
    pub fn list(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.as_str(),
            Self::All => "*",
        }
    }
}

/// The values of a statement's parameters, each with its type: so that asking takes one round trip.
pub type Values<'v> = &'v [(&'v (dyn ToSql + Sync), Type)];

/// Says who is asking, and asks, in one round trip. What was asked is dropped if the first failed.
pub async fn ask(
    client: &Client,
    sees: Sees<'_>,
    sql: &str,
    values: Values<'_>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let list = sees.list();
    let name = [(&list as &(dyn ToSql + Sync), Type::TEXT)];
    let name = client.query_typed("SELECT set_config('comity.tenants', $1, false)", &name);
    let (_, rows) = tokio::try_join!(biased; name, client.query_typed(sql, values))?;
    Ok(rows)
}
