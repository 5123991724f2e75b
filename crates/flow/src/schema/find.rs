//! Finding JSON in a text that a model wrote.

use serde_json::Value;

/// How many places in a text are tried.
const MAX_TRIES: usize = 64;

/// What may be meant, in the order of likelihood: the whole text, or else the fenced blocks, or else maps
/// and lists that stand in prose, from left to right.
pub(super) fn json(text: &str) -> Box<dyn Iterator<Item = Value> + '_> {
    if let Ok(whole) = serde_json::from_str(text.trim()) {
        return Box::new(std::iter::once(whole));
    }
    let mut fenced = fenced(text).peekable();
    if fenced.peek().is_some() {
        return Box::new(fenced);
    }
    Box::new(Prose { rest: text, tries: MAX_TRIES })
}

/// What stands between pairs of three back-ticks and is JSON; the word after the first three is left out.
fn fenced(text: &str) -> impl Iterator<Item = Value> + '_ {
    let inside = text.split("```").skip(1).step_by(2).take(MAX_TRIES);
    inside.filter_map(|block| {
        let body = block.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
        serde_json::from_str(block.trim()).or_else(|_| serde_json::from_str(body.trim())).ok()
    })
}

/// Maps and lists in prose.
struct Prose<'t> {
    rest: &'t str,
    tries: usize,
}

impl Iterator for Prose<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        while self.tries > 0 {
            self.tries -= 1;
            let start = self.rest.find(['{', '['])?;
            let from = self.rest.get(start..)?;
            let mut values = serde_json::Deserializer::from_str(from).into_iter::<Value>();
            let found = values.next().and_then(Result::ok);
            let read = if found.is_some() { values.byte_offset() } else { 1 };
            self.rest = from.get(read..)?;
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expected: &[Value]) {
        assert_eq!(json(text).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn the_whole_text_goes_before_its_parts() {
        check(" [1, {\"a\": 2}] ", &[json!([1, {"a": 2}])]);
        check("42", &[json!(42)]);
    }

    #[test]
    fn fences_go_before_prose() {
        check("see [1]:\n```json\n{\"a\": 1}\n```\nand {\"b\": 2}", &[json!({"a": 1})]);
        check("```\n[true]\n```", &[json!([true])]);
        check("```json\nnot it\n```\n{\"b\": 2}", &[json!({"b": 2})]);
        check("```json\n{\"open\": 1}", &[json!({"open": 1})]);
    }

    #[test]
    fn prose_is_read_from_left_to_right() {
        check("a {b} [1] and {\"c\": \"}\"}.", &[json!([1]), json!({"c": "}"})]);
        check("nothing { here", &[]);
        check("", &[]);
    }

    #[test]
    fn gives_up_after_so_many_places() {
        let text = format!("{} {{\"a\": 1}}", "{".repeat(MAX_TRIES));
        check(&text, &[]);
        check(&"[".repeat(100_000), &[]);
    }
}
