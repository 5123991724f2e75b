//! Files of keys: who may see them, how they come and how they go.

#![expect(clippy::disallowed_methods, reason = "an effect module: makes, reads and destroys files of keys")]

use comity_core::Tenant;
use comity_ledger::keys::{KeyFault, KeyId, Secret};
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest file that is read.
const LONGEST: u64 = 4096;
/// The longest file of survivors that is read: about a hundred million of them.
const MOST_SURVIVORS: u64 = 16 << 30;
/// What a file of a key begins with.
const HEAD: &str = "comity-key-v1 ";
/// How often, and how far apart, a lock is tried that another process holds: five seconds in all.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Whether there is anything at this path. What cannot be looked at counts as there.
pub fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).err().is_none_or(|error| error.kind() != ErrorKind::NotFound)
}

/// A folder of keys that is nobody else's.
pub struct Disk {
    folder: PathBuf,
}

/// The right to make and destroy keys. Given back when it is dropped, or when the process ends.
pub struct Locked(#[expect(dead_code, reason = "holding it is its use")] File);

impl Disk {
    pub fn open(folder: &Path) -> Result<Self, KeyFault> {
        let disk = Self { folder: folder.to_owned() };
        disk.make_folder(folder)?;
        // Whoever only looks leaves nothing behind: these are made when something is put into them.
        for inner in [disk.pins(), disk.tenants()] {
            if std::fs::symlink_metadata(&inner).is_ok() {
                disk.make_folder(&inner)?;
            }
        }
        Ok(disk)
    }

    /// The same, but what is not there is not made.
    pub fn existing(folder: &Path) -> Result<Option<Self>, KeyFault> {
        let disk = Self { folder: folder.to_owned() };
        match std::fs::symlink_metadata(folder) {
            Ok(_) => disk.make_folder(folder).map(|()| Some(disk)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk.fault(folder, error)),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn pins(&self) -> PathBuf {
        self.folder.join("pins")
    }

    fn tenants(&self) -> PathBuf {
        self.folder.join("tenants")
    }

    fn of_tenant(&self, tenant: &Tenant) -> PathBuf {
        // A tenant's name is a plain file name by its type.
        self.tenants().join(tenant.as_str())
    }

    fn fault(&self, path: &Path, why: impl ToString) -> KeyFault {
        let name = path.strip_prefix(&self.folder).ok().filter(|name| !name.as_os_str().is_empty());
        let why = name.map_or(why.to_string(), |name| format!("{}: {}", name.display(), why.to_string()));
        KeyFault::Place { place: self.folder.display().to_string(), why }
    }

    /// Makes a folder that is not there, and errors if the one that is there is not ours alone.
    fn make_folder(&self, path: &Path) -> Result<(), KeyFault> {
        if let Err(error) = std::fs::symlink_metadata(path)
            && error.kind() == ErrorKind::NotFound
        {
            let made = DirBuilder::new().mode(0o700).recursive(true).create(path);
            made.map_err(|error| self.fault(path, error))?;
            if let Some(parent) = path.parent() {
                sync_folder(parent).map_err(|error| self.fault(parent, error))?;
            }
        }
        let found = std::fs::symlink_metadata(path).map_err(|error| self.fault(path, error))?;
        if !found.is_dir() {
            return Err(self.fault(path, "it is not a folder (links are not followed)"));
        }
        private(&found).map_err(|why| self.fault(path, why))
    }

    pub fn lock(&self) -> Result<Locked, KeyFault> {
        let path = self.folder.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600).custom_flags(NO_FOLLOW);
        let file = options.open(&path).map_err(|error| self.fault(&path, error))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Locked(file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(self.fault(&path, error)),
            }
        }
        Err(self.fault(&path, "another process has held it for five seconds"))
    }

    /// The numbers of a tenant's keys, lowest first. Errors if others may look into their folder.
    pub fn numbers(&self, tenant: &Tenant) -> Result<Vec<u64>, KeyFault> {
        let folder = self.of_tenant(tenant);
        self.only_ours(&self.tenants())?;
        self.only_ours(&folder)?;
        let mut numbers = Vec::new();
        for name in self.names(&folder)? {
            if let Some(number) = name.strip_suffix(".key").and_then(|number| number.parse().ok()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn names(&self, folder: &Path) -> Result<Vec<String>, KeyFault> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.fault(folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.fault(folder, error))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Errors if a folder is there and is not ours alone.
    fn only_ours(&self, folder: &Path) -> Result<(), KeyFault> {
        match std::fs::symlink_metadata(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.fault(folder, error)),
            Ok(found) if !found.is_dir() => {
                Err(self.fault(folder, "it is not a folder (links are not followed)"))
            }
            Ok(found) => private(&found).map_err(|why| self.fault(folder, why)),
        }
    }

    /// Whether there is a key of any tenant.
    pub fn has_tenant_keys(&self) -> Result<bool, KeyFault> {
        for tenant in self.names(&self.tenants())? {
            if self.names(&self.tenants().join(tenant))?.iter().any(|name| name.ends_with(".key")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a key still has its name.
    pub fn has_tenant_key(&self, tenant: &Tenant, number: u64) -> bool {
        std::fs::symlink_metadata(self.key_path(tenant, number)).is_ok()
    }

    fn destroyed_path(&self, tenant: &Tenant, id: KeyId) -> PathBuf {
        self.of_tenant(tenant).join(format!("{id}.destroyed"))
    }

    /// Whether the key with this id was destroyed here.
    pub fn is_destroyed(&self, tenant: &Tenant, id: KeyId) -> Result<bool, KeyFault> {
        Ok(self.read(&self.destroyed_path(tenant, id))?.is_some())
    }

    /// Writes down that the key with this id was destroyed, before it is: what is under it is then known to be erased,
    /// and not taken for the texts of another folder's key.
    pub fn mark_destroyed(&self, locked: &Locked, tenant: &Tenant, id: KeyId) -> Result<(), KeyFault> {
        if self.is_destroyed(tenant, id)? {
            return Ok(());
        }
        self.make_folder(&self.of_tenant(tenant))?;
        self.put(locked, &self.destroyed_path(tenant, id), b"destroyed\n")
    }

    fn survivors_path(&self, tenant: &Tenant) -> PathBuf {
        self.of_tenant(tenant).join("survivors")
    }

    /// By what the file of survivors is known to be the same; `None` if there is none.
    pub fn survivors_stamp(&self, tenant: &Tenant) -> Result<Option<Stamp>, KeyFault> {
        let path = self.survivors_path(tenant);
        match std::fs::symlink_metadata(&path) {
            Ok(found) => Ok(Some(stamp(&found))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fault(&path, error)),
        }
    }

    pub fn survivors(&self, tenant: &Tenant) -> Result<Option<(Stamp, Vec<u8>)>, KeyFault> {
        let path = self.survivors_path(tenant);
        let Some((found, file)) = self.open_private(&path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MOST_SURVIVORS).read_to_end(&mut bytes).map_err(|error| self.fault(&path, error))?;
        Ok(Some((stamp(&found), bytes)))
    }

    pub fn damaged_survivors(&self, tenant: &Tenant) -> KeyFault {
        self.fault(&self.survivors_path(tenant), "it is damaged, or not a file of this program")
    }

    /// Puts another file of survivors in the place of the one before.
    pub fn put_survivors(&self, locked: &Locked, tenant: &Tenant, bytes: &[u8]) -> Result<(), KeyFault> {
        self.make_folder(&self.of_tenant(tenant))?;
        self.put(locked, &self.survivors_path(tenant), bytes)
    }

    fn key_path(&self, tenant: &Tenant, number: u64) -> PathBuf {
        self.of_tenant(tenant).join(format!("{number:08}.key"))
    }

    pub fn tenant_key(&self, tenant: &Tenant, number: u64) -> Result<Option<Secret>, KeyFault> {
        self.read_key(&self.key_path(tenant, number))
    }

    pub fn put_tenant_key(
        &self,
        locked: &Locked,
        tenant: &Tenant,
        number: u64,
        secret: &Secret,
    ) -> Result<(), KeyFault> {
        self.make_folder(&self.of_tenant(tenant))?;
        self.put(locked, &self.key_path(tenant, number), key_text(secret).as_bytes())
    }

    /// Overwrites and unlinks a key. Whenever this is cut off, [`Disk::sweep`] finishes it.
    pub fn destroy_tenant_key(&self, locked: &Locked, tenant: &Tenant, number: u64) -> Result<(), KeyFault> {
        let path = self.key_path(tenant, number);
        let gone = self.of_tenant(tenant).join(format!(".gone-{number:08}"));
        // First it loses its name: nobody takes a half overwritten file for a key.
        std::fs::rename(&path, &gone).map_err(|error| self.fault(&path, error))?;
        self.sweep(locked, tenant)
    }

    /// Destroys what was on its way to being a key, or on its way out.
    pub fn sweep(&self, _: &Locked, tenant: &Tenant) -> Result<(), KeyFault> {
        let folder = self.of_tenant(tenant);
        for name in self.names(&folder)? {
            if name.starts_with(".gone-") || name.starts_with(".new-") {
                let path = folder.join(name);
                wipe(&path).map_err(|error| self.fault(&path, error))?;
            }
        }
        if folder.exists() {
            sync_folder(&folder).map_err(|error| self.fault(&folder, error))
        } else {
            Ok(())
        }
    }

    pub fn seed(&self) -> Result<Option<Secret>, KeyFault> {
        self.read_key(&self.folder.join("log.key"))
    }

    pub fn put_seed(&self, locked: &Locked, seed: &Secret) -> Result<(), KeyFault> {
        self.put(locked, &self.folder.join("log.key"), key_text(seed).as_bytes())
    }

    fn pin_path(&self, name: &str) -> Result<PathBuf, KeyFault> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 63 || !name.bytes().all(plain) {
            return Err(self.fault(&self.pins(), format!("`{name}` is not a name of a pinned key")));
        }
        Ok(self.pins().join(format!("{name}.pub")))
    }

    pub fn pin(&self, name: &str) -> Result<Option<String>, KeyFault> {
        let path = self.pin_path(name)?;
        Ok(self.read(&path)?.map(|text| text.trim_end_matches('\n').to_owned()))
    }

    pub fn put_pin(&self, locked: &Locked, name: &str, public: &str) -> Result<(), KeyFault> {
        let path = self.pin_path(name)?;
        if public.len() > 1000 || public.contains('\n') || public.is_empty() {
            return Err(self.fault(&path, "a public key is one line of at most 1,000 bytes"));
        }
        self.make_folder(&self.pins())?;
        self.put(locked, &path, format!("{public}\n").as_bytes())
    }

    /// Writes a file that is not there yet, whole or not at all, and waits until it is on disk.
    fn put(&self, _: &Locked, path: &Path, bytes: &[u8]) -> Result<(), KeyFault> {
        let folder = path.parent().unwrap_or(&self.folder);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = folder.join(format!(".new-{name}"));
        let write = || {
            // One that an earlier process left half made; the lock says that nobody is at it.
            if std::fs::symlink_metadata(&new).is_ok() {
                wipe(&new)?;
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&new, path)?;
            sync_folder(folder)
        };
        write().map_err(|error| self.fault(path, error))
    }

    fn read_key(&self, path: &Path) -> Result<Option<Secret>, KeyFault> {
        let Some(text) = self.read(path)? else { return Ok(None) };
        let secret = text.strip_prefix(HEAD).and_then(|hex| unhex(hex.trim_end_matches('\n')));
        secret.map(Some).ok_or_else(|| self.fault(path, "it is damaged, or not a key of this program"))
    }

    fn read(&self, path: &Path) -> Result<Option<Zeroizing<String>>, KeyFault> {
        let Some((_, file)) = self.open_private(path)? else { return Ok(None) };
        let mut text = Zeroizing::new(String::with_capacity(128));
        file.take(LONGEST).read_to_string(&mut text).map_err(|error| self.fault(path, error))?;
        Ok(Some(text))
    }

    fn open_private(&self, path: &Path) -> Result<Option<(Metadata, File)>, KeyFault> {
        let file = match OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(path, error)),
        };
        let found = file.metadata().map_err(|error| self.fault(path, error))?;
        if !found.is_file() {
            return Err(self.fault(path, "it is not a file"));
        }
        private(&found).map_err(|why| self.fault(path, why))?;
        Ok(Some((found, file)))
    }
}

/// By what a file is known to be the same one: its number, its length, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, u64, i64, i64);

fn stamp(found: &Metadata) -> Stamp {
    Stamp(found.ino(), found.len(), found.mtime(), found.mtime_nsec())
}

/// Links are not followed: whoever can place one could otherwise choose the key.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Whether only this user can reach it; if not, why not.
fn private(found: &Metadata) -> Result<(), String> {
    let owner = found.uid();
    if owner != geteuid().as_raw() {
        return Err(format!("it belongs to user {owner}"));
    }
    match found.mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(format!("others may use it (mode {mode:o}): take that away with chmod go=")),
    }
}

/// Overwrites a file and unlinks it. The folder is the caller's to sync.
fn wipe(path: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_file() {
        let mut file = OpenOptions::new().write(true).custom_flags(NO_FOLLOW).open(path)?;
        let length = file.metadata()?.len().min(LONGEST);
        file.seek(SeekFrom::Start(0))?;
        std::io::copy(&mut std::io::repeat(0).take(length), &mut file)?;
        file.sync_all()?;
    }
    std::fs::remove_file(path)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn key_text(secret: &Secret) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(128));
    text.push_str(HEAD);
    for byte in secret.bytes() {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    text
}

fn unhex(text: &str) -> Option<Secret> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Secret::new(*bytes))
}
