//! US dollars as integer millionths.

use std::{fmt, str::FromStr};

/// US dollars in integer millionths; `MicroUsd::new(1_500_000)` is $1.50.
///
/// Never above [`MicroUsd::MAX`], so that a value survives JSON readers that use doubles (RFC 7493).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroUsd(u64);

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount in US dollars: expected digits, and at most six after the point")]
pub struct BadMoney(String);

impl MicroUsd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount: 2^53 - 1 millionths, about nine billion dollars.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Takes millionths; amounts above [`MicroUsd::MAX`] become it.
    pub const fn new(micros: u64) -> Self {
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// Millionths of a dollar.
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl FromStr for MicroUsd {
    type Err = BadMoney;

    /// Reads plain decimal notation, exactly: `0.05` is 50,000 millionths. Seven decimals are an error, not rounded.
    fn from_str(text: &str) -> Result<Self, BadMoney> {
        parse(text).ok_or_else(|| BadMoney(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<MicroUsd> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let scale = 10u64.checked_pow(6 - u32::try_from(fraction.len()).ok()?)?;
    let micros = fraction.parse::<u64>().ok()?.checked_mul(scale)?;
    let total = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?;
    (total <= MicroUsd::MAX.0).then_some(MicroUsd(total))
}

impl fmt::Display for MicroUsd {
    /// `$0.42`, `$0.000001`: at least two decimals, no trailing zeros after them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let mut fraction = format!("{micros:06}");
        while fraction.len() > 2 && fraction.ends_with('0') {
            fraction.pop();
        }
        write!(f, "${dollars}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_exactly() {
        for (text, micros, shown) in [
            ("0.05", 50_000, "$0.05"),
            ("1", 1_000_000, "$1.00"),
            ("12.000001", 12_000_001, "$12.000001"),
            ("0.120", 120_000, "$0.12"),
        ] {
            let money: MicroUsd = text.parse().unwrap();
            assert_eq!((money.micros(), money.to_string().as_str()), (micros, shown));
        }
    }

    #[test]
    fn refuses_what_it_would_have_to_round() {
        for text in ["", ".", "1.", ".5", "-1", "1e3", "0.0000001", "+1", "1,5", "99999999999999", "١"] {
            assert!(text.parse::<MicroUsd>().is_err(), "{text}");
        }
    }
}
