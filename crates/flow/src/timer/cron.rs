//! Schedules of five fields: minute, hour, day of month, month, day of week.

use comity_core::Timestamp;
use jiff::{
    civil::{Date, DateTime, Weekday},
    tz::{AmbiguousOffset, TimeZone},
};

/// How far ahead a firing is looked for, in days. No schedule that fires at all has a longer gap: the 29th of
/// February on one day of the week may take 40 years, as around 2100.
const LONGEST_GAP: usize = 41 * 366;

/// When a schedule fires: sets of numbers, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
    /// Both days are given, and one of them is enough; otherwise both must fit.
    either_day: bool,
}

/// One of the five fields.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    /// Words for its numbers, from `first` on.
    words: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, words: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, words: &[] };
const DAY: Field = Field { name: "day of month", first: 1, last: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEKDAY: Field = Field {
    name: "day of week",
    first: 0,
    last: 7,
    words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

impl Cron {
    /// Reads a schedule. Refuses those that never fire.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            let number = fields.len();
            return Err(format!(
                "`{text}` has {number} fields where minute, hour, day of month, month and day of week are expected"
            ));
        };
        let wrong = |why: String| format!("{why} in `{text}`");
        let cron = Self {
            minutes: MINUTE.parse(minute).map_err(wrong)?,
            hours: HOUR.parse(hour).map_err(wrong)?,
            days: DAY.parse(day).map_err(wrong)?,
            months: MONTH.parse(month).map_err(wrong)?,
            weekdays: with_sunday(WEEKDAY.parse(weekday).map_err(wrong)?),
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        match cron.fires() {
            true => Ok(cron),
            false => Err(format!("`{text}` never fires: no month it names has such a day")),
        }
    }

    /// Whether there is a day on which it fires. Every date falls on every day of the week some year.
    fn fires(&self) -> bool {
        let fits = |month: u32| {
            let longest = match month {
                2 => 29,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            has(self.months, month) && (1..=longest).any(|day| has(self.days, day))
        };
        self.either_day || (1..=12).any(fits)
    }

    /// The first firing later than `after`, by the clocks of `zone`.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(i64::try_from(after.millis()).ok()?).ok()?;
        let today = zone.to_datetime(after).date();
        // Clocks that were put back show a time again that lies before one they have shown already. A later
        // local time never fires before an earlier one, so the first that is late enough is the one.
        let start = today.yesterday().unwrap_or(today);
        let days = start.series(jiff::Span::new().days(1)).take(LONGEST_GAP).filter(|day| self.fits(*day));
        let moment = days.flat_map(|day| self.times(day)).find_map(|local| {
            let moment = moment(local, zone)?;
            (moment > after).then_some(moment)
        })?;
        u64::try_from(moment.as_millisecond()).ok().map(Timestamp::from_millis)
    }

    fn fits(&self, date: Date) -> bool {
        let day = has(self.days, number(date.day()));
        let weekday = has(self.weekdays, number(date.weekday().since(Weekday::Sunday)));
        let either = if self.either_day { day || weekday } else { day && weekday };
        has(self.months, number(date.month())) && either
    }

    /// The local times of a day at which it fires, in order.
    fn times(&self, date: Date) -> impl Iterator<Item = DateTime> {
        let hours = (0..24i8).filter(|hour| has(self.hours, number(*hour)));
        let minutes =
            |hour| (0..60i8).filter(|minute| has(self.minutes, number(*minute))).map(move |m| (hour, m));
        hours.flat_map(minutes).map(move |(hour, minute)| date.at(hour, minute, 0, 0))
    }
}

impl Field {
    /// Reads a list of numbers, ranges and steps into bits.
    fn parse(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |bits, item| Ok(bits | self.item(item)?))
    }

    fn item(&self, item: &str) -> Result<u64, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if step.is_some() => {
                let (name, last) = (self.name, self.last);
                return Err(format!(
                    "{name} `{item}` steps from one number: say until where, as in `{range}-{last}`"
                ));
            }
            None => (self.number(range)?, self.number(range)?),
        };
        // A week may end with its Sunday.
        let last = if self.last == WEEKDAY.last && last == 0 && first > 0 { 7 } else { last };
        if first > last {
            return Err(format!("{} `{item}` runs backwards", self.name));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok((first..=last).step_by(step).fold(0, |bits, number| bits | bit(number)))
    }

    fn step(&self, item: &str, step: &str) -> Result<u32, String> {
        let size = self.last.saturating_sub(self.first).saturating_add(1);
        let given = digits(step).filter(|step| (1..=size).contains(step));
        given.ok_or_else(|| format!("the step of {} `{item}` is no number from 1 to {size}", self.name))
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let word = word.and_then(|place| self.first.checked_add(u32::try_from(place).ok()?));
        let given = word.or_else(|| digits(text)).filter(|number| (self.first..=self.last).contains(number));
        given.ok_or_else(|| {
            let words = match self.words {
                [first, .., last] => format!(" or a name from {first} to {last}"),
                _ => String::new(),
            };
            format!("{} `{text}` is no number from {} to {}{words}", self.name, self.first, self.last)
        })
    }
}

/// A number in plain digits: without a sign, and no longer than any field's.
fn digits(text: &str) -> Option<u32> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn bit(number: u32) -> u64 {
    1u64.checked_shl(number).unwrap_or(0)
}

fn has(bits: u64, number: u32) -> bool {
    bits & bit(number) != 0
}

/// Sunday is 7 as well as 0.
fn with_sunday(weekdays: u64) -> u64 {
    if has(weekdays, 7) { weekdays | bit(0) } else { weekdays }
}

fn number(part: i8) -> u32 {
    u32::try_from(part).unwrap_or(u32::MAX)
}

/// When clocks show a local time: the first time, or, if they skip it, when they go on.
fn moment(local: DateTime, zone: &TimeZone) -> Option<jiff::Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // Read by the offset that is to come, the time lies just before the change.
            let before = after.to_timestamp(local).ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
    }
}
