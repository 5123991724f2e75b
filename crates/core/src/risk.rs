//! How much an act can harm.

use std::{fmt, str::FromStr};

/// Impact of an act. A classifier may raise a declared tier and never lowers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RiskTier {
    /// Reads, and changes nothing.
    ReadOnly = 1,
    /// Changes things inside the organisation.
    Internal = 2,
    /// Reaches outside the organisation.
    ExternalIo = 3,
    /// Cannot be taken back.
    Irreversible = 4,
}

/// Why a text is not a risk tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a risk tier: expected read-only (1), internal (2), external-io (3) or irreversible (4)"
)]
pub struct BadRiskTier(String);

impl RiskTier {
    /// All tiers, mildest first.
    pub const ALL: [Self; 4] = [Self::ReadOnly, Self::Internal, Self::ExternalIo, Self::Irreversible];

    /// The tier's number, 1 to 4.
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The tier with this number.
    pub fn from_level(level: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.level() == level)
    }

    /// The tier's name in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Internal => "internal",
            Self::ExternalIo => "external-io",
            Self::Irreversible => "irreversible",
        }
    }
}

impl FromStr for RiskTier {
    type Err = BadRiskTier;

    /// Takes the name (`external-io`, `external_io`) or the number (`3`).
    fn from_str(text: &str) -> Result<Self, BadRiskTier> {
        let wanted = text.to_ascii_lowercase().replace('_', "-");
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == wanted || tier.level().to_string() == wanted)
            .ok_or_else(|| BadRiskTier(text.to_owned()))
    }
}

impl fmt::Display for RiskTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_numbers() {
        assert_eq!("EXTERNAL_IO".parse(), Ok(RiskTier::ExternalIo));
        assert_eq!("4".parse(), Ok(RiskTier::Irreversible));
        assert!("5".parse::<RiskTier>().is_err());
        assert!(RiskTier::ReadOnly < RiskTier::Irreversible);
    }
}
