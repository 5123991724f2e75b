//! What an answer meant: its status and its body, read as a result.

use super::headers::Headers;
use comity_govern::Output;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, StatusCode, body::Body, header};
use serde_json::Value;

/// How much of the body of a refusal a message repeats, in characters.
const SHOWN: usize = 200;

/// How much of the body of a refusal is read, in bytes.
const LOOKED_AT: usize = 8 * 1024;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    TooMuch,
    Broken(hyper::Error),
}

/// Where an answer sends us, if it does.
pub(super) enum Onward {
    /// Nowhere: this is the answer.
    Here,
    /// To another place, with this method.
    To { method: Method, reference: String },
}

/// Reads the whole body, unless it is longer than `limit` bytes.
pub(super) async fn read(body: &mut hyper::body::Incoming, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut all = Vec::new();
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length <= limit) {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
            if all.len().saturating_add(data.len()) > limit {
                return Err(Unread::TooMuch);
            }
            all.extend_from_slice(&data);
        }
        return Ok(all);
    }
    Err(Unread::TooMuch)
}

/// Adds to `start` what can be had of the beginning of a body; that it breaks off is no matter.
pub(super) async fn look(body: &mut hyper::body::Incoming, start: &mut Vec<u8>) {
    while start.len() < LOOKED_AT {
        let Some(Ok(frame)) = body.frame().await else { return };
        let Ok(data) = frame.into_data() else { continue };
        let room = LOOKED_AT.saturating_sub(start.len());
        start.extend_from_slice(data.get(..room).unwrap_or(&data));
    }
}

/// The result that a success carries, or what is wrong with it as the end of a sentence.
pub(super) fn value(headers: &HeaderMap, body: Vec<u8>) -> Result<Output, String> {
    if body.is_empty() {
        return Ok(Output { value: Value::Null });
    }
    let text = String::from_utf8(body).map_err(|error| {
        format!("with a body that is not UTF-8 from byte {} on", error.utf8_error().valid_up_to())
    })?;
    let value = match declared(headers) {
        Declared::Json => serde_json::from_str(&text)
            .map_err(|error| format!("with a body that is declared JSON and is not: {error}"))?,
        Declared::Text => Value::String(text),
        Declared::Other => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    };
    Ok(Output { value })
}

enum Declared {
    Json,
    Text,
    Other,
}

fn declared(headers: &HeaderMap) -> Declared {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        Declared::Json
    } else if kind.starts_with("text/") {
        Declared::Text
    } else {
        Declared::Other
    }
}

/// Where an answer to `method` sends us. A status that names no place sends us nowhere.
pub(super) fn onward(method: &Method, status: StatusCode, headers: &HeaderMap) -> Onward {
    let place = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let method = match (status.as_u16(), method) {
        (303, _) | (301 | 302, &Method::POST) => Method::GET,
        (301 | 302 | 307 | 308, method) => method.clone(),
        _ => return Onward::Here,
    };
    match place {
        Some(place) => Onward::To { method, reference: place.to_owned() },
        None => Onward::Here,
    }
}

/// The start of a body, fit to be shown in one line and without our own headers.
pub(super) fn shown(start: &[u8], headers: &Headers) -> String {
    let text = headers.redact(&String::from_utf8_lossy(start));
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let printable: String = spaced.filter(|&c| !c.is_control() && c != '\u{fffd}').collect();
    printable
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: &str, body: &[u8], expected: Result<Value, &str>) {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        let value = value(&headers, body.to_vec()).map(|output| output.value);
        assert_eq!(value, expected.map_err(str::to_owned), "{kind} {body:?}");
    }

    #[test]
    fn a_body_is_what_it_is_declared_to_be() {
        let answer = json!({"content": "c", "confidence": 0.5, "structured": {"a": 1}});
        check("application/json", answer.to_string().as_bytes(), Ok(answer));
        check("Application/Problem+JSON ; charset=utf-8", b"[1]", Ok(json!([1])));
        check("text/plain", b"42", Ok(json!("42")));
        check("", b"42", Ok(json!(42)));
        check("", b"plain\n", Ok(json!("plain\n")));
        check("application/octet-stream", b"{\"a\":1}", Ok(json!({"a": 1})));
        check("application/json", b"", Ok(json!(null)));
    }

    #[test]
    fn a_body_that_is_not_what_it_is_declared_to_be_is_refused() {
        let message = "with a body that is declared JSON and is not: expected value at line 1 column 1";
        check("application/json", b"<html>", Err(message));
        check("text/plain", b"ab\xff", Err("with a body that is not UTF-8 from byte 2 on"));
    }

    #[test]
    fn what_is_shown_is_one_short_line() {
        let none = Headers::default();
        assert_eq!(shown(b"  a\r\n\tb\x1b[2J\xff c  ", &none), "a b[2J c");
        assert_eq!(shown("ä".repeat(300).as_bytes(), &none).chars().count(), SHOWN);
    }

    #[test]
    fn only_redirects_that_name_a_place_lead_onward() {
        let mut headers = HeaderMap::new();
        let to = |method: Method, status: u16, headers: &HeaderMap| match onward(
            &method,
            StatusCode::from_u16(status).unwrap(),
            headers,
        ) {
            Onward::To { method, .. } => Some(method),
            Onward::Here => None,
        };
        assert_eq!(to(Method::GET, 302, &headers), None);
        headers.insert(header::LOCATION, "/b".parse().unwrap());
        for (method, status, expected) in [
            (Method::GET, 301, Some(Method::GET)),
            (Method::POST, 301, Some(Method::GET)),
            (Method::POST, 302, Some(Method::GET)),
            (Method::PUT, 302, Some(Method::PUT)),
            (Method::PUT, 303, Some(Method::GET)),
            (Method::POST, 307, Some(Method::POST)),
            (Method::DELETE, 308, Some(Method::DELETE)),
            (Method::GET, 300, None),
            (Method::GET, 304, None),
            (Method::GET, 201, None),
        ] {
            assert_eq!(to(method.clone(), status, &headers), expected, "{method} {status}");
        }
    }
}
