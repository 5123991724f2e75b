//! Typed ids: sixteen bytes, printed as `run_01J…` in Crockford base 32.
//!
//! Run ids sort by time (a ULID: 48 bits of milliseconds, 80 random bits). Step and approval ids are
//! derived, so that a resumed run finds the very ids it used before.

use crate::{Digest, Timestamp};
use std::{fmt, str::FromStr};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what} id: expected `{prefix}_` and 26 characters of Crockford base 32")]
pub struct BadId {
    text: String,
    what: &'static str,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes the sixteen bytes as they are stored.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes, as they are stored.
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads the printed form, from bytes that may not even be text.
            pub fn from_text(text: &[u8]) -> Option<Self> {
                text.strip_prefix(concat!($prefix, "_").as_bytes()).and_then(decode).map(Self)
            }

            /// Reads sixteen stored bytes; any other length is `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(&encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::from_text(text.as_bytes())
                    .ok_or_else(|| BadId { text: text.to_owned(), what: $what, prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One run: a tree of steps with one trace, one account and one hash chain.
    RunId, "run", "run"
);
id!(
    /// One step inside a run. The same place in the same run always has the same id.
    StepId, "stp", "step"
);
id!(
    /// One request for a person's decision about one exact act.
    ApprovalId, "apr", "approval"
);

id!(
    /// Whose key a text is encrypted under: a run's content, a run's structure, or a person.
    SubjectId, "sub", "subject"
);

impl RunId {
    /// Makes a time-ordered id from the wall clock and ten random bytes.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let mut bytes = [0u8; 16];
        let (time, tail) = bytes.split_at_mut(6);
        time.copy_from_slice(now.millis().to_be_bytes().get(2..).unwrap_or(&[0; 6]));
        tail.copy_from_slice(&random);
        Self(bytes)
    }
}

impl StepId {
    /// The id of the `ordinal`-th child of `parent` (or of the run itself) in the given loop iteration.
    ///
    /// Attempts do not enter: an id names the act, and a retried act is the same act.
    pub fn derive(run: RunId, parent: Option<StepId>, ordinal: u32, iteration: u32) -> Self {
        let parent = parent.map_or([0; 16], |step| step.0);
        Self(half(Digest::of(&[
            b"comity/step-id/v1\n",
            &run.0,
            &parent,
            &ordinal.to_be_bytes(),
            &iteration.to_be_bytes(),
        ])))
    }

    /// What the ids of steps nested in this one are derived from, once it has failed and been begun anew
    /// this many times: what a failed try did is not taken for the next one's.
    pub fn anew(self, times: u32) -> Self {
        if times == 0 {
            return self;
        }
        Self(half(Digest::of(&[b"comity/step-anew/v1\n", &self.0, &times.to_be_bytes()])))
    }
}

impl ApprovalId {
    /// The id of the approval asked for by this attempt of a step.
    pub fn derive(run: RunId, step: StepId, attempt: u32) -> Self {
        Self(half(Digest::of(&[b"comity/approval-id/v1\n", &run.0, &step.0, &attempt.to_be_bytes()])))
    }
}

fn half(digest: Digest) -> [u8; 16] {
    let mut out = [0u8; 16];
    out.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
    out
}

fn encode(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes);
    (0..26u32)
        .rev()
        .map(|place| {
            let index = (number >> (place * 5)) as usize & 31;
            char::from(ALPHABET.get(index).copied().unwrap_or(b'0'))
        })
        .collect()
}

/// What a character stands for; more than 31 for anything that is not in the alphabet.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of range")]
const VALUES: [u8; 256] = {
    let (mut values, mut place) = ([u8::MAX; 256], 0);
    while place < ALPHABET.len() {
        values[ALPHABET[place] as usize] = place as u8;
        place += 1;
    }
    values
};

fn decode(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 26] = text.try_into().ok()?;
    let (mut number, mut wrong) = (0u128, 0);
    for character in text {
        let value = VALUES.get(usize::from(*character)).copied().unwrap_or(u8::MAX);
        wrong |= value;
        number = number << 5 | u128::from(value & 31);
    }
    // Of 130 bits, the first two have to be zero.
    (wrong < 32 && *text.first()? < b'8').then(|| number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let id = RunId::new(Timestamp::from_millis(1_763_640_000_123), *b"0123456789");
        assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
        assert_eq!(id.to_string().len(), 30);
    }

    #[test]
    fn refuses_other_prefixes_and_overflow() {
        let id = RunId::from_bytes([255; 16]).to_string();
        assert!(id.replace("run_", "stp_").parse::<RunId>().is_err());
        assert!("run_ZZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<RunId>().is_err());
        assert!("run_".parse::<RunId>().is_err());
        assert!("run_éééééééééééééééééééééééééé".parse::<RunId>().is_err());
    }

    #[test]
    fn run_ids_sort_by_time() {
        let early = RunId::new(Timestamp::from_millis(1), [255; 10]);
        let late = RunId::new(Timestamp::from_millis(2), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn step_ids_depend_on_place_alone() {
        let run = RunId::from_bytes([1; 16]);
        let first = StepId::derive(run, None, 0, 0);
        assert_eq!(first, StepId::derive(run, None, 0, 0));
        assert_ne!(first, StepId::derive(run, None, 0, 1));
        assert_ne!(first, StepId::derive(run, None, 1, 0));
        assert_ne!(first, StepId::derive(run, Some(first), 0, 0));
    }
}
