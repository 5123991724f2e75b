//! The store that the rooms above see: one of the backends.

use crate::apply::Link;
use crate::cells::{BreakerCell, LogCell, RunCell};
use crate::commit::{AccountId, Commit, Receipt};
use crate::error::{CommitError, Error};
use crate::lease::Lease;
use crate::postgres::{self, Place, Postgres, SCHEMES};
use crate::rows::{AccountRow, ApprovalRow, CheckpointRow, EntryRow, LeafRow, RunRow, SubjectRow, Totals};
use crate::scan::{Page, Scan, Scanned};
use crate::sqlite::{self, Sqlite};
use comity_core::{ApprovalId, Digest, Points, RunId, SubjectId, Tenant, Timestamp, Unwatched};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: synced before it is acknowledged.
    Power,
    /// The end of the process, however sudden; a power cut may take the last commits.
    Process,
}

/// Whether a database may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is made or brought up to date if need be, and commits are taken.
    Write,
    /// It is only read, and nothing is made beside it; a commit is answered that it cannot be written.
    ///
    /// For files and folders that nobody here may write: while a file without a log is read so, no process may
    /// begin to write to it.
    Read,
}

/// Who runs the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pump {
    /// Whoever waits first, else a thread of the store's own.
    Own,
    /// Only [`Store::pump`]: for simulators.
    Manual,
}

/// Where the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In this file.
    File(PathBuf),
    /// In this database on a server, as its address was written: there may be a password in it.
    Server(Secret),
    /// Nowhere this build knows.
    Unknown(String),
}

/// A text that is not for printing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&postgres::redacted(&self.0))
    }
}

impl Address {
    /// How it is shown to people: a path as it is, an address without user, password and parameters.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(address) => postgres::redacted(&address.0),
            Self::Unknown(address) => address.clone(),
        }
    }

    /// Whether it is a database on a server.
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }
}

impl From<PathBuf> for Address {
    /// A path is a file, unless it is spelled as the address of something else.
    ///
    /// SQLite gives some texts a meaning of their own: a database in memory would acknowledge what is then lost.
    fn from(path: PathBuf) -> Self {
        let text = path.to_string_lossy();
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return Self::Server(Secret(text.into_owned()));
        }
        match text.split_once("://") {
            Some((scheme, _)) => Self::Unknown(format!("{scheme}://…")),
            None if text.is_empty() || text == ":memory:" || text.starts_with("file:") => {
                Self::Unknown(text.into_owned())
            }
            None => Self::File(path),
        }
    }
}

/// How to open a store.
pub struct Options {
    /// Where it is.
    pub address: Address,
    /// Whether it may be written.
    pub access: Access,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// How entries are linked.
    pub link: Link,
    /// Told before and after each COMMIT.
    pub points: Arc<dyn Points>,
    /// Who commits.
    pub pump: Pump,
    /// How long another process's write is waited for.
    pub patience: Duration,
    /// The present, for the record of migrations.
    pub now: Timestamp,
    /// What the database calls itself if it is made now: random bytes, unless two databases may share a name.
    pub id: [u8; 16],
}

impl Options {
    /// Durable to a power cut, five seconds of patience, nobody watching, and a name of zeros.
    pub fn new(address: impl Into<PathBuf>, link: Link) -> Self {
        Self {
            address: Address::from(address.into()),
            access: Access::Write,
            durability: Durability::Power,
            link,
            points: Arc::new(Unwatched),
            pump: Pump::Own,
            patience: Duration::from_secs(5),
            now: Timestamp::default(),
            id: [0; 16],
        }
    }

    pub(crate) fn for_file(self, path: PathBuf) -> sqlite::Settings {
        let Self { access, durability, link, points, pump, patience, now, id, .. } = self;
        sqlite::Settings { path, access, durability, link, points, pump, patience, now, id }
    }

    fn for_server(self, address: &Secret) -> Result<postgres::Settings, Error> {
        let place: Place = address.0.parse()?;
        let Self { access, durability, link, points, pump, patience, now, id, .. } = self;
        if pump == Pump::Manual {
            return Err(Error::Unsupported { server: place.shown, what: "to be driven by hand" });
        }
        Ok(postgres::Settings { place, access, durability, link, points, patience, now, id })
    }
}

/// A place where commits become durable. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Store(Backend);

