//! What somebody was given to do.

use crate::error::Error;
use comity_core::RiskTier;
use serde::{Deserialize, Serialize};

/// The longest name of a capability, in bytes.
const LONGEST: usize = 200;

/// One thing that may be done, and how harmful it may be at most.
///
/// `what` is `kind:name`: `tool:mail`, `model:claude-*`, `flow:*`. A name may end in `*`, which stands for any ending,
/// and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Capability {
    what: String,
    most: RiskTier,
    delegable: bool,
}

/// A capability in a credential.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    act: String,
    max_risk: String,
    #[serde(default)]
    delegable: bool,
}

impl Capability {
    /// The right to do `what`, if it harms no more than `most`. It may not be passed on.
    pub fn new(what: &str, most: RiskTier) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'*' && byte != b'"' && byte != b'\\';
        let (kind, name) = what.split_once(':').unwrap_or_default();
        let stem = name.strip_suffix('*').unwrap_or(name);
        let named = !kind.is_empty() && !name.is_empty() && what.len() <= LONGEST;
        if named
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && stem.bytes().all(plain)
        {
            Ok(Self { what: what.to_owned(), most, delegable: false })
        } else {
            Err(Error::BadCapability(what.chars().take(LONGEST).collect()))
        }
    }

    /// The same, and it may be passed on.
    pub fn delegable(self) -> Self {
        Self { delegable: true, ..self }
    }

    /// What may be done.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether it may be passed on.
    pub fn is_delegable(&self) -> bool {
        self.delegable
    }

    /// Whether it allows this act, named without a `*`, at this risk.
    pub fn allows(&self, act: &str, risk: RiskTier) -> bool {
        risk <= self.most && !act.ends_with('*') && covers(&self.what, act)
    }

    /// Whether whoever has it to pass on may pass on `other`: no more is done, no more harm.
    pub fn may_pass_on(&self, other: &Self) -> bool {
        self.delegable && other.most <= self.most && covers(&self.what, &other.what)
    }
}

/// Whether everything that `narrow` stands for, `wide` stands for too.
fn covers(wide: &str, narrow: &str) -> bool {
    match wide.strip_suffix('*') {
        Some(stem) => narrow.strip_suffix('*').unwrap_or(narrow).starts_with(stem),
        None => wide == narrow,
    }
}

impl TryFrom<Written> for Capability {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let most =
            written.max_risk.parse().map_err(|error: comity_core::risk::BadRiskTier| error.to_string())?;
        let capability = Self::new(&written.act, most).map_err(|error| error.to_string())?;
        Ok(Self { delegable: written.delegable, ..capability })
    }
}

impl From<Capability> for Written {
    fn from(capability: Capability) -> Self {
        let Capability { what, most, delegable } = capability;
        Self { act: what, max_risk: most.to_string(), delegable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RiskTier::{ExternalIo, Internal, Irreversible, ReadOnly};
    use proptest::prelude::*;

    fn cap(what: &str, most: RiskTier) -> Capability {
        Capability::new(what, most).unwrap()
    }

    #[test]
    fn allows_what_it_names_and_no_more() {
        let tools = cap("tool:mail*", ExternalIo);
        for (act, risk, expected) in [
            ("tool:mail", ExternalIo, true),
            ("tool:mail.send", ReadOnly, true),
            ("tool:mai", ReadOnly, false),
            ("tool:mail", Irreversible, false),
            ("tool:mail*", ReadOnly, false),
            ("model:mail", ReadOnly, false),
        ] {
            assert_eq!(tools.allows(act, risk), expected, "{act} {risk}");
        }
        assert!(cap("tool:mail", Internal).allows("tool:mail", Internal));
        assert!(!cap("tool:mail", Internal).allows("tool:mailx", Internal));
    }

    #[test]
    fn is_passed_on_only_if_it_may_be_and_never_wider() {
        let given = cap("tool:*", ExternalIo);
        assert!(!given.may_pass_on(&cap("tool:mail", ExternalIo)));
        let given = given.delegable();
        assert!(given.may_pass_on(&cap("tool:mail", ExternalIo)));
        assert!(given.may_pass_on(&cap("tool:m*", Internal).delegable()));
        assert!(!given.may_pass_on(&cap("tool:mail", Irreversible)));
        assert!(!given.may_pass_on(&cap("model:x", ReadOnly)));
        assert!(!cap("tool:mail", ExternalIo).delegable().may_pass_on(&cap("tool:mail*", ReadOnly)));
    }

    #[test]
    fn refuses_what_is_no_capability() {
        for bad in ["", "tool", "tool:", ":x", "Tool:x", "tool:a*b", "tool:**", "tool:a b", &"t:".repeat(200)]
        {
            assert!(Capability::new(bad, ReadOnly).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_passed_on_never_allows_more(
            wide in "[ab]{0,3}[*]?", narrow in "[ab]{0,3}[*]?", act in "[ab]{1,4}",
            risks in proptest::array::uniform3(1u8..=4),
        ) {
            let [most, least, asked] = risks.map(|level| RiskTier::from_level(level).unwrap());
            let named = |name: &str, most| Capability::new(&format!("tool:{name}"), most);
            let (Ok(wide), Ok(narrow)) = (named(&wide, most), named(&narrow, least)) else { return Ok(()) };
            let (wide, act) = (wide.delegable(), format!("tool:{act}"));
            if wide.may_pass_on(&narrow) && narrow.allows(&act, asked) {
                prop_assert!(wide.allows(&act, asked));
            }
        }
    }
}
