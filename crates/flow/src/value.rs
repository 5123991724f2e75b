//! Reading one value of a file as text, number, flag, time, money or tier.

use crate::tree::{Body, Entry, Node, Scalar, Style};
use comity_core::{Amounts, MicroUsd, RiskTier};
use serde_json::{Map, Value};
use std::{ops::RangeInclusive, time::Duration};

/// Why a value could not be read.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// It is broken in a way that was reported when the tree was built.
    Reported,
    /// It has another shape; the text says which one is taken.
    Shape(&'static str),
    /// It has the right shape and is not allowed; the text says why.
    Value(String),
    /// It is a text, and none of these words.
    Word(&'static [&'static str]),
}

/// A text: whatever was written, as it was written. `no` is the text `no`, `1.10` the text `1.10`.
pub(crate) fn text(node: &Node) -> Result<&str, Wrong> {
    scalar(node, "a text").map(|scalar| scalar.text.as_str())
}

/// `true` or `false`, without quotes.
pub(crate) fn flag(node: &Node) -> Result<bool, Wrong> {
    let expected = "`true` or `false`";
    match plain(node, expected)? {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Wrong::Shape(expected)),
    }
}

/// A whole number in a range.
pub(crate) fn count(node: &Node, range: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let expected = "a whole number";
    let text = plain(node, expected)?;
    if !is_whole(text) {
        return Err(Wrong::Shape(expected));
    }
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        Wrong::Value(format!("`{text}` is not a number from {least} to {most}"))
    })
}

/// A positive number of seconds with at most three decimals.
pub(crate) fn seconds(node: &Node) -> Result<Duration, Wrong> {
    let expected = "a positive number of seconds";
    let text = plain(node, expected)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_whole(whole) || !is_digits(fraction) {
        return Err(Wrong::Shape(expected));
    }
    millis(whole, fraction)
        .filter(|millis| (1..=Amounts::MAX).contains(millis))
        .map(Duration::from_millis)
        .ok_or_else(|| {
            let most = Amounts::MAX / 1000;
            Wrong::Value(format!("`{text}` is not above 0 and up to {most}, with at most three decimals"))
        })
}

/// US dollars, exactly as written; seven decimals are refused, not rounded.
pub(crate) fn money(node: &Node) -> Result<MicroUsd, Wrong> {
    let text = scalar(node, "an amount in US dollars")?.text.as_str();
    text.parse().map_err(|error: comity_core::money::BadMoney| Wrong::Value(error.to_string()))
}

/// A risk tier by name or number.
pub(crate) fn tier(node: &Node) -> Result<RiskTier, Wrong> {
    let text = scalar(node, "a risk tier")?.text.as_str();
    text.parse().map_err(|error: comity_core::risk::BadRiskTier| Wrong::Value(error.to_string()))
}

/// A risk tier, or `none`.
pub(crate) fn tier_or_none(node: &Node) -> Result<Option<RiskTier>, Wrong> {
    if matches!(text(node), Ok("none")) { Ok(None) } else { tier(node).map(Some) }
}

/// One of a few words.
pub(crate) fn word(node: &Node, words: &'static [&'static str]) -> Result<&'static str, Wrong> {
    let written = text(node)?;
    words.iter().copied().find(|word| *word == written).ok_or(Wrong::Word(words))
}

/// A list of at least one text.
pub(crate) fn some_items<'a>(node: &'a Node, expected: &'static str) -> Result<&'a [Node], Wrong> {
    let items = list(node, expected)?;
    if items.is_empty() { Err(Wrong::Shape(expected)) } else { Ok(items) }
}

/// Any value but nothing at all.
pub(crate) fn any(node: &Node) -> Result<Value, Wrong> {
    match &node.body {
        Body::Scalar(scalar) if scalar.is_null() => Err(Wrong::Shape("a value")),
        _ => json(node),
    }
}

/// Any map.
pub(crate) fn any_map(node: &Node) -> Result<Map<String, Value>, Wrong> {
    match json(node)? {
        Value::Object(map) => Ok(map),
        _ => Err(Wrong::Shape("a map")),
    }
}

/// A value as JSON. Plain scalars are null, flags and numbers only where nobody could read them otherwise;
/// everything else is text, as it was written.
pub(crate) fn json(node: &Node) -> Result<Value, Wrong> {
    match &node.body {
        Body::Broken => Err(Wrong::Reported),
        Body::Scalar(scalar) => Ok(json_scalar(scalar)),
        Body::List(items) => items.iter().map(json).collect::<Result<_, _>>().map(Value::Array),
        Body::Map(entries) => {
            let pairs = entries.iter().map(|entry| Ok((entry.key.clone(), json(&entry.value)?)));
            let mut map: Map<String, Value> = pairs.collect::<Result<_, _>>()?;
            // Files that say the same mean the same.
            map.sort_keys();
            Ok(Value::Object(map))
        }
    }
}

