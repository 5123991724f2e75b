//! Names of objects.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The most bytes of a name, as S3 has it.
const LONGEST: usize = 1024;
/// The most bytes of one part of a name, as file systems have it.
const LONGEST_PART: usize = 200;

/// The name of an object: parts of letters, digits, `.`, `-` and `_`, with `/` between them. No part begins with a
/// dot, so that a name never leaves the folder it is put into, and no half-written file has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name below another.
    pub fn below(&self, prefix: Option<&Self>) -> Self {
        prefix.map_or_else(|| self.clone(), |prefix| Self(format!("{prefix}/{self}")))
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let part = |part: &str| {
            !part.is_empty() && part.len() <= LONGEST_PART && !part.starts_with('.') && part.bytes().all(fine)
        };
        match text.len() <= LONGEST && text.split('/').all(part) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::Key(text.to_owned())),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_place() {
        for fine in ["a", "a/b.json", "x001/x234/067.p/8", "run_01KAGH"] {
            assert!(fine.parse::<Key>().is_ok(), "{fine}");
        }
        for wrong in ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a b", "a\\b", "ä"] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong}");
        }
        assert!("a".repeat(201).parse::<Key>().is_err());
    }
}
