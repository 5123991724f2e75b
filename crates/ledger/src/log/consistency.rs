//! A proof that a log only grew between two of its checkpoints, in one file.
//!
//! ```text
//! comity/consistency/v1
//! path PATH
//!
//! the older signed checkpoint
//!
//! the newer signed checkpoint
//! ```

use super::checkpoint::Checkpoint;
use super::merkle::is_consistent;
use super::proof::{LONGEST, path_of};
use super::text::encode_hashes;
use comity_core::Digest;

/// The first line of a consistency proof.
pub const CONSISTENCY: &str = "comity/consistency/v1";

/// What leads from one signed checkpoint to a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The hashes of RFC 9162, 2.1.4.
    pub path: Vec<Digest>,
    /// The older signed checkpoint, as bytes.
    pub old: Vec<u8>,
    /// The newer signed checkpoint, as bytes.
    pub new: Vec<u8>,
}

impl Consistency {
    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = format!("{CONSISTENCY}\npath {}\n\n", encode_hashes(&self.path));
        [head.as_bytes(), &self.old, b"\n", &self.new].concat()
    }

    /// Reads what [`Consistency::to_bytes`] writes, and nothing else. Nothing is proved by that.
    pub fn parse(file: &[u8]) -> Result<Self, &'static str> {
        if file.len() > LONGEST {
            return Err("it is longer than 64 KiB");
        }
        let file = str::from_utf8(file).map_err(|_| "it is not UTF-8")?;
        // A note is its text, an empty line and its signatures, and neither part has an empty line.
        let parts: Vec<&str> = file.split("\n\n").collect();
        let [head, old_text, old_signatures, new_text, new_signatures] = *parts.as_slice() else {
            return Err("it does not have two checkpoints");
        };
        let Some((CONSISTENCY, path)) = head.split_once('\n') else {
            return Err("it is not a consistency proof of this format");
        };
        let path = path.strip_prefix("path ").and_then(path_of).ok_or("its path line cannot be read")?;
        let old = format!("{old_text}\n\n{old_signatures}\n").into_bytes();
        let new = format!("{new_text}\n\n{new_signatures}").into_bytes();
        Ok(Self { path, old, new })
    }

    /// Whether the newer tree begins with the older one. Whether the checkpoints are signed is not looked at.
    pub fn leads(&self, old: &Checkpoint, new: &Checkpoint) -> Result<(), &'static str> {
        if old.origin != new.origin {
            return Err("its checkpoints are of two logs");
        }
        if is_consistent(old.head, new.head, &self.path) {
            Ok(())
        } else {
            Err("the log at the newer checkpoint does not begin with the log at the older one")
        }
    }
}
