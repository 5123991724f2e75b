//! Where a place is, as a person names it.

use crate::error::Error;
use crate::key::Key;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of S3-compatible storage, and what every name in it begins with.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix; `None` is the bucket itself.
        prefix: Option<Key>,
    },
}

impl FromStr for Address {
    type Err = Error;

    /// Reads `s3://bucket/prefix`, `file:///folder`, or the path of a folder.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Address { text: text.to_owned(), why: why.to_owned() };
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_bucket(bucket) {
                return Err(wrong("a bucket has 3 to 63 lower-case letters, digits, dots and hyphens"));
            }
            let prefix = prefix.trim_end_matches('/');
            let prefix = (!prefix.is_empty()).then(|| prefix.parse::<Key>()).transpose()?;
            return Ok(Self::S3 { bucket: bucket.to_owned(), prefix });
        }
        if let Some(path) = text.strip_prefix("file://") {
            return match path.starts_with('/') {
                true => Ok(Self::Folder(path.into())),
                false => Err(wrong("a folder's address is absolute: `file:///folder`")),
            };
        }
        match text {
            "" => Err(wrong("it is empty")),
            text if text.contains("://") => Err(wrong("it is neither `s3://bucket/prefix` nor a folder")),
            text => Ok(Self::Folder(text.into())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix: None } => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix: Some(prefix) } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

fn is_bucket(name: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    (3..=63).contains(&name.len()) && name.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_buckets_and_folders() {
        for (text, shown) in [
            ("s3://books", "s3://books"),
            ("s3://books/a/b/", "s3://books/a/b"),
            ("file:///srv/books", "/srv/books"),
            ("../books", "../books"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in [
            "",
            "s3://",
            "s3://UP/a",
            "s3://b",
            "s3://books/a/../b",
            "s3://books//a",
            "file://a",
            "gs://books",
            "http://x/y",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
