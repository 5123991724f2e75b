//! The witness on the network: `POST /add-checkpoint` over HTTP/1.1.
//!
//! Anybody may connect, so everything has an end: how many connections there are, how long one may say nothing,
//! how long its requests may take to arrive and how long they may be. It speaks no TLS: what it answers is signed,
//! and what it is asked is public. Put it behind a proxy where requests must not be read on the way.

#![expect(clippy::disallowed_methods, reason = "an effect module: it is here that a witness listens")]

use crate::error::Error;
use crate::request::MAX_BYTES;
use crate::witness::{Answer, Witness};
use comity_core::Clock;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// Bytes of a request's head, at most.
const HEAD: usize = 8 * 1024;
/// Headers of a request, at most.
const HEADERS: usize = 64;

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; the next waits until one ends.
    pub connections: usize,
    /// How long a connection may be without a whole head of a request.
    pub idle: Duration,
    /// How long the body of a request may take to arrive.
    pub body: Duration,
    /// How long a connection may be open.
    pub life: Duration,
    /// How long requests under way may take when the witness is to end.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 256, idle: seconds(5), body: seconds(10), life: seconds(120), stop: seconds(5) }
    }
}

/// A witness that can be reached, and is not asked yet.
pub struct Server {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Listens. Called inside a tokio runtime.
    pub async fn bind(address: &str) -> Result<Self, Error> {
        let fail =
            |error: std::io::Error| Error::Listen { address: address.to_owned(), why: error.to_string() };
        let listener = TcpListener::bind(address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address })
    }

    /// Answers until `stop` ends, then lets requests under way come to theirs.
    pub async fn serve(
        self,
        witness: Arc<Witness>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        stop: impl Future<Output = ()>,
    ) {
        let slots = Arc::new(Semaphore::new(limits.connections));
        let (stopping, _) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! { biased;
                () = &mut stop => break,
                accepted = accept(&slots, &self.listener, &*clock) => accepted,
            };
            while connections.try_join_next().is_some() {}
            let Some((slot, stream)) = accepted else { continue };
            let talk = Talk { witness: Arc::clone(&witness), limits, clock: Arc::clone(&clock) };
            let stopping = stopping.subscribe();
            connections.spawn(async move {
                talk.through(stream, stopping).await;
                drop(slot);
            });
        }
        drop(self.listener);
        stopping.send_replace(true);
        let late = clock.sleep(limits.stop);
        tokio::select! { biased;
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = late => connections.shutdown().await,
        }
    }
}

/// The next connection, when there is room for one.
async fn accept(
    slots: &Arc<Semaphore>,
    listener: &TcpListener,
    clock: &dyn Clock,
) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((slot, stream)),
        // The machine has no more files: it may have some in a moment.
        Err(_) => {
            clock.sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// One connection.
struct Talk {
    witness: Arc<Witness>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Talk {
    async fn through(&self, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
        // Whether a request is being answered: only then may the peer be silent for longer.
        let (busy, idle) = watch::channel(false);
        let service = service_fn(|request| {
            let busy = &busy;
            async move {
                busy.send_replace(true);
                let answer = self.answer(request).await;
                busy.send_replace(false);
                Ok::<_, Infallible>(answer)
            }
        });
        let mut server = http1::Builder::new();
        server.max_headers(HEADERS).max_header_size(HEAD).max_buf_size(2 * HEAD).half_close(true);
        let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
        let mut over = pin!(self.over(idle));
        let mut open = true;
        loop {
            tokio::select! { biased;
                _ = connection.as_mut() => return,
                () = over.as_mut() => return,
                _ = stopping.wait_for(|stopping| *stopping), if open => {
                    open = false;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// Ends when the connection has been silent, or open, for too long.
    async fn over(&self, mut busy: watch::Receiver<bool>) {
        let life = self.clock.sleep(self.limits.life);
        let silent = async {
            loop {
                let _ = busy.wait_for(|busy| !busy).await;
                let late = self.clock.sleep(self.limits.idle);
                tokio::select! { biased;
                    _ = busy.wait_for(|busy| *busy) => {}
                    () = late => return,
                }
            }
        };
        tokio::select! { () = life => {}, () = silent => {} }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/add-checkpoint" {
            return respond(Answer::text(404, "a witness answers `POST /add-checkpoint`"), Then::GoOn);
        }
        if request.method() != Method::POST {
            let mut refusal =
                respond(Answer::text(405, "a witness answers `POST /add-checkpoint`"), Then::GoOn);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return refusal;
        }
        let body = match self.body(request.into_body()).await {
            Ok(body) => body,
            Err(refusal) => return respond(refusal, Then::Close),
        };
        let witness = Arc::clone(&self.witness);
        // It waits for the disk.
        let decided = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
        let answer = decided.unwrap_or_else(|_| Answer::text(500, "this is a defect of the witness"));
        respond(answer, Then::GoOn)
    }

    async fn body(&self, body: Incoming) -> Result<Bytes, Answer> {
        let long = || Answer::text(413, &format!("a request has at most {MAX_BYTES} bytes"));
        if body.size_hint().lower() > MAX_BYTES as u64 {
            return Err(long());
        }
        let late = self.clock.sleep(self.limits.body);
        tokio::select! { biased;
            read = Limited::new(body, MAX_BYTES).collect() => match read {
                Ok(read) => Ok(read.to_bytes()),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(long()),
                Err(_) => Err(Answer::text(400, "the request ended before its body")),
            },
            () = late => Err(Answer::text(408, "the request took too long to arrive")),
        }
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
}

fn respond(answer: Answer, then: Then) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if then == Then::Close {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests;
