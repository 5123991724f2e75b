//! The headers a workflow sends along: they may hold secrets, so nothing here can print them.

use crate::Error;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// Headers that frame a message or are ours to set.
const OURS: [HeaderName; 12] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    IDEMPOTENCY_KEY,
    TRACEPARENT,
];

/// Which trace a call belongs to. Source: W3C Trace Context.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Tells a service that it has been asked before.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Words of a header's value shorter than this, in bytes, are no secrets: `Bearer`, `ApiKey`.
const TOO_SHORT: usize = 8;

/// Headers as a workflow gives them.
#[derive(Default)]
pub(super) struct Headers {
    map: HeaderMap,
    /// The words of their values, longest first.
    secrets: Vec<String>,
}

impl Headers {
    /// Reads a map of texts. Errors name a header, and never show its value.
    pub(super) fn read(given: &Map<String, Value>) -> Result<Self, Error> {
        let mut headers = Self::default();
        for (name, value) in given {
            let wrong = |why| Error::Header { name: name.escape_debug().to_string(), why };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is no name of a header"))?;
            let text = value.as_str().ok_or_else(|| wrong("is not a text"))?;
            if OURS.contains(&key) {
                return Err(wrong("is not for a workflow to set"));
            }
            if text.chars().any(char::is_control) {
                return Err(wrong("holds a control character"));
            }
            let value = Some(text).filter(|text| text.is_ascii()).and_then(|text| text.parse().ok());
            let mut value: HeaderValue = value.ok_or_else(|| wrong("holds a character outside ASCII"))?;
            value.set_sensitive(true);
            if headers.map.insert(key, value).is_some() {
                return Err(wrong("stands there twice"));
            }
            headers.secrets.extend(text.split_whitespace().map(str::to_owned));
        }
        headers.secrets.retain(|word| word.len() >= TOO_SHORT);
        headers.secrets.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Ok(headers)
    }

    /// Puts them over what stands in `map`.
    pub(super) fn put(&self, map: &mut HeaderMap) {
        for (name, value) in &self.map {
            map.insert(name, value.clone());
        }
    }

    /// A text without the values of these headers, should somebody have repeated them.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(given: Value) -> Result<Headers, String> {
        Headers::read(given.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn refuses_headers_that_cannot_be_sent_or_are_not_the_workflows() {
        for (given, message) in [
            (json!({"a b": "x"}), "header `a b` is no name of a header"),
            (json!({"": "x"}), "header `` is no name of a header"),
            (json!({"a\r\nb": "x"}), "header `a\\r\\nb` is no name of a header"),
            (json!({"x-a": 1}), "header `x-a` is not a text"),
            (json!({"x-a": "1\r\nx-b: 2"}), "header `x-a` holds a control character"),
            (json!({"x-a": "1\t2"}), "header `x-a` holds a control character"),
            (json!({"x-a": "\u{7f}"}), "header `x-a` holds a control character"),
            (json!({"x-a": "ä"}), "header `x-a` holds a character outside ASCII"),
            (json!({"X-A": "1", "x-a": "2"}), "header `x-a` stands there twice"),
            (json!({"Host": "x"}), "header `Host` is not for a workflow to set"),
            (json!({"Content-Length": "1"}), "header `Content-Length` is not for a workflow to set"),
            (json!({"Idempotency-Key": "1"}), "header `Idempotency-Key` is not for a workflow to set"),
        ] {
            assert_eq!(read(given).err().as_deref(), Some(message));
        }
    }

    #[test]
    fn values_are_sent_and_can_not_be_printed() {
        let headers = read(json!({"authorization": "Bearer hush-hush-1", "x-short": "ab"})).ok().unwrap();
        let mut map = HeaderMap::new();
        headers.put(&mut map);
        assert_eq!(map.get("authorization").unwrap(), "Bearer hush-hush-1");
        assert!(!format!("{map:?}").contains("hush"), "{map:?}");
        let said = "no `hush-hush-1`, Bearer about absence";
        assert_eq!(headers.redact(said), "no `[redacted]`, Bearer about absence");
    }
}
