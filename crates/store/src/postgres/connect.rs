//! Connections: made within a deadline, and all set up alike.

use super::address::Place;
use super::tls::Rustls;
use super::{fail, migrate};
use crate::error::Error;
use crate::store::{Access, Durability};
use comity_core::Timestamp;
use std::fmt::Write;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Connection, Socket};

/// Between two tries to reach a server that was there before, or is starting.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections of a store have in common.
pub struct Server {
    /// Where it is.
    pub place: Place,
    /// How long a lock, and a server that comes back, are waited for.
    pub patience: Duration,
    /// Whether it may be written.
    pub access: Access,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// The present, for the record of migrations.
    pub now: Timestamp,
    /// What a new database calls itself.
    pub id: [u8; 16],
    /// Whether it was reached before: then a short absence is waited for.
    seen: AtomicBool,
    /// Set once the schema is this build's: the role to take, if it is another than the login's.
    ready: OnceCell<Option<&'static str>>,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Batches of commits.
    Write,
    /// Reads, which may be long.
    Read,
}

/// The half of a connection that moves the bytes.
pub enum Wire {
    /// Unencrypted.
    Plain(Box<Connection<Socket, NoTlsStream>>),
    /// Encrypted.
    Encrypted(Box<Connection<Socket, super::tls::Encrypted<Socket>>>),
}

impl Server {
    /// Knows a place, and has done nothing yet.
    pub fn new(settings: &super::Settings) -> Self {
        let super::Settings { patience, access, durability, now, id, .. } = *settings;
        let (seen, ready) = (AtomicBool::new(false), OnceCell::new());
        Self { place: settings.place.clone(), patience, access, durability, now, id, seen, ready }
    }

    /// A connection that is driven by the runtime this is called on, ready for use; the schema is up to date.
    pub async fn session(&self, purpose: Purpose) -> Result<Client, Error> {
        let role = self.ready.get_or_try_init(|| self.bring_up()).await?;
        let (client, wire) = self.connect().await?;
        drive(wire);
        self.set_up(&client, purpose, *role).await?;
        Ok(client)
    }

    /// The same, with the wire left to the caller, who may listen on it. Nothing is set up before it is driven.
    pub async fn raw(&self) -> Result<(Client, Wire), Error> {
        self.ready.get_or_try_init(|| self.bring_up()).await?;
        self.connect().await
    }

    /// Brings the schema up to date, and finds the role that cannot see past its tenants.
    async fn bring_up(&self) -> Result<Option<&'static str>, Error> {
        let (mut client, wire) = self.connect().await?;
        drive(wire);
        migrate::bring_up(&mut client, self).await?;
        migrate::role(&client, self).await
    }

    /// Tries until there is a connection, or until it is hopeless, or for as long as patience lasts.
    async fn connect(&self) -> Result<(Client, Wire), Error> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.try_connect().await {
                Ok(made) => {
                    self.seen.store(true, Ordering::Relaxed);
                    return Ok(made);
                }
                Err((error, again)) => {
                    let worth = again || self.seen.load(Ordering::Relaxed);
                    if !worth || Instant::now() + PAUSE > deadline {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Also says whether the server itself asks to be tried again.
    async fn try_connect(&self) -> Result<(Client, Wire), (Error, bool)> {
        let Place { config, tls, shown } = &self.place;
        let unreachable = |why: String| (Error::Unreachable { server: shown.clone(), why }, false);
        let mut config = config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.patience);
        }
        config.application_name("comity");
        // A network that swallows everything is noticed within half a minute.
        config.tcp_user_timeout(Duration::from_secs(20));
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        let connecting = async {
            match tls {
                None => {
                    let (client, wire) = config.connect(tokio_postgres::NoTls).await?;
                    Ok((client, Wire::Plain(Box::new(wire))))
                }
                Some(roots) => {
                    let tls = Rustls::new(roots).map_err(Tried::Unready)?;
                    let (client, wire) = config.connect(tls).await?;
                    Ok((client, Wire::Encrypted(Box::new(wire))))
                }
            }
        };
        match tokio::time::timeout(self.patience * 2, connecting).await {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(Tried::Failed(error))) => {
                Err((fail::connecting(&error, shown), fail::is_starting(&error)))
            }
            Ok(Err(Tried::Unready(why))) => Err(unreachable(why)),
            Err(_) => Err(unreachable(format!("no answer within {:?}", self.patience * 2))),
        }
    }

    /// Tells a new session how to behave. Whatever the login may, it goes on as a role that is bound.
    pub async fn set_up(&self, client: &Client, purpose: Purpose, role: Option<&str>) -> Result<(), Error> {
        let (lock, statement) = match purpose {
            Purpose::Write => (self.patience, self.patience * 4),
            Purpose::Read => (self.patience, Duration::from_secs(600)),
        };
        let durable = match self.durability {
            Durability::Power => "on",
            Durability::Process => "off",
        };
        let mut sql = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}; SET synchronous_commit = {durable};
             SET idle_in_transaction_session_timeout = {}; SET client_min_messages = warning;
             SET default_transaction_isolation = 'read committed'; SET comity.tenants = '';",
            lock.as_millis(),
            statement.as_millis(),
            Duration::from_secs(600).as_millis(),
        );
        if self.access == Access::Read {
            sql.push_str("SET default_transaction_read_only = on;");
        }
        if purpose == Purpose::Write {
            // Every row is found by its key, also where a table was still small when its plan was made.
            sql.push_str("SET enable_seqscan = off; SET jit = off;");
        }
        if let Some(role) = role {
            let _ = write!(sql, "SET ROLE {role};");
        }
        client.batch_execute(&sql).await.map_err(|error| fail::explain(&error, &self.place.shown))
    }

    /// The role that sessions take; known once the schema is up to date.
    pub fn role(&self) -> Option<&'static str> {
        self.ready.get().copied().flatten()
    }
}

enum Tried {
    Failed(tokio_postgres::Error),
    Unready(String),
}

impl From<tokio_postgres::Error> for Tried {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(error)
    }
}

/// Moves the connection's bytes on the runtime this is called on. The task ends with its client, or with the
/// runtime, which the store owns.
fn drive(wire: Wire) {
    match wire {
        Wire::Plain(wire) => _ = tokio::spawn(*wire),
        Wire::Encrypted(wire) => _ = tokio::spawn(*wire),
    }
}

/// Waits for `future`, at most this long. `timer` is a runtime that keeps time; the caller need not be on one.
pub async fn within<T>(timer: &Handle, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let sleep = {
        let _inside = timer.enter();
        tokio::time::sleep(limit)
    };
    let (future, sleep) = (pin!(future), pin!(sleep));
    match futures_util::future::select(future, sleep).await {
        futures_util::future::Either::Left((value, _)) => Some(value),
        futures_util::future::Either::Right(_) => None,
    }
}
