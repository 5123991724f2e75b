//! What a checkpoint says: this log has this many leaves and this root. The format is C2SP tlog-checkpoint.

use super::merkle::Head;
use super::text::{self, number};
use comity_core::{Digest, Tenant};

/// The text of a checkpoint, which a signed note signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: see [`origin`].
    pub origin: String,
    /// Its size and root.
    pub head: Head,
}

/// The name of a tenant's log, which is also the name of the key that signs it: `comity/<log id>/<tenant>`, the id in
/// lower-case hex.
pub fn origin(id: &[u8; 16], tenant: &Tenant) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("comity/{hex}/{tenant}")
}

/// The log's id, in hex, and the tenant that an origin names; `None` when it is not one of ours.
pub fn parts_of_origin(origin: &str) -> Option<(&str, Tenant)> {
    let (id, tenant) = origin.strip_prefix("comity/")?.split_once('/')?;
    let hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    hex.then_some(())?;
    Some((id, tenant.parse().ok()?))
}

impl Checkpoint {
    /// Three lines: the origin, the size, and the root in base64. Source: C2SP tlog-checkpoint, "Note text".
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.head.size, text::encode(&self.head.root.0))
    }

    /// Reads what [`Checkpoint::to_text`] writes. Extension lines, which this program never writes, are refused.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.strip_suffix('\n').ok_or("its text does not end with a line end")?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err("its text is not three lines");
        };
        if origin.is_empty() {
            return Err("it names no log");
        }
        let size = number(size).ok_or("its size is not a whole number")?;
        let root = text::decode(root).and_then(|bytes| Digest::from_slice(&bytes));
        let root = root.ok_or("its root is not 32 bytes in base64")?;
        Ok(Self { origin: origin.to_owned(), head: Head { size, root } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let origin = origin(&[0xab; 16], &Tenant::local());
        Checkpoint { origin, head: Head { size: 42, root: Digest([1; 32]) } }
    }

    #[test]
    fn three_lines_round_trip() {
        let text = sample().to_text();
        assert_eq!(
            text,
            "comity/abababababababababababababababab/local\n42\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
        );
        assert_eq!(Checkpoint::parse(&text), Ok(sample()));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let text = sample().to_text();
        for (from, to) in
            [("42", "042"), ("42", "+42"), ("42", " 42"), ("42", "9007199254740992"), ("E=\n", "E=\nmore\n")]
        {
            assert!(Checkpoint::parse(&text.replace(from, to)).is_err(), "{to}");
        }
        for (from, to) in
            [("E=\n", "E="), ("E=\n", "E\n"), ("E=\n", "F=\n"), ("E=\n", "E=\r\n"), ("\n42", "\n\n42")]
        {
            assert!(Checkpoint::parse(&text.replace(from, to)).is_err(), "{to}");
        }
        assert!(Checkpoint::parse("\n1\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").is_err());
    }

    #[test]
    fn an_origin_names_a_log_and_a_tenant() {
        let own = sample().origin;
        assert_eq!(parts_of_origin(&own), Some(("abababababababababababababababab", Tenant::local())));
        for other in ["comity/ab/local", "comity/abababababababababababababababab/", "example.com/log"] {
            assert_eq!(parts_of_origin(other), None);
        }
        assert_eq!(parts_of_origin(&own.replace("ab", "AB")), None);
    }
}
