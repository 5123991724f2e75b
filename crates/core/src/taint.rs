//! Where a value came from, as far as that makes it untrusted.

use std::fmt;
use std::ops::BitOr;

/// The untrusted sources that went into a value; none for one that is trusted. Sources add up and never go away by
/// themselves: what is made of a value came from where the value came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Taint(u8);

impl Taint {
    /// Trusted.
    pub const NONE: Self = Self(0);
    /// What a tool answered to an agent.
    pub const TOOL: Self = Self(1);
    /// What was read on the web.
    pub const WEB: Self = Self(2);
    /// What a party outside the organisation said.
    pub const EXTERNAL: Self = Self(4);
    /// What was found in documents.
    pub const RETRIEVED: Self = Self(8);
    /// What was remembered from elsewhere.
    pub const MEMORY: Self = Self(16);

    /// Every source, with its name.
    const NAMES: [(Self, &'static str); 5] = [
        (Self::TOOL, "tool"),
        (Self::WEB, "web"),
        (Self::EXTERNAL, "external"),
        (Self::RETRIEVED, "retrieved"),
        (Self::MEMORY, "memory"),
    ];

    /// Whether anything untrusted went in.
    pub const fn is_tainted(self) -> bool {
        self.0 != 0
    }

    /// Whether nothing untrusted went in.
    pub const fn is_trusted(&self) -> bool {
        self.0 == 0
    }

    /// The number that is recorded: a bit for each source.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Reads the recorded number; `None` if it names a source that this build does not know.
    pub fn from_bits(bits: u8) -> Option<Self> {
        let known = Self::NAMES.iter().fold(0, |known, (source, _)| known | source.0);
        (bits & !known == 0).then_some(Self(bits))
    }

    /// The source of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, other)| *other == name).map(|(source, _)| *source)
    }
}

impl BitOr for Taint {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl serde::Serialize for Taint {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u8(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Taint {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let bits = u8::deserialize(input)?;
        Self::from_bits(bits).ok_or_else(|| serde::de::Error::custom(format!("unknown sources in {bits}")))
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Self::NAMES.iter().filter(|(source, _)| self.0 & source.0 != 0).map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "trusted".to_owned() } else { names.join(", ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_add_up_and_read_back() {
        let both = Taint::TOOL | Taint::WEB;
        assert_eq!(both.to_string(), "tool, web");
        assert_eq!(Taint::from_bits(both.bits()), Some(both));
        assert_eq!(Taint::from_bits(128), None);
        assert_eq!(Taint::NONE.to_string(), "trusted");
        assert!(both.is_tainted() && !Taint::NONE.is_tainted());
        assert_eq!(Taint::named("web"), Some(Taint::WEB));
    }
}
