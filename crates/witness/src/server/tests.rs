//! A raw client against the service on this machine.

#![expect(clippy::disallowed_methods, reason = "a test's own connections and patience")]

use super::*;
use crate::request::Request as Asking;
use crate::tests::{Grown, Heard, Standing, open};
use comity_ledger::log::note::{Signature, Verifier};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Service {
    address: SocketAddr,
    key: Verifier,
    heard: Heard,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

const QUICK: Limits = Limits {
    connections: 8,
    idle: Duration::from_millis(300),
    body: Duration::from_millis(300),
    life: Duration::from_secs(2),
    stop: Duration::from_millis(500),
};

async fn serve(trust: &[&Grown], limits: Limits) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let trust: Vec<_> = trust.iter().map(|log| log.verifier().clone()).collect();
    let (witness, heard) = open(folder.path(), &trust).unwrap();
    let key = witness.verifier().clone();
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.address;
    let (stop, stopped) = oneshot::channel();
    let until = async { drop(stopped.await) };
    let serving = server.serve(Arc::new(witness), limits, Arc::new(Standing), until);
    Service { address, key, heard, stop, task: tokio::spawn(serving), _folder: folder }
}

impl Service {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and reads until the other end closes it.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn post(&self, body: &[u8]) -> (u16, String) {
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.raw(&[head.as_bytes(), body].concat()).await;
        (status(&answer), answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn asking(log: &Grown, old: u64, new: u64) -> Vec<u8> {
    let proof = if old == 0 { Vec::new() } else { log.proof(old, new) };
    Asking::body(old, &proof, &log.note(new).to_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_the_protocol_says() {
    let (log, stranger) = (Grown::new("log").grown(9, "a"), Grown::new("stranger").grown(1, "a"));
    let service = serve(&[&log], QUICK).await;
    let (status, body) = service.post(&asking(&log, 0, 5)).await;
    assert_eq!(status, 200);
    let mut note = log.note(5);
    note.add(Signature::parse_lines(&body).unwrap().remove(0)).unwrap();
    assert!(note.verify(std::slice::from_ref(&service.key)).is_ok());
    assert_eq!(service.post(&asking(&log, 3, 9)).await, (409, "5\n".to_owned()));
    assert_eq!(service.post(&asking(&stranger, 0, 1)).await.0, 404);
    assert_eq!(service.post(b"what?").await.0, 400);
    assert_eq!(service.post(&asking(&Grown::new("log").grown(9, "b"), 5, 9)).await.0, 422);
    let conflict = asking(&log, 0, 9);
    let head = format!("POST /add-checkpoint HTTP/1.0\r\ncontent-length: {}\r\n\r\n", conflict.len());
    let answer = service.raw(&[head.as_bytes(), &conflict].concat()).await;
    assert!(answer.contains("content-type: text/x.tlog.size\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_odd_requests() {
    let log = Grown::new("log").grown(3, "a");
    let service = serve(&[&log], QUICK).await;
    let many = "x: y\r\n".repeat(100);
    let long = format!("x: {}\r\n", "y".repeat(20_000));
    for (request, expected) in [
        ("GET /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n".to_owned(), 405),
        ("POST / HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(), 404),
        ("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 65537\r\n\r\n".to_owned(), 413),
        ("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: -1\r\n\r\n".to_owned(), 400),
        (
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            400,
        ),
        (format!("POST /add-checkpoint HTTP/1.1\r\n{many}\r\n"), 431),
        (format!("POST /add-checkpoint HTTP/1.1\r\n{long}\r\n"), 431),
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("\0\0\0\0\0\0\0\0\r\n\r\n".to_owned(), 400),
    ] {
        let answer = service.raw(request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{request:.80} {answer}");
    }
    // A body in pieces that never says how long it is.
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    let chunks = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(4)
    );
    let answer = service.raw(chunks.as_bytes()).await;
    assert!([0, 413].contains(&status(&answer)), "{answer}");
    assert_eq!(service.post(&asking(&log, 0, 3)).await.0, 200, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests() {
    let log = Grown::new("log").grown(5, "a");
    let service = serve(&[&log], QUICK).await;
    let mut stream = service.connect().await;
    for size in 1..=5 {
        let body = asking(&log, size - 1, size);
        let head =
            format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), 200);
    }
}

/// Each of 64 submitters wants the log cosigned at sizes of its own; whoever comes late is told where to begin.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_each_is_answered_and_nothing_goes_back() {
    let log = Grown::new("log").grown(200, "a");
    let service = Arc::new(serve(&[&log], Limits { connections: 16, ..QUICK }).await);
    let mut submitters = JoinSet::new();
    for number in 0..64u64 {
        let (service, log) = (Arc::clone(&service), log.clone());
        submitters.spawn(async move {
            let want = 137 + number;
            let mut old = 0;
            for _ in 0..1_000 {
                let (status, body) = service.post(&asking(&log, old, want)).await;
                match status {
                    200 => return true,
                    409 => old = body.trim().parse().unwrap(),
                    other => panic!("{other} {body}"),
                }
                if old > want {
                    return false;
                }
            }
            panic!("never answered");
        });
    }
    let mut cosigned = 0;
    while let Some(done) = submitters.join_next().await {
        cosigned += usize::from(done.unwrap());
    }
    let sizes: Vec<u64> = service.heard.lock().unwrap().iter().map(said_size).collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert_eq!((sizes.len(), sizes.last()), (cosigned, Some(&200)));
}

fn said_size(said: &crate::Said) -> u64 {
    match said {
        crate::Said::Cosigned { size, .. } => *size,
        other => panic!("{other:?}"),
    }
}

/// Connections that send a byte now and then hold their places for the time a connection has, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_do_not_keep_others_out() {
    let log = Grown::new("log").grown(3, "a");
    let service = serve(&[&log], QUICK).await;
    let mut slow = JoinSet::new();
    for number in 0..16 {
        let mut stream = service.connect().await;
        let head: &[u8] = match number % 4 {
            0 => b"",
            1 => b"POST /add-",
            2 => b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold",
            _ => b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nx: ",
        };
        stream.write_all(head).await.unwrap();
        slow.spawn(async move {
            let mut answer = [0; 1];
            loop {
                tokio::select! {
                    read = stream.read(&mut answer) => if !matches!(read, Ok(1..)) { return },
                    () = tokio::time::sleep(Duration::from_millis(50)) => {
                        if stream.write_all(b"a").await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
    }
    let start = Instant::now();
    assert_eq!(service.post(&asking(&log, 0, 3)).await.0, 200);
    // Two rounds of eight places, each of them held for one deadline.
    assert!(start.elapsed() < Duration::from_millis(1_800), "{:?}", start.elapsed());
    while slow.join_next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_given_up() {
    let log = Grown::new("log").grown(3, "a");
    let service = serve(&[&log], QUICK).await;
    let head = b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold";
    assert_eq!(status(&service.raw(head).await), 408);
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_in_order() {
    let log = Grown::new("log").grown(3, "a");
    let service = serve(&[&log], QUICK).await;
    let body = asking(&log, 0, 3);
    let mut waiting = service.connect().await;
    let mut asked = service.connect().await;
    let head = format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {}\r\n\r\n", body.len());
    asked.write_all(head.as_bytes()).await.unwrap();
    // The head has been read when another connection after it was answered.
    assert_eq!(service.post(b"what?").await.0, 400);
    service.stop.send(()).unwrap();
    asked.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    asked.read_to_end(&mut answer).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&answer)), 200, "a request under way is answered");
    assert_eq!(waiting.read(&mut [0; 1]).await.unwrap(), 0);
    service.task.await.unwrap();
    assert!(TcpStream::connect(service.address).await.is_err());
}
