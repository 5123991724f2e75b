//! What a model is asked, and what it answers.

use crate::tokens::estimate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Tokens that each message or tool is taken for beyond its text.
const ENVELOPE: u64 = 4;
/// Tokens that an attachment is taken for beyond its text, if somebody has to look into it.
const ATTACHMENT: u64 = 1_600;

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model, as in `claude-haiku-4-5`.
    pub model: String,
    /// What it is told before everything else.
    pub system: String,
    /// What was said so far, oldest first.
    pub messages: Vec<Message>,
    /// What it may ask to have called.
    pub tools: Vec<ToolSpec>,
    /// The most tokens that may come back.
    pub max_output_tokens: u64,
    /// How freely it answers, from 0; the provider's own when absent.
    pub temperature: Option<f64>,
    /// What its answer has to look like, as a JSON Schema.
    pub schema: Option<Value>,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To the model.
    User {
        /// The text.
        text: String,
        /// What is to be looked at with it, each `{type, source}`.
        attachments: Vec<Value>,
    },
    /// By the model.
    Assistant {
        /// The text.
        text: String,
        /// What it asked to have called.
        calls: Vec<ToolCall>,
    },
    /// What came of a call, to the model.
    Tool {
        /// The tool.
        tool: String,
        /// What it answered, or why it did not.
        text: String,
        /// Whether the call failed or was refused.
        failed: bool,
    },
}

/// A tool as a model is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSpec {
    /// The name it is called by.
    pub name: String,
    /// What it does.
    pub about: String,
}

/// A model's wish to have a tool called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool's name.
    pub tool: String,
    /// What it is given.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// How many tokens went in and came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens that went in.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
}

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The text.
    pub content: String,
    /// What it asks to have called before it goes on; empty when it has ended.
    pub tool_calls: Vec<ToolCall>,
    /// What the call used, as the provider bills it.
    pub usage: Usage,
    /// How sure it is, if it said so.
    pub confidence: Option<f64>,
    /// The answer as a value, if it gave one.
    pub structured: Option<Value>,
}

impl Usage {
    /// Both together.
    pub const fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// The sum of two.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
        }
    }
}

impl Request {
    /// How many tokens go in, as estimated.
    pub fn input_tokens(&self) -> u64 {
        let schema = self.schema.as_ref().map_or(0, |schema| ENVELOPE + estimate(&schema.to_string()));
        let messages = self.messages.iter().map(Message::tokens);
        let tools = self.tools.iter().map(|tool| ENVELOPE + estimate(&tool.name) + estimate(&tool.about));
        messages.chain(tools).fold(estimate(&self.system) + schema, u64::saturating_add)
    }

    /// The request as it is recorded.
    pub fn to_value(&self) -> Value {
        let mut value = json!({
            "max_output_tokens": self.max_output_tokens,
            "messages": self.messages.iter().map(Message::to_value).collect::<Vec<_>>(),
            "model": self.model,
            "system": self.system,
        });
        if let Value::Object(keys) = &mut value {
            let tools = self.tools.iter().map(|tool| json!({"about": tool.about, "name": tool.name}));
            let tools = Some(tools.collect::<Vec<_>>()).filter(|tools| !tools.is_empty()).map(Value::from);
            let optional = [
                ("schema", self.schema.clone()),
                ("temperature", self.temperature.map(Value::from)),
                ("tools", tools),
            ];
            keys.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        value
    }
}

impl Message {
    /// How many tokens it is taken for.
    pub fn tokens(&self) -> u64 {
        let own = match self {
            Self::User { text, attachments } => {
                attachments.iter().map(attachment).fold(estimate(text), u64::saturating_add)
            }
            Self::Assistant { text, calls } => estimate(text).saturating_add(tokens_of_calls(calls)),
            Self::Tool { tool, text, .. } => estimate(tool).saturating_add(estimate(text)),
        };
        own.saturating_add(ENVELOPE)
    }

    fn to_value(&self) -> Value {
        match self {
            Self::User { text, attachments } if attachments.is_empty() => {
                json!({"role": "user", "text": text})
            }
            Self::User { text, attachments } => {
                json!({"attachments": attachments, "role": "user", "text": text})
            }
            Self::Assistant { text, calls } => json!({"calls": calls, "role": "assistant", "text": text}),
            Self::Tool { tool, text, failed } => {
                json!({"failed": failed, "role": "tool", "text": text, "tool": tool})
            }
        }
    }
}

/// What tool calls are taken for, coming out or going in.
pub(crate) fn tokens_of_calls(calls: &[ToolCall]) -> u64 {
    let of_one = |call: &ToolCall| {
        let arguments = Value::Object(call.arguments.clone()).to_string();
        ENVELOPE + estimate(&call.tool) + estimate(&arguments)
    };
    calls.iter().map(of_one).fold(0, u64::saturating_add)
}

/// A text is read as it stands; into anything else somebody has to look.
fn attachment(value: &Value) -> u64 {
    let text = estimate(&value.to_string());
    let is_text = value.get("type").and_then(Value::as_str) == Some("text");
    if is_text { text } else { text.saturating_add(ATTACHMENT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(messages: Vec<Message>) -> Request {
        Request {
            model: "claude-haiku-4-5".to_owned(),
            system: "four".to_owned(),
            messages,
            tools: Vec::new(),
            max_output_tokens: 10,
            temperature: None,
            schema: None,
        }
    }

    fn user(attachments: Vec<Value>) -> Message {
        Message::User { text: "four".to_owned(), attachments }
    }

    #[test]
    fn everything_that_goes_in_is_counted() {
        let plain = request(vec![user(Vec::new())]);
        assert_eq!(plain.input_tokens(), 1 + 1 + ENVELOPE);
        let image = json!({"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}});
        let looked_at = request(vec![user(vec![image])]).input_tokens() - plain.input_tokens();
        assert!(looked_at > ATTACHMENT && looked_at < ATTACHMENT + 50, "{looked_at}");
        let mut more = plain.clone();
        more.tools.push(ToolSpec { name: "find".to_owned(), about: "finds it".to_owned() });
        more.schema = Some(json!({"type": "object"}));
        assert!(more.input_tokens() > plain.input_tokens() + 2 * ENVELOPE);
        let call = ToolCall { tool: "find".to_owned(), arguments: Map::new() };
        let said = Message::Assistant { text: String::new(), calls: vec![call] };
        assert_eq!(said.tokens(), 2 * ENVELOPE + 2);
    }

    #[test]
    fn a_reply_reads_back_from_its_record() {
        let reply = Reply { content: "yes".to_owned(), confidence: Some(0.5), ..Reply::default() };
        let value = serde_json::to_value(&reply).unwrap();
        assert_eq!(serde_json::from_value::<Reply>(value).unwrap(), reply);
    }

    #[test]
    fn what_is_not_there_is_not_recorded() {
        let value = request(vec![user(Vec::new())]).to_value();
        let expected = json!({
            "max_output_tokens": 10, "messages": [{"role": "user", "text": "four"}],
            "model": "claude-haiku-4-5", "system": "four",
        });
        assert_eq!(value, expected);
    }
}
