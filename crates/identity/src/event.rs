//! That an identity is revoked, told to others: a Security Event Token in the shape of CAEP.
//!
//! Sources: RFC 8417 (SET), RFC 9493 section 3.2.8 (subjects that are DIDs), OpenID CAEP 1.0 section 3.1 (session
//! revoked), RFC 8037 (EdDSA in JWS).

use crate::did::{Did, PublicKey};
use crate::error::Error;
use crate::key::SecretKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_core::{Entropy, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The event that a session is revoked.
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// The longest token that is read, in bytes.
const LONGEST: usize = 16 * 1024;

/// Who set a revocation off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initiator {
    /// An operator.
    Admin,
    /// A policy that changed, or a score that was too high.
    Policy,
    /// The system itself.
    System,
}

/// That an identity was revoked, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose identity.
    pub subject: Did,
    /// When, to the second.
    pub at: Timestamp,
    /// Who set it off.
    pub by: Initiator,
    /// Why, in words for whoever administers the receiver.
    pub reason: String,
}

/// A signed token: three parts in base64url with dots between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventToken(String);

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    jti: String,
    iat: u64,
    aud: String,
    sub_id: Subject,
    events: std::collections::BTreeMap<String, Event>,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    format: String,
    url: String,
}

#[derive(Serialize, Deserialize)]
struct Event {
    event_timestamp: u64,
    initiating_entity: Initiator,
    reason_admin: Reason,
}

#[derive(Serialize, Deserialize)]
struct Reason {
    en: String,
}

impl EventToken {
    /// Signs the event for one receiver.
    pub fn issue(
        revocation: &Revocation,
        audience: &str,
        issuer: &Did,
        key: &SecretKey,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let at = revocation.at.millis() / 1000;
        let event = Event {
            event_timestamp: at,
            initiating_entity: revocation.by,
            reason_admin: Reason { en: revocation.reason.clone() },
        };
        let claims = Claims {
            iss: issuer.to_string(),
            jti: URL_SAFE_NO_PAD.encode(id),
            iat: at,
            aud: audience.to_owned(),
            sub_id: Subject { format: "did".to_owned(), url: revocation.subject.to_string() },
            events: [(SESSION_REVOKED.to_owned(), event)].into(),
        };
        let head = json!({"alg": "EdDSA", "kid": issuer.key_id(), "typ": "secevent+jwt"});
        let signed = format!("{}.{}", part(&head)?, part(&claims)?);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        Ok(Self(format!("{signed}.{signature}")))
    }

    /// The token as it is sent, with the media type `application/secevent+jwt`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads and checks a token of `issuer` that was meant for `audience`.
    pub fn accept(text: &str, audience: &str, issuer: &Did, key: &PublicKey) -> Result<Revocation, Error> {
        if text.len() > LONGEST {
            return Err(Error::TooLarge { size: text.len(), most: LONGEST });
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| bad("it has no signature"))?;
        let (head, claims) = signed.split_once('.').ok_or_else(|| bad("it has no claims"))?;
        let head: Value = read(head)?;
        let is = |name: &str, wanted: &str| head.get(name).and_then(Value::as_str) == Some(wanted);
        if !is("alg", "EdDSA") || !is("typ", "secevent+jwt") || head.get("crit").is_some() {
            return Err(bad("its head is not that of a Security Event Token with EdDSA"));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(bad)?;
        let signature =
            <[u8; 64]>::try_from(signature).map_err(|_| bad("its signature is too short or too long"))?;
        if !key.verifies(signed.as_bytes(), &signature) {
            return Err(Error::BadSignature { signer: issuer.to_string() });
        }
        let claims: Claims = read(claims)?;
        if claims.iss != issuer.as_str() || claims.aud != audience {
            return Err(bad("it is another issuer's, or meant for somebody else"));
        }
        let event = claims.events.get(SESSION_REVOKED).ok_or_else(|| bad("it tells another event"))?;
        Ok(Revocation {
            subject: claims.sub_id.url.parse()?,
            at: Timestamp::from_millis(event.event_timestamp.saturating_mul(1000)),
            by: event.initiating_entity,
            reason: event.reason_admin.en.clone(),
        })
    }
}

fn part(value: &impl Serialize) -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).map_err(bad)?))
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Error> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).map_err(bad)?).map_err(bad)
}

fn bad(why: impl ToString) -> Error {
    Error::BadProof(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeroes;

    impl Entropy for Zeroes {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    fn told() -> (Revocation, SecretKey, String) {
        let key = SecretKey::from_seed(&[1; 32]);
        let revocation = Revocation {
            subject: SecretKey::from_seed(&[2; 32]).did(),
            at: Timestamp::from_millis(1_796_000_000_000),
            by: Initiator::Admin,
            reason: "left the company".to_owned(),
        };
        let token = EventToken::issue(&revocation, "https://soc.example", &key.did(), &key, &Zeroes).unwrap();
        (revocation, key, token.as_str().to_owned())
    }

    #[test]
    fn is_read_back_by_whom_it_was_meant_for() {
        let (revocation, key, text) = told();
        let accepted = EventToken::accept(&text, "https://soc.example", &key.did(), &key.public());
        assert_eq!(accepted, Ok(revocation));
        assert!(EventToken::accept(&text, "https://other.example", &key.did(), &key.public()).is_err());
        let other = SecretKey::from_seed(&[3; 32]);
        assert!(EventToken::accept(&text, "https://soc.example", &other.did(), &key.public()).is_err());
        assert!(EventToken::accept(&text, "https://soc.example", &key.did(), &other.public()).is_err());
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        let (_, key, text) = told();
        let claims = text.split('.').nth(1).unwrap();
        for head in [json!({"alg": "none", "typ": "secevent+jwt"}), json!({"alg": "EdDSA", "typ": "JWT"})] {
            let signed = format!("{}.{claims}", part(&head).unwrap());
            let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
            let text = format!("{signed}.{signature}");
            let accepted = EventToken::accept(&text, "https://soc.example", &key.did(), &key.public());
            assert!(matches!(accepted, Err(Error::BadProof(_))), "{head}");
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let (_, key, text) = told();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let accepted = EventToken::accept(&changed, "https://soc.example", &key.did(), &key.public());
            assert!(accepted.is_err(), "{at}");
        }
    }
}
