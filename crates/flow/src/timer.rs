//! What a timer step waits for: a span, a moment, or the next firing of a schedule.
//!
//! Nothing here waits. When a timer begins, the moment it waits for is computed once, from the moment it
//! begins at; whoever waits keeps that moment, so that a wait that is taken up again ends when it would have.

mod cron;
#[cfg(test)]
mod tests;

use comity_core::Timestamp;
use cron::Cron;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::time::Duration;

const KEYS: [&str; 3] = ["after_s", "until", "cron"];

/// What a timer step waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer(Waits);

#[derive(Clone, Debug, PartialEq)]
enum Waits {
    After(Duration),
    Until(Timestamp),
    Cron(Cron, TimeZone),
}

/// Why a step's keys are no timer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadTimer {
    /// The key to point at; it may be one that is not there.
    pub key: &'static str,
    /// What is wrong, in words.
    pub message: String,
}

impl Timer {
    /// Reads a timer from a step's keys; keys that are none of a timer's are not looked at.
    ///
    /// There is exactly one of `after_s` (in whole milliseconds, as the loader keeps seconds), `until` (a
    /// moment of RFC 3339 with its offset) and `cron` (minute, hour, day of month, month, day of week, with
    /// `timezone`, UTC if there is none). Schedules that never fire are refused.
    pub fn parse(config: &Map<String, Value>) -> Result<Self, BadTimer> {
        let present: Vec<_> = KEYS.into_iter().filter(|key| config.contains_key(*key)).collect();
        let waits = match present.as_slice() {
            [] => return Err(bad("after_s", "a timer needs `after_s`, `until` or `cron`")),
            ["after_s"] => Waits::After(span(config)?),
            ["until"] => Waits::Until(moment(text(config, "until")?)?),
            ["cron"] => {
                let cron = Cron::parse(text(config, "cron")?).map_err(|message| bad("cron", message))?;
                return Ok(Self(Waits::Cron(cron, zone(config)?)));
            }
            [first, second, ..] => {
                let message = format!("a timer takes either `{first}` or `{second}`");
                return Err(BadTimer { key: second, message });
            }
            [_] => return Err(bad("after_s", "a timer needs `after_s`, `until` or `cron`")),
        };
        match config.contains_key("timezone") {
            true => Err(bad("timezone", "`timezone` goes with `cron` alone")),
            false => Ok(Self(waits)),
        }
    }

    /// The moment that is waited for by a timer that begins at `after`.
    ///
    /// A schedule's is its first firing later than `after`: `None` if that lies beyond the year 9999. A local
    /// time that clocks skip fires when they go on; one that they show twice fires the first time only.
    pub fn due(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Waits::After(span) => Some(after.plus(*span)),
            Waits::Until(moment) => Some(*moment),
            Waits::Cron(cron, zone) => cron.next(after, zone),
        }
    }
}

fn bad(key: &'static str, message: impl Into<String>) -> BadTimer {
    BadTimer { key, message: message.into() }
}

fn text<'a>(config: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, BadTimer> {
    let text = config.get(key).and_then(Value::as_str);
    text.ok_or_else(|| bad(key, format!("`{key}` is not a text")))
}

fn span(config: &Map<String, Value>) -> Result<Duration, BadTimer> {
    let millis = config.get("after_s").and_then(Value::as_u64).filter(|millis| *millis > 0);
    let millis = millis.ok_or_else(|| bad("after_s", "`after_s` is not a positive number of seconds"))?;
    Ok(Duration::from_millis(millis))
}

fn zone(config: &Map<String, Value>) -> Result<TimeZone, BadTimer> {
    if !config.contains_key("timezone") {
        return Ok(TimeZone::UTC);
    }
    let name = text(config, "timezone")?;
    let unknown = |_| bad("timezone", format!("`{name}` is no time zone such as `Europe/Berlin`"));
    TimeZone::get(name).map_err(unknown)
}

/// Reads a moment to the millisecond, rounded up: a timer is never early.
fn moment(text: &str) -> Result<Timestamp, BadTimer> {
    let wrong = |why: &str| bad("until", format!("`{text}` {why}"));
    if !is_rfc3339(text) {
        return Err(wrong("is no moment such as `2026-03-29T09:00:00+02:00`"));
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| wrong("is a moment that does not exist"))?;
    let millis = moment.as_nanosecond().checked_add(999_999).map(|nanos| nanos.div_euclid(1_000_000));
    let millis = millis.and_then(|millis| u64::try_from(millis).ok());
    millis.map(Timestamp::from_millis).ok_or_else(|| wrong("lies before 1970"))
}

/// Whether a text has the form of RFC 3339: the library that reads it takes a good deal more.
fn is_rfc3339(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let fits = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                form => byte.eq_ignore_ascii_case(form),
            })
    };
    let Some((start, rest)) = text.as_bytes().split_at_checked(FORM.len()) else { return false };
    let rest = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        _ => rest,
    };
    fits(start, FORM) && [&b"Z"[..], b"+00:00", b"-00:00"].iter().any(|form| fits(rest, form))
}
