//! A server on this machine that says exactly what a test wants said, byte by byte.

use super::*;
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Whether time is over: for a clock to wait for, and for a server to say.
#[derive(Clone)]
pub(super) struct TimeIsUp(watch::Sender<bool>);

impl Default for TimeIsUp {
    fn default() -> Self {
        Self(watch::channel(false).0)
    }
}

impl TimeIsUp {
    pub(super) async fn wait(self) {
        let _ = self.0.subscribe().wait_for(|over| *over).await;
        // Whatever was said before is on this machine: it is read when everybody has had a few turns.
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }
}

/// What a server says on one connection.
#[derive(Clone)]
pub(super) struct Reply {
    text: String,
    forever: Option<String>,
    stall: Option<TimeIsUp>,
    reads: bool,
}

impl Reply {
    pub(super) fn raw(text: &str) -> Self {
        Self { text: text.to_owned(), forever: None, stall: None, reads: true }
    }

    pub(super) fn new(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::raw(&format!("HTTP/1.1 {status} Any\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
    }

    pub(super) fn ok(body: &str) -> Self {
        Self::new(200, "", body)
    }

    pub(super) fn json(body: &str) -> Self {
        Self::new(200, "content-type: application/json\r\n", body)
    }

    pub(super) fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, &format!("location: {to}\r\n"), "")
    }

    /// Says `chunk` again and again.
    pub(super) fn then_forever(self, chunk: &str) -> Self {
        Self { forever: Some(chunk.to_owned()), ..self }
    }

    /// Says that time is over, and nothing more.
    pub(super) fn then_stall(self, over: TimeIsUp) -> Self {
        Self { stall: Some(over), ..self }
    }

    /// Does not wait for a request.
    pub(super) fn before_reading(self) -> Self {
        Self { reads: false, ..self }
    }
}

/// A server that gives one reply a connection, in order, and then takes no more.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: watch::Receiver<Vec<String>>,
    connections: Arc<AtomicUsize>,
    left: watch::Receiver<usize>,
    replies: usize,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, replies)
    }

    pub(super) fn serve(listener: TcpListener, replies: Vec<Reply>) -> Self {
        let address = listener.local_addr().unwrap();
        let (saw, seen) = watch::channel(Vec::new());
        let (leave, left) = watch::channel(0);
        let connections = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let (count, number) = (Arc::clone(&connections), replies.len());
        tasks.spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                answer(stream, reply, &saw).await;
                leave.send_modify(|left| *left += 1);
            }
        });
        Self { address, seen, connections, left, replies: number, _tasks: tasks }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, as it came.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) async fn has_seen(&self, number: usize) {
        let mut seen = self.seen.clone();
        seen.wait_for(|seen| seen.len() >= number).await.unwrap();
    }

    /// Whether every connection was closed from the other side, within ten seconds.
    pub(super) async fn was_left(&self) -> bool {
        let mut left = self.left.clone();
        let all = left.wait_for(|left| *left == self.replies);
        tokio::time::timeout(Duration::from_secs(10), all).await.is_ok_and(|all| all.is_ok())
    }
}

/// An address where nobody listens.
pub(super) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

async fn answer(mut stream: TcpStream, reply: Reply, saw: &watch::Sender<Vec<String>>) {
    if reply.reads {
        let request = request(&mut stream).await;
        saw.send_modify(|seen| seen.push(request));
    }
    // A caller that goes away while it is spoken to has heard enough.
    let _ = stream.write_all(reply.text.as_bytes()).await;
    if let Some(chunk) = reply.forever {
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    }
    if let Some(over) = reply.stall {
        over.0.send_replace(true);
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    }
}

/// One request with its body.
async fn request(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        if !matches!(stream.read_buf(&mut all).await, Ok(1..)) {
            return text;
        }
    }
}
