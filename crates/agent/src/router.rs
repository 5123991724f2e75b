//! Which model an agent takes that names none.

use std::collections::BTreeMap;

/// Models by how much is asked, for agents that name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// The model when the tier that fits has none.
    pub fallback: String,
    /// Models by tier: `small` up to 200 tokens that go in, `medium` up to 800, `large` above.
    pub tiers: BTreeMap<String, String>,
}

impl Router {
    /// The model for a request of this many tokens.
    pub fn pick(&self, tokens: u64) -> &str {
        let tier = match tokens {
            0..=200 => "small",
            201..=800 => "medium",
            _ => "large",
        };
        self.tiers.get(tier).unwrap_or(&self.fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_what_is_asked_picks_the_tier() {
        let tiers = [("small", "a-haiku"), ("large", "an-opus")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let router = Router { fallback: "a-sonnet".to_owned(), tiers: BTreeMap::from(tiers) };
        let cases =
            [(0, "a-haiku"), (200, "a-haiku"), (201, "a-sonnet"), (800, "a-sonnet"), (801, "an-opus")];
        for (tokens, model) in cases {
            assert_eq!(router.pick(tokens), model, "{tokens}");
        }
    }
}
