//! Capabilities as Verifiable Credentials, and the chain that a right was passed along.
//!
//! Source: W3C Verifiable Credentials Data Model 2.0, secured with [`crate::proof`]. A chain begins with somebody who is
//! trusted and ends with whoever acts; each link's issuer is the subject of the link before, and passes on no more than
//! it was given to pass on.

use crate::capability::Capability;
use crate::did::{Did, PublicKey};
use crate::error::Error;
use crate::key::SecretKey;
use crate::proof;
use comity_core::{Entropy, RiskTier, Timestamp};
use jiff::Timestamp as Moment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The largest credential that is read, in bytes.
pub const LARGEST: usize = 64 * 1024;
/// The most links of a chain.
pub const DEEPEST: usize = 6;
/// The most capabilities in one credential.
pub const WIDEST: usize = 100;

const CONTEXTS: [&str; 2] =
    ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2"];
const TYPES: [&str; 2] = ["VerifiableCredential", "CapabilityCredential"];

/// What is to be said in a credential.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Whom it is about.
    pub subject: Did,
    /// What they may do.
    pub capabilities: Vec<Capability>,
    /// From when on.
    pub from: Timestamp,
    /// Until when; that moment is the first at which it does not hold.
    pub until: Timestamp,
}

/// A credential whose shape was read. What it says is not checked: that is [`Trust::accept`].
#[derive(Clone, Debug)]
pub struct Credential {
    document: Value,
    said: Said,
    from: Moment,
    until: Moment,
}

/// The fields that a credential has to have. Others could restrict it in a way that nobody here enforces.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Said {
    #[serde(rename = "@context")]
    context: Value,
    id: String,
    r#type: Vec<String>,
    issuer: String,
    valid_from: String,
    valid_until: String,
    credential_subject: About,
    proof: Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    id: String,
    capability: Vec<Capability>,
}

impl Credential {
    /// Issues one.
    pub fn issue(
        claim: &Claim,
        issuer: &Did,
        key: &SecretKey,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        let document = json!({
            "@context": context(),
            "id": random_urn(entropy),
            "type": TYPES,
            "issuer": issuer.as_str(),
            "validFrom": written(claim.from)?,
            "validUntil": written(claim.until)?,
            "credentialSubject": {"id": claim.subject.as_str(), "capability": claim.capabilities},
        });
        Self::from_value(proof::sign(document, issuer, key, &written(now)?)?)
    }

    /// Reads one.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if text.len() > LARGEST {
            return Err(Error::TooLarge { size: text.len(), most: LARGEST });
        }
        Self::from_value(serde_json::from_slice(text).map_err(bad)?)
    }

    fn from_value(document: Value) -> Result<Self, Error> {
        let said: Said = serde_json::from_value(document.clone()).map_err(bad)?;
        if said.context != context() || said.r#type != TYPES {
            return Err(bad("its @context or type is not that of a CapabilityCredential"));
        }
        let count = said.credential_subject.capability.len();
        if count == 0 || count > WIDEST {
            return Err(bad(format!("it has {count} capabilities, and 1 to {WIDEST} are taken")));
        }
        let moment = |text: &str| text.parse::<Moment>().map_err(bad);
        let (from, until) = (moment(&said.valid_from)?, moment(&said.valid_until)?);
        if from >= until {
            return Err(bad("it ends before it begins"));
        }
        Ok(Self { document, said, from, until })
    }

    /// The JSON document, as it was signed.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Its name, unique among all credentials.
    pub fn id(&self) -> &str {
        &self.said.id
    }

    /// Who says it.
    pub fn issuer(&self) -> Result<Did, Error> {
        self.said.issuer.parse()
    }

    /// Whom it is about.
    pub fn subject(&self) -> Result<Did, Error> {
        self.said.credential_subject.id.parse()
    }

    /// What it gives.
    pub fn capabilities(&self) -> &[Capability] {
        &self.said.credential_subject.capability
    }

    fn holds_at(&self, now: Timestamp) -> Result<(), Error> {
        let at = moment_of(now)?;
        if self.from <= at && at < self.until {
            return Ok(());
        }
        let Said { valid_from, valid_until, .. } = &self.said;
        Err(Error::NotNow { from: valid_from.clone(), until: valid_until.clone(), now: at.to_string() })
    }
}

