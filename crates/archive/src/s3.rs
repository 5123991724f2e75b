//! A bucket of S3-compatible storage as a place. Opens sockets, through `object_store`.

use crate::error::Error;
use crate::folder::Put;
use crate::key::Key;
use crate::place::Options;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::ClientOptions;
use object_store::path::Path;
use object_store::{BackoffConfig, Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, RetryConfig};
use std::time::Duration;

/// Where credentials may come from. Without any of them a request would ask the machine's metadata service, which
/// most machines do not have.
const CREDENTIALS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a request is tried again.
const RETRIES: usize = 4;

/// A bucket.
#[derive(Debug)]
pub struct S3 {
    store: AmazonS3,
    prefix: Option<Key>,
    name: String,
}

impl S3 {
    /// With the credentials and the region of the environment. Asks the network nothing.
    pub fn open(bucket: &str, prefix: Option<Key>, name: String, options: &Options) -> Result<Self, Error> {
        let said = |name: &str| options.environment.get(name).filter(|value| !value.is_empty());
        if CREDENTIALS.iter().all(|name| said(name).is_none()) {
            return Err(Error::NoCredentials { place: name });
        }
        // There may be one already: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        for (name, value) in &options.environment {
            // Variables of other programs of Amazon's begin like these.
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| builder.get_config_value(key))
            .unwrap_or_default();
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES,
            retry_timeout: options.patience,
        };
        let client =
            ClientOptions::new().with_timeout(options.request).with_connect_timeout(CONNECT).with_allow_http(
                is_near(&endpoint) || said("AWS_ALLOW_HTTP").is_some_and(|value| value == "true"),
            );
        let built =
            builder.with_retry(retry).with_client_options(client).with_disable_bulk_delete(true).build();
        let store = built.map_err(|error| Error::Address { text: name.clone(), why: words(&error) })?;
        Ok(Self { store, prefix, name })
    }

    fn path(&self, key: &Key) -> Path {
        Path::from(key.below(self.prefix.as_ref()).as_str())
    }

    /// Makes an object.
    pub async fn put(&self, key: &Key, bytes: Vec<u8>) -> Result<Put, Error> {
        let put = self.store.put_opts(&self.path(key), bytes.into(), PutMode::Create.into()).await;
        match put {
            Ok(_) => Ok(Put::Made),
            Err(StoreError::AlreadyExists { .. }) => Ok(Put::Taken),
            Err(error) => Err(self.failed(key.as_str(), &error)),
        }
    }

    /// An object's bytes; `None` if there is none. Errors if there are more than `limit`.
    pub async fn get(&self, key: &Key, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let failed = |error: StoreError| self.failed(key.as_str(), &error);
        let found = match self.store.get(&self.path(key)).await {
            Ok(found) => found,
            // Without its bucket an object is not there either, and that is no answer.
            Err(error @ StoreError::NotFound { .. }) if !is_bucket_missing(&words(&error)) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > limit {
            return Err(Error::TooLarge { key: key.to_string(), bytes: found.meta.size, limit });
        }
        Ok(Some(found.bytes().await.map_err(failed)?.to_vec()))
    }

    /// Takes an object away.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.store.delete(&self.path(key)).await.map_err(|error| self.failed(key.as_str(), &error))
    }

    /// The objects below a prefix and their lengths, in the order of their names; more than `limit` are an error.
    pub async fn list(&self, prefix: Option<&Key>, limit: usize) -> Result<Vec<(Key, u64)>, Error> {
        let all = match prefix {
            Some(prefix) => Some(self.path(prefix)),
            None => self.prefix.as_ref().map(|prefix| Path::from(prefix.as_str())),
        };
        let shown = prefix.map(Key::as_str).unwrap_or_default();
        let mut found = self.store.list(all.as_ref());
        let mut out = Vec::new();
        while let Some(object) = found.try_next().await.map_err(|error| self.failed(shown, &error))? {
            let name = object.location.to_string();
            let below = match &self.prefix {
                Some(prefix) => name.strip_prefix(prefix.as_str()).and_then(|name| name.strip_prefix('/')),
                None => Some(name.as_str()),
            };
            // Whatever cannot be the name of an object is none of ours.
            let Some(Ok(key)) = below.map(str::parse::<Key>) else { continue };
            out.push((key, object.size));
            if out.len() > limit {
                let key = shown.to_owned();
                return Err(Error::TooLarge { key, bytes: out.len() as u64, limit: limit as u64 });
            }
        }
        out.sort();
        Ok(out)
    }

    fn failed(&self, key: &str, error: &StoreError) -> Error {
        let (place, why) = (self.name.clone(), words(error));
        match error {
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
                Error::Refused { place, why }
            }
            _ if is_bucket_missing(&why) => Error::NoBucket { place },
            _ if is_transport(error) => Error::Unreachable { place, why },
            _ => Error::Failed { place, key: key.to_owned(), why },
        }
    }
}

/// Whether a server is this machine, so that requests may go to it without TLS.
fn is_near(endpoint: &str) -> bool {
    let rest = endpoint.strip_prefix("http://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// The cause at the bottom of it, in one line: what is around it repeats the address and the number of tries.
fn words(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    // Storage says what is wrong in XML.
    let part = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0.to_owned())
    };
    match (part("Code"), part("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => text.lines().next().unwrap_or_default().to_owned(),
    }
}

/// Whether storage's own words say that the bucket is not there.
fn is_bucket_missing(words: &str) -> bool {
    words.starts_with("NoSuchBucket")
}

fn is_transport(error: &StoreError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<object_store::client::HttpError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for near in ["http://127.0.0.1:5000", "http://localhost", "http://[::1]:9/x"] {
            assert!(is_near(near), "{near}");
        }
        for far in ["http://books:9000", "https://127.0.0.1", "http://127.0.0.1.example:80", ""] {
            assert!(!is_near(far), "{far}");
        }
    }
}
