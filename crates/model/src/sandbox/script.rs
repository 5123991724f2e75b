//! What the sandbox is told to say.

use crate::{Error, ToolCall};
use serde_json::{Map, Value};
use std::time::Duration;

/// Longest stall, in seconds: a day.
const MAX_STALL: f64 = 86_400.0;
/// Most turns of a script, and most passes that have lines of their own.
const MAX_TURNS: usize = 64;

/// What is said in one model call. What is absent is made up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// The text.
    pub content: Option<String>,
    /// The answer as a value.
    pub structured: Option<Value>,
    /// How sure it is.
    pub confidence: Option<f64>,
    /// How many tokens are reported, in and out together.
    pub tokens: Option<u64>,
    /// What is asked to be called before the next turn.
    pub calls: Vec<ToolCall>,
    /// Fail with this message instead of answering.
    pub fail: Option<String>,
    /// How long the answer takes.
    pub stall: Duration,
    /// Report more tokens than were allowed to come back.
    pub overspend: bool,
    /// The step that the run is sent to, as `next_node` in what is structured.
    pub next_node: Option<String>,
}

/// What is said, model call by model call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    turns: Vec<Turn>,
    repaired: Vec<Turn>,
    /// What is said in each pass of a loop instead; empty when all of them say the same.
    passes: Vec<Script>,
}

impl Script {
    /// Reads a script as it stands in a workflow file.
    ///
    /// `turns` lists what is said in each call; keys beside it count for all of them. Without `turns`, the
    /// first call asks for the `calls`, if there are any, and the next says the rest. `repaired` is said
    /// instead once an answer was sent back. `passes` lists what is said each time a loop comes round; keys
    /// beside it count for all of them. Errors name the place: `sandbox.turns[1].stall_s`.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let mut common = map(value, "sandbox")?.clone();
        let Some(list) = common.remove("passes") else { return Self::of(common, "sandbox") };
        let expected = "a list of 1 to 64 passes";
        let list = list.as_array().filter(|list| (1..=MAX_TURNS).contains(&list.len()));
        let list = list.ok_or(Error::Shape { at: "sandbox.passes".to_owned(), expected })?;
        let passes = list.iter().enumerate().map(|(number, own)| {
            let at = format!("sandbox.passes[{number}]");
            let mut keys = common.clone();
            keys.extend(map(own, &at)?.clone());
            Self::of(keys, &at)
        });
        Ok(Self { passes: passes.collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// Of one pass, or of all of them.
    fn of(mut keys: Map<String, Value>, at: &str) -> Result<Self, Error> {
        let inner = format!("{at}.repaired");
        let repaired = match keys.remove("repaired") {
            Some(repaired) => turns(map(&repaired, &inner)?, &inner)?,
            None => Vec::new(),
        };
        Ok(Self { turns: turns(&keys, at)?, repaired, passes: Vec::new() })
    }

    /// What is said in the pass with this number, from 0. After the last one, what was said in it once more.
    pub fn pass(&self, number: usize) -> &Self {
        self.passes.get(number).or(self.passes.last()).unwrap_or(self)
    }

    /// What is said in the call with this number, from 0. After the last turn, what it said once more,
    /// without its calls.
    pub fn turn(&self, call: usize, repairs: bool) -> Turn {
        let turns = if repairs && !self.repaired.is_empty() { &self.repaired } else { &self.turns };
        let last = || turns.last().map(|turn| Turn { calls: Vec::new(), ..turn.clone() });
        turns.get(call).cloned().or_else(last).unwrap_or_default()
    }
}

fn turns(keys: &Map<String, Value>, at: &str) -> Result<Vec<Turn>, Error> {
    let mut common = keys.clone();
    let Some(list) = common.remove("turns") else {
        let whole = turn(keys, at)?;
        if whole.calls.is_empty() {
            return Ok(vec![whole]);
        }
        let asks = Turn { calls: whole.calls.clone(), ..Turn::default() };
        return Ok(vec![asks, Turn { calls: Vec::new(), ..whole }]);
    };
    let place = format!("{at}.turns");
    let expected = "a list of 1 to 64 turns";
    let list = list.as_array().filter(|list| (1..=MAX_TURNS).contains(&list.len()));
    let list = list.ok_or(Error::Shape { at: place.clone(), expected })?;
    let merged = list.iter().enumerate().map(|(number, own)| {
        let at = format!("{place}[{number}]");
        let mut keys = common.clone();
        keys.extend(map(own, &at)?.clone());
        turn(&keys, &at)
    });
    merged.collect()
}

fn turn(keys: &Map<String, Value>, at: &str) -> Result<Turn, Error> {
    let mut turn = Turn::default();
    for (key, value) in keys {
        let place = Place { at, key };
        match key.as_str() {
            "content" => turn.content = Some(place.text(value)?),
            "structured" => turn.structured = Some(value.clone()),
            "confidence" => turn.confidence = Some(place.confidence(value)?),
            "tokens" => turn.tokens = Some(place.read(value.as_u64(), "a whole number from zero")?),
            "calls" => turn.calls = place.calls(value)?,
            "fail" => turn.fail = Some(place.text(value)?),
            "stall_s" => turn.stall = place.stall(value)?,
            "overspend" => turn.overspend = place.read(value.as_bool(), "`true` or `false`")?,
            "next_node" => turn.next_node = Some(place.text(value)?),
            _ => return Err(Error::UnknownKey { at: at.to_owned(), key: key.clone() }),
        }
    }
    Ok(turn)
}

/// Where a key stands.
struct Place<'k> {
    at: &'k str,
    key: &'k str,
}

impl Place<'_> {
    fn read<T>(&self, value: Option<T>, expected: &'static str) -> Result<T, Error> {
        value.ok_or_else(|| Error::Shape { at: format!("{}.{}", self.at, self.key), expected })
    }

