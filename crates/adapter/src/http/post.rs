//! Posts bytes that are no step's: copies of signed checkpoints, to a place that the configuration names.
//!
//! It is the one permit-free exit of this room. It keeps to the rules of steps of kind `http`: one lookup, the
//! address that was checked, TLS by this machine's certificates. It follows no redirect and carries no header that
//! says who asks. Addresses that are not public are called only where the configuration writes the address itself.

use super::answer::{self, Unread};
use super::connection::{Dialer, NotOpened, Reach, of_this_machine};
use super::target::Target;
use comity_core::Clock;
use http_body_util::Full;
use hyper::{
    Method, Request,
    body::Bytes,
    header::{CONNECTION, CONTENT_TYPE, HOST},
};
use std::{fmt, str::FromStr, time::Duration};

/// A place that takes what is posted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    target: Target,
}

/// What a place answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl FromStr for Post {
    type Err = &'static str;

    /// Reads an address of the web. What is wrong with it is the end of a sentence about it.
    fn from_str(url: &str) -> Result<Self, &'static str> {
        let target = Target::parse(url)?;
        if target.path.query().is_some() {
            return Err("has a query, and something is added to its path");
        }
        Ok(Self { target })
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.target, f)
    }
}

impl Post {
    /// Posts `body` to the place with `path` added, and reads an answer of at most `limit` bytes, within `time`.
    ///
    /// Errors with the end of a sentence about the place.
    pub async fn send(
        &self,
        path: &str,
        body: Vec<u8>,
        limit: usize,
        time: Duration,
        clock: &dyn Clock,
    ) -> Result<Posted, String> {
        let late = clock.sleep(time);
        tokio::select! { biased;
            posted = self.exchange(path, body, limit, time, clock) => posted,
            () = late => Err(format!("did not answer within {:.1} s", time.as_secs_f64())),
        }
    }

    async fn exchange(
        &self,
        path: &str,
        body: Vec<u8>,
        limit: usize,
        time: Duration,
        clock: &dyn Clock,
    ) -> Result<Posted, String> {
        let dialer = Dialer { reach: self.reach(), trust: of_this_machine, clock, time };
        let connection = dialer.open(&self.target).await.map_err(|reason| match reason {
            NotOpened::Refused(_) => {
                "was not called: its name leads into a private network (write the address itself)".to_owned()
            }
            NotOpened::Unreachable(why) => format!("cannot be reached: {why}"),
        })?;
        let base = self.target.path.path().trim_end_matches('/');
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{base}{path}"))
            .header(HOST, self.target.authority())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| format!("cannot be asked: {error}"))?;
        let read = async |response: hyper::Response<hyper::body::Incoming>| {
            let (head, mut body) = response.into_parts();
            let body = answer::read(&mut body, limit).await.map_err(|unread| match unread {
                Unread::TooMuch => format!("answered with more than {limit} bytes"),
                Unread::Broken(error) => format!("broke off its answer: {error}"),
            })?;
            Ok(Posted { status: head.status.as_u16(), body })
        };
        connection.exchange(request, read).await.unwrap_or_else(|error| Err(format!("broke off: {error}")))
    }

    /// Whoever writes an address means it; a name may lead anywhere.
    fn reach(&self) -> Reach {
        let meant = self.target.address().is_some() || self.target.host == "localhost";
        if meant { Reach::Everywhere } else { Reach::Public }
    }
}
