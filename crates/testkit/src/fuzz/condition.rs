//! Conditions: generated, mangled, and pieces in a row.

use crate::conditions;
use crate::random::Random;
use comity_flow::Condition;
use serde_json::Value;

pub(super) fn input(random: &Random) -> String {
    let mut text = match random.below(4) {
        0 => conditions::soup(random),
        1 => nested(random),
        _ => conditions::case(random).text,
    };
    for _ in 0..random.below(6) {
        text = conditions::mangle(random, &text);
    }
    text
}

/// One piece many times.
fn nested(random: &Random) -> String {
    let piece = conditions::SOUP.get(random.below(conditions::SOUP.len())).copied().unwrap_or_default();
    let times = 1 + random.below(3_000);
    format!("{}{}", piece.repeat(times), conditions::soup(random))
}

pub(super) fn check(text: &str, random: &Random) -> Result<(), String> {
    let length = text.chars().count();
    let condition = match Condition::parse(text) {
        Ok(condition) => condition,
        Err(bad) if bad.width == 0 || bad.at + bad.width > length.max(bad.at + 1) || bad.at > length => {
            return Err(format!("its error is outside the text: {bad:?}"));
        }
        Err(bad) if bad.message.is_empty() || bad.message.contains(['\n', '\r']) => {
            return Err(format!("its error is not one line: {bad:?}"));
        }
        Err(_) => return Ok(()),
    };
    let scope = conditions::case(random).scope;
    let values: Vec<Option<&Value>> = condition.names().iter().map(|name| scope.get(&**name)).collect();
    let again = Condition::parse(condition.text()).map_err(|bad| format!("not read again: {bad:?}"))?;
    if again.names() != condition.names() || again.decide(&values) != condition.decide(&values) {
        return Err("read again, it says something else".to_owned());
    }
    match condition.decide(&values) {
        Err(why) if why.0.is_empty() || why.0.contains(['\n', '\r']) => {
            Err(format!("its reason is not one line: {why:?}"))
        }
        _ => Ok(()),
    }
}
