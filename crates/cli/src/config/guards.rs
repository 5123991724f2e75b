//! Settings of what protects the log: witnesses, and how often checkpoints are made.

use comity_runtime::{Anchoring, Witness};
use std::str::FromStr;
use std::time::Duration;

/// What counts when nobody says otherwise.
pub const EACH_MINUTE: Anchoring = Anchoring::Every(Duration::from_secs(60));

/// How often checkpoints are made by themselves, as it was said, and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval(pub String);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        interval(text).map(|_| Self(text.to_owned()))
    }
}

/// One `URL KEY`, as it was said, and checked.
pub fn witness(text: &str) -> Result<String, String> {
    let one: Result<Witness, _> = text.parse();
    one.map(|_| text.trim().to_owned()).map_err(|bad| bad.to_string())
}

/// Witnesses, apart by `;`.
pub fn witnesses(text: &str) -> Result<Vec<Witness>, String> {
    let each = text.split(';').map(str::trim).filter(|one| !one.is_empty());
    each.map(|one| one.parse().map_err(|bad: comity_runtime::BadWitness| bad.to_string())).collect()
}

/// `90s`, `5m`, `2h`, `end` or `never`.
pub fn interval(text: &str) -> Result<Anchoring, String> {
    let wrong = || format!("`{text}` is neither a time like `90s`, `5m` or `2h`, nor `end` or `never`");
    let (number, seconds) = match text {
        "end" => return Ok(Anchoring::AtEnd),
        "never" => return Ok(Anchoring::OnDemand),
        _ => {
            let unit = text.chars().last().ok_or_else(wrong)?;
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                _ => return Err(wrong()),
            };
            (text.strip_suffix(unit).unwrap_or_default(), seconds)
        }
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    let span = number.checked_mul(seconds).filter(|span| *span <= 7 * 24 * 3600);
    let span = span.ok_or_else(|| format!("`{text}` is more than a week"))?;
    Ok(Anchoring::Every(Duration::from_secs(span)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_time_or_a_word() {
        let every = |seconds| Ok(Anchoring::Every(Duration::from_secs(seconds)));
        assert_eq!(interval("60s"), Ok(EACH_MINUTE));
        for (text, wanted) in [
            ("1s", every(1)),
            ("5m", every(300)),
            ("2h", every(7200)),
            ("end", Ok(Anchoring::AtEnd)),
            ("never", Ok(Anchoring::OnDemand)),
        ] {
            assert_eq!(interval(text), wanted, "{text}");
        }
        for wrong in ["", "5", "0s", "-1s", "s", "1.5m", "5d", "5 m", "200h", "99999999999999999999h", "5é"]
        {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn witnesses_are_named_or_none_is() {
        assert_eq!(witnesses(""), Ok(Vec::new()));
        assert_eq!(witnesses(" ; "), Ok(Vec::new()));
        assert!(witnesses("http://a nokey").is_err());
    }
}
