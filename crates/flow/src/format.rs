//! One way to write a workflow file: keys in the order of the table, steps as a map, edges as `a -> b`.
//!
//! Nothing that a file says may be lost, comments included: what cannot be kept is an error. `order.rs` turns
//! the tree into the one that is written; `write.rs` writes it.

mod comments;
mod order;
mod scalar;
mod write;

use crate::{
    diagnostic::{Code, Invalid},
    findings::Findings,
    plan::{self, Plan, StepPlan},
    tree::Mark,
    yaml,
};
use comity_core::KindSpec;
use comments::Comments;

/// Writes a valid file in the one tidy way.
///
/// The result compiles to the same plan, and formatting it again changes nothing. Errors with what is wrong
/// with the file, or with what would be lost.
pub fn format(source: &str, kinds: &[&'static KindSpec]) -> Result<String, Invalid> {
    let plan = plan::compile(source, kinds)?;
    let mut findings = Findings::default();
    let Some(root) = yaml::parse(source, &mut findings) else { return Err(findings.into_invalid()) };
    let mut comments = Comments::of(source, &root);
    let tidy = order::file(root, kinds);
    let out = write::file(&tidy, &mut comments);
    for (mark, text) in comments.left() {
        let message = format!("the comment `{text}` stands where it cannot be kept");
        findings.advise(Code::LOST, mark, message, "put it on a line of its own, before a key that stays");
    }
    if !findings.is_empty() {
        return Err(findings.into_invalid());
    }
    match plan::compile(&out, kinds) {
        Ok(again) if says_the_same(&plan, &again) => Ok(out),
        _ => {
            let message = "the file cannot be written in the tidy way without a change of what it says";
            findings.report(Code::LOST, Mark::START, message);
            Err(findings.into_invalid())
        }
    }
}

/// Whether two plans differ in nothing but the places of their warnings.
fn says_the_same(one: &Plan, other: &Plan) -> bool {
    said(one) == said(other)
}

pub(crate) fn said(plan: &Plan) -> String {
    let Plan { name, policy, control, steps, edges, loops, tools, terminal, metadata, .. } = plan;
    // A compiled schema shows more than it says.
    let schemas: Vec<_> =
        steps.iter().map(|step| step.schema.as_ref().map(|schema| schema.source().clone())).collect();
    let steps: Vec<StepPlan> = steps.iter().map(|step| StepPlan { schema: None, ..step.clone() }).collect();
    format!("{:?}", (name, policy, control, steps, schemas, edges, loops, tools, terminal, metadata))
}

#[cfg(test)]
mod tests;
