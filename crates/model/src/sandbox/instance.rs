//! A small value that a JSON Schema takes.

use jsonschema::PatternOptions;
use serde_json::{Map, Value, json};

/// How deeply schemas are followed into each other.
const MAX_DEPTH: usize = 32;
/// How many values are made up at most.
const MAX_VALUES: usize = 4_096;
/// Longest text, and longest list, that is made up.
const MAX_LENGTH: u64 = 1_000;

/// Makes a value up. Errors when none is found: then it says so, rather than hand out a wrong one.
///
/// Whatever comes out was checked against the schema.
pub(super) fn of(schema: &Value, task: &str) -> Result<Value, String> {
    let fail = |why: String| format!("the sandbox cannot make up an answer for the schema: {why}");
    let mut maker = Maker { root: schema, task, left: MAX_VALUES };
    let value = maker.make(schema, "answer", MAX_DEPTH).map_err(fail)?;
    let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
    let validator = options.build(schema).map_err(|_| fail("it is no schema".to_owned()))?;
    if validator.is_valid(&value) {
        Ok(value)
    } else {
        Err(fail("it asks for more than can be guessed".to_owned()))
    }
}

struct Maker<'s> {
    root: &'s Value,
    task: &'s str,
    left: usize,
}

impl<'s> Maker<'s> {
    /// A value for `schema`, which stands under the key `name`.
    fn make(&mut self, schema: &'s Value, name: &str, depth: usize) -> Result<Value, String> {
        self.left = self.left.checked_sub(1).ok_or("it asks for too many values")?;
        let depth = depth.checked_sub(1).ok_or("it is nested too deeply")?;
        let keys = match schema {
            Value::Object(keys) => keys,
            Value::Bool(false) => return Err(format!("`{name}` may not be there")),
            _ => return Ok(json!(self.text(name))),
        };
        if let Some(constant) = keys.get("const") {
            return Ok(constant.clone());
        }
        if let Some(options) = keys.get("enum") {
            let first = options.as_array().and_then(|options| options.first());
            return first.cloned().ok_or_else(|| format!("`{name}` has no option"));
        }
        if let Some(given) = keys.get("default").or_else(|| keys.get("examples")?.get(0)) {
            return Ok(given.clone());
        }
        if let Some(reference) = keys.get("$ref").and_then(Value::as_str) {
            return self.make(self.target(reference)?, name, depth);
        }
        for any in ["anyOf", "oneOf"] {
            if let Some(options) = keys.get(any).and_then(Value::as_array) {
                return self.first_of(options, name, depth);
            }
        }
        match kind(keys) {
            "object" => self.object(keys, depth),
            "array" => self.array(keys, name, depth),
            "string" => self.string(keys, name),
            "integer" => number(keys, true).ok_or_else(|| format!("no whole number fits `{name}`")),
            "number" => number(keys, false).ok_or_else(|| format!("no number fits `{name}`")),
            "boolean" => Ok(json!(true)),
            "null" => Ok(Value::Null),
            other => Err(format!("`{name}` is of the unknown type `{other}`")),
        }
    }