#[derive(Clone)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// The same call on whichever backend it is.
macro_rules! on_each {
    ($store:expr, $backend:ident => $call:expr) => {
        match &$store.0 {
            Backend::Sqlite($backend) => $call,
            Backend::Postgres($backend) => $call,
        }
    };
}

impl Store {
    /// Opens the database, making it or bringing its schema up to date if need be. A server is not spoken to before
    /// it is needed.
    pub fn open(options: Options) -> Result<Self, Error> {
        match options.address.clone() {
            Address::File(path) => Ok(Self(Backend::Sqlite(Sqlite::open(options.for_file(path))?))),
            Address::Server(address) => {
                Ok(Self(Backend::Postgres(Postgres::open(options.for_server(&address)?)?)))
            }
            Address::Unknown(address) => Err(Error::UnknownBackend(address)),
        }
    }

    /// Queues a commit. It becomes durable with the next batch that anybody waits for, at the latest
    /// when its ticket is awaited or dropped; commits become durable in the order they are queued: in a file all of
    /// them, on a server those of each run.
    pub fn queue(&self, commit: Commit) -> Ticket {
        match &self.0 {
            Backend::Sqlite(backend) => Ticket(Waiting::Sqlite(backend.queue(commit))),
            Backend::Postgres(backend) => Ticket(Waiting::Postgres(backend.queue(commit))),
        }
    }

    /// Counts batches that this process made durable. Changes after each one; on a server also when another process
    /// may have made one.
    pub fn commits(&self) -> tokio::sync::watch::Receiver<u64> {
        on_each!(self, backend => backend.commits())
    }

    /// The database file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Backend::Sqlite(backend) => Some(backend.path()),
            Backend::Postgres(_) => None,
        }
    }

    /// From its first commit on, shows other processes on a server that `owner` is alive, until it is closed. Beside a
    /// file nothing is shown.
    pub fn claim(&self, owner: Arc<str>) {
        if let Backend::Postgres(backend) = &self.0 {
            backend.claim(owner);
        }
    }

    /// Whether a process on the server showed within the last seconds that `owner` is alive. Never so for a file.
    pub async fn lives(&self, owner: &str) -> Result<bool, Error> {
        match &self.0 {
            Backend::Sqlite(_) => Ok(false),
            Backend::Postgres(backend) => backend.lives(owner).await,
        }
    }

    /// Tries to become the one process that sequences the tenant's log; `None` while another one is. Waits for nobody.
    pub async fn lease(&self, tenant: &Tenant) -> Result<Option<Lease>, Error> {
        match &self.0 {
            Backend::Sqlite(_) => Ok(Some(Lease::of_file())),
            Backend::Postgres(backend) => Ok(backend.lease(tenant).await?.map(Lease::of_server)),
        }
    }

    /// Runs one batch of at most `most` queued commits and says how many it took: for simulators.
    pub fn pump(&self, most: usize) -> usize {
        match &self.0 {
            Backend::Sqlite(backend) => backend.pump(most),
            Backend::Postgres(_) => 0,
        }
    }

    /// Forgets every queued commit, as a crash would: for simulators.
    pub fn discard(&self) {
        if let Backend::Sqlite(backend) = &self.0 {
            backend.discard();
        }
    }

    /// The store as it is now, for reads that must fit together: what is committed later does not show.
    ///
    /// While it lives, the write-ahead log of a file cannot start again.
    pub async fn snapshot(&self) -> Result<Self, Error> {
        match &self.0 {
            Backend::Sqlite(backend) => Ok(Self(Backend::Sqlite(backend.snapshot().await?))),
            Backend::Postgres(backend) => Ok(Self(Backend::Postgres(backend.snapshot().await?))),
        }
    }

    /// Writes the database as it is now into a new file at `path`; other processes may go on writing to this one.
    ///
    /// The copy holds nothing but its rows: what was once written over is not in it. Errors if there is a file
    /// at `path` that is not empty.
    pub async fn copy_to(&self, path: &Path) -> Result<(), Error> {
        match &self.0 {
            Backend::Sqlite(backend) => backend.copy_to(path).await,
            Backend::Postgres(backend) => Err(backend.unsupported("a copy in a file")),
        }
    }

    /// What this database has called itself since it was made: 16 bytes.
    pub async fn id(&self) -> Result<[u8; 16], Error> {
        on_each!(self, backend => backend.id().await)
    }
}

