//! Reading the keys of one step, once, into types.

use crate::Error;
use serde_json::{Map, Value};

/// The keys of one step of one kind.
pub(crate) struct Keys<'a> {
    pub(crate) kind: &'static str,
    pub(crate) map: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    /// The text under `key`, if the key is there.
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<&'a str>, Error> {
        self.read(key, "a text", Value::as_str)
    }

    /// The whole number under `key`, if the key is there.
    pub(crate) fn count(&self, key: &'static str) -> Result<Option<u64>, Error> {
        self.read(key, "a whole number from zero", Value::as_u64)
    }

    /// `true` or `false` under `key`, if the key is there.
    pub(crate) fn flag(&self, key: &'static str) -> Result<Option<bool>, Error> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// The map under `key`, if the key is there.
    pub(crate) fn map(&self, key: &'static str) -> Result<Option<&'a Map<String, Value>>, Error> {
        self.read(key, "a map", Value::as_object)
    }

    /// The texts under `key`, if the key is there; at least one.
    pub(crate) fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>, Error> {
        self.read(key, "a list of at least one text", texts)
    }

    /// Turns the absence of a key into an error.
    pub(crate) fn required<T>(&self, key: &'static str, value: Option<T>) -> Result<T, Error> {
        value.ok_or(Error::Missing { kind: self.kind, key })
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.map.get(key) else { return Ok(None) };
        take(value).map(Some).ok_or(Error::Shape { kind: self.kind, key, expected })
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts = value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned));
    texts.collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_hold_texts_and_at_least_one() {
        let cases = [
            (json!(["a", "b"]), Some(vec!["a".to_owned(), "b".to_owned()])),
            (json!([]), None),
            (json!(["a", 1]), None),
            (json!("a"), None),
        ];
        for (value, expected) in cases {
            assert_eq!(texts(&value), expected, "{value}");
        }
    }

    #[test]
    fn says_which_key_of_which_kind_is_wrong() {
        let map = Map::from_iter([("delay_ms".to_owned(), json!(-1))]);
        let keys = Keys { kind: "echo", map: &map };
        let error = keys.count("delay_ms").unwrap_err();
        assert_eq!(error.to_string(), "key `delay_ms` of kind `echo` is not a whole number from zero");
        let error = keys.required("text", keys.text("text").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "kind `echo` needs the key `text`");
    }
}
