//! The way there: encrypted, and to the right server, or not at all.

use crate::server::Server;
use crate::*;
use comity_store::Error;
use std::path::Path;

/// A certificate authority of our own, and a certificate that it gave to `localhost`.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Self { folder };
        let (authority, key) = (authority("ours"), rcgen::KeyPair::generate().unwrap());
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "server");
        let certificate = params.signed_by(&key, &authority.1).unwrap();
        std::fs::write(certificates.path("ca.pem"), authority.0).unwrap();
        std::fs::write(certificates.path("server.pem"), certificate.pem()).unwrap();
        std::fs::write(certificates.path("server.key"), key.serialize_pem()).unwrap();
        std::fs::write(certificates.path("other.pem"), self::authority("other").0).unwrap();
        server::give(&certificates.path("server.key"));
        server::give(certificates.folder.path());
        certificates
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn authority(name: &str) -> (String, rcgen::Issuer<'static, rcgen::KeyPair>) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, rcgen::Issuer::new(params, key))
}

fn reach(url: &str, host: &str, mode: &str, roots: &Path) -> Result<(), Error> {
    let roots = roots.display().to_string().replace('/', "%2F");
    let url = format!("{}?sslmode={mode}&sslrootcert={roots}", url.replace("127.0.0.1", host));
    let store = open(&url);
    let answer = wait(store.queue(opening(run_id(mode.len() as u64))));
    match answer {
        Ok(_) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_server_has_to_prove_who_it_is() {
    let certificates = Certificates::new();
    let setting = |name: &str, file: &str| format!("{name}={}", certificates.path(file).display());
    let settings =
        ["ssl=on".to_owned(), setting("ssl_cert_file", "server.pem"), setting("ssl_key_file", "server.key")];
    let server = Server::start(&settings.each_ref().map(String::as_str));
    server.create("ledger");
    let url = server.url("ledger");
    let (ours, other) = (certificates.path("ca.pem"), certificates.path("other.pem"));
    reach(&url, "localhost", "verify-full", &ours).unwrap();
    reach(&url, "localhost", "require", &ours).unwrap();
    for (host, roots, says) in
        [("localhost", &other, "UnknownIssuer"), ("127.0.0.1", &ours, "not valid for name")]
    {
        for mode in ["verify-full", "verify-ca", "require"] {
            let refused = reach(&url, host, mode, roots).unwrap_err();
            assert!(
                matches!(&refused, Error::Unreachable { why, .. } if why.contains(says)),
                "{mode}: {refused}"
            );
        }
    }
    let missing = reach(&url, "localhost", "verify-full", &certificates.path("none.pem")).unwrap_err();
    assert!(missing.to_string().contains("sslrootcert"), "{missing}");

    // What is written and read over it is encrypted.
    let store = open(&format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        url.replace("127.0.0.1", "localhost"),
        ours.display().to_string().replace('/', "%2F")
    ));
    wait(async {
        must(&store, opening(run_id(99))).await;
        assert_eq!(chain(&store, run_id(99)).await.len(), 0);
    });
    let open_ways = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'comity' AND NOT s.ssl";
    assert_eq!(server::psql(&url, open_ways), "0");
    let ways = "SELECT count(*) > 1 FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'comity' AND s.ssl";
    assert_eq!(server::psql(&url, ways), "t");
}

#[test]
fn a_server_that_cannot_encrypt_is_not_spoken_to() {
    let url = database("no_tls");
    let refused = wait(open(&format!("{url}?sslmode=verify-full")).run(&tenant(), run_id(0))).unwrap_err();
    assert!(matches!(&refused, Error::Unreachable { why, .. } if why.contains("TLS")), "{refused}");
}
