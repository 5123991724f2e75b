use super::*;
use crate::printer::Color;
use crate::screen::Screen;
use comity_api::GuardReport;
use comity_runtime::Signs;
use facts::Protected;

/// A database that was opened, and what is in it.
fn open(interrupted: u64, waiting: u64) -> Database {
    let protected = Protected { newest: Some(1_794_999_990_000), ..Protected::default() };
    Database::Open { schema: 1, runs: 3, interrupted, waiting, protected }
}

/// A machine on which nothing is wrong.
fn fine() -> Facts {
    Facts {
        path: ".comity/comity.db".into(),
        database: open(0, 0),
        free: Some(12_340_000_000),
        is_server: false,
        signs: Signs::default(),
        now: 1_795_000_000_000,
        newest: Some(1_794_999_000_000),
        screen: Screen { width: 80, unicode: true, terminal: true },
        color: false,
        asks: true,
        key_folder: "~/keys".to_owned(),
        set_up: (1, None),
        keys: Vec::new(),
        config: vec![("./comity.toml".to_owned(), None)],
        programs: vec![("awk", true), ("cat", true), ("wc", true)],
    }
}

fn told(facts: &Facts) -> String {
    let checks = judge(facts);
    let with = |level| checks.iter().filter(|check| check.level == level).count();
    let findings = Findings { problems: with(Level::Problem), notes: with(Level::Note), checks };
    shown(&Printer::new(Format::Text, Color::Never), &findings)
}

#[test]
fn a_machine_on_which_nothing_is_wrong() {
    crate::golden::golden("doctor-fine", &told(&fine()));
}

#[test]
fn a_machine_on_which_much_is_wrong() {
    let facts = Facts {
        database: Database::None { writable: false },
        free: Some(7_000_000),
        is_server: false,
        signs: Signs { alive: 1, gone: 2 },
        now: 1_700_000_000_000,
        newest: None,
        screen: Screen { width: 120, unicode: true, terminal: false },
        color: true,
        keys: vec!["OPENAI_API_KEY"],
        config: vec![("./comity.toml".to_owned(), Some("./comity.toml:1:1: unknown key `x`".to_owned()))],
        programs: vec![("awk", false), ("cat", true)],
        ..fine()
    };
    crate::golden::golden("doctor-wrong", &told(&facts));
}

/// The level of one check, after one fact is changed.
fn level(check: &str, change: impl FnOnce(&mut Facts)) -> Level {
    let mut facts = fine();
    change(&mut facts);
    judge(&facts).iter().find(|finding| finding.check == check).unwrap().level
}

#[test]
fn each_check_can_come_out_another_way() {
    assert_eq!(level("database", |facts| facts.database = Database::None { writable: true }), Level::Ok);
    let refused = || Database::Refused { why: "no".to_owned(), hint: "mend it" };
    assert_eq!(level("database", |facts| facts.database = refused()), Level::Problem);
    assert_eq!(level("disk", |facts| facts.free = None), Level::Note);
    assert_eq!(level("disk", |facts| facts.free = Some(LITTLE - 1)), Level::Problem);
    assert_eq!(level("disk", |facts| facts.free = Some(LITTLE)), Level::Ok);
    assert_eq!(level("runs", |facts| facts.database = open(1, 0)), Level::Note);
    assert_eq!(level("runs", |facts| facts.database = open(0, 1)), Level::Note);
    assert_eq!(level("clock", |facts| facts.newest = Some(facts.now + BACK + 1)), Level::Problem);
    assert_eq!(level("clock", |facts| facts.newest = Some(facts.now + BACK)), Level::Ok);
    assert_eq!(level("processes", |facts| facts.signs.gone = 1), Level::Note);
    assert_eq!(level("processes", |facts| facts.signs.alive = 1), Level::Ok);
    assert_eq!(level("programs", |facts| facts.programs = vec![("awk", false)]), Level::Note);
}

/// The level of one check of a database that is protected like this.
fn protected(check: &str, protected: Protected) -> Level {
    level(check, |facts| {
        facts.database = Database::Open { schema: 1, runs: 3, interrupted: 0, waiting: 0, protected };
    })
}

#[test]
fn a_checkpoint_may_be_old_and_a_guard_behind() {
    let at = |before: u64, due| Protected {
        newest: Some(1_795_000_000_000 - before),
        due,
        ..Protected::default()
    };
    assert_eq!(protected("checkpoint", at(99_000_000, false)), Level::Ok);
    assert_eq!(protected("checkpoint", at(1_000, true)), Level::Ok);
    assert_eq!(protected("checkpoint", at(601_000, true)), Level::Note);
    assert_eq!(protected("checkpoint", Protected { due: true, ..Protected::default() }), Level::Note);
    let guards = |has, why: Option<&str>| Protected {
        guards: vec![GuardReport { has, of: 7, why: why.map(str::to_owned), ..GuardReport::default() }],
        ..Protected::default()
    };
    assert_eq!(protected("guards", guards(Some(7), None)), Level::Ok);
    assert_eq!(protected("guards", guards(Some(6), None)), Level::Note);
    assert_eq!(protected("guards", guards(Some(7), Some("gone"))), Level::Note);
    let fault = Protected { fault: Some("another".to_owned()), ..Protected::default() };
    assert_eq!(protected("guards", fault), Level::Problem);
    assert_eq!(level("guards", |facts| facts.set_up = (0, None)), Level::Note);
}

#[test]
fn sizes_are_round() {
    assert_eq!([size(999_999), size(12_345_678), size(12_340_000_000)], ["0 MB", "12 MB", "12.3 GB"]);
}
