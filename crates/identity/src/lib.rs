//! Who somebody is, what they were given to do, and the events that end it.
//!
//! Keys and their DIDs, capabilities in Verifiable Credentials, Security Event Tokens: bytes in, bytes out. This room
//! knows no storage, no socket and no policy; time and randomness are handed in. Start with [`did`], then
//! [`credential`].

pub mod capability;
pub mod credential;
pub mod did;
pub mod error;
pub mod event;
pub mod key;
pub mod proof;

pub use capability::Capability;
pub use credential::{Claim, Credential, Presented, Trust};
pub use did::{Did, PublicKey};
pub use error::Error;
pub use event::{EventToken, Revocation};
pub use key::SecretKey;
