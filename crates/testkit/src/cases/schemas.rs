//! `output_schema.jsonl`: whether an output fits its schema, and what is said when it does not.

use super::{Case, Suite, nothing, same};
use comity_flow::OutputSchema;
use serde_json::Value;

pub(super) const OUTPUT_SCHEMA: Suite = Suite {
    name: "output_schema",
    text: include_str!("../../tests/cases/output_schema.jsonl"),
    decided: &[],
    pending: &[],
    judge,
    meanwhile: nothing,
};

fn judge(case: &Case) -> Result<(), String> {
    let schema = OutputSchema::compile(case.input["schema"].clone()).map_err(|bad| bad.to_string())?;
    let checked = schema.check(&case.input["text"]);
    same("valid", &Value::from(checked.is_ok()), &case.expected["valid"])?;
    let theirs = case.expected["error"].as_str().unwrap_or_default();
    // Ours says `object` where theirs has the name of a type of its language, and quotes with back-ticks.
    let theirs = theirs.replace("dict", "object").replace('\'', "`");
    same("error", &checked.err().unwrap_or_default(), &theirs)
}
