//! PostgreSQL for tests: one server that tests share, a database each, and servers of one's own to kill.
//!
//! The shared server is started by the first test that asks, and stopped by a keeper a minute after the last one was
//! here. `COMITY_TEST_POSTGRES` names another one to use, by the address of a superuser. This file needs nothing but the
//! standard library and PostgreSQL's own programs, so that tests of lower rooms can take it in by its path.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The superuser of these servers.
const ADMIN: &str = "comity";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// What every server here is told. Locks that cross are found soon, and a log says why a test failed.
const SETTINGS: &[&str] = &["deadlock_timeout=200ms", "max_connections=200", "shared_buffers=128MB"];

/// Runs the shared server until nobody has used it for a minute, under the lock that starters take.
const KEEPER: &str = r#"
cd "$1" || exit 1
shift
"$@" >log 2>&1 &
server=$!
echo $server >pid
idle() {
    [ -z "$(find used -mmin -1)" ] &&
        [ "$("$BIN/psql" -h "$PWD" -p "$PORT" -U comity -d postgres -Atc "SELECT count(*) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")" = 0 ]
}
while kill -0 $server 2>/dev/null; do
    sleep 5
    idle || continue
    ( flock 9; idle && rm -f ready && kill -INT $server ) 9>>"$LOCK"
done
wait $server
# Not a folder that somebody has begun anew in the meantime: then there is no such file below this one any more.
( flock 9; [ "$(cat pid 2>/dev/null)" = $server ] && case "$PWD" in */comity-test-postgres-*) rm -rf "$PWD" ;; esac ) 9>>"$LOCK"
"#;

/// The address of the database `name` on the shared server, which is made if it is not there.
pub fn database(name: &str) -> String {
    let url = on(&shared(), name);
    create(&shared(), name);
    url
}

/// Sends `sql` to the database at `url` through `psql`; what it prints, one row a line. Fails if it fails.
pub fn psql(url: &str, sql: &str) -> String {
    let output = try_psql(url, sql);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "psql failed: {errors}\n{sql}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The same, whether or not it fails.
pub fn try_psql(url: &str, sql: &str) -> Output {
    let mut command = Command::new(bin("psql"));
    command.args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    command.stdin(Stdio::null()).output().expect("psql can be started")
}

fn create(admin: &str, name: &str) {
    let made = try_psql(admin, &format!("CREATE DATABASE {name}"));
    let errors = String::from_utf8_lossy(&made.stderr);
    // Another test of the same name may be making it at this moment.
    let there = errors.contains("already exists") || errors.contains("pg_database_datname_index");
    assert!(made.status.success() || there, "{errors}");
}

/// `url` with another database; nothing may follow the database's name in it but parameters.
fn on(url: &str, name: &str) -> String {
    let (base, parameters) = url.split_once('?').map_or((url, None), |(base, rest)| (base, Some(rest)));
    let (server, _) = base.rsplit_once('/').expect("the address names a database");
    let parameters = parameters.map_or(String::new(), |parameters| format!("?{parameters}"));
    format!("{server}/{name}{parameters}")
}

/// The address of the shared server's own database.
fn shared() -> String {
    if let Ok(url) = std::env::var("COMITY_TEST_POSTGRES") {
        return url;
    }
    let folder = std::env::temp_dir().join(format!("comity-test-postgres-{}", user()));
    let lock_path = folder.with_extension("lock");
    let lock = OpenOptions::new().create(true).append(true).open(&lock_path).expect("a lock file");
    lock.lock().expect("the lock is had");
    if let Ok(url) = std::fs::read_to_string(folder.join("ready"))
        && is_alive(&folder)
    {
        File::create(folder.join("used")).expect("a file");
        return url;
    }
    start_shared(&folder, &lock_path)
}

fn is_alive(folder: &Path) -> bool {
    let pid = std::fs::read_to_string(folder.join("pid")).unwrap_or_default();
    let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.trim())).unwrap_or_default();
    name.starts_with("postgres") || name.starts_with("setpriv")
}

fn start_shared(folder: &Path, lock: &Path) -> String {
    let _ = std::fs::remove_dir_all(folder);
    make_cluster(folder);
    File::create(folder.join("used")).expect("a file");
    let port = free_port();
    let mut keeper = Command::new("setsid");
    keeper.args(["--fork", "sh", "-c", KEEPER, "keeper"]).arg(folder);
    keeper.args(unprivileged()).arg(bin("postgres"));
    // What is committed here need not survive a power cut.
    keeper.args(server_arguments(folder, port, &["fsync=off"]));
    keeper.env("BIN", bin("")).env("PORT", port.to_string()).env("LOCK", lock);
    keeper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(keeper.status().expect("setsid can be started").success());
    let url = format!("postgres://{ADMIN}@127.0.0.1:{port}/postgres");
    wait_until_ready(&url, folder);
    std::fs::write(folder.join("ready"), &url).expect("a file");
    url
}

/// A server of one test's own, to be killed. It ends with the thread that started it.
pub struct Server {
    process: Option<Child>,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL to the server and to all of its processes.
    Kill,
    /// PostgreSQL's immediate shutdown: no checkpoint, and recovery at the next start.
    Immediate,
    /// PostgreSQL's fast shutdown.
    Fast,
}

