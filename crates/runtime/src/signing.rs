//! Statements about runs, signed by the key that signs the log's checkpoints, and checked against its public half.

use crate::error::Error;
use crate::runtime::Runtime;
use comity_api::attestation::{AttestationReport, RUN_PREDICATE, STATEMENT_TYPE, Statement};
use comity_core::RunId;
use comity_ledger::dsse::{Envelope, IN_TOTO};
use comity_ledger::log::note::{SecretKey, Verifier};
use serde::Serialize;

/// What no signature can show.
const NOT_SHOWN: &str = "a signature shows who says it, and that nobody changed it since; that it is so takes the \
ledger it was read from, or a proof of its entries";

/// A run's attestation, ready to be handed on.
#[derive(Clone, Debug)]
pub struct Attested {
    /// The signed statement: a DSSE envelope, JSON on one line.
    pub envelope: Vec<u8>,
    /// The bill of materials: CycloneDX, JSON.
    pub sbom: Vec<u8>,
    /// What others check the statement by.
    pub key: Verifier,
}

impl Runtime {
    /// Says what there is to say of a run, and signs it.
    ///
    /// Errors if the run's chain is not as it was written, or there is no key to sign with.
    pub async fn attest(&self, run: RunId) -> Result<Attested, Error> {
        let attestation = self.attestation(run).await?;
        let key = self.signing_key().await?;
        let statement = json(&attestation.statement)?;
        let envelope = Envelope::sign(IN_TOTO, &statement, &key).map_err(|error| unsigned(&error))?;
        let sbom = json(&attestation.bom)?;
        Ok(Attested { envelope: envelope.to_bytes(), sbom, key: key.verifier().clone() })
    }

    /// What statements signed here are checked by.
    pub async fn public_key(&self) -> Result<Verifier, Error> {
        Ok(self.signing_key().await?.verifier().clone())
    }

    async fn signing_key(&self) -> Result<SecretKey, Error> {
        self.log_signer().await.map_err(|error| unsigned(&error))
    }
}

fn unsigned(error: &dyn std::fmt::Display) -> Error {
    Error::Unsigned(error.to_string())
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| unsigned(&error))
}

/// Checks a signed statement about a run against a public key. Needs no database.
pub fn check_attestation(envelope: &[u8], key: &Verifier) -> AttestationReport {
    let (name, id) = (key.name(), u32::from_be_bytes(key.key_id()));
    let blank = AttestationReport {
        key: format!("{name}+{id:08x}"),
        not_shown: NOT_SHOWN.to_owned(),
        ..AttestationReport::default()
    };
    let statement = match opened(envelope, key) {
        Ok(statement) => statement,
        Err(fault) => return AttestationReport { fault: Some(fault), ..blank },
    };
    let subjects = statement.subject.into_iter();
    AttestationReport {
        valid: true,
        run: Some(statement.predicate.invocation.run),
        status: Some(statement.predicate.result.status),
        subjects: subjects.filter_map(|part| Some((part.name, part.digest.get("sha256")?.clone()))).collect(),
        ..blank
    }
}

fn opened(envelope: &[u8], key: &Verifier) -> Result<Statement, String> {
    let envelope = Envelope::read(envelope).map_err(|error| error.to_string())?;
    let payload = envelope.open(IN_TOTO, key).map_err(|error| error.to_string())?;
    let statement: Statement = serde_json::from_slice(&payload)
        .map_err(|error| format!("what is signed is no statement about a run: {error}"))?;
    let kinds = (statement.kind.as_str(), statement.predicate_type.as_str());
    if kinds != (STATEMENT_TYPE, RUN_PREDICATE) {
        return Err(format!("what is signed is a `{}` of type `{}`", kinds.1, kinds.0));
    }
    Ok(statement)
}
