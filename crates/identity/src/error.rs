//! Why an identity, or what it presents, is not accepted.

/// Why something was not accepted. A check that ends here counts as a no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no DID that this build knows.
    #[error("`{0}` is not a DID: expected did:key of an Ed25519 key, or did:web")]
    BadDid(String),
    /// A capability is not spelled like one.
    #[error("`{0}` is not a capability: expected `kind:name`, where the name may end in `*`")]
    BadCapability(String),
    /// A credential is not shaped as it has to be.
    #[error("the credential is not one that is accepted: {0}")]
    BadCredential(String),
    /// A document is larger than is read.
    #[error("the document has {size} bytes, and {most} is the most")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        most: usize,
    },
    /// A signature is not its signer's, or not over this.
    #[error("the signature of `{signer}` does not fit what it stands under")]
    BadSignature {
        /// Whose it says it is.
        signer: String,
    },
    /// A proof is not of the kind that is accepted.
    #[error("the proof is not accepted: {0}")]
    BadProof(String),
    /// It is too early, or too late.
    #[error("the credential holds from {from} until {until}, and it is {now}")]
    NotNow {
        /// Its beginning.
        from: String,
        /// Its end.
        until: String,
        /// The present.
        now: String,
    },
    /// The chain does not begin with somebody who is trusted.
    #[error("`{0}` is not an issuer that is trusted here")]
    UnknownIssuer(String),
    /// A credential was issued by somebody who is not the one before it in the chain.
    #[error("`{issuer}` issued a credential, and the one before it is `{subject}`'s")]
    BrokenChain {
        /// Who issued it.
        issuer: String,
        /// Who was entitled to.
        subject: String,
    },
    /// Somebody passed on what they were not given, or not to pass on.
    #[error("`{issuer}` passed on `{capability}`, which it was not given to pass on")]
    NotDelegable {
        /// Who.
        issuer: String,
        /// What.
        capability: String,
    },
    /// The chain has more links than are followed.
    #[error("{links} credentials in a chain, and {most} is the most")]
    TooDeep {
        /// How many there are.
        links: usize,
        /// The limit.
        most: usize,
    },
    /// Somebody in the chain, or a credential of it, was revoked.
    #[error("`{0}` was revoked")]
    Revoked(String),
}