    fn text(&self, value: &Value) -> Result<String, Error> {
        self.read(value.as_str().map(str::to_owned), "a text")
    }

    fn confidence(&self, value: &Value) -> Result<f64, Error> {
        let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
        self.read(number, "a number from 0 to 1")
    }

    fn stall(&self, value: &Value) -> Result<Duration, Error> {
        let seconds = value.as_f64().filter(|seconds| (0.0..=MAX_STALL).contains(seconds));
        let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.read(span, "a number of seconds, at most a day")
    }

    fn calls(&self, value: &Value) -> Result<Vec<ToolCall>, Error> {
        let calls = serde_json::from_value(value.clone()).ok();
        self.read(calls, "a list of calls, each with `tool` and, if need be, a map of `arguments`")
    }
}

fn map<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, Error> {
    value.as_object().ok_or_else(|| Error::Shape { at: at.to_owned(), expected: "a map" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn script(value: Value) -> Script {
        Script::parse(&value).unwrap()
    }

    fn call(tool: &str) -> ToolCall {
        ToolCall { tool: tool.to_owned(), arguments: Map::new() }
    }

    #[test]
    fn calls_come_before_the_rest() {
        let script = script(json!({"calls": [{"tool": "find"}], "content": "found", "confidence": 0.5}));
        let first = script.turn(0, false);
        assert_eq!((first.calls, first.content), (vec![call("find")], None));
        let second = script.turn(1, false);
        assert_eq!(
            (second.calls.len(), second.content.as_deref(), second.confidence),
            (0, Some("found"), Some(0.5))
        );
        assert_eq!(script.turn(7, false), script.turn(1, false));
    }

    #[test]
    fn turns_share_what_stands_beside_them_and_the_last_repeats_without_calls() {
        let turns = json!([{"calls": [{"tool": "a", "arguments": {"n": 1}}]}, {"calls": [{"tool": "b"}], "tokens": 9}]);
        let script = script(json!({"confidence": 0.25, "turns": turns}));
        assert_eq!(script.turn(0, false).confidence, Some(0.25));
        assert_eq!(script.turn(1, false).calls, vec![call("b")]);
        let after = script.turn(2, false);
        assert_eq!((after.calls.len(), after.tokens), (0, Some(9)));
    }

    #[test]
    fn a_repair_has_lines_of_its_own_if_there_are_any() {
        let both = script(json!({"content": "bad", "repaired": {"content": "good"}}));
        assert_eq!(both.turn(0, true).content.as_deref(), Some("good"));
        assert_eq!(both.turn(0, false).content.as_deref(), Some("bad"));
        let one = script(json!({"content": "bad"}));
        assert_eq!(one.turn(0, true).content.as_deref(), Some("bad"));
        assert_eq!(Script::default().turn(3, true), Turn::default());
    }

    #[test]
    fn passes_share_what_stands_beside_them_and_the_last_repeats() {
        let passes = json!([{"content": "no"}, {"content": "yes", "repaired": {"content": "mended"}}]);
        let script = script(json!({"confidence": 0.5, "passes": passes}));
        let said = |pass: usize, repairs| script.pass(pass).turn(0, repairs).content.unwrap();
        assert_eq!([said(0, false), said(1, false), said(9, false)], ["no", "yes", "yes"]);
        assert_eq!([said(0, true), said(1, true)], ["no", "mended"]);
        assert_eq!(script.pass(1).turn(0, false).confidence, Some(0.5));
        let plain = Script::parse(&json!({"content": "always"})).unwrap();
        assert_eq!(plain.pass(3), &plain);
    }

    #[test]
    fn says_which_part_is_wrong() {
        for (value, expected) in [
            (json!({"passes": []}), "`sandbox.passes` is not a list of 1 to 64 passes"),
            (json!({"passes": [{"fail": 1}]}), "`sandbox.passes[0].fail` is not a text"),
            (json!({"passes": [{"passes": []}]}), "`sandbox.passes[0]` has the unknown key `passes`"),
            (json!([]), "`sandbox` is not a map"),
            (json!({"contents": "x"}), "`sandbox` has the unknown key `contents`"),
            (json!({"turns": []}), "`sandbox.turns` is not a list of 1 to 64 turns"),
            (json!({"turns": [{}, {"fail": 1}]}), "`sandbox.turns[1].fail` is not a text"),
            (json!({"confidence": 1.5}), "`sandbox.confidence` is not a number from 0 to 1"),
            (json!({"stall_s": -1}), "`sandbox.stall_s` is not a number of seconds, at most a day"),
            (json!({"stall_s": 1e300}), "`sandbox.stall_s` is not a number of seconds, at most a day"),
            (
                json!({"repaired": {"tokens": "9"}}),
                "`sandbox.repaired.tokens` is not a whole number from zero",
            ),
            (json!({"repaired": {"repaired": {}}}), "`sandbox.repaired` has the unknown key `repaired`"),
            (
                json!({"calls": [{"name": "x"}]}),
                "`sandbox.calls` is not a list of calls, each with `tool` and, if need be, a map of `arguments`",
            ),
        ] {
            assert_eq!(Script::parse(&value).unwrap_err().to_string(), expected);
        }
    }
}
