//! Times as people read them.

/// Milliseconds since 1970 as `2026-11-20T14:13:55.123Z`.
pub fn utc(millis: u64) -> String {
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Milliseconds as `0.012 s`.
pub fn seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// A span as people say it: `0.412 s`, `75.3 s`, `12 min 5 s`, `3 h 20 min`, `2 d 4 h`.
pub fn span(millis: u64) -> String {
    let total = millis / 1_000;
    let (days, hours, minutes) = (total / 86_400, total / 3_600 % 24, total / 60 % 60);
    match total {
        0..10 => seconds(millis),
        10..120 => format!("{total}.{} s", millis % 1_000 / 100),
        120..3_600 => format!("{minutes} min {} s", total % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A moment as people say it, from where they stand: `just now`, `3 min ago`, `in 2 h`; its date when that is
/// more than a week away.
pub fn moment(at: u64, now: u64) -> String {
    let (apart, past) = (at.abs_diff(now), at <= now);
    let rough = match apart / 1_000 {
        0..2 if past => return "just now".to_owned(),
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds @ 172_800..604_800 => format!("{} d", seconds / 86_400),
        _ => return minute(at),
    };
    if past { format!("{rough} ago") } else { format!("in {rough}") }
}

/// A moment to the minute: `2026-11-20 14:13`.
fn minute(at: u64) -> String {
    utc(at).replace('T', " ").chars().take(16).collect()
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`. Years begin in
/// March there, so that the leap day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// The first millisecond of a day that is written `2026-11-20`, UTC; `None` if there is no such day.
pub fn day_start(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day > 31 || text.len() != 10 {
        return None;
    }
    // The inverse of `date`, by the same source: `days_from_civil`.
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let march = year - u64::from(month <= 2);
    let (era, year_of_era) = (march / 400, march % 400);
    let day_of_year = (153 * shifted + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    // A day that its month does not have comes out as one of the next.
    (date(days) == (year, month, day)).then_some(days * 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (millis, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_763_640_000_123, "2025-11-20T12:00:00.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            ((1 << 53) - 1, "287396-10-12T08:59:00.991Z"),
        ] {
            assert_eq!(utc(millis), shown);
        }
    }

    #[test]
    fn spans_are_as_short_as_they_are_long() {
        let shown = [412, 9_999, 75_340, 725_000, 12_000_000, 187_200_000].map(span);
        assert_eq!(shown, ["0.412 s", "9.999 s", "75.3 s", "12 min 5 s", "3 h 20 min", "2 d 4 h"]);
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = 1_763_640_000_000;
        let ago = |span: u64| moment(now - span, now);
        assert_eq!([ago(0), ago(5_000), ago(200_000)], ["just now", "5 s ago", "3 min ago"]);
        assert_eq!([ago(8_000_000), ago(400_000_000)], ["2 h ago", "4 d ago"]);
        assert_eq!(ago(864_000_000), "2025-11-10 12:00");
        assert_eq!([moment(now + 500, now), moment(now + 8_000_000, now)], ["in 0 s", "in 2 h"]);
    }

    #[test]
    fn every_day_is_found_again() {
        for days in 0..80_000 {
            let (year, month, day) = date(days);
            assert_eq!(day_start(&format!("{year:04}-{month:02}-{day:02}")), Some(days * 86_400_000));
        }
        for none in ["1969-12-31", "2025-02-29", "2025-00-01", "2025-1-01", "2025-01-01x", "2025-01"] {
            assert_eq!(day_start(none), None, "{none}");
        }
    }

    #[test]
    fn spans_are_in_seconds() {
        assert_eq!([seconds(0), seconds(12), seconds(61_500)], ["0.000 s", "0.012 s", "61.500 s"]);
    }
}
