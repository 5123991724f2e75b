//! List prices, and the most a request can cost.

use crate::{Error, Request, Usage};
use comity_core::MicroUsd;

/// What one family of models costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The word of a model's name that tells the family, as `opus` in `claude-opus-4-7`.
    pub family: &'static str,
    /// For 1,000 tokens that go in, in micro-USD.
    pub input: u64,
    /// For 1,000 tokens that come out, in micro-USD.
    pub output: u64,
}

/// Every list price, by family.
pub const PRICES: &[Price] = &[
    Price { family: "haiku", input: 800, output: 4_000 },
    Price { family: "opus", input: 15_000, output: 75_000 },
    Price { family: "sonnet", input: 3_000, output: 15_000 },
];

impl Price {
    /// The price of a model: that of the family named among the words of its name. Errors when there is none.
    pub fn of_model(model: &str) -> Result<&'static Self, Error> {
        let named = |price: &&Self| model.split('-').any(|word| word == price.family);
        PRICES.iter().find(named).ok_or_else(|| Error::Unpriced(model.to_owned()))
    }

    /// What this many tokens cost, rounded up to whole micro-USD.
    pub fn cost(&self, usage: Usage) -> MicroUsd {
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let thousandths = part(usage.input_tokens, self.input) + part(usage.output_tokens, self.output);
        MicroUsd::new(u64::try_from(thousandths.div_ceil(1_000)).unwrap_or(u64::MAX))
    }
}

/// The most one request can cost: every token that goes in, and every one that may come out.
pub fn bound(request: &Request) -> Result<(u64, MicroUsd), Error> {
    let most = Usage { input_tokens: request.input_tokens(), output_tokens: request.max_output_tokens };
    Ok((most.total(), Price::of_model(&request.model)?.cost(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_alphabetical() {
        assert!(PRICES.is_sorted_by(|a, b| a.family < b.family));
    }

    #[test]
    fn what_cannot_be_priced_is_refused() {
        for model in ["gpt-4o", "llama3.2", "", "opusculum", "claude_opus"] {
            let error = Price::of_model(model).unwrap_err();
            assert_eq!(error.to_string(), format!("model `{model}` has no list price"));
        }
    }

    #[test]
    fn fractions_of_a_millionth_are_rounded_up() {
        let haiku = Price::of_model("claude-haiku-4-5").unwrap();
        let cost = |input_tokens, output_tokens| haiku.cost(Usage { input_tokens, output_tokens }).micros();
        assert_eq!((cost(0, 0), cost(1, 0), cost(1, 1), cost(1_000, 0)), (0, 1, 5, 800));
        assert_eq!(cost(u64::MAX, u64::MAX), MicroUsd::MAX.micros());
    }
}
