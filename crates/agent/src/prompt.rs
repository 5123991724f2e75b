//! What a model is told, made from what the agent is given.

use comity_core::Taint;
use comity_govern::Input;
use comity_model::tokens;
use serde_json::{Map, Value};

/// Most tokens of an answer that is sent back to be mended.
const MAX_REPAIR: u64 = 2_000;

/// What an agent is given, read.
pub(crate) struct Brief<'i> {
    /// What the run is about.
    pub(crate) task: &'i str,
    /// What earlier steps produced, by name.
    pub(crate) context: Map<String, Value>,
    /// Which pass of a loop this is, from 0.
    pub(crate) pass: usize,
    /// The untrusted sources that went into any of it.
    pub(crate) taint: Taint,
    shared: Option<&'i Value>,
    repair: Option<&'i Value>,
}

impl<'i> Brief<'i> {
    /// Reads `{"task", "context", "iteration", "shared", "repair"}`; what is not there is empty.
    pub(crate) fn of(input: &'i Input) -> Self {
        let get = |key: &str| input.value.get(key).filter(|value| !value.is_null());
        let context = get("context").and_then(Value::as_object).cloned().unwrap_or_default();
        let task = get("task").and_then(Value::as_str).unwrap_or_default();
        let pass = get("iteration").and_then(Value::as_u64).and_then(|pass| usize::try_from(pass).ok());
        let pass = pass.unwrap_or_default();
        let (taint, shared, repair) = (input.taint, get("shared"), get("repair"));
        Self { task, context, pass, taint, shared, repair }
    }

    /// Whether an earlier answer was sent back.
    pub(crate) fn repairs(&self) -> bool {
        self.repair.is_some()
    }

    /// The first message to the model.
    pub(crate) fn text(&self, prompt: Option<&str>) -> String {
        let mut text = format!("Task: {}\n", self.task);
        if let Some(prompt) = prompt {
            text.push_str(&format!("\nYour part: {prompt}\n"));
        }
        for (step, output) in &self.context {
            text.push_str(&format!("\nFrom `{step}`:\n{}\n", said(output)));
        }
        if let Some(shared) = self.shared {
            text.push_str(&format!("\nShared by all steps: {shared}\n"));
        }
        if let Some(repair) = self.repair {
            let error =
                repair.get("error").and_then(Value::as_str).unwrap_or("it is not as it was asked for");
            let output = repair.get("output").map(said).unwrap_or_default();
            let output = tokens::cut(&output, MAX_REPAIR);
            text.push_str(&format!("\nYour last answer cannot be used: {error}\nIt was:\n{output}\n"));
        }
        text
    }
}

/// What something is as a text: a text itself, an agent's content, or else its JSON.
pub(crate) fn said(value: &Value) -> String {
    match (value, value.get("content")) {
        (Value::String(text), _) | (_, Some(Value::String(text))) => text.clone(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_was_given_is_told() {
        let context = json!({"count": {"n": 3}, "plan": {"content": "look first", "confidence": 1}});
        let repair = json!({"error": "root: missing required field `n`", "output": {"content": "three"}});
        let input = json!({"task": "ships", "context": context, "shared": {"port": "A"}, "repair": repair});
        let input = Input::new(input);
        let expected = "Task: ships\n\nYour part: count\n\nFrom `count`:\n{\"n\":3}\n\nFrom `plan`:\nlook first\n\n\
            Shared by all steps: {\"port\":\"A\"}\n\n\
            Your last answer cannot be used: root: missing required field `n`\nIt was:\nthree\n";
        assert_eq!(Brief::of(&input).text(Some("count")), expected);
        let bare = Input::new(json!({"task": "ships", "repair": null}));
        assert_eq!(
            (Brief::of(&bare).text(None).as_str(), Brief::of(&bare).repairs()),
            ("Task: ships\n", false)
        );
    }
}
