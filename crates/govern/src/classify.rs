//! How much an act can harm, told from what it is called and what it is given.
//!
//! A classifier raises the tier that was declared, and never lowers it. Words count whole, in any common form
//! (`delete`, `deletes`, `deleteRecord`, `delete_all`): `reformat` is not `format`, and `postpone` is not `post`.
//! Looks at no more than [`LOOKED_AT`] bytes, in time linear in them.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use comity_core::RiskTier;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::sync::LazyLock;

/// How much of an act's input is looked at.
pub const LOOKED_AT: usize = 64 * 1024;
/// How deeply nested keys are looked at.
const DEEPEST: u8 = 4;
/// The most keys that are looked at.
const KEYS: usize = 1_000;
/// How much the last outcome weighs in the rate of failures.
const ALPHA: f64 = 0.3;
/// From this rate of failures upward an act counts as one that reaches outside.
const FAILING: f64 = 0.5;

/// Verbs of acts that cannot be taken back.
const IRREVERSIBLE: &[&str] = &[
    "deactivate",
    "delete",
    "deploy",
    "destroy",
    "drop",
    "erase",
    "format",
    "pay",
    "payment",
    "publish",
    "purge",
    "refund",
    "reset",
    "revoke",
    "shutdown",
    "terminate",
    "transfer",
    "truncate",
    "uninstall",
    "wipe",
    "wire",
];
/// Verbs of acts that reach outside, or change what others see.
const EXTERNAL: &[&str] = &[
    "create", "email", "execute", "grant", "insert", "install", "invite", "mail", "message", "modify",
    "notify", "patch", "post", "push", "put", "request", "send", "share", "submit", "update", "upload",
    "write",
];
/// Verbs of acts that stay inside.
const INTERNAL: &[&str] = &["aggregate", "cache", "compute", "store", "transform"];
/// Keys whose values are not for others. Each is a run of whole words, as they are: `tokens` are counted, a `token` is
/// kept.
const SENSITIVE: &[&[&str]] = &[
    &["api", "key"],
    &["apikey"],
    &["auth"],
    &["authorization"],
    &["credential"],
    &["credentials"],
    &["credit", "card"],
    &["password"],
    &["passwords"],
    &["passwd"],
    &["private", "key"],
    &["secret"],
    &["secrets"],
    &["ssn"],
    &["token"],
];
/// What does harm that cannot be taken back, wherever in the arguments it stands.
const DANGEROUS: &[&str] = &[
    "rm -rf",
    "rm -fr",
    "rm -r ",
    "mkfs",
    "dd if=",
    "shred ",
    "drop table",
    "drop database",
    "drop schema",
    "truncate table",
    "delete from",
    "git push --force",
    "git push -f",
    "kubectl delete",
    "terraform destroy",
    "chmod -r 777",
];

/// What is known of an act.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// What it is called: the tool's name, the program's.
    pub action: &'a str,
    /// What it is given, as JSON.
    pub input: &'a [u8],
    /// How often acts on the same endpoint failed of late, 0 to 1; see [`failure_rate`].
    pub failure_rate: f64,
    /// Whether any of the input came from somebody who is not trusted.
    pub tainted: bool,
}

/// How harmful an act seems, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The tier.
    pub tier: RiskTier,
    /// The word, key or fact that says so; empty for the mildest tier.
    pub because: String,
}

impl Assessment {
    /// What was declared, and nothing more is seen.
    pub fn declared(tier: RiskTier) -> Self {
        Self { tier, because: "it was declared".to_owned() }
    }
}

/// The rate of failures after one more outcome: an exponential moving average that the last one weighs 0.3 in.
pub fn failure_rate(before: f64, failed: bool) -> f64 {
    let outcome = if failed { 1.0 } else { 0.0 };
    (before + ALPHA * (outcome - before)).clamp(0.0, 1.0)
}

/// The tier that holds: the higher one of what was declared and what is seen.
pub fn assess(declared: RiskTier, act: &Act<'_>) -> Assessment {
    let seen = classify(act);
    if seen.tier > declared { seen } else { Assessment::declared(declared) }
}

