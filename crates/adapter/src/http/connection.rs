//! One connection, for one request: looked up, checked, opened, used and closed.
//!
//! A name is looked up once and the connection is made to the address that was checked, so that a name
//! which changes its mind in between reaches nothing.
#![expect(clippy::disallowed_methods, reason = "an effect module: it is here that sockets are opened")]

use super::{
    address,
    target::{Scheme, Target},
};
use comity_core::Clock;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How many addresses of one name are tried.
const TRIED: usize = 4;

/// Whose certificates are believed: read when a connection needs it.
pub(super) type Trust = fn() -> Result<Arc<rustls::ClientConfig>, String>;

/// Which addresses may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Public,
    Everywhere,
}

/// How a connection is made.
#[derive(Clone, Copy)]
pub(super) struct Dialer<'a> {
    pub(super) reach: Reach,
    pub(super) trust: Trust,
    pub(super) clock: &'a dyn Clock,
    /// How long may be waited for it, over all addresses.
    pub(super) time: Duration,
}

/// A connection that nothing was sent on yet.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
}

/// What can be read from and written to.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why there is no connection, as the end of a sentence.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// Its address may not be called.
    Refused(String),
    /// It could not be made.
    Unreachable(String),
}

impl Dialer<'_> {
    /// Opens a connection to a target, if its address may be called.
    pub(super) async fn open(self, target: &Target) -> Result<Connection, NotOpened> {
        let addresses = resolve(target).await?;
        if let Some(address) = addresses.iter().find(|address| !self.may_call(address.ip())) {
            return Err(NotOpened::Refused(refusal(address.ip())));
        }
        let stream = self.connect(&addresses).await?;
        let stream: Box<dyn Stream> = match target.scheme {
            Scheme::Http => Box::new(stream),
            Scheme::Https => Box::new(self.secure(target, stream).await?),
        };
        Ok(Connection { stream })
    }

    fn may_call(self, address: IpAddr) -> bool {
        self.reach == Reach::Everywhere || address::is_public(address)
    }

    /// Tries one address after the other, each for its share of the time.
    async fn connect(self, addresses: &[SocketAddr]) -> Result<TcpStream, NotOpened> {
        let tried = u32::try_from(addresses.len().clamp(1, TRIED)).unwrap_or(1);
        let share = self.time.checked_div(tried).unwrap_or_default();
        let mut last = "its name has no address".to_owned();
        for address in addresses.iter().take(TRIED) {
            let late = self.clock.sleep(share);
            let connected = tokio::select! { biased;
                connected = TcpStream::connect(address) => connected,
                () = late => Err(io::ErrorKind::TimedOut.into()),
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err(NotOpened::Unreachable(last))
    }

    async fn secure(self, target: &Target, stream: TcpStream) -> Result<TlsStream<TcpStream>, NotOpened> {
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| NotOpened::Unreachable("its host can have no certificate".to_owned()))?;
        let trust = (self.trust)().map_err(NotOpened::Unreachable)?;
        let connected = TlsConnector::from(trust).connect(name, stream).await;
        connected.map_err(|error| NotOpened::Unreachable(error.to_string()))
    }
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, NotOpened> {
    if let Some(address) = target.address() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    match lookup_host((target.host.as_str(), target.port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(NotOpened::Unreachable(error.to_string())),
    }
}

fn refusal(address: IpAddr) -> String {
    format!("`{address}` is not an address of the public internet (`allow_private: true` allows it)")
}

impl Connection {
    /// Sends a request, hands the answer to `read`, and closes the connection when that is done.
    ///
    /// `None` if the connection broke before there was an answer.
    pub(super) async fn exchange<T, F: Future<Output = T>>(
        self,
        request: Request<Full<Bytes>>,
        read: impl FnOnce(Response<Incoming>) -> F,
    ) -> Result<T, hyper::Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.stream)).await?;
        let mut exchange = pin!(async { Ok(read(sender.send_request(request).await?).await) });
        let mut connection = pin!(connection);
        let mut open = true;
        // The connection moves only while it is polled here: it ends with the exchange, and with us.
        loop {
            tokio::select! { biased;
                result = &mut exchange => return result,
                _ = &mut connection, if open => open = false,
            }
        }
    }
}

/// The certificates this machine believes, read once for as long as the process lives.
pub(super) fn of_this_machine() -> Result<Arc<rustls::ClientConfig>, String> {
    static TRUST: OnceLock<Result<Arc<rustls::ClientConfig>, String>> = OnceLock::new();
    TRUST.get_or_init(|| trusting(rustls_native_certs::load_native_certs().certs)).clone()
}

/// Believes these certificates and whom they vouch for, and remembers nothing between connections.
pub(super) fn trusting(
    certificates: Vec<rustls::pki_types::CertificateDer<'static>>,
) -> Result<Arc<rustls::ClientConfig>, String> {
    let mut roots = rustls::RootCertStore::empty();
    let (known, _) = roots.add_parsable_certificates(certificates);
    if known == 0 {
        return Err("this machine has no certificates to believe (`ca-certificates` installs them, \
                    `SSL_CERT_FILE` names them)"
            .to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| error.to_string())?;
    let mut config = versions.with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}
