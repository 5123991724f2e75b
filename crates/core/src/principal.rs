//! Who acts.

use crate::{Namespace, Tenant};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What sort of actor a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrincipalKind {
    /// A program that decides for itself.
    Agent,
    /// A human being.
    Person,
    /// A program that does what it is told.
    Service,
    /// A process on the network mesh.
    Peer,
}

/// Clearance of a principal, most trusted first. Higher is less trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustTier {
    /// Ours, and trusted.
    InternalTrusted,
    /// Ours, and restricted.
    InternalRestricted,
    /// Another organisation's, under a contract.
    ExternalPartner,
    /// Anybody's.
    PublicVendor,
}

/// An actor, with the organisation that answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Stable identifier, at most 200 bytes of printable ASCII without spaces.
    pub id: Arc<str>,
    /// What sort of actor.
    pub kind: PrincipalKind,
    /// The organisation.
    pub tenant: Tenant,
    /// Its division.
    pub namespace: Namespace,
    /// Clearance.
    pub trust: TrustTier,
}

impl Principal {
    /// The person at this machine, known by the name of the account they are logged in to.
    ///
    /// Characters that an id may not hold are replaced by `_`: the name comes from the environment.
    pub fn local_person(account: &str, tenant: Tenant, namespace: Namespace) -> Self {
        let account: String =
            account.chars().take(64).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        let account = if account.is_empty() { "unknown".to_owned() } else { account };
        Self {
            id: format!("local:{account}").into(),
            kind: PrincipalKind::Person,
            tenant,
            namespace,
            trust: TrustTier::InternalTrusted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_person_has_a_printable_id() {
        let who = Principal::local_person("jo an\n", Tenant::local(), Namespace::default_name());
        assert_eq!(&*who.id, "local:jo_an_");
        assert_eq!(
            &*Principal::local_person("", Tenant::local(), Namespace::default_name()).id,
            "local:unknown"
        );
    }
}
