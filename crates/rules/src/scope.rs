//! Which acts a rule can speak of at all, told from its head.

use crate::question::Put;
use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};

/// The head of one rule: `permit (principal …, action …, resource …)`.
pub(crate) struct Scope {
    principal: Head,
    actions: Option<Vec<EntityUid>>,
    target: Head,
}

enum Head {
    Any,
    Is(EntityTypeName),
    Eq(EntityUid),
    In(Option<EntityTypeName>, EntityUid),
}

impl Scope {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            principal: match policy.principal_constraint() {
                PrincipalConstraint::Any => Head::Any,
                PrincipalConstraint::Is(sort) => Head::Is(sort),
                PrincipalConstraint::Eq(uid) => Head::Eq(uid),
                PrincipalConstraint::In(uid) => Head::In(None, uid),
                PrincipalConstraint::IsIn(sort, uid) => Head::In(Some(sort), uid),
            },
            actions: match policy.action_constraint() {
                ActionConstraint::Any => None,
                ActionConstraint::In(uids) => Some(uids),
                ActionConstraint::Eq(uid) => Some(vec![uid]),
            },
            target: match policy.resource_constraint() {
                ResourceConstraint::Any => Head::Any,
                ResourceConstraint::Is(sort) => Head::Is(sort),
                ResourceConstraint::Eq(uid) => Head::Eq(uid),
                ResourceConstraint::In(uid) => Head::In(None, uid),
                ResourceConstraint::IsIn(sort, uid) => Head::In(Some(sort), uid),
            },
        }
    }

    /// Whether the rule can speak of this. A rule that is left out would not have applied.
    pub(crate) fn fits(&self, put: &Put) -> bool {
        // `in` the group of all acts is any act.
        let of_all = |uid: &EntityUid| uid.id().unescaped() == "act";
        let named = |uids: &Vec<EntityUid>| uids.iter().any(|uid| *uid == put.action || of_all(uid));
        self.actions.as_ref().is_none_or(named)
            && self.principal.fits(&put.principal, &put.above_principal)
            && self.target.fits(&put.target, std::slice::from_ref(&put.above_target))
    }
}

impl Head {
    fn fits(&self, uid: &EntityUid, above: &[EntityUid]) -> bool {
        match self {
            Self::Any => true,
            Self::Is(sort) => uid.type_name() == sort,
            Self::Eq(wanted) => uid == wanted,
            Self::In(sort, wanted) => {
                sort.as_ref().is_none_or(|sort| uid.type_name() == sort)
                    && (uid == wanted || above.contains(wanted))
            }
        }
    }
}