/// What an act seems to be, whatever was declared.
pub fn classify(act: &Act<'_>) -> Assessment {
    let text = act.input.get(..LOOKED_AT).unwrap_or(act.input);
    let mut seen = by_name(act.action);
    if let Some(found) = dangerous(act.action.as_bytes()).or_else(|| dangerous(text)) {
        raise(&mut seen, RiskTier::Irreversible, || format!("its input says `{}`", found.trim_end()));
    }
    if seen.tier == RiskTier::ExternalIo
        && let Some(key) = sensitive_key(text)
    {
        raise(&mut seen, RiskTier::Irreversible, || format!("it is given `{key}`"));
    }
    if act.failure_rate > FAILING {
        raise(&mut seen, RiskTier::ExternalIo, || {
            format!("{:.0} % of late failed", act.failure_rate * 100.0)
        });
    }
    if act.tainted {
        raise(&mut seen, RiskTier::ExternalIo, || "its input is not trusted".to_owned());
    }
    seen
}

fn raise(seen: &mut Assessment, tier: RiskTier, because: impl FnOnce() -> String) {
    if tier > seen.tier {
        *seen = Assessment { tier, because: because() };
    }
}

fn by_name(action: &str) -> Assessment {
    let mut seen = Assessment { tier: RiskTier::ReadOnly, because: String::new() };
    for word in words(action) {
        for (verbs, tier) in [
            (IRREVERSIBLE, RiskTier::Irreversible),
            (EXTERNAL, RiskTier::ExternalIo),
            (INTERNAL, RiskTier::Internal),
        ] {
            if verbs.iter().any(|verb| is_form_of(&word, verb)) {
                raise(&mut seen, tier, || format!("it is called `{word}`"));
            }
        }
    }
    seen
}

/// The words of a name, in lower case: `sendEmail`, `send_email` and `send email` have the same two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars().take(LOOKED_AT) {
        let starts = c.is_uppercase() && lower_before;
        if starts || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a word is a verb, or a common form of it.
fn is_form_of(word: &str, verb: &str) -> bool {
    let Some(rest) = word.strip_prefix(verb) else {
        // deleting, wiping: the verb without its last letter.
        let stem = verb.strip_suffix('e').and_then(|stem| word.strip_prefix(stem));
        return stem.is_some_and(|rest| rest == "ing" || rest == "ion");
    };
    // dropped, dropping: its last letter twice.
    let twice = verb.chars().last().and_then(|last| rest.strip_prefix(last));
    matches!(rest, "" | "s" | "es" | "d" | "ed" | "ing" | "r" | "er" | "ment")
        || matches!(twice, Some("ed" | "ing"))
}

fn dangerous(text: &[u8]) -> Option<&'static str> {
    static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let mut builder = AhoCorasickBuilder::new();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostFirst).build(DANGEROUS).ok()
    });
    let finder = FINDER.as_ref()?;
    let whole = |at: usize| at == 0 || text.get(at - 1).is_none_or(|before| !before.is_ascii_alphanumeric());
    let found = finder.find_iter(text).find(|found| whole(found.start()))?;
    DANGEROUS.get(found.pattern().as_usize()).copied()
}

/// The first key of the input whose value is not for others.
fn sensitive_key(input: &[u8]) -> Option<String> {
    let mut keys = Keys { found: None, left: KEYS, depth: 0 };
    // What was cut off in the middle, or is no JSON, has told its keys up to there.
    let mut reader = serde_json::Deserializer::from_slice(input);
    let _ = reader.deserialize_any(&mut keys);
    keys.found
}

fn is_sensitive(key: &str) -> bool {
    let words = words(key);
    SENSITIVE.iter().any(|wanted| words.windows(wanted.len()).any(|run| run.iter().eq(wanted.iter())))
}

/// Walks JSON for its keys, and stops at the first sensitive one.
struct Keys {
    found: Option<String>,
    left: usize,
    depth: u8,
}

impl Keys {
    fn within(&mut self) -> bool {
        self.found.is_none() && self.left > 0 && self.depth < DEEPEST
    }
}

