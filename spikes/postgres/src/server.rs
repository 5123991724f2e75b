//! A PostgreSQL server of our own, in a folder of its own, on a unix socket.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// A running server; dropping it stops the process and removes its folder.
pub struct Server {
    process: Child,
    folder: PathBuf,
}

impl Server {
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("comity-pg-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let owned = Command::new("chown").arg("postgres:").arg(&folder).status().unwrap();
        assert!(owned.success(), "run this as root: it becomes the user postgres");
        let data = folder.join("data");
        let made = as_postgres("initdb")
            .args(["--no-sync", "--no-locale", "-E", "UTF8", "-A", "trust", "-U", "comity", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = as_postgres("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", "synchronous_commit=on"])
            .args(["-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB", "-c", "deadlock_timeout=100ms"])
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { process, folder };
        while connect(&server.config("postgres")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    /// A new database with our tables.
    pub async fn database(&self, name: &str) -> Config {
        let admin = connect(&self.config("postgres")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let config = self.config(name);
        let client = connect(&config).await.unwrap();
        client.batch_execute(include_str!("schema.sql")).await.unwrap();
        config
    }

    fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(Path::new(&self.folder)).user("comity").dbname(database);
        config
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown.
        let _ = Command::new("kill").arg("-INT").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// PostgreSQL refuses to be root. `setpriv` becomes the program it starts, so the process id is the server's.
fn as_postgres(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    command.arg(format!("{BIN}/{program}")).stdin(Stdio::null()).current_dir("/");
    command
}

pub async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