/// What a chain that was accepted gives to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Who may act.
    pub holder: Did,
    /// What they may do.
    pub capabilities: Vec<Capability>,
}

impl Presented {
    /// Whether any of the capabilities allows this act at this risk.
    pub fn allows(&self, act: &str, risk: RiskTier) -> bool {
        self.capabilities.iter().any(|capability| capability.allows(act, risk))
    }
}

/// Whose word counts, at which moment.
pub struct Trust<'t> {
    /// Who may begin a chain, with the key that speaks for them.
    pub roots: &'t [(Did, PublicKey)],
    /// What a root may give.
    pub given: &'t [Capability],
    /// Whether an identity or a credential of this name was revoked.
    pub is_revoked: &'t dyn Fn(&str) -> bool,
    /// The present.
    pub now: Timestamp,
}

impl Trust<'_> {
    /// Accepts a chain whole, or says what is wrong with its first bad link. `chain` begins at the root.
    pub fn accept(&self, chain: &[Credential]) -> Result<Presented, Error> {
        if chain.len() > DEEPEST {
            return Err(Error::TooDeep { links: chain.len(), most: DEEPEST });
        }
        let mut before: Option<Presented> = None;
        for link in chain {
            before = Some(self.follow(before.as_ref(), link)?);
        }
        before.ok_or_else(|| bad("there is none"))
    }

    fn follow(&self, before: Option<&Presented>, link: &Credential) -> Result<Presented, Error> {
        let (issuer, holder) = (link.issuer()?, link.subject()?);
        let (key, given) = match before {
            None => (self.root(&issuer)?, self.given),
            Some(before) if before.holder != issuer => {
                let (issuer, subject) = (issuer.to_string(), before.holder.to_string());
                return Err(Error::BrokenChain { issuer, subject });
            }
            Some(before) => {
                let key = issuer.key().ok_or_else(|| Error::UnknownIssuer(issuer.to_string()))?;
                (key, before.capabilities.as_slice())
            }
        };
        proof::verify(&link.document, &issuer, &key)?;
        link.holds_at(self.now)?;
        for name in [issuer.as_str(), holder.as_str(), link.id()] {
            if (self.is_revoked)(name) {
                return Err(Error::Revoked(name.to_owned()));
            }
        }
        for capability in link.capabilities() {
            if !given.iter().any(|given| given.may_pass_on(capability)) {
                let capability = capability.what().to_owned();
                return Err(Error::NotDelegable { issuer: issuer.to_string(), capability });
            }
        }
        Ok(Presented { holder, capabilities: link.capabilities().to_vec() })
    }

    fn root(&self, issuer: &Did) -> Result<PublicKey, Error> {
        let found = self.roots.iter().find(|(did, _)| did == issuer);
        found.map(|(_, key)| *key).ok_or_else(|| Error::UnknownIssuer(issuer.to_string()))
    }
}

/// The contexts. Our own words mean what the issuer says they mean: that is what the second one is for.
fn context() -> Value {
    json!(CONTEXTS)
}

/// A random UUID (RFC 9562, version 4) as a URN.
fn random_urn(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn moment_of(at: Timestamp) -> Result<Moment, Error> {
    let millis = i64::try_from(at.millis()).map_err(bad)?;
    Moment::from_millisecond(millis).map_err(bad)
}

fn written(at: Timestamp) -> Result<String, Error> {
    Ok(moment_of(at)?.to_string())
}

fn bad(why: impl ToString) -> Error {
    Error::BadCredential(why.to_string())
}

#[cfg(test)]
mod tests;
