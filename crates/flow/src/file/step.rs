//! One step of a file.

use super::{
    config::{self, Named, Typed},
    fields::Fields,
    policy::{Defaults, on_timeout},
    table::STEP,
};
use crate::{
    diagnostic::Code,
    findings::{Findings, quote},
    plan::{OnTimeout, Retry, StepPlan},
    schema::OutputSchema,
    tree::Mark,
};
use comity_core::{KindSpec, MicroUsd, StepKind, Taint};
use serde_json::Value;

/// A step as far as it can be read alone, and the names it mentions.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) mark: Mark,
    /// `None` when it is wrong; why is reported.
    pub(super) plan: Option<StepPlan>,
    pub(super) tools: Vec<(&'a str, Mark)>,
    pub(super) routes: Vec<(&'a str, Mark)>,
}

impl<'a> Draft<'a> {
    /// A step that could not be read; its name can still be mentioned.
    pub(super) fn broken(name: &'a str, mark: Mark) -> Self {
        Self { name, mark, plan: None, tools: Vec::new(), routes: Vec::new() }
    }
}

/// Reads a step that waits for nothing yet.
pub(super) fn read<'a>(
    named: Named<'a>,
    kinds: &[&'static KindSpec],
    defaults: &Defaults,
    findings: &mut Findings,
) -> Draft<'a> {
    let mut draft = Draft::broken(named.name, named.mark);
    config::check_name(named.name, named.mark, "step", findings);
    let Some(typed) = config::read(named, "step", &STEP, kinds, findings) else { return draft };
    draft.tools = tools(&typed, findings);
    draft.routes = typed.common.names("routes", findings);
    draft.plan = Some(plan(named, typed, defaults, findings));
    draft
}

fn plan(named: Named<'_>, typed: Typed<'_>, defaults: &Defaults, findings: &mut Findings) -> StepPlan {
    let Typed { kind, common, config } = typed;
    let idempotent = common.flag("idempotent", findings).unwrap_or(kind.idempotent);
    let on_timeout = timeout_action(named, &common, idempotent, defaults, findings);
    StepPlan {
        name: named.name.into(),
        place: named.mark.place(),
        kind,
        risk: common.tier("risk", findings).unwrap_or(kind.risk),
        idempotent,
        timeout: common.seconds("timeout_s", findings),
        on_timeout,
        retry: retry(&common, on_timeout, defaults, findings),
        schema: schema(&common, findings),
        source: source(&common, Taint::NONE, Taint::EXTERNAL, findings),
        price: price(kind, &common, findings),
        config,
        tools: Vec::new(),
        after: Vec::new(),
        before: Vec::new(),
        incoming: Vec::new(),
        outgoing: Vec::new(),
        loops: Vec::new(),
    }
}

/// Whether what it produces is trusted, and if it is not, where it comes from.
pub(super) fn source(
    common: &Fields<'_>,
    unless_said: Taint,
    untrusted: Taint,
    findings: &mut Findings,
) -> Taint {
    match common.word("trust", findings) {
        None => unless_said,
        Some("trusted") => Taint::NONE,
        Some(name) => Taint::named(name).unwrap_or(untrusted),
    }
}

/// What a step costs each time. What only holds other steps costs what they cost.
pub(super) fn price(kind: &KindSpec, common: &Fields<'_>, findings: &mut Findings) -> MicroUsd {
    let price = common.money("price_usd", findings).unwrap_or(MicroUsd::ZERO);
    let why = match kind.step {
        StepKind::Timer => "it costs nothing to wait",
        step if step.is_container() => "it costs what the steps inside it cost",
        _ => return price,
    };
    if let Some(entry) = common.entry("price_usd") {
        let message = format!("a step of kind `{}` has no price: {why}", kind.name);
        findings.advise(Code::NO_MEANING, entry.key_mark, message, "take `price_usd` out");
    }
    MicroUsd::ZERO
}

fn timeout_action(
    named: Named<'_>,
    common: &Fields<'_>,
    idempotent: bool,
    defaults: &Defaults,
    findings: &mut Findings,
) -> OnTimeout {
    let own = common.word("on_timeout", findings).map(on_timeout);
    let action = own.unwrap_or(defaults.on_timeout);
    if action == OnTimeout::Fail || idempotent {
        return action;
    }
    let (key, mark) = match common.entry("on_timeout") {
        Some(entry) => ("on_timeout", entry.value.mark),
        None => ("step_timeout_action", defaults.on_timeout_mark),
    };
    let verb = if action == OnTimeout::Skip { "passed over" } else { "tried again" };
    let message = format!(
        "`{key}`: step {} may not be {verb} when its time is over, because what ran out of time may have happened",
        quote(named.name)
    );
    let help = "give the step `on_timeout: fail`, or `idempotent: true` if doing it twice does no harm";
    findings.advise(Code::NOT_TWICE, mark, message, help);
    action
}

fn retry(common: &Fields<'_>, action: OnTimeout, defaults: &Defaults, findings: &mut Findings) -> Retry {
    let on_fail = common.flag("retry_on_fail", findings);
    let tries = common.small("max_retries", findings);
    if let (Some(false), Some(1..), Some(entry)) = (on_fail, tries, common.entry("max_retries")) {
        let message = "`max_retries` contradicts `retry_on_fail: false`";
        findings.advise(Code::BAD_VALUE, entry.value.mark, message, "take one of the two out");
    }
    let again = on_fail == Some(true) || (action == OnTimeout::Retry && on_fail.is_none());
    let max = tries.unwrap_or(if again { defaults.max_retries } else { 0 });
    let retry = Retry::default();
    let longest = common.seconds("retry_max_backoff_s", findings);
    let backoff = common.seconds("retry_backoff_s", findings);
    if let (Some(backoff), Some(longest), Some(entry)) =
        (backoff, longest, common.entry("retry_max_backoff_s"))
        && backoff > longest
    {
        let message = "`retry_max_backoff_s` is less than `retry_backoff_s`";
        findings.report(Code::BAD_VALUE, entry.value.mark, message);
    }
    let backoff = backoff.unwrap_or(longest.map_or(retry.backoff, |longest| retry.backoff.min(longest)));
    Retry { max, backoff, longest: longest.unwrap_or(retry.longest.max(backoff)) }
}

fn schema(common: &Fields<'_>, findings: &mut Findings) -> Option<OutputSchema> {
    let schema = common.map("output_schema", findings)?;
    let entry = common.entry("output_schema")?;
    match OutputSchema::compile(Value::Object(schema)) {
        Ok(schema) => Some(schema),
        Err(why) => {
            let message = format!("`output_schema` is not a JSON Schema: {}", why.replace('\n', " "));
            findings.report(Code::BAD_SCHEMA, entry.key_mark, message);
            None
        }
    }
}

fn tools<'a>(typed: &Typed<'a>, findings: &mut Findings) -> Vec<(&'a str, Mark)> {
    let Some(entry) = typed.common.entry("tools") else { return Vec::new() };
    if typed.kind.step != StepKind::AgentTurn {
        let message = format!("a step of kind `{}` calls no tools", typed.kind.name);
        findings.advise(Code::NO_MEANING, entry.key_mark, message, "only agents take `tools`");
        return Vec::new();
    }
    typed.common.names("tools", findings)
}
