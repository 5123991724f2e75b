//! What is put to rules: who acts, on what, and how.

use crate::error::Error;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use comity_core::{Namespace, PrincipalKind, RiskTier, StepKind, Tenant, TrustTier};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;

/// Who acts.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Its id.
    pub id: String,
    /// What people call it; may be empty.
    pub name: String,
    /// An agent's role; may be empty.
    pub role: String,
    /// What sort of actor.
    pub kind: PrincipalKind,
    /// How far it is trusted.
    pub trust: TrustTier,
    /// The organisation it belongs to.
    pub tenant: Tenant,
    /// Its division.
    pub namespace: Namespace,
}

/// What is acted on.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name: the tool's, the model's, or the step's.
    pub name: String,
    /// How it is called: `command`, `http`, `echo`, `model`, …
    pub kind: String,
    /// What fails together with it.
    pub endpoint: String,
    /// The organisation it belongs to.
    pub tenant: Tenant,
}

/// How it is done: what a rule finds in its `context`.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The step's name.
    pub step: String,
    /// The tier after every classifier.
    pub risk: RiskTier,
    /// The tier that was declared.
    pub declared_risk: RiskTier,
    /// Whether any of the input came from somebody who is not trusted.
    pub tainted: bool,
    /// Whether a person said yes to this exact act.
    pub approved: bool,
    /// Whether doing it twice does what doing it once does.
    pub idempotent: bool,
    /// How deeply it is nested.
    pub depth: u32,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// The most it can cost.
    pub most_micro_usd: u64,
    /// The most tokens it can use.
    pub most_tokens: u64,
    /// The size of its input.
    pub input_bytes: u64,
    /// The steps the run has taken.
    pub steps_so_far: u64,
    /// How long the run has been under way.
    pub elapsed_s: u64,
    /// The hour of the day in UTC, 0 to 23.
    pub hour_utc: u8,
    /// The day of the week, 1 Monday to 7 Sunday.
    pub weekday: u8,
    /// Names of targets that steps of the run have settled on.
    pub done: BTreeSet<String>,
    /// Names of targets that a person said yes to, in this run.
    pub approved_acts: BTreeSet<String>,
    /// How often the target was acted on in this run before.
    pub times_in_run: u64,
}

/// One act, as it is put to rules.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// Who.
    pub actor: &'q Actor,
    /// What sort of act.
    pub kind: StepKind,
    /// On what.
    pub target: &'q Target,
    /// How.
    pub how: &'q Circumstances,
}

/// The question in Cedar's words.
pub(crate) struct Put {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
    pub(crate) principal: EntityUid,
    pub(crate) action: EntityUid,
    pub(crate) target: EntityUid,
    /// Namespace and tenant of the principal.
    pub(crate) above_principal: [EntityUid; 2],
    /// The tenant of the target.
    pub(crate) above_target: EntityUid,
}

/// The name of an action: that of the step's kind, as it is written everywhere.
pub(crate) const fn action_name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::AgentTurn => "agent_turn",
        StepKind::ModelCall => "model_call",
        StepKind::ToolCall => "tool_call",
        StepKind::HumanDecision => "human_decision",
        StepKind::Lease => "lease",
        StepKind::Send => "send",
        StepKind::Invoke => "invoke",
        StepKind::Round => "round",
        StepKind::Workflow => "workflow",
        StepKind::Timer => "timer",
    }
}

const fn clearance(trust: TrustTier) -> i64 {
    match trust {
        TrustTier::InternalTrusted => 4,
        TrustTier::InternalRestricted => 3,
        TrustTier::ExternalPartner => 2,
        TrustTier::PublicVendor => 1,
    }
}

const fn sort(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Agent => "Agent",
        PrincipalKind::Person => "Person",
        PrincipalKind::Service => "Service",
        PrincipalKind::Peer => "Peer",
    }
}

