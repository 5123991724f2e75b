//! One request on the way to an answer: the first, or one that a redirect asks for.

use super::{
    Call,
    headers::{Headers, IDEMPOTENCY_KEY, TRACEPARENT},
    target::{Scheme, Target},
};
use http_body_util::Full;
use hyper::{
    Method, Request,
    body::Bytes,
    header::{self, HeaderValue},
    http,
};
use std::fmt;

/// How we call ourselves.
const USER_AGENT: &str =
    concat!("comity/", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// Where one request goes, and what of ours it may carry there.
pub(super) struct Hop {
    pub(super) target: Target,
    pub(super) method: Method,
    /// Whether every place so far had the origin the workflow names: only then is it told what is for it.
    at_home: bool,
    /// Whether this is the act itself, and no mere look at what it led to.
    act: bool,
}

impl Hop {
    /// The request that the workflow asks for.
    pub(super) fn first(method: &Method, target: &Target) -> Self {
        Self { target: target.clone(), method: method.clone(), at_home: true, act: true }
    }

    /// The request that a redirect asks for. Errors, as the end of a sentence, if it is not to be made.
    pub(super) fn onward(&self, method: Method, reference: &str) -> Result<Self, String> {
        let target = self.target.join(reference);
        let target = target.map_err(|why| format!("and a place that {why}"))?;
        if self.target.scheme == Scheme::Https && target.scheme == Scheme::Http {
            return Err("and a place that is not called: it would be plain `http` after `https`".to_owned());
        }
        let same = target.origin() == self.target.origin();
        if !same && method != Method::GET {
            return Err(format!("and a place that is not called: no {method} is sent on to another origin"));
        }
        let act = self.act && method == self.method;
        Ok(Self { target, method, at_home: self.at_home && same, act })
    }

    /// The request in full. Errors only if a part of it cannot be sent, which nothing here produces.
    pub(super) fn request(
        &self,
        headers: &Headers,
        call: &Call,
        input: &[u8],
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let sends_body = self.act && matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        let body = if sends_body { Bytes::copy_from_slice(input) } else { Bytes::new() };
        let mut request = Request::builder().method(&self.method).uri(self.target.path.as_str());
        if let Some(map) = request.headers_mut() {
            map.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
            map.insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
            if sends_body {
                map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            if self.at_home {
                headers.put(map);
            }
            if self.at_home && self.act {
                map.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(&call.idempotency_key)?);
            }
            if self.at_home {
                map.insert(TRACEPARENT, HeaderValue::from_str(&call.traceparent)?);
            }
            map.insert(header::HOST, HeaderValue::from_str(&self.target.authority())?);
            map.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        request.body(Full::new(body))
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.method, self.target)
    }
}
