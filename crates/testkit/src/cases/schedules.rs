//! `cron.jsonl`: when a schedule fires next.

use super::{Case, Stance, Suite, nothing, same};
use comity_core::Timestamp;
use comity_flow::Timer;
use serde_json::{Value, json};

const FIRST: &str = "followed: the first firing strictly after the moment, as every cron has it";
const SUNDAY: &str = "followed: Sunday has both of its numbers, as in every cron";

pub(super) const CRON: Suite = Suite {
    name: "cron",
    text: include_str!("../../tests/cases/cron.jsonl"),
    decided: &[
        ("cron_next-0002", FIRST),
        ("cron_next-0003", FIRST),
        ("cron_next-0006", SUNDAY),
        ("cron_next-0007", SUNDAY),
        ("cron_next-0008", FIRST),
    ],
    pending: &[],
    judge,
    meanwhile: nothing,
};

fn timer(key: &str, text: &Value) -> Result<Timer, String> {
    Timer::parse(json!({ key: text }).as_object().expect("it is a map")).map_err(|bad| bad.to_string())
}

fn moment(text: &Value) -> Option<Timestamp> {
    timer("until", text).ok()?.due(Timestamp::default())
}

fn judge(case: &Case) -> Result<(), String> {
    let parsed = timer("cron", &case.input["expr"]);
    if case.expected.is_string() && case.stance != Stance::Diverge {
        let after = moment(&case.input["after"]).ok_or("its moment cannot be read")?;
        return same("next", &parsed?.due(after), &moment(&case.expected));
    }
    // What is no schedule, or never fires, is refused when the file is read.
    let refusal = match case.id.as_str() {
        "cron_next-0011" => "minute `a` is no number from 0 to 59 in `a b c d e`",
        _ => "`0 0 31 2 *` never fires: no month it names has such a day",
    };
    same("refusal", &parsed.err().as_deref(), &Some(refusal))
}
