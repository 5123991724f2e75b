//! A process among others: it shows that it lives, and tells and is told of commits.
//!
//! Each process that writes keeps a row with an end in `servers` and pushes the end on. A process that is killed
//! counts as gone once its end has passed; the clock is the database's, so that those of the machines do not matter.

use super::connect::{Purpose, Server, Wire};
use super::slices::{Whose, give_back};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_postgres::{AsyncMessage, Client, Connection, Error};

/// How long a sign of life counts.
pub const LEASE: Duration = Duration::from_secs(8);
/// How often it is renewed.
const BEAT: Duration = Duration::from_secs(2);
/// Commits within this long are told of together: a notification makes committing sessions wait for each other.
const TOGETHER: Duration = Duration::from_millis(10);
/// After a failure, before the next connection.
const PAUSE: Duration = Duration::from_millis(500);

/// This process among others.
#[derive(Default)]
pub struct Pulse {
    sign: Mutex<Sign>,
    /// What its slices are called, if it has no name.
    nameless: Mutex<Option<String>>,
    /// Rung when the first writer or listener comes: before that, nobody needs a connection for this.
    pub wanted: Notify,
    /// Rung when the store closes.
    pub closing: Notify,
}

/// Whether it is seen that this process lives.
#[derive(Clone, Default)]
enum Sign {
    /// It owns nothing.
    #[default]
    Nameless,
    /// It may come to own runs, and has written nothing yet.
    Quiet(Arc<str>),
    /// It is seen.
    Shown(Arc<str>),
}

impl Pulse {
    /// From the first write on, it is shown that `name` is alive.
    pub fn claim(&self, name: Arc<str>) {
        *self.sign.lock().unwrap_or_else(PoisonError::into_inner) = Sign::Quiet(name);
    }

    /// Shows a sign of life before the first write on a connection.
    pub async fn begin(&self, client: &Client) -> Result<(), Error> {
        self.wanted.notify_one();
        {
            let mut sign = self.sign.lock().unwrap_or_else(PoisonError::into_inner);
            if let Sign::Quiet(name) = &*sign {
                *sign = Sign::Shown(Arc::clone(name));
            }
        }
        self.beat(client).await
    }

    fn shown(&self) -> Option<Arc<str>> {
        match &*self.sign.lock().unwrap_or_else(PoisonError::into_inner) {
            Sign::Shown(name) => Some(Arc::clone(name)),
            Sign::Nameless | Sign::Quiet(_) => None,
        }
    }

    /// Renews the sign of life, if there is one.
    async fn beat(&self, client: &Client) -> Result<(), Error> {
        let Some(name) = self.shown() else { return Ok(()) };
        let sql =
            "INSERT INTO servers (owner, until) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
                   ON CONFLICT (owner) DO UPDATE SET until = excluded.until";
        client.execute(sql, &[&&*name, &LEASE.as_secs_f64()]).await.map(drop)
    }

    /// What this server's slices of shared accounts are called: by its name, or, where it has none, by a number.
    pub async fn holder(&self, client: &Client) -> Result<String, Error> {
        if let Some(name) = self.shown() {
            return Ok(name.to_string());
        }
        if let Some(holder) = self.nameless.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(holder);
        }
        let number: i64 = client.query_one("SELECT nextval('holders')", &[]).await?.try_get(0)?;
        let mut nameless = self.nameless.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(nameless.get_or_insert_with(|| format!("#{number}")).clone())
    }

    /// Gives back what this server drew of shared accounts.
    async fn give_back(&self, client: &Client) -> Result<(), Error> {
        let nameless = self.nameless.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for name in nameless.into_iter().chain(self.shown().map(|name| name.to_string())) {
            give_back(client, Whose::Own(&name)).await?;
        }
        Ok(())
    }

    /// Takes the sign away: whoever looks sees at once that the process is gone.
    async fn stop(&self, client: &Client) -> Result<(), Error> {
        self.give_back(client).await?;
        let Some(name) = self.shown() else { return Ok(()) };
        client.execute("DELETE FROM servers WHERE owner = $1", &[&&*name]).await.map(drop)
    }
}

/// Keeps the pulse, and carries word of commits both ways, until the store closes: the body of a task.
pub async fn keep(server: Arc<Server>, pulse: Arc<Pulse>, told: Arc<Notify>, heard: watch::Sender<u64>) {
    tokio::select! {
        () = pulse.wanted.notified() => {}
        () = pulse.closing.notified() => return,
    }
    loop {
        if let Ok((client, wire)) = server.raw().await {
            let (arrivals, arrived) = tokio::sync::mpsc::channel(64);
            let moving = move_bytes(wire, arrivals);
            let speaking = speak(&server, &pulse, &client, &told, &heard, arrived);
            tokio::select! {
                () = moving => {}
                ended = speaking => if ended.is_ok() { return },
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = pulse.closing.notified() => return,
        }
    }
}

/// Speaks and listens until the connection fails; ends well when the store closes.
async fn speak(
    server: &Server,
    pulse: &Pulse,
    client: &Client,
    told: &Notify,
    heard: &watch::Sender<u64>,
    mut arrived: tokio::sync::mpsc::Receiver<i32>,
) -> Result<(), crate::error::Error> {
    let fail = |error: Error| super::fail::explain(&error, &server.place.shown);
    server.set_up(client, Purpose::Read, server.role()).await?;
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(fail)?;
    let own: i32 = row.try_get(0).map_err(fail)?;
    client.batch_execute("LISTEN comity").await.map_err(fail)?;
    // For what was told while nobody listened.
    heard.send_modify(|_| {});
    let mut beats = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            () = pulse.closing.notified() => return pulse.stop(client).await.map_err(fail),
            _ = beats.tick() => pulse.beat(client).await.map_err(fail)?,
            () = told.notified() => {
                tokio::time::sleep(TOGETHER).await;
                client.batch_execute("NOTIFY comity").await.map_err(fail)?;
            }
            Some(from) = arrived.recv() => {
                if from != own {
                    heard.send_modify(|_| {});
                }
            }
        }
    }
}

/// Moves the connection's bytes, and hands on who notified.
async fn move_bytes(wire: Wire, arrivals: tokio::sync::mpsc::Sender<i32>) {
    match wire {
        Wire::Plain(wire) => listen(*wire, arrivals).await,
        Wire::Encrypted(wire) => listen(*wire, arrivals).await,
    }
}

async fn listen<S, T>(mut wire: Connection<S, T>, arrivals: tokio::sync::mpsc::Sender<i32>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| wire.poll_message(cx)).await {
        if let AsyncMessage::Notification(note) = message {
            // A full channel holds enough to wake whoever listens.
            let _ = arrivals.try_send(note.process_id());
        }
    }
}

/// Starts [`keep`] on `runtime`, which owns the task; `stop` is told when it has ended.
pub fn start(
    runtime: &tokio::runtime::Runtime,
    (server, pulse, told): (&Arc<Server>, &Arc<Pulse>, &Arc<Notify>),
    heard: watch::Sender<u64>,
    stop: std::sync::mpsc::SyncSender<()>,
) {
    let (server, pulse, told) = (Arc::clone(server), Arc::clone(pulse), Arc::clone(told));
    runtime.spawn(async move {
        keep(server, pulse, told, heard).await;
        let _ = stop.send(());
    });
}