    fn target(&self, reference: &str) -> Result<&'s Value, String> {
        let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        target.ok_or_else(|| format!("`{reference}` leads nowhere"))
    }

    fn first_of(&mut self, options: &'s [Value], name: &str, depth: usize) -> Result<Value, String> {
        let mut why = format!("`{name}` has no option");
        for option in options {
            match self.make(option, name, depth) {
                Ok(value) => return Ok(value),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// What is required; everything that has a name, where nothing is.
    fn object(&mut self, keys: &'s Map<String, Value>, depth: usize) -> Result<Value, String> {
        let mut object = Map::new();
        let mut required = Vec::new();
        let mut properties: Vec<(&String, &'s Value)> = Vec::new();
        let parts = keys.get("allOf").and_then(Value::as_array).into_iter().flatten();
        for part in std::iter::once(keys).chain(parts.filter_map(Value::as_object)) {
            let names = part.get("required").and_then(Value::as_array).into_iter().flatten();
            required.extend(names.filter_map(Value::as_str));
            properties.extend(part.get("properties").and_then(Value::as_object).into_iter().flatten());
        }
        for name in &required {
            let schema = properties.iter().find(|(known, _)| known.as_str() == *name);
            let value = match schema.map(|(_, schema)| *schema).or_else(|| keys.get("additionalProperties")) {
                Some(schema) => self.make(schema, name, depth)?,
                None => json!(self.text(name)),
            };
            object.insert((*name).to_owned(), value);
        }
        let least = keys.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        for (name, schema) in properties {
            let wanted = required.is_empty() || (object.len() as u64) < least;
            if wanted && !object.contains_key(name) {
                // What need not be there may be left out.
                object.extend(self.make(schema, name, depth).ok().map(|value| (name.clone(), value)));
            }
        }
        Ok(Value::Object(object))
    }

    fn array(&mut self, keys: &'s Map<String, Value>, name: &str, depth: usize) -> Result<Value, String> {
        let first = keys.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let most = keys.get("maxItems").and_then(Value::as_u64).unwrap_or(MAX_LENGTH).min(MAX_LENGTH);
        let least =
            keys.get("minItems").and_then(Value::as_u64).unwrap_or(1.max(first.len() as u64).min(most));
        if least > MAX_LENGTH {
            return Err(format!("`{name}` has more than {MAX_LENGTH} items"));
        }
        let rest = keys.get("items").or_else(|| keys.get("contains"));
        let mut items = Vec::new();
        while (items.len() as u64) < least {
            let schema = first.get(items.len()).or(rest);
            let label =
                if items.is_empty() { name.to_owned() } else { format!("{name} {}", items.len() + 1) };
            items.push(match schema {
                Some(schema) => self.make(schema, &label, depth)?,
                None => json!(self.text(&label)),
            });
        }
        Ok(Value::Array(items))
    }

    fn string(&self, keys: &Map<String, Value>, name: &str) -> Result<Value, String> {
        if keys.contains_key("pattern") {
            return Err(format!("`{name}` has a pattern"));
        }
        if let Some(format) = keys.get("format").and_then(Value::as_str) {
            return formatted(format).map(Value::from).ok_or(format!("`{name}` has the format `{format}`"));
        }
        let length = |key: &str| keys.get(key).and_then(Value::as_u64);
        let (least, most) = (length("minLength").unwrap_or(0), length("maxLength").unwrap_or(MAX_LENGTH));
        if least > MAX_LENGTH {
            return Err(format!("`{name}` is longer than {MAX_LENGTH} characters"));
        }
        let mut text: String =
            self.text(name).chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        while (text.chars().count() as u64) < least {
            text.push('.');
        }
        Ok(Value::from(text))
    }

    /// A text that tells what it stands for.
    fn text(&self, name: &str) -> String {
        let task = self.task.split_whitespace().collect::<Vec<_>>().join(" ");
        let task: String = task.chars().take(60).collect();
        format!("{} of “{task}”", name.replace('_', " "))
    }
}

/// The type that is asked for, or else the one that the other keywords are about.
fn kind(keys: &Map<String, Value>) -> &str {
    let said = match keys.get("type") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    let has = |names: &[&str]| names.iter().any(|name| keys.contains_key(*name));
    said.unwrap_or_else(|| match () {
        () if has(&["properties", "required", "additionalProperties", "allOf"]) => "object",
        () if has(&["items", "prefixItems", "minItems", "maxItems"]) => "array",
        () if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) => "number",
        () => "string",
    })
}

/// A number between the limits: the middle of both, or else close to the one there is, or else one.
fn number(keys: &Map<String, Value>, whole: bool) -> Option<Value> {
    let limit = |key: &str| keys.get(key).and_then(Value::as_f64);
    let step = limit("multipleOf").unwrap_or(if whole { 1.0 } else { 0.0 });
    let nudge = if step > 0.0 { step } else { 0.5 };
    let low = limit("minimum").or_else(|| Some(limit("exclusiveMinimum")? + nudge));
    let high = limit("maximum").or_else(|| Some(limit("exclusiveMaximum")? - nudge));
    let number = match (low, high) {
        (Some(low), Some(high)) if step > 0.0 => {
            (((low + high) / 2.0) / step).floor().max((low / step).ceil()) * step
        }
        (Some(low), Some(high)) => (low + high) / 2.0,
        (Some(low), None) if step > 0.0 => (low / step).ceil() * step,
        (None, Some(high)) if step > 0.0 => (high / step).floor() * step,
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => nudge.max(1.0_f64.min(nudge * 2.0)),
    };
    if whole && number.fract() == 0.0 && number.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and far within the range")]
        return Some(json!(number as i64));
    }
    (number.is_finite() && !whole).then(|| json!(number))
}

fn formatted(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2026-01-01",
        "date-time" => "2026-01-01T00:00:00Z",
        "time" => "00:00:00Z",
        "duration" => "PT1H",
        "email" => "someone@example.com",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "uri-reference" | "iri" => "https://example.com/",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Value, expected: Value) {
        assert_eq!(of(&schema, "count the ships"), Ok(expected), "{schema}");
    }

    #[test]
    fn each_type_has_a_value() {
        check(json!({"type": "string", "maxLength": 4}), json!("answ"));
        check(json!({"type": "string", "minLength": 30}), json!("answer of “count the ships”..."));
        check(json!({"type": "string", "format": "date"}), json!("2026-01-01"));
        check(json!({"type": "integer"}), json!(1));
        check(json!({"type": "integer", "minimum": 7, "multipleOf": 5}), json!(10));
        check(json!({"type": "integer", "exclusiveMinimum": 2, "maximum": 3}), json!(3));
        check(json!({"type": "number", "minimum": 0, "maximum": 1}), json!(0.5));
        check(json!({"type": "number", "exclusiveMaximum": 0}), json!(-0.5));
        check(json!({"type": ["null", "boolean"]}), json!(true));
        check(json!({"type": "null"}), json!(null));
        check(json!({"enum": ["a", "b"]}), json!("a"));
        check(json!({"const": {"k": 1}}), json!({"k": 1}));
        check(json!(true), json!("answer of “count the ships”"));
        check(json!({"items": {"type": "boolean"}, "minItems": 2}), json!([true, true]));
        check(json!({"prefixItems": [{"const": 1}, {"const": 2}], "items": false}), json!([1, 2]));
        check(json!({"type": "array", "maxItems": 0}), json!([]));
        check(
            json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true, "minItems": 2, "maxItems": 9}),
            json!(["answer of “count the ships”", "answer 2 of “count the ships”"]),
        );
    }

    #[test]
    fn maps_have_what_is_required() {
        let properties = json!({"n": {"type": "integer"}, "ok": {"type": "boolean"}, "z": {"pattern": "a"}});
        check(json!({"properties": properties, "required": ["ok"]}), json!({"ok": true}));
        check(json!({"type": "object", "properties": properties}), json!({"n": 1, "ok": true}));
        check(json!({"required": ["my_note"]}), json!({"my_note": "my note of “count the ships”"}));
        let parts = json!({"allOf": [{"required": ["n"]}, {"properties": properties}]});
        check(parts, json!({"n": 1}));
    }

    #[test]
    fn choices_and_references_are_followed() {
        check(json!({"anyOf": [{"pattern": "x"}, {"type": "null"}]}), json!(null));
        check(json!({"$ref": "#/$defs/a", "$defs": {"a": {"const": 3}}}), json!(3));
        let tree = json!({"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]});
        assert!(of(&tree, "x").is_ok());
    }

    #[test]
    fn what_cannot_be_made_up_is_said() {
        for (schema, why) in [
            (
                json!({"properties": {"id": {"type": "string", "pattern": "^x"}}, "required": ["id"]}),
                "`id` has a pattern",
            ),
            (json!({"$ref": "#"}), "it is nested too deeply"),
            (json!({"not": {}}), "it asks for more than can be guessed"),
            (
                json!({"type": "integer", "minimum": 1.2, "maximum": 1.8}),
                "it asks for more than can be guessed",
            ),
            (json!({"type": "string", "minLength": 5000}), "`answer` is longer than 1000 characters"),
            (
                json!({"type": "array", "items": {"const": 1}, "uniqueItems": true, "minItems": 2}),
                "it asks for more than can be guessed",
            ),
            (json!(false), "`answer` may not be there"),
        ] {
            let error = of(&schema, "x").unwrap_err();
            assert_eq!(
                error,
                format!("the sandbox cannot make up an answer for the schema: {why}"),
                "{schema}"
            );
        }
    }
}
