//! Data Integrity proofs over JSON: the cryptosuite `eddsa-jcs-2022`.
//!
//! Source: W3C Data Integrity EdDSA Cryptosuites v1.0, section 3.3. What is signed is
//! `SHA-256(JCS(proof without proofValue)) ‖ SHA-256(JCS(document without proof))`, where JCS is RFC 8785, and the proof
//! carries the document's `@context`.

use crate::did::{Did, PublicKey, from_base58, to_base58};
use crate::error::Error;
use crate::key::SecretKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The name of the cryptosuite.
const SUITE: &str = "eddsa-jcs-2022";

/// Signs a document as its issuer: adds `proof`.
///
/// `created` is an RFC 3339 text. Errors if the document is no JSON object, or has a proof already.
pub fn sign(document: Value, by: &Did, key: &SecretKey, created: &str) -> Result<Value, Error> {
    let Value::Object(mut document) = document else {
        return Err(Error::BadProof("only an object can be signed".to_owned()));
    };
    if document.contains_key("proof") {
        return Err(Error::BadProof("it is signed already".to_owned()));
    }
    let mut options = Map::new();
    if let Some(context) = document.get("@context") {
        options.insert("@context".to_owned(), context.clone());
    }
    for (name, value) in [
        ("type", "DataIntegrityProof"),
        ("cryptosuite", SUITE),
        ("created", created),
        ("verificationMethod", &by.key_id()),
        ("proofPurpose", "assertionMethod"),
    ] {
        options.insert(name.to_owned(), value.into());
    }
    let signature = key.sign(&hashes(&options, &document)?);
    options.insert("proofValue".to_owned(), to_base58(&signature).into());
    document.insert("proof".to_owned(), Value::Object(options));
    Ok(Value::Object(document))
}

/// Checks that a document is signed by `signer` with `key`, for the purpose of asserting what it says.
pub fn verify(document: &Value, signer: &Did, key: &PublicKey) -> Result<(), Error> {
    let bad = |why: &str| Error::BadProof(why.to_owned());
    let mut document = document.as_object().cloned().ok_or_else(|| bad("it is no object"))?;
    let Some(Value::Object(mut options)) = document.remove("proof") else {
        return Err(bad("there has to be exactly one proof"));
    };
    let value = options.remove("proofValue");
    let is = |name: &str, wanted: &str| options.get(name).and_then(Value::as_str) == Some(wanted);
    if !is("type", "DataIntegrityProof") || !is("cryptosuite", SUITE) {
        return Err(bad("it is not a DataIntegrityProof of eddsa-jcs-2022"));
    }
    if !is("proofPurpose", "assertionMethod") {
        return Err(bad("its purpose is not assertionMethod"));
    }
    if !is("verificationMethod", &signer.key_id()) {
        return Err(bad("its verificationMethod is not the signer's"));
    }
    if options.get("@context") != document.get("@context") {
        return Err(bad("its @context is not the document's"));
    }
    let signature = value.as_ref().and_then(Value::as_str).and_then(from_base58);
    let signature = signature.and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let signature = signature.ok_or_else(|| bad("its proofValue is no signature in base58btc"))?;
    if key.verifies(&hashes(&options, &document)?, &signature) {
        Ok(())
    } else {
        Err(Error::BadSignature { signer: signer.to_string() })
    }
}

fn hashes(options: &Map<String, Value>, document: &Map<String, Value>) -> Result<Vec<u8>, Error> {
    let hash = |value| {
        let canonical = serde_json_canonicalizer::to_vec(value);
        canonical.map(Sha256::digest).map_err(|error| Error::BadProof(error.to_string()))
    };
    Ok([hash(options)?, hash(document)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn signed() -> (Value, SecretKey) {
        let key = SecretKey::from_seed(&[7; 32]);
        let document = json!({"@context": ["https://www.w3.org/ns/credentials/v2"], "a": 1, "b": "ü"});
        (sign(document, &key.did(), &key, "2026-12-01T00:00:00Z").unwrap(), key)
    }

    #[test]
    fn what_was_signed_verifies_in_any_order_of_keys() {
        let (document, key) = signed();
        verify(&document, &key.did(), &key.public()).unwrap();
        let mut turned = Map::new();
        for (name, value) in document.as_object().unwrap().iter().rev() {
            turned.insert(name.clone(), value.clone());
        }
        verify(&Value::Object(turned), &key.did(), &key.public()).unwrap();
    }

    #[test]
    fn every_field_of_document_and_proof_is_signed() {
        let (document, key) = signed();
        for pointer in [
            "/a",
            "/b",
            "/@context/0",
            "/proof/created",
            "/proof/cryptosuite",
            "/proof/type",
            "/proof/proofPurpose",
        ] {
            let mut changed = document.clone();
            *changed.pointer_mut(pointer).unwrap() = json!("other");
            assert!(verify(&changed, &key.did(), &key.public()).is_err(), "{pointer}");
        }
        let mut more = document.clone();
        more["proof"]["nonce"] = json!("x");
        assert!(verify(&more, &key.did(), &key.public()).is_err());
        let mut two = document.clone();
        two["proof"] = json!([document["proof"], document["proof"]]);
        assert!(verify(&two, &key.did(), &key.public()).is_err());
    }

    #[test]
    fn another_s_signature_is_not_the_signer_s() {
        let (document, key) = signed();
        let other = SecretKey::from_seed(&[8; 32]);
        assert!(verify(&document, &other.did(), &other.public()).is_err());
        assert_eq!(
            verify(&document, &key.did(), &other.public()),
            Err(Error::BadSignature { signer: key.did().to_string() })
        );
    }
}
