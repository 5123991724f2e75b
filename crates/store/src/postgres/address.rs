//! Reads a database's address: where it is, whether the way there is encrypted, and how it is named to people.

use crate::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// The schemes that select this backend.
pub const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where the server is, and as whom to speak to it.
#[derive(Clone)]
pub struct Place {
    /// What `tokio-postgres` needs to know. Holds the password.
    pub config: Config,
    /// Whether the server has to prove who it is, and to whom it does.
    pub tls: Option<Roots>,
    /// How it is shown to people: without password and parameters.
    pub shown: String,
}

/// Who vouches for the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Whom the system trusts.
    System,
    /// The certificates in this PEM file.
    File(PathBuf),
}

impl FromStr for Place {
    type Err = Error;

    /// Reads `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`.
    ///
    /// `sslmode` is `disable` or `verify-full`; `require` and `verify-ca` check as much as `verify-full`. What lets the
    /// server choose (`allow`, `prefer`) is refused. Nothing said: `disable` on this machine, else `verify-full`.
    fn from_str(address: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::BadAddress { shown: redacted(address), why };
        let (rest, query) = address.split_once('?').unwrap_or((address, ""));
        let (mut mode, mut roots, mut other) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(plain(value)),
                _ => other.push(pair),
            }
        }
        let query = if other.is_empty() { String::new() } else { format!("?{}", other.join("&")) };
        let mut config: Config = format!("{rest}{query}").parse().map_err(|error| bad(reason(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(bad("it names no database".to_owned()));
        }
        let encrypted = match mode {
            None => !config.get_hosts().iter().all(is_here),
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(other) => {
                return Err(bad(format!("`sslmode={other}` is not one of `disable` and `verify-full`")));
            }
        };
        let tls = encrypted.then(|| roots.map_or(Roots::System, |path| Roots::File(path.into())));
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        let shown = shown(&config);
        Ok(Self { config, tls, shown })
    }
}

/// Whether the way to the host does not leave this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let ports: Vec<String> = config.get_ports().iter().map(|port| format!(":{port}")).collect();
    let ports = ports.first().map_or("", String::as_str);
    let hosts: Vec<String> = hosts.collect();
    let user = config.get_user().map_or(String::new(), |user| format!("{user}@"));
    format!("postgres://{user}{}{ports}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

/// An address that could not be read, without whatever may be a password in it: nothing before the last `@`,
/// and nothing after the first `?`.
pub fn redacted(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    format!("{scheme}://{rest}")
}

/// The words behind "invalid connection string", which name a key and never its value.
fn reason(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Undoes percent-encoding; what is not valid stays as it is.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(byte));
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str) -> Result<Place, String> {
        address.parse::<Place>().map_err(|error| error.to_string())
    }

    #[test]
    fn encrypts_wherever_the_way_leaves_the_machine() {
        for here in ["localhost", "127.0.0.1", "%2Frun%2Fpostgresql"] {
            assert_eq!(place(&format!("postgres://u@{here}/d")).unwrap().tls, None);
        }
        assert_eq!(place("postgresql://u@db.example/d").unwrap().tls, Some(Roots::System));
        for mode in ["require", "verify-ca", "verify-full"] {
            let place = place(&format!("postgres://u@db.example/d?sslmode={mode}&sslrootcert=%2Fca%20b.pem"));
            assert_eq!(place.unwrap().tls, Some(Roots::File("/ca b.pem".into())));
        }
        assert_eq!(place("postgres://u@db.example/d?sslmode=disable").unwrap().tls, None);
        for weak in ["allow", "prefer", "", "verify"] {
            let refused = place(&format!("postgres://u@db.example/d?sslmode={weak}")).err().unwrap();
            assert!(refused.contains("sslmode"), "{refused}");
        }
    }

    #[test]
    fn never_shows_a_password() {
        let shown = place("postgres://ann:s3cret@db.example:6432/ledger?connect_timeout=3").unwrap().shown;
        assert_eq!(shown, "postgres://ann@db.example:6432/ledger");
        let bad = [
            "postgres://ann:s3cret@db.example/ledger?sslmode=x",
            "postgres://ann:s3c@ret@db.example/",
            "postgres://ann:s3cret@db.example/ledger?password=s3cret&nonsense=1",
            "postgres://ann:s3cret@db.example:port/ledger",
            "postgres://ann:s3cret@",
        ];
        for address in bad {
            let refused = place(address).err().unwrap();
            assert!(!refused.contains("s3c"), "{refused}");
        }
    }

    #[test]
    fn needs_a_host_and_a_database() {
        assert!(place("postgres:///ledger").err().unwrap().contains("no host"));
        assert!(place("postgres://db.example").err().unwrap().contains("no database"));
    }
}