/// Reads: each names a tenant, touches an index, and returns at most a page. One that takes a [`RunCell`] names the
/// cell's tenant: a cell in another tenant's name opens nothing.
impl Store {
    /// One run of this tenant.
    pub async fn run(&self, tenant: &Tenant, run: RunId) -> Result<Option<RunCell>, Error> {
        on_each!(self, backend => backend.run(tenant, run).await)
    }

    /// This tenant's runs, newest first, older than `before`, at most a page.
    pub async fn runs(
        &self,
        tenant: &Tenant,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Error> {
        on_each!(self, backend => backend.runs(tenant, before, limit).await)
    }

    /// A run's entries from `from` on, with their payloads, handed to `visit` one by one; at most a page.
    /// Returns how many there were.
    pub async fn entries(
        &self,
        run: &RunCell,
        from: u64,
        limit: usize,
        visit: impl FnMut(EntryRow) + Send,
    ) -> Result<usize, Error> {
        on_each!(self, backend => backend.entries(run, from, limit, visit).await)
    }

    /// The hashes of a run's entries from `from` on, at most a page, as they stand.
    pub async fn entry_hashes(&self, run: &RunCell, from: u64, limit: usize) -> Result<Vec<Digest>, Error> {
        on_each!(self, backend => backend.entry_hashes(run, from, limit).await)
    }

    /// One approval of this tenant.
    pub async fn approval(&self, tenant: &Tenant, id: ApprovalId) -> Result<Option<ApprovalRow>, Error> {
        on_each!(self, backend => backend.approval(tenant, id).await)
    }

    /// The approvals of one run, in no particular order.
    pub async fn approvals(&self, run: &RunCell) -> Result<Vec<ApprovalRow>, Error> {
        on_each!(self, backend => backend.approvals(run).await)
    }

    /// One account of this tenant.
    pub async fn account(&self, tenant: &Tenant, id: AccountId) -> Result<Option<AccountRow>, Error> {
        on_each!(self, backend => backend.account(tenant, id).await)
    }

    /// This tenant's accounts after `after`, at most a page, in the order of their ids.
    pub async fn accounts(
        &self,
        tenant: &Tenant,
        after: Option<AccountId>,
    ) -> Result<Vec<AccountRow>, Error> {
        on_each!(self, backend => backend.accounts(tenant, after).await)
    }

    /// The circuit breaker of one endpoint; closed and empty when it never failed.
    pub async fn breaker(&self, tenant: &Tenant, endpoint: &str) -> Result<BreakerCell, Error> {
        on_each!(self, backend => backend.breaker(tenant, endpoint).await)
    }

    /// How far the tenant's log has grown.
    pub async fn log(&self, tenant: &Tenant) -> Result<LogCell, Error> {
        on_each!(self, backend => backend.log(tenant).await)
    }

    /// The log's stored hashes from place `from` on, at most a page.
    pub async fn log_hashes(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<Digest>, Error> {
        on_each!(self, backend => backend.log_hashes(tenant, from, limit).await)
    }

    /// The log's stored hashes at these places, in this order, at most a page. One that is not there is an error.
    pub async fn log_hashes_at(&self, tenant: &Tenant, places: &[u64]) -> Result<Vec<Digest>, Error> {
        on_each!(self, backend => backend.log_hashes_at(tenant, places).await)
    }

    /// The log's leaves from place `from` on, at most a page.
    pub async fn leaves(&self, tenant: &Tenant, from: u64, limit: usize) -> Result<Vec<LeafRow>, Error> {
        on_each!(self, backend => backend.leaves(tenant, from, limit).await)
    }

    /// The first leaf of the run that covers the entry at `seq`.
    pub async fn leaf_covering(&self, run: &RunCell, seq: u64) -> Result<Option<LeafRow>, Error> {
        on_each!(self, backend => backend.leaf_covering(run, seq).await)
    }

    /// The newest leaf of the run.
    pub async fn last_leaf(&self, run: &RunCell) -> Result<Option<LeafRow>, Error> {
        on_each!(self, backend => backend.last_leaf(run).await)
    }

    /// Runs that moved since their last leaf, at most a page.
    pub async fn due(&self, tenant: &Tenant, limit: usize) -> Result<Vec<RunRow>, Error> {
        on_each!(self, backend => backend.due(tenant, limit).await)
    }

    /// The first checkpoint that covers at least so many leaves; the newest when nothing is asked for.
    pub async fn checkpoint(
        &self,
        tenant: &Tenant,
        at_least: Option<u64>,
    ) -> Result<Option<CheckpointRow>, Error> {
        on_each!(self, backend => backend.checkpoint(tenant, at_least).await)
    }

    /// Checkpoints of more than `after` leaves, at most a page, in the order of their sizes.
    pub async fn checkpoints(
        &self,
        tenant: &Tenant,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<CheckpointRow>, Error> {
        on_each!(self, backend => backend.checkpoints(tenant, after, limit).await)
    }

    /// One wrapped key of this tenant.
    pub async fn subject(&self, tenant: &Tenant, id: SubjectId) -> Result<Option<SubjectRow>, Error> {
        on_each!(self, backend => backend.subject(tenant, id).await)
    }

    /// This tenant's wrapped keys after `after`, at most a page, in the order of their ids.
    pub async fn subjects(
        &self,
        tenant: &Tenant,
        after: Option<SubjectId>,
        limit: usize,
    ) -> Result<Vec<SubjectRow>, Error> {
        on_each!(self, backend => backend.subjects(tenant, after, limit).await)
    }

    /// The wrapped keys that belong to one run.
    pub async fn subjects_of(&self, run: &RunCell) -> Result<Vec<SubjectRow>, Error> {
        on_each!(self, backend => backend.subjects_of(run).await)
    }

    /// A value of the tenant that was set once.
    pub async fn pinned(&self, tenant: &Tenant, name: &str) -> Result<Option<Vec<u8>>, Error> {
        on_each!(self, backend => backend.pinned(tenant, name).await)
    }
}

/// Reads over all tenants: for whoever answers for the database as a whole.
impl Store {
    /// Counts what there is, and finds what belongs to nothing. Reads whole tables; the numbers belong together
    /// only in a [`Store::snapshot`].
    pub async fn totals(&self) -> Result<Totals, Error> {
        on_each!(self, backend => backend.totals().await)
    }

    /// A wrapped key that belongs to no run of its tenant, if there is one.
    pub async fn stray_subject(&self) -> Result<Option<SubjectId>, Error> {
        on_each!(self, backend => backend.stray_subject().await)
    }

    /// Reads everything once, in the order it was written, a page a call, and hands it to `visit` row by row
    /// until that says no. Only in a [`Store::snapshot`] do the pages fit together.
    ///
    /// [`Page::Odd`] says that something is not as a writer leaves it, or that this backend cannot be read so.
    pub async fn scan(
        &self,
        scan: &mut Scan,
        visit: impl FnMut(Scanned<'_>) -> bool + Send,
    ) -> Result<Page, Error> {
        match &self.0 {
            Backend::Sqlite(backend) => backend.scan(scan, visit).await,
            // Its rows lie in no order of their own.
            Backend::Postgres(_) => Ok(Page::Odd),
        }
    }

    /// Whether entries are numbered 1, 2, 3 in the order they are committed, without a gap: where only one
    /// process commits at a time.
    pub fn counts_rows(&self) -> bool {
        match &self.0 {
            Backend::Sqlite(_) => true,
            Backend::Postgres(_) => false,
        }
    }

    /// The tenants that have runs, in order.
    pub async fn tenants(&self) -> Result<Vec<String>, Error> {
        on_each!(self, backend => backend.tenants().await)
    }

    /// Asks the backend to check the structure of what it keeps; the first complaint, if there is one. A server checks
    /// its own pages as it reads them, and is not asked.
    pub async fn integrity(&self) -> Result<Option<String>, Error> {
        match &self.0 {
            Backend::Sqlite(backend) => backend.integrity().await,
            Backend::Postgres(_) => Ok(None),
        }
    }
}

/// The answer to a queued commit. Dropping it does not take the commit back.
pub struct Ticket(Waiting);

enum Waiting {
    Sqlite(sqlite::Ticket),
    Postgres(postgres::Ticket),
}

impl Ticket {
    /// The answer, if it is there already. Asks for nothing.
    pub fn take(&mut self) -> Option<Result<Receipt, CommitError>> {
        match &mut self.0 {
            Waiting::Sqlite(ticket) => ticket.take(),
            Waiting::Postgres(ticket) => ticket.take(),
        }
    }
}

impl Future for Ticket {
    type Output = Result<Receipt, CommitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Waiting::Sqlite(ticket) => Pin::new(ticket).poll(cx),
            Waiting::Postgres(ticket) => Pin::new(ticket).poll(cx),
        }
    }
}