impl Server {
    /// Makes a new cluster in a folder of its own and starts it; it syncs to disk.
    pub fn start(settings: &[&str]) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("comity-own-postgres-{}-{port}", std::process::id()));
        make_cluster(&folder);
        let settings = settings.iter().map(|each| (*each).to_owned()).collect();
        let mut server = Self { process: None, folder, port, settings };
        server.start_again();
        server
    }

    /// The server's folder, in which `data` is the cluster.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the server on what is in its folder.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]).args(unprivileged().into_iter().skip(1)).arg(bin("postgres"));
        command.args(server_arguments(&self.folder, self.port, &settings));
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("setpriv can be started"));
        wait_until_ready(&self.url("postgres"), &self.folder);
    }

    /// The address of a database, over a loopback port.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{ADMIN}@127.0.0.1:{}/{name}", self.port)
    }

    /// The address of a database, over the unix socket.
    pub fn socket_url(&self, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{ADMIN}@{folder}:{}/{name}", self.port)
    }

    /// Makes a database.
    pub fn create(&self, name: &str) {
        create(&self.url("postgres"), name);
    }

    /// Stops every process of the server, as a machine that hangs does.
    pub fn pause(&self) {
        signal("STOP", &self.processes());
    }

    /// Lets a paused server go on.
    pub fn go_on(&self) {
        signal("CONT", &self.processes());
    }

    fn processes(&self) -> Vec<u32> {
        let Some(process) = &self.process else { return Vec::new() };
        let mut all = children(process.id());
        all.push(process.id());
        all
    }

    /// Ends the server, and waits until all of its processes are gone.
    pub fn end(&mut self, how: End) {
        let Some(mut process) = self.process.take() else { return };
        let pid = process.id();
        match how {
            End::Fast => signal("INT", &[pid]),
            End::Immediate => signal("QUIT", &[pid]),
            End::Kill => {
                // The server first, or it would see its children die and recover by itself.
                signal("STOP", &[pid]);
                let children = children(pid);
                signal("KILL", &[pid]);
                signal("KILL", &children);
            }
        }
        process.wait().expect("it is a child");
        // A new server refuses to start while an old process holds the shared memory.
        let deadline = Instant::now() + PATIENCE;
        while !children_of_folder(&self.folder).is_empty() {
            assert!(Instant::now() < deadline, "processes of a killed server do not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(End::Immediate);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn signal(name: &str, pids: &[u32]) {
    if !pids.is_empty() {
        let pids = pids.iter().map(u32::to_string);
        let _ = Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status();
    }
}

fn children(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        after.split(' ').nth(1) == Some(&parent.to_string())
    };
    processes().filter(is_child).collect()
}

/// Processes that work in the cluster of this folder.
fn children_of_folder(folder: &Path) -> Vec<u32> {
    let data = folder.join("data");
    let is_in = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data);
    processes().filter(is_in).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn wait_until_ready(url: &str, folder: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !try_psql(url, "SELECT 1").status.success() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Gives a file or a folder to the user that servers run as; nobody else may read it.
pub fn give(path: &Path) {
    let mode = if path.is_dir() { "0755" } else { "0600" };
    let changed = Command::new("chmod").arg(mode).arg(path).status().expect("chmod");
    assert!(changed.success());
    if is_root() {
        let owned = Command::new("chown").arg("postgres:").arg(path).status().expect("chown");
        assert!(owned.success(), "it is given to the user postgres");
    }
}

/// Makes a cluster in `folder/data`, owned by whoever will run it.
fn make_cluster(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut command = Command::new("setpriv");
    give(folder);
    command.args(unprivileged().into_iter().skip(1)).arg(bin("initdb"));
    command.args(["--no-sync", "--no-locale", "-E", "UTF8", "-A", "trust", "-U", ADMIN, "-D"]);
    let made = command.arg(folder.join("data")).stdin(Stdio::null()).output().expect("setpriv");
    assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
}

fn server_arguments(folder: &Path, port: u16, settings: &[&str]) -> Vec<String> {
    let mut arguments = vec!["-D".to_owned(), folder.join("data").display().to_string()];
    arguments.extend(["-k".to_owned(), folder.display().to_string(), "-p".to_owned(), port.to_string()]);
    for each in SETTINGS.iter().chain(&["listen_addresses=127.0.0.1"]).chain(settings) {
        arguments.extend(["-c".to_owned(), (*each).to_owned()]);
    }
    arguments
}

/// PostgreSQL refuses to be root. `setpriv` becomes the program it starts, so its process id is the server's.
fn unprivileged() -> Vec<String> {
    let mut words = vec!["setpriv".to_owned()];
    if is_root() {
        words.extend(["--reuid=postgres", "--regid=postgres", "--init-groups"].map(str::to_owned));
    }
    words.push("--".to_owned());
    words
}

fn user() -> String {
    let output = Command::new("id").arg("-u").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn is_root() -> bool {
    user() == "0"
}

/// A port that nobody listens on at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}

/// PostgreSQL's program, of the newest version installed.
pub fn bin(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number =
        |path: &PathBuf| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(number);
    newest.expect("PostgreSQL is not installed: apt-get install postgresql").join("bin").join(program)
}