/// The walk, one value deeper.
struct Below<'k>(&'k mut Keys);

impl<'de> serde::de::DeserializeSeed<'de> for Below<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        if !self.0.within() {
            return input.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        self.0.depth += 1;
        let walked = input.deserialize_any(&mut *self.0);
        self.0.depth -= 1;
        walked
    }
}

impl<'de> Visitor<'de> for &mut Keys {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if self.found.is_none() && self.left > 0 {
                self.left -= 1;
                self.found = is_sensitive(&key).then(|| key.into_owned());
            }
            map.next_value_seed(Below(self))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Below(self))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RiskTier::{ExternalIo, Internal, Irreversible, ReadOnly};

    fn tier(action: &str, input: &str) -> RiskTier {
        classify(&Act { action, input: input.as_bytes(), failure_rate: 0.0, tainted: false }).tier
    }

    #[test]
    fn words_count_whole_and_in_every_form() {
        for (action, expected) in [
            ("deleteRecord", Irreversible),
            ("records.deleted", Irreversible),
            ("dropping", Irreversible),
            ("wiping disks", Irreversible),
            ("transformation", ReadOnly),
            ("reformat", ReadOnly),
            ("postpone", ReadOnly),
            ("dropbox list", ReadOnly),
            ("HTTPPost", ReadOnly),
            ("send-mail", ExternalIo),
            ("caches", Internal),
            ("", ReadOnly),
        ] {
            assert_eq!(tier(action, "{}"), expected, "{action}");
        }
    }

    #[test]
    fn arguments_are_looked_into() {
        assert_eq!(tier("shell", r#"{"command":"cd / && RM -rf ."}"#), Irreversible);
        assert_eq!(tier("query", r#"{"sql":"Drop Table users"}"#), Irreversible);
        assert_eq!(tier("query", r#"{"sql":"select * from farm -rf"}"#), ReadOnly);
        assert_eq!(tier("query", r#"{"text":"alarm -rf"}"#), ReadOnly);
    }

    #[test]
    fn a_secret_that_leaves_cannot_be_taken_back() {
        assert_eq!(tier("send", r#"{"to":"x","user":{"apiKey":"…"}}"#), Irreversible);
        assert_eq!(tier("send", r#"[{"Authorization":"…"}]"#), Irreversible);
        assert_eq!(tier("send", r#"{"author":"x","tokenizer":"y","tokens":{"total":1}}"#), ExternalIo);
        assert_eq!(tier("read", r#"{"password":"…"}"#), ReadOnly);
        // Cut off in the middle, and no JSON.
        assert_eq!(tier("send", r#"{"password":"#), Irreversible);
        assert_eq!(tier("send", "password"), ExternalIo);
    }

    #[test]
    fn nothing_lowers_what_was_declared() {
        for declared in RiskTier::ALL {
            for action in ["read", "cache", "send", "delete"] {
                let act = Act { action, input: b"{}", failure_rate: 0.0, tainted: false };
                let seen = assess(declared, &act);
                assert!(seen.tier >= declared && seen.tier >= classify(&act).tier, "{declared} {action}");
            }
        }
    }

    #[test]
    fn failures_and_taint_make_it_one_that_reaches_outside() {
        let act = |failure_rate, tainted| Act { action: "think", input: b"{}", failure_rate, tainted };
        let after = |failures: u32| (0..failures).fold(0.0, |rate, _| failure_rate(rate, true));
        assert_eq!(classify(&act(after(1), false)).tier, ReadOnly);
        assert_eq!(classify(&act(after(4), false)).tier, ExternalIo);
        assert_eq!(classify(&act(failure_rate(after(2), false), false)).tier, ReadOnly);
        assert_eq!(classify(&act(0.0, true)).tier, ExternalIo);
    }

    #[test]
    fn a_large_input_is_looked_at_up_to_a_point() {
        let large = format!("{{\"a\":\"{}\",\"password\":1}}", "x".repeat(LOOKED_AT));
        assert_eq!(tier("send", &large), ExternalIo);
        let deep = format!("{}{{\"password\":1}}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(tier("send", &deep), ExternalIo);
    }
}
