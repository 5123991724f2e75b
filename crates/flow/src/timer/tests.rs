use super::*;
use jiff::Span;
use proptest::{bool, collection::btree_set, prelude::*};
use serde_json::json;
use std::{collections::BTreeSet, iter};

fn timer(config: Value) -> Result<Timer, BadTimer> {
    Timer::parse(config.as_object().unwrap())
}

fn at(text: &str) -> Timestamp {
    moment(text).unwrap()
}

fn refused(config: Value, key: &str, message: &str) {
    assert_eq!(timer(config.clone()).unwrap_err(), BadTimer { message: message.to_owned(), key: leak(key) });
}

fn leak(key: &str) -> &'static str {
    KEYS.into_iter().chain(["timezone"]).find(|known| *known == key).unwrap()
}

/// Checks the firings that follow one another from `after` on.
fn fires(cron: &str, zone: &str, after: &str, expected: &[&str]) {
    let timer = timer(json!({"cron": cron, "timezone": zone})).unwrap();
    let mut now = at(after);
    for moment in expected {
        let due = timer.due(now).unwrap();
        let shown = jiff::Timestamp::from_millisecond(due.millis() as i64).unwrap();
        assert_eq!(due, at(moment), "{cron} in {zone} after {after}: {shown}, expected {moment}");
        now = due;
    }
}

#[test]
fn a_span_begins_when_the_timer_does() {
    let now = at("2026-01-01T00:00:00Z");
    assert_eq!(
        timer(json!({"after_s": 1500, "task": "x"})).unwrap().due(now),
        Some(at("2026-01-01T00:00:01.5Z"))
    );
    for wrong in [json!(0), json!(-1), json!(1.5), json!("1")] {
        refused(json!({"after_s": wrong}), "after_s", "`after_s` is not a positive number of seconds");
    }
}

#[test]
fn a_moment_is_the_same_wherever_one_is() {
    let now = Timestamp::default();
    for text in ["2026-03-29T09:00:00+02:00", "2026-03-29T07:00:00Z", "2026-03-29t07:00:00.000z"] {
        let due = timer(json!({"until": text})).unwrap().due(now);
        assert_eq!(due, Some(Timestamp::from_millis(1_774_767_600_000)), "{text}");
    }
    assert_eq!(at("1970-01-01T00:00:00.0000001Z").millis(), 1);
    assert_eq!(at("1970-01-01T00:00:00.001Z").millis(), 1);
    assert_eq!(at("1970-01-01T00:00:00Z").millis(), 0);
}

#[test]
fn a_moment_has_one_form() {
    for text in [
        "",
        "tomorrow",
        "2026-03-29",
        "2026-03-29T09:00:00",
        "2026-03-29 09:00:00Z",
        "20260329T090000Z",
        "2026-03-29T09:00Z",
        "2026-03-29T09:00:00+0200",
        "2026-03-29T09:00:00Z[UTC]",
        "2026-03-29T09:00:00.Z",
        "2026-03-29T09:00:00.0000000001Z",
        "+002026-03-29T09:00:00Z",
        "2026-03-29T09:00:00Zx",
        "ä",
    ] {
        let message = format!("`{text}` is no moment such as `2026-03-29T09:00:00+02:00`");
        refused(json!({"until": text}), "until", &message);
    }
    for text in ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:61:00Z"] {
        refused(json!({"until": text}), "until", &format!("`{text}` is a moment that does not exist"));
    }
    refused(json!({"until": "1969-12-31T23:59:59Z"}), "until", "`1969-12-31T23:59:59Z` lies before 1970");
    refused(json!({"until": 7}), "until", "`until` is not a text");
}

#[test]
fn there_is_exactly_one_thing_to_wait_for() {
    refused(json!({"task": "x"}), "after_s", "a timer needs `after_s`, `until` or `cron`");
    let both = json!({"cron": "* * * * *", "after_s": 1});
    refused(both, "cron", "a timer takes either `after_s` or `cron`");
    let zoned = json!({"after_s": 1, "timezone": "Europe/Berlin"});
    refused(zoned, "timezone", "`timezone` goes with `cron` alone");
    let elsewhere = json!({"cron": "* * * * *", "timezone": "Mars/Base"});
    refused(elsewhere, "timezone", "`Mars/Base` is no time zone such as `Europe/Berlin`");
    refused(json!({"cron": "* * * * *", "timezone": 1}), "timezone", "`timezone` is not a text");
}

