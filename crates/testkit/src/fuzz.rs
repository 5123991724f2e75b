//! What is fuzzed: how an input is made, and what has to hold of it.

mod condition;
mod loader;

use crate::random::Random;

/// One thing that reads what strangers write.
pub struct Target {
    /// As it is called on the command line.
    pub name: &'static str,
    /// Makes an input.
    pub input: fn(&Random) -> String,
    /// Reads it; errors with what does not hold. May panic: that is a finding too.
    pub check: fn(&str, &Random) -> Result<(), String>,
}

/// Every target, alphabetically.
pub const TARGETS: &[Target] = &[
    Target { name: "condition", input: condition::input, check: condition::check },
    Target { name: "loader", input: loader::input, check: loader::check },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_stands_a_thousand_executions() {
        for target in TARGETS {
            for seed in 0..1_000 {
                let random = Random::new(seed);
                let input = (target.input)(&random);
                assert_eq!((target.check)(&input, &random), Ok(()), "{} {seed}: {input:?}", target.name);
            }
        }
    }
}
