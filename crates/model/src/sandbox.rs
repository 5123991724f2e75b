//! A provider that asks nobody: the same question always gets the same answer, and nothing is paid.
//!
//! Without a script the answers are short texts made from the role, the task and the context, and values
//! made from the schema that is asked for. A script says otherwise, turn by turn.

mod instance;
mod script;
mod words;

pub use script::{Script, Turn};

use crate::request::tokens_of_calls;
use crate::{Reply, Request, Role, Usage, tokens};
use comity_core::Digest;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What the sandbox knows beyond the request: a real model would read it out of the request's texts.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'s> {
    /// What the one who asks is there for.
    pub role: Role,
    /// What is to be done.
    pub task: &'s str,
    /// What earlier steps produced, by name.
    pub context: &'s Map<String, Value>,
    /// Whether an earlier answer was sent back.
    pub repairs: bool,
    /// Which model call of the turn this is, from 0.
    pub call: usize,
    /// Picks among answers that would do.
    pub seed: u64,
    /// What to say, if that was laid down.
    pub script: &'s Script,
}

/// What comes back, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How long it takes to come: zero unless a script says otherwise. Whoever asks waits this long.
    pub after: Duration,
    /// The reply, or how the call failed, in words.
    pub reply: Result<Reply, String>,
}

/// Answers a request. A function of its arguments and nothing else.
pub fn answer(request: &Request, scene: &Scene<'_>) -> Answer {
    let turn = scene.script.turn(scene.call, scene.repairs);
    let reply = match &turn.fail {
        Some(message) => Err(message.clone()),
        None => reply(request, scene, &turn),
    };
    Answer { after: turn.stall, reply }
}

fn reply(request: &Request, scene: &Scene<'_>, turn: &Turn) -> Result<Reply, String> {
    let structured = structured(request, scene, turn)?;
    let content = turn.content.clone().unwrap_or_else(|| content(request, scene, turn));
    let value = structured.as_ref().map_or(0, |value| tokens::estimate(&value.to_string()));
    let rest = value.saturating_add(tokens_of_calls(&turn.calls));
    let most = request.max_output_tokens;
    let Some(left) = most.checked_sub(rest) else {
        return Err(format!("the answer takes {rest} tokens, above the {most} it may have"));
    };
    let content = if left == 0 { String::new() } else { tokens::cut(&content, left).into_owned() };
    let output_tokens = tokens::estimate(&content).saturating_add(rest);
    Ok(Reply {
        content,
        tool_calls: turn.calls.clone(),
        usage: usage(request, turn, output_tokens),
        confidence: turn.confidence,
        structured,
    })
}

fn content(request: &Request, scene: &Scene<'_>, turn: &Turn) -> String {
    if turn.calls.is_empty() {
        return words::answer(scene, pick(request, scene));
    }
    let tools: Vec<&str> = turn.calls.iter().map(|call| call.tool.as_str()).collect();
    words::wish(scene, &tools)
}

/// A number that depends on everything the answer may depend on.
fn pick(request: &Request, scene: &Scene<'_>) -> u64 {
    let request = request.to_value().to_string();
    let seed = scene.seed.to_be_bytes();
    let digest =
        Digest::of(&[b"comity/sandbox/v1\n", &seed, scene.role.name().as_bytes(), request.as_bytes()]);
    digest.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The answer as a value: the script's, or else one that the schema takes, or else a verdict from those
/// whose role is to give one. A script that lays a text down under a schema gets no value beside it.
fn structured(request: &Request, scene: &Scene<'_>, turn: &Turn) -> Result<Option<Value>, String> {
    let value = match (&turn.structured, &request.schema) {
        (Some(value), _) => Some(value.clone()),
        _ if !turn.calls.is_empty() => None,
        (None, Some(_)) if turn.content.is_some() => None,
        (None, Some(schema)) => Some(instance::of(schema, scene.task)?),
        (None, None) if scene.role.judges() => Some(json!({"approved": true, "issues": []})),
        (None, None) => None,
    };
    let Some(next) = &turn.next_node else { return Ok(value) };
    match value.unwrap_or_else(|| json!({})) {
        Value::Object(mut keys) => {
            keys.insert("next_node".to_owned(), Value::from(next.as_str()));
            Ok(Some(Value::Object(keys)))
        }
        _ => Err("`next_node` has no place in an answer that is not a map".to_owned()),
    }
}

fn usage(request: &Request, turn: &Turn, output_tokens: u64) -> Usage {
    let input_tokens = request.input_tokens();
    match turn.tokens {
        Some(total) => {
            let input_tokens = input_tokens.min(total);
            Usage { input_tokens, output_tokens: total - input_tokens }
        }
        // Twice as much as may come back, and one more: above the bound whatever went in.
        None if turn.overspend => Usage {
            input_tokens,
            output_tokens: request.max_output_tokens.saturating_mul(2).saturating_add(1),
        },
        None => Usage { input_tokens, output_tokens },
    }
}

#[cfg(test)]
mod tests;
