//! What an act may cost and did cost, in every unit an account keeps.

use crate::MicroUsd;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A unit that accounts are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// US dollars, in millionths.
    MicroUsd,
    /// Wall-clock time of effects, in milliseconds; shown as seconds.
    Millis,
    /// Admitted steps.
    Steps,
    /// Model tokens.
    Tokens,
}

impl Unit {
    /// All units, in the order of [`Amounts`]' fields.
    pub const ALL: [Self; 4] = [Self::MicroUsd, Self::Millis, Self::Steps, Self::Tokens];

    /// An amount of this unit as people read it: `$0.42`, `1.5 s`, `3 steps`, `10 tokens`.
    pub fn show(self, amount: u64) -> String {
        match self {
            Self::MicroUsd => MicroUsd::new(amount).to_string(),
            Self::Millis => format!("{}.{:03} s", amount / 1000, amount % 1000),
            Self::Steps => format!("{amount} steps"),
            Self::Tokens => format!("{amount} tokens"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MicroUsd => "US dollars",
            Self::Millis => "seconds",
            Self::Steps => "steps",
            Self::Tokens => "tokens",
        })
    }
}

/// One number per unit. As a cap, [`Amounts::UNLIMITED`] in a unit means "no cap".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// Millionths of a US dollar.
    pub micro_usd: u64,
    /// Milliseconds of wall-clock time.
    pub millis: u64,
    /// Steps.
    pub steps: u64,
    /// Tokens.
    pub tokens: u64,
}

impl Amounts {
    /// Nothing of anything.
    pub const ZERO: Self = Self { micro_usd: 0, millis: 0, steps: 0, tokens: 0 };
    /// The largest value of a unit (2^53 - 1), read as "no cap".
    pub const MAX: u64 = MicroUsd::MAX.micros();
    /// No cap in any unit.
    pub const UNLIMITED: Self =
        Self { micro_usd: Self::MAX, millis: Self::MAX, steps: Self::MAX, tokens: Self::MAX };

    /// The amount of one unit.
    pub const fn get(&self, unit: Unit) -> u64 {
        match unit {
            Unit::MicroUsd => self.micro_usd,
            Unit::Millis => self.millis,
            Unit::Steps => self.steps,
            Unit::Tokens => self.tokens,
        }
    }

    /// Adds unit by unit; `None` when any sum leaves the range `0..=MAX`.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        self.zip(other, |a, b| a.checked_add(b).filter(|sum| *sum <= Self::MAX))
    }

    /// Subtracts unit by unit; `None` when any difference would be negative.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        self.zip(other, u64::checked_sub)
    }

    /// The smaller of the two, unit by unit.
    pub fn min(&self, other: &Self) -> Self {
        Self {
            micro_usd: self.micro_usd.min(other.micro_usd),
            millis: self.millis.min(other.millis),
            steps: self.steps.min(other.steps),
            tokens: self.tokens.min(other.tokens),
        }
    }

    /// Subtracts unit by unit, stopping at zero.
    pub fn saturating_sub(&self, other: &Self) -> Self {
        Self {
            micro_usd: self.micro_usd.saturating_sub(other.micro_usd),
            millis: self.millis.saturating_sub(other.millis),
            steps: self.steps.saturating_sub(other.steps),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }

    /// So many times as much, stopping at the largest amount, which no account can book.
    pub fn saturating_mul(&self, count: u64) -> Self {
        let times = |amount: u64| amount.saturating_mul(count).min(Self::MAX);
        Self {
            micro_usd: times(self.micro_usd),
            millis: times(self.millis),
            steps: times(self.steps),
            tokens: times(self.tokens),
        }
    }

    /// The first unit in which this is more than `other`.
    pub fn exceeds(&self, other: &Self) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| self.get(*unit) > other.get(*unit))
    }

    /// Whether every unit is zero.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    fn zip(&self, other: &Self, op: impl Fn(u64, u64) -> Option<u64>) -> Option<Self> {
        Some(Self {
            micro_usd: op(self.micro_usd, other.micro_usd)?,
            millis: op(self.millis, other.millis)?,
            steps: op(self.steps, other.steps)?,
            tokens: op(self.tokens, other.tokens)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_refuses_to_leave_the_range() {
        let one = Amounts { tokens: 1, ..Amounts::ZERO };
        assert_eq!(Amounts::UNLIMITED.checked_add(&one), None);
        assert_eq!(Amounts::ZERO.checked_sub(&one), None);
        assert_eq!(one.checked_add(&one).map(|sum| sum.tokens), Some(2));
    }

    #[test]
    fn names_the_unit_that_is_too_large() {
        let want = Amounts { steps: 3, tokens: 9, ..Amounts::ZERO };
        assert_eq!(want.exceeds(&Amounts { steps: 3, tokens: 8, ..Amounts::ZERO }), Some(Unit::Tokens));
        assert_eq!(want.exceeds(&want), None);
    }

    #[test]
    fn shows_units_as_people_read_them() {
        assert_eq!(Unit::Millis.show(1500), "1.500 s");
        assert_eq!(Unit::MicroUsd.show(420_000), "$0.42");
    }
}