fn json_scalar(scalar: &Scalar) -> Value {
    let text = scalar.text.as_str();
    match text {
        _ if scalar.is_null() => Value::Null,
        _ if scalar.style == Style::Quoted => Value::from(text),
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

/// A number that JSON writes exactly like this, without an exponent: not `1.10`, `010`, `1e3` or `.5`.
fn number(text: &str) -> Option<Value> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    let number: serde_json::Number = if plain { text.parse().ok()? } else { return None };
    let most = i128::from(Amounts::MAX);
    let exact = number.as_i128().is_none_or(|whole| whole.abs() <= most);
    (exact && number.to_string() == text).then_some(Value::Number(number))
}

/// A list, empty or not.
pub(crate) fn list<'a>(node: &'a Node, expected: &'static str) -> Result<&'a [Node], Wrong> {
    match &node.body {
        Body::List(items) => Ok(items),
        Body::Broken => Err(Wrong::Reported),
        Body::Scalar(_) | Body::Map(_) => Err(Wrong::Shape(expected)),
    }
}

/// A map, empty or not.
pub(crate) fn map<'a>(node: &'a Node, expected: &'static str) -> Result<&'a [Entry], Wrong> {
    match &node.body {
        Body::Map(entries) => Ok(entries),
        Body::Broken => Err(Wrong::Reported),
        Body::Scalar(_) | Body::List(_) => Err(Wrong::Shape(expected)),
    }
}

fn scalar<'a>(node: &'a Node, expected: &'static str) -> Result<&'a Scalar, Wrong> {
    match &node.body {
        Body::Scalar(scalar) if !scalar.is_null() => Ok(scalar),
        Body::Broken => Err(Wrong::Reported),
        Body::Scalar(_) | Body::List(_) | Body::Map(_) => Err(Wrong::Shape(expected)),
    }
}

fn plain<'a>(node: &'a Node, expected: &'static str) -> Result<&'a str, Wrong> {
    let scalar = scalar(node, expected)?;
    if scalar.style == Style::Plain { Ok(&scalar.text) } else { Err(Wrong::Shape(expected)) }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without a leading zero: some readers of YAML take `010` for eight.
fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn millis(whole: &str, fraction: &str) -> Option<u64> {
    let scale = 10u64.checked_pow(3u32.checked_sub(u32::try_from(fraction.len()).ok()?)?)?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(scale)?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Mark;

    fn node(text: &str, style: Style) -> Node {
        Node { mark: Mark::START, body: Body::Scalar(Scalar { text: text.into(), style }) }
    }

    #[test]
    fn text_stays_as_it_was_written() {
        for written in ["no", "1.10", "0x1F", "2024-01-01", "true", "1e3", "010"] {
            assert_eq!(text(&node(written, Style::Plain)).unwrap(), written);
        }
        assert!(matches!(text(&node("null", Style::Plain)), Err(Wrong::Shape(_))));
        assert_eq!(text(&node("null", Style::Quoted)).unwrap(), "null");
    }

    #[test]
    fn numbers_are_plain_digits() {
        assert_eq!(count(&node("42", Style::Plain), 0..=42).unwrap(), 42);
        for bad in ["", "-1", "+1", "1.0", "1e3", "010", "0x10", "1_000", "١", "true"] {
            assert!(matches!(count(&node(bad, Style::Plain), 0..=9999), Err(Wrong::Shape(_))), "{bad}");
        }
        assert!(matches!(count(&node("42", Style::Quoted), 0..=42), Err(Wrong::Shape(_))));
        for bad in ["43", "18446744073709551616"] {
            assert!(matches!(count(&node(bad, Style::Plain), 0..=42), Err(Wrong::Value(_))), "{bad}");
        }
    }

    #[test]
    fn seconds_are_exact_to_the_millisecond() {
        for (written, millis) in
            [("1", 1000), ("0.001", 1), ("1.5", 1500), ("9007199254740.991", Amounts::MAX)]
        {
            assert_eq!(seconds(&node(written, Style::Plain)).unwrap(), Duration::from_millis(millis));
        }
        for bad in ["0", "0.000", "1.0001", "9007199254740.992", "99999999999999999999"] {
            assert!(matches!(seconds(&node(bad, Style::Plain)), Err(Wrong::Value(_))), "{bad}");
        }
        for bad in ["1e3", "-1", ".5", "1.", "inf", "1s", "01"] {
            assert!(matches!(seconds(&node(bad, Style::Plain)), Err(Wrong::Shape(_))), "{bad}");
        }
    }

    #[test]
    fn any_value_is_a_number_only_as_json_writes_it() {
        let plain = |text: &str| json(&node(text, Style::Plain)).unwrap();
        for number in ["0", "-1", "42", "0.5", "-1.25", "9007199254740991"] {
            assert!(plain(number).is_number(), "{number}");
            assert!(json(&node(number, Style::Quoted)).unwrap().is_string(), "{number}");
        }
        for text in [
            "010",
            "0x1F",
            "1_000",
            ".5",
            "1.",
            "1.10",
            "1e3",
            "1E400",
            "+1",
            "-0",
            "-",
            "9007199254740993",
            "no",
            "yes",
            "True",
            "2024-01-01",
            "1:30",
            ".inf",
            "1-2",
            "18446744073709551616",
        ] {
            assert_eq!(plain(text), Value::from(text));
        }
        assert_eq!([plain("~"), plain(""), plain("null")], [Value::Null, Value::Null, Value::Null]);
        assert_eq!([plain("true"), plain("false")], [Value::Bool(true), Value::Bool(false)]);
        assert!(any(&node("null", Style::Plain)).is_err());
    }

    #[test]
    fn flags_are_true_or_false() {
        assert!(flag(&node("true", Style::Plain)).unwrap());
        for bad in ["yes", "True", "on", "1"] {
            assert!(flag(&node(bad, Style::Plain)).is_err(), "{bad}");
        }
        assert!(flag(&node("true", Style::Quoted)).is_err());
    }
}
