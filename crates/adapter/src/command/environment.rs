//! Which environment variables a program gets to see.

use std::ffi::OsString;

/// What every program may see: where programs are, who runs it, and how it should write.
const ALWAYS: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// Tells a program that knows the word that it has been asked before.
const IDEMPOTENCY_KEY: &str = "COMITY_IDEMPOTENCY_KEY";

/// The whole environment of a program: what is always let through, what is `listed`, and the key.
///
/// Names that `lookup` does not know are left out. The key stands last, so that it wins.
pub(super) fn select(
    listed: &[String],
    idempotency_key: String,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Vec<(String, OsString)> {
    let names = ALWAYS.into_iter().chain(listed.iter().map(String::as_str));
    let known = names.filter_map(|name| Some((name.to_owned(), lookup(name)?)));
    known.chain([(IDEMPOTENCY_KEY.to_owned(), idempotency_key.into())]).collect()
}

/// Whether a text can name an environment variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['=', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listed: &[&str], expected: &[(&str, &str)]) {
        let ours = |name: &str| match name {
            "PATH" => Some("/bin".into()),
            "TOKEN" => Some("t".into()),
            "AWS_SECRET" => Some("s".into()),
            IDEMPOTENCY_KEY => Some("stale".into()),
            _ => None,
        };
        let listed: Vec<_> = listed.iter().map(|&name| name.to_owned()).collect();
        let expected: Vec<_> =
            expected.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        assert_eq!(select(&listed, "key".to_owned(), ours), expected);
    }

    #[test]
    fn lets_through_only_what_is_listed_and_set() {
        check(&[], &[("PATH", "/bin"), (IDEMPOTENCY_KEY, "key")]);
        check(&["TOKEN", "NONE"], &[("PATH", "/bin"), ("TOKEN", "t"), (IDEMPOTENCY_KEY, "key")]);
    }

    #[test]
    fn the_key_of_this_step_comes_last() {
        let name = IDEMPOTENCY_KEY;
        check(&[name], &[("PATH", "/bin"), (name, "stale"), (name, "key")]);
    }

    #[test]
    fn tells_names_from_other_texts() {
        for (text, expected) in [("TOKEN", true), ("a-b", true), ("", false), ("A=1", false), ("A\0", false)]
        {
            assert_eq!(is_name(text), expected, "{text:?}");
        }
    }
}
