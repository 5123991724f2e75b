//! Calls a service over HTTP.
//!
//! The step's input is sent as it is, as JSON; what a success answers is the step's result. A service
//! that says it failed has failed. One that was asked and did not say is unknown: the connection broke,
//! or time ran out. By default nothing but the public internet is called, and redirects change none of
//! that. The whole contract, for those who write a service or a workflow: `docs/src/reference/http.md`.
//!
//! A name that is being looked up when time runs out is looked up to its end by the operating system, on
//! a thread of the runtime's; nothing comes of it.

mod address;
mod answer;
mod connection;
mod headers;
mod hop;
mod post;
mod target;
#[cfg(test)]
mod tests;

use crate::{Adapter, Error, Setup, keys::Keys};
use answer::{Onward, Unread};
use comity_core::{BoxFuture, Clock, KeySpec, KindSpec, RiskTier, Shape, StepKind};
use comity_govern::{Failure, Input, Output, Permit};
use connection::{Connection, Dialer, NotOpened, Reach, Trust};
use headers::Headers;
use hop::Hop;
use hyper::{Method, Response, body::Incoming};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};
use target::Target;

pub use post::{Post, Posted};

pub(crate) const SPEC: KindSpec = KindSpec {
    name: "http",
    step: StepKind::ToolCall,
    risk: RiskTier::ExternalIo,
    idempotent: false,
    keys: &[
        KeySpec {
            name: "url",
            shape: Shape::Text,
            required: true,
            about: "The address to call: `http` or `https`, without user or password.",
        },
        KeySpec {
            name: "method",
            shape: Shape::Word(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
            required: false,
            about: "How to call it; `POST` if not said. `GET` and `DELETE` send no body.",
        },
        KeySpec {
            name: "headers",
            shape: Shape::Any,
            required: false,
            about: "Headers to send along, by name.",
        },
        KeySpec {
            name: "allow_private",
            shape: Shape::Flag,
            required: false,
            about: "Whether addresses outside the public internet may be called.",
        },
        KeySpec {
            name: "max_response_bytes",
            shape: Shape::Count,
            required: false,
            about: "How long an answer may be: 1 MiB if not said, 64 MiB at most.",
        },
    ],
    about: "Calls a service over HTTP: input as a JSON body, result from the body of the answer.",
};

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const DEFAULT_LIMIT: u64 = 1024 * 1024;
const LARGEST_LIMIT: u64 = 64 * 1024 * 1024;
const MAX_REDIRECTS: usize = 5;

/// One service with all that is sent to it, ready to be called any number of times.
struct Service {
    target: Target,
    method: Method,
    headers: Headers,
    reach: Reach,
    limit: usize,
    trust: Trust,
}

/// What one call takes from its permit.
struct Call {
    clock: Arc<dyn Clock>,
    time_left: Duration,
    idempotency_key: String,
    traceparent: String,
}

/// How far a call has come, for when it comes no further.
enum Progress {
    /// Nothing was sent that could do anything.
    NotBegun,
    /// Something was sent, and nobody said what became of it.
    Sent,
    /// It was refused, in these words.
    Refused(String),
}

pub(crate) fn build(_: &Setup, map: &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error> {
    Ok(Arc::new(Service::new(map)?))
}

impl Adapter for Service {
    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let call = Call {
            clock: Arc::clone(permit.clock()),
            time_left: permit.time_left(),
            idempotency_key: permit.idempotency_key(),
            traceparent: permit.traceparent(),
        };
        Box::pin(self.run(call, &input.bytes))
    }

    fn endpoint(&self) -> String {
        format!("{}:{}", SPEC.name, self.target.origin())
    }
}

impl Service {
    fn new(map: &Map<String, Value>) -> Result<Self, Error> {
        let keys = Keys { kind: SPEC.name, map };
        let url = keys.required("url", keys.text("url")?)?;
        let target = Target::parse(url).map_err(|why| Error::Url { why })?;
        let word = keys.text("method")?.unwrap_or("POST");
        let method = METHODS.into_iter().find(|method| method.as_str() == word);
        let expected = "one of GET, POST, PUT, PATCH, DELETE";
        let method = method.ok_or(Error::Shape { kind: SPEC.name, key: "method", expected })?;
        let headers = keys.map("headers")?.map(Headers::read).transpose()?.unwrap_or_default();
        let private = keys.flag("allow_private")?.unwrap_or(false);
        let reach = if private { Reach::Everywhere } else { Reach::Public };
        let limit = keys.count("max_response_bytes")?.unwrap_or(DEFAULT_LIMIT);
        let limit = Some(limit).filter(|limit| (1..=LARGEST_LIMIT).contains(limit));
        let expected = "a whole number from 1 to 67108864";
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.ok_or(Error::Shape { kind: SPEC.name, key: "max_response_bytes", expected })?;
        Ok(Self { target, method, headers, reach, limit, trust: connection::of_this_machine })
    }

    /// Calls the service once, and ends when its time is over.
    async fn run(&self, call: Call, input: &[u8]) -> Result<Output, Failure> {
        let (method, target) = (&self.method, &self.target);
        if call.time_left.is_zero() {
            return Err(Failure::Failed(format!("`{method} {target}` was not called: no time was left")));
        }
        let late = call.clock.sleep(call.time_left);
        let mut progress = Progress::NotBegun;
        let ended = tokio::select! { biased;
            ended = self.follow(&call, input, &mut progress) => Some(ended),
            () = late => None,
        };
        let limit = call.time_left.as_secs_f64();
        ended.unwrap_or_else(|| {
            Err(progress.broke(format!("`{method} {target}` did not answer within {limit:.3} s")))
        })
    }

    /// Goes to the service, and on to wherever it sends us.
    async fn follow(&self, call: &Call, input: &[u8], progress: &mut Progress) -> Result<Output, Failure> {
        let mut hop = Hop::first(&self.method, &self.target);
        for _ in 0..=MAX_REDIRECTS {
            match self.visit(&hop, call, input, progress).await? {
                Visited::Done(output) => return Ok(output),
                Visited::Onward(next) => hop = next,
            }
        }
        let (method, target) = (&self.method, &self.target);
        Err(Failure::Failed(format!("`{method} {target}` redirects more than {MAX_REDIRECTS} times")))
    }

    /// Sends one request to one place, and reads what it says.
    async fn visit(
        &self,
        hop: &Hop,
        call: &Call,
        input: &[u8],
        progress: &mut Progress,
    ) -> Result<Visited, Failure> {
        let dialer =
            Dialer { reach: self.reach, trust: self.trust, clock: &*call.clock, time: call.time_left };
        let request = hop.request(&self.headers, call, input);
        let request = request.map_err(|error| progress.broke(format!("cannot ask {hop}: {error}")))?;
        let connection: Connection = dialer.open(&hop.target).await.map_err(|reason| match reason {
            NotOpened::Refused(why) => Failure::Failed(format!("{hop} was not called: {why}")),
            NotOpened::Unreachable(why) => progress.broke(format!("cannot reach {hop}: {why}")),
        })?;
        *progress = Progress::Sent;
        match connection.exchange(request, |response| self.read(hop, response, progress)).await {
            Ok(visited) => visited,
            Err(error) => Err(Failure::Unknown(format!("{hop} broke off before it answered: {error}"))),
        }
    }

    /// Reads one answer.
    async fn read(
        &self,
        hop: &Hop,
        response: Response<Incoming>,
        progress: &mut Progress,
    ) -> Result<Visited, Failure> {
        let (head, mut body) = response.into_parts();
        let said = format!("{hop} answered {}", head.status);
        if let Onward::To { method, reference } = answer::onward(&hop.method, head.status, &head.headers) {
            let next =
                hop.onward(method, &reference).map_err(|why| Failure::Failed(format!("{said} {why}")))?;
            // Whatever reading is, it did nothing; of anything else nobody can tell yet.
            if hop.method == Method::GET {
                *progress = Progress::NotBegun;
            }
            return Ok(Visited::Onward(next));
        }
        if !head.status.is_success() {
            *progress = Progress::Refused(said.clone());
            let mut start = Vec::new();
            answer::look(&mut body, &mut start).await;
            let shown = answer::shown(&start, &self.headers);
            return Err(Failure::Failed(if shown.is_empty() { said } else { format!("{said}: {shown}") }));
        }
        let body = answer::read(&mut body, self.limit).await.map_err(|unread| match unread {
            Unread::TooMuch => Failure::Failed(format!("{said} with more than {} bytes", self.limit)),
            Unread::Broken(error) => Failure::Unknown(format!("{said} and broke off: {error}")),
        })?;
        let output = answer::value(&head.headers, body);
        output.map(Visited::Done).map_err(|why| Failure::Failed(format!("{said} {why}")))
    }
}

/// What came of one request.
enum Visited {
    Done(Output),
    Onward(Hop),
}

impl Progress {
    /// What it means that a call breaks off here.
    fn broke(&self, message: String) -> Failure {
        match self {
            Self::NotBegun => Failure::Failed(message),
            Self::Sent => Failure::Unknown(message),
            Self::Refused(said) => Failure::Failed(said.clone()),
        }
    }
}
