//! Prices, as users of another tool know them.

use comity_model::{Price, Usage};
use serde_json::Value;

const CASES: &str = include_str!("cases/cost_usd.jsonl");

/// Reviewed: a model without a list price is refused, not billed at another's price.
#[test]
fn cases_are_followed_and_unknown_models_refused() {
    let (mut followed, mut refused) = (0, 0);
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let tokens = |key: &str| case["input"][key].as_u64().unwrap();
        let usage = Usage { input_tokens: tokens("in"), output_tokens: tokens("out") };
        let price = Price::of_model(case["input"]["model"].as_str().unwrap());
        match case["stance"].as_str() {
            Some("follow") => {
                let expected = (case["expected"].as_f64().unwrap() * 1e6).round();
                assert_eq!(price.unwrap().cost(usage).micros() as f64, expected, "{line}");
                followed += 1;
            }
            Some("review") => {
                assert!(price.is_err(), "{line}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((followed, refused), (8, 4));
}