#[test]
fn schedules_fire_at_what_their_fields_have_in_common() {
    let day = "2026-01-01T00:00:00Z";
    let in_utc = |cron: &str, expected: &[&str]| fires(cron, "UTC", day, expected);
    in_utc("* * * * *", &["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]);
    in_utc("0 0 * * *", &["2026-01-02T00:00:00Z"]);
    in_utc(
        "10-30/10,45 8 * * *",
        &[
            "2026-01-01T08:10:00Z",
            "2026-01-01T08:20:00Z",
            "2026-01-01T08:30:00Z",
            "2026-01-01T08:45:00Z",
            "2026-01-02T08:10:00Z",
        ],
    );
    in_utc("0 9 * * MON-FRI", &["2026-01-01T09:00:00Z", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z"]);
    in_utc(
        "0 9 * * fri-sun",
        &["2026-01-02T09:00:00Z", "2026-01-03T09:00:00Z", "2026-01-04T09:00:00Z", "2026-01-09T09:00:00Z"],
    );
    in_utc("0 9 * * 6-7", &["2026-01-03T09:00:00Z", "2026-01-04T09:00:00Z", "2026-01-10T09:00:00Z"]);
    in_utc("0 0 1 JAN,jul *", &["2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
    in_utc("0 0 31 * *", &["2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]);
    in_utc("0 */24 * * *", &["2026-01-02T00:00:00Z"]);
    fires("* * * * *", "UTC", "2026-01-01T00:00:59.999Z", &["2026-01-01T00:01:00Z"]);
    fires("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", &["2104-02-29T00:00:00Z"]);
    // The longest gap there is: a leap day on a Monday, around a century that has none. `*/7` is Sunday.
    fires("0 0 29 2 */7", "UTC", "2088-02-29T00:00:00Z", &["2128-02-29T00:00:00Z"]);
}

#[test]
fn of_two_days_that_are_both_given_one_is_enough() {
    let after = "2026-01-01T00:00:00Z";
    let expected = ["2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z", "2026-01-13T00:00:00Z"];
    fires("0 0 13 * MON", "UTC", after, &expected);
    fires("0 0 31 2 MON", "UTC", after, &["2026-02-02T00:00:00Z"]);
    // A star says nothing about its day, with a step or without.
    fires("0 0 */2 * MON", "UTC", after, &["2026-01-05T00:00:00Z", "2026-01-19T00:00:00Z"]);
}

#[test]
fn a_time_that_clocks_skip_fires_when_they_go_on() {
    let berlin = "Europe/Berlin";
    fires(
        "30 2 * * *",
        berlin,
        "2026-03-28T00:00:00Z",
        &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    // All that is skipped is one moment, and fires once.
    fires(
        "*/15 * * * *",
        berlin,
        "2026-03-29T00:40:00Z",
        &["2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"],
    );
    fires("0 2 * * *", berlin, "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    fires("0 3 * * *", berlin, "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]);
    // A whole day is missing from the calendar of Samoa.
    fires(
        "0 12 30 12 *",
        "Pacific/Apia",
        "2011-12-01T00:00:00Z",
        &["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"],
    );
}

#[test]
fn a_time_that_clocks_show_twice_fires_the_first_time() {
    let berlin = "Europe/Berlin";
    fires("30 2 * * *", berlin, "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    // From between the two, and from the second on.
    fires("30 2 * * *", berlin, "2026-10-25T00:45:00Z", &["2026-10-26T01:30:00Z"]);
    fires("30 2 * * *", berlin, "2026-10-25T01:30:00Z", &["2026-10-26T01:30:00Z"]);
    fires(
        "*/30 * * * *",
        berlin,
        "2026-10-25T00:20:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"],
    );
    fires("0 3 * * *", berlin, "2026-10-25T00:00:00Z", &["2026-10-25T02:00:00Z"]);
}

#[test]
fn says_what_is_wrong_with_a_schedule() {
    for (cron, message) in [
        ("", "`` has 0 fields where minute, hour, day of month, month and day of week are expected"),
        (
            "0 * * * * *",
            "`0 * * * * *` has 6 fields where minute, hour, day of month, month and day of week are expected",
        ),
        (
            "@daily",
            "`@daily` has 1 fields where minute, hour, day of month, month and day of week are expected",
        ),
        ("60 * * * *", "minute `60` is no number from 0 to 59 in `60 * * * *`"),
        ("* 24 * * *", "hour `24` is no number from 0 to 23 in `* 24 * * *`"),
        ("* * 0 * *", "day of month `0` is no number from 1 to 31 in `* * 0 * *`"),
        ("* * * MAI *", "month `MAI` is no number from 1 to 12 or a name from JAN to DEC in `* * * MAI *`"),
        ("* * * * 8", "day of week `8` is no number from 0 to 7 or a name from SUN to SAT in `* * * * 8`"),
        ("* * L * *", "day of month `L` is no number from 1 to 31 in `* * L * *`"),
        ("-1 * * * *", "minute `` is no number from 0 to 59 in `-1 * * * *`"),
        ("+1 * * * *", "minute `+1` is no number from 0 to 59 in `+1 * * * *`"),
        ("1,,2 * * * *", "minute `` is no number from 0 to 59 in `1,,2 * * * *`"),
        ("30-10 * * * *", "minute `30-10` runs backwards in `30-10 * * * *`"),
        ("* * * * FRI-MON", "day of week `FRI-MON` runs backwards in `* * * * FRI-MON`"),
        ("*/0 * * * *", "the step of minute `*/0` is no number from 1 to 60 in `*/0 * * * *`"),
        ("*/90 * * * *", "the step of minute `*/90` is no number from 1 to 60 in `*/90 * * * *`"),
        ("*/ * * * *", "the step of minute `*/` is no number from 1 to 60 in `*/ * * * *`"),
        (
            "5/15 * * * *",
            "minute `5/15` steps from one number: say until where, as in `5-59` in `5/15 * * * *`",
        ),
        ("0 0 31 2 *", "`0 0 31 2 *` never fires: no month it names has such a day"),
        ("0 0 30 2 */2", "`0 0 30 2 */2` never fires: no month it names has such a day"),
        ("0 0 31 4,6,9,11 *", "`0 0 31 4,6,9,11 *` never fires: no month it names has such a day"),
    ] {
        refused(json!({"cron": cron}), "cron", message);
    }
    refused(json!({"cron": 5}), "cron", "`cron` is not a text");
}

/// The first minute later than `after`, both since 1970, at which somebody who watches the clocks of Berlin sees
/// one of these times for the first time, or sees that it was skipped.
fn watched(minutes: &BTreeSet<i8>, hours: &BTreeSet<i8>, after: i64) -> Option<i64> {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let shown = |minute: i64| berlin.to_datetime(jiff::Timestamp::from_second(minute * 60).unwrap());
    let minute = Span::new().minutes(1);
    (after + 1..after + 5 * 1440).find(|now| {
        let (before, shown_now) = (shown(now - 1), shown(*now));
        let passed = iter::successors(Some(before), |time| Some(time.saturating_add(minute)));
        let passed = passed.skip(1).take_while(|time| *time < shown_now);
        let again = shown(now - 60) == shown_now;
        let mut new = passed.chain((!again).then_some(shown_now));
        new.any(|time| minutes.contains(&time.minute()) && hours.contains(&time.hour()))
    })
}

fn list(numbers: &BTreeSet<i8>) -> String {
    numbers.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
}

proptest! {
    #[test]
    fn schedules_agree_with_somebody_who_watches_the_clock(
        minutes in btree_set(0i8..60, 1..4),
        hours in btree_set(0i8..5, 1..4),
        autumn in bool::ANY,
        start in 0i64..4320,
    ) {
        let day = at(if autumn { "2026-10-23T00:00:00Z" } else { "2026-03-27T00:00:00Z" });
        let after = day.millis() as i64 / 60_000 + start;
        let cron = format!("{} {} * * *", list(&minutes), list(&hours));
        let timer = timer(json!({"cron": cron, "timezone": "Europe/Berlin"})).unwrap();
        let due = timer.due(Timestamp::from_millis(after as u64 * 60_000)).unwrap();
        prop_assert_eq!(Some(due.millis() as i64 / 60_000), watched(&minutes, &hours, after), "{}", cron);
    }
}
