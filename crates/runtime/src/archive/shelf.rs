//! What objects of an archive are called.

use comity_archive::{Error, Key};
use comity_core::{RunId, Tenant};

/// One tenant of one database, as a prefix of names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shelf {
    /// The database, in lower-case hex.
    pub store: String,
    /// The tenant.
    pub tenant: String,
}

/// What an object is, read from its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A run's export up to this many entries.
    Run(RunId, u64),
    /// A part of the log, by its name below the log.
    Log(String),
}

impl Shelf {
    /// A tenant's, by the id of the database.
    pub fn of(store: [u8; 16], tenant: &Tenant) -> Self {
        let store = store.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { store, tenant: tenant.to_string() }
    }

    /// What a run's export up to this many entries is called.
    pub fn run(&self, run: RunId, entries: u64) -> Result<Key, Error> {
        format!("{}/{}/runs/{run}/{entries}.json", self.store, self.tenant).parse()
    }

    /// What a part of the log is called: `tile/0/000`.
    pub fn log(&self, part: &str) -> Result<Key, Error> {
        format!("{}/{}/log/{part}", self.store, self.tenant).parse()
    }

    /// The name of its log, which is also that of the key that signs it.
    pub fn origin(&self) -> String {
        format!("comity/{}/{}", self.store, self.tenant)
    }

    /// Whose an object is, and what it is; `None` if its name is not one that is given here.
    pub fn read(key: &Key) -> Option<(Self, Object)> {
        let mut parts = key.as_str().splitn(4, '/');
        let (store, tenant) = (parts.next()?, parts.next()?.parse::<Tenant>().ok()?);
        let shelf = Self { store: store.to_owned(), tenant: tenant.to_string() };
        let (kind, rest) = (parts.next()?, parts.next()?);
        let object = match kind {
            "runs" => {
                let (run, file) = rest.split_once('/')?;
                Object::Run(run.parse().ok()?, file.strip_suffix(".json")?.parse().ok()?)
            }
            "log" => Object::Log(rest.to_owned()),
            _ => return None,
        };
        let is_id = store.len() == 32 && store.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then_some((shelf, object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let shelf = Shelf::of([0xab; 16], &Tenant::local());
        let run = RunId::from_bytes([7; 16]);
        let key = shelf.run(run, 12).unwrap();
        assert_eq!(Shelf::read(&key), Some((shelf.clone(), Object::Run(run, 12))));
        let key = shelf.log("tile/0/x001/234.p/5").unwrap();
        assert_eq!(Shelf::read(&key), Some((shelf, Object::Log("tile/0/x001/234.p/5".to_owned()))));
        for strange in ["probe-1", "a/b/c", "ab/local/runs/x/1.json"] {
            assert_eq!(Shelf::read(&strange.parse().unwrap()), None, "{strange}");
        }
    }
}