pub(crate) fn uid(sort: &str, id: &str) -> Result<EntityUid, Error> {
    let sort = EntityTypeName::from_str(sort).map_err(|error| Error::BadQuestion(error.to_string()))?;
    Ok(EntityUid::from_type_name_and_id(sort, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn long(value: impl TryInto<i64>) -> RestrictedExpression {
    RestrictedExpression::new_long(value.try_into().unwrap_or(i64::MAX))
}

fn texts(values: &BTreeSet<String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.iter().map(|value| text(value)))
}

fn entity(
    uid: EntityUid,
    attributes: Vec<(&str, RestrictedExpression)>,
    parents: impl IntoIterator<Item = EntityUid>,
) -> Result<Entity, Error> {
    let attributes: HashMap<String, RestrictedExpression> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Entity::new(uid, attributes, parents.into_iter().collect())
        .map_err(|error| Error::BadQuestion(error.to_string()))
}

impl Question<'_> {
    pub(crate) fn put(&self) -> Result<Put, Error> {
        let Self { actor, kind, target, how } = self;
        let principal = uid(sort(actor.kind), &actor.id)?;
        let action = uid("Action", action_name(*kind))?;
        let resource = uid("Target", &target.name)?;
        let home = uid("Tenant", actor.tenant.as_str())?;
        let division = uid("Namespace", &format!("{}/{}", actor.tenant, actor.namespace))?;
        let owner = uid("Tenant", target.tenant.as_str())?;
        let who = entity(
            principal.clone(),
            vec![
                ("name", text(&actor.name)),
                ("role", text(&actor.role)),
                ("clearance", long(clearance(actor.trust))),
                ("tenant", RestrictedExpression::new_entity_uid(home.clone())),
            ],
            [division.clone(), home.clone()],
        )?;
        let what = entity(
            resource.clone(),
            vec![
                ("name", text(&target.name)),
                ("kind", text(&target.kind)),
                ("endpoint", text(&target.endpoint)),
                ("tenant", RestrictedExpression::new_entity_uid(owner.clone())),
            ],
            [owner.clone()],
        )?;
        let above = Entity::new_no_attrs(division.clone(), HashSet::from([home.clone()]));
        let act = Entity::new_no_attrs(action.clone(), HashSet::from([uid("Action", "act")?]));
        let bad = |error: &dyn std::fmt::Display| Error::BadQuestion(error.to_string());
        let entities = Entities::from_entities([who, what, above, act], None).map_err(|error| bad(&error))?;
        let context = Context::from_pairs(how.pairs()).map_err(|error| bad(&error))?;
        let request = Request::new(principal.clone(), action.clone(), resource.clone(), context, None);
        let request = request.map_err(|error| bad(&error))?;
        let above_principal = [division, home];
        Ok(Put {
            request,
            entities,
            principal,
            action,
            target: resource,
            above_principal,
            above_target: owner,
        })
    }
}

impl Circumstances {
    fn pairs(&self) -> Vec<(String, RestrictedExpression)> {
        let flag = RestrictedExpression::new_bool;
        let pairs = vec![
            ("step", text(&self.step)),
            ("risk", long(self.risk.level())),
            ("declared_risk", long(self.declared_risk.level())),
            ("tainted", flag(self.tainted)),
            ("approved", flag(self.approved)),
            ("idempotent", flag(self.idempotent)),
            ("depth", long(self.depth)),
            ("attempt", long(self.attempt)),
            ("most_micro_usd", long(self.most_micro_usd)),
            ("most_tokens", long(self.most_tokens)),
            ("input_bytes", long(self.input_bytes)),
            ("steps_so_far", long(self.steps_so_far)),
            ("elapsed_s", long(self.elapsed_s)),
            ("hour_utc", long(self.hour_utc)),
            ("weekday", long(self.weekday)),
            ("done", texts(&self.done)),
            ("approved_acts", texts(&self.approved_acts)),
            ("times_in_run", long(self.times_in_run)),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
