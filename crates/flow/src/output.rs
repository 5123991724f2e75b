//! What people mean by the parts of a step's output.

use serde_json::{Map, Value};

/// The confidence key of an output.
pub(crate) const CONFIDENCE: &str = "confidence";
/// The key that holds an agent's text.
pub(crate) const CONTENT: &str = "content";
/// The key that holds an agent's values.
pub(crate) const STRUCTURED: &str = "structured";

/// The part of an output that people mean: an agent's text, or everything.
pub(crate) fn core(output: &Value) -> &Value {
    output.get(CONTENT).filter(|content| content.is_string()).unwrap_or(output)
}

/// The values that an output has by name: those an agent lists, or an object's own.
pub(crate) fn structured(output: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    match output.get(STRUCTURED) {
        Some(Value::Object(map)) => map,
        Some(Value::Null) => &NONE,
        _ => output.as_object().unwrap_or(&NONE),
    }
}

/// How sure the step is of its output, if it says so.
pub(crate) fn confidence(output: &Value) -> Option<&Value> {
    output.get(CONFIDENCE).filter(|confidence| confidence.is_number())
}
