//! A real S3 server, and what may stand in front of one.

use comity_testkit::python;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/archive");

/// A process that serves S3; it is stopped when this goes.
pub struct Server {
    process: Mutex<Child>,
    port: u16,
}

impl Server {
    /// A server with a bucket `books`.
    pub fn start() -> Self {
        let server = Self::with(&[]);
        server.make("books");
        server
    }

    /// A server that knows no keys.
    pub fn strict() -> Self {
        Self::with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "0")])
    }

    fn with(environment: &[(&str, &str)]) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let here = PathBuf::from(HERE);
        let python = python::environment(target, "s3", &here.join("requirements.txt")).unwrap();
        let mut command = Command::new(python);
        command.arg(here.join("server.py")).envs(environment.iter().copied());
        // The server reads its input until this process is gone, however it goes.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process: Mutex::new(process), port: line.trim().parse().unwrap() }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Makes a bucket. The server asks nobody who they are.
    pub fn make(&self, bucket: &str) {
        self.put(&format!("/{bucket}"), b"");
    }

    /// Writes an object, over whatever is there.
    pub fn put(&self, path: &str, body: &[u8]) {
        self.ask("PUT", path, body);
    }

    /// Takes an object away.
    pub fn delete(&self, path: &str) {
        self.ask("DELETE", path, b"");
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20251120/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// What a proxy does to what goes through it.
#[derive(Clone)]
pub enum Deed {
    /// Takes `If-None-Match` away.
    Strip,
    /// Kills the server in the middle of the body of this upload, counted from 1.
    Kill { at: usize },
    /// Breaks every connection from this upload on, counted from 1, in the middle of its body.
    Cut { from: usize },
}

/// Stands in front of a server. One request a connection. Returns its port.
pub fn proxy(server: Arc<Server>, deed: Deed) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let uploads = Arc::new(AtomicUsize::new(0));
    // It ends with the process of the test.
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, deed, uploads) = (Arc::clone(&server), deed.clone(), Arc::clone(&uploads));
            std::thread::spawn(move || drop(pass(client, &server, &deed, &uploads)));
        }
    });
    port
}

fn pass(client: TcpStream, server: &Server, deed: &Deed, uploads: &AtomicUsize) -> std::io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0usize);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        let stripped = matches!(deed, Deed::Strip) && lower.starts_with("if-none-match:");
        match line.as_str() {
            "\r\n" => break,
            _ if stripped || lower.starts_with("connection:") => {}
            line => head.push_str(line),
        }
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let mut to = TcpStream::connect(("127.0.0.1", server.port()))?;
    to.write_all(head.as_bytes())?;
    let upload = if head.starts_with("PUT") { uploads.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
    let broken = match deed {
        Deed::Strip => false,
        Deed::Kill { at } => upload == *at,
        Deed::Cut { from } => upload >= *from,
    };
    if broken {
        to.write_all(&body[..length / 2])?;
        if matches!(deed, Deed::Kill { .. }) {
            server.kill();
        }
        return client.shutdown(Shutdown::Both);
    }
    to.write_all(&body)?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer)?;
    let mut client = client;
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}
