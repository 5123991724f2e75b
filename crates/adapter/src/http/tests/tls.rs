//! Services behind certificates.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::LazyLock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

static AUTHORITY: LazyLock<(CertificateDer<'static>, Issuer<'static, KeyPair>)> = LazyLock::new(|| {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    (certificate, Issuer::new(params, key))
});

/// Believes the authority of these tests alone.
pub(super) fn own_trust() -> Result<Arc<rustls::ClientConfig>, String> {
    connection::trusting(vec![AUTHORITY.0.clone()])
}

fn no_trust() -> Result<Arc<rustls::ClientConfig>, String> {
    connection::trusting(Vec::new())
}

/// A server with a certificate for `name`, that answers once; its task tells what it saw.
async fn serve(name: &str) -> (u16, JoinHandle<String>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &AUTHORITY.1).unwrap().der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
            return "no handshake".to_owned();
        };
        let mut start = vec![0; 4096];
        let length = stream.read(&mut start).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n7").await.unwrap();
        String::from_utf8_lossy(&start[..length]).into_owned()
    });
    (port, task)
}

async fn ask(name: &str, trust: Trust) -> (String, String) {
    let (port, task) = serve(name).await;
    let mut asked = asked(json!({"url": format!("https://localhost:{port}/x")}));
    asked.trust = trust;
    let result = told(asked.run().await).replace(&port.to_string(), "P");
    (result, task.await.unwrap())
}

#[tokio::test]
async fn calls_a_service_whose_certificate_is_believed() {
    let (result, seen) = ask("localhost", own_trust).await;
    assert_eq!(result, "ok: 7");
    assert!(seen.starts_with("POST /x HTTP/1.1\r\n"), "{seen}");
}

#[tokio::test]
async fn sends_nothing_to_a_service_whose_certificate_is_not_believed() {
    for (name, trust, why) in [
        ("localhost", connection::of_this_machine as Trust, ": invalid peer certificate: UnknownIssuer"),
        ("elsewhere", own_trust as Trust, ": invalid peer certificate: certificate not valid for name"),
        ("localhost", no_trust as Trust, ": this machine has no certificates to believe"),
    ] {
        let (result, seen) = ask(name, trust).await;
        let start = format!("failed: cannot reach `POST https://localhost:P/x`{why}");
        assert!(result.starts_with(&start), "{result}");
        assert_eq!(seen, "no handshake");
    }
}
