//! Cases taken from MeshFlow 1.3.0: what its users are used to, and what we answer.
//!
//! A case says what MeshFlow answers, and how we stand to that: follow it, diverge from it, or decide. They test
//! compatibility, not truth. `cargo xtask cases` prints how many are answered as they should be, and
//! `tests/cases.rs` fails if one is not. Start with [`SUITES`].

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the cases are part of this room: one that cannot be read is a mistake in it"
)]

mod conditions;
mod files;
mod runs;
mod schedules;
mod schemas;
mod traces;

use serde_json::Value;

/// One file of cases, and what is done with each.
pub struct Suite {
    /// The file, without its ending.
    pub name: &'static str,
    text: &'static str,
    /// Cases that somebody had to decide about, with what was decided and why: all that are to be reviewed, and
    /// those that are to be followed and are not.
    decided: &'static [(&'static str, &'static str)],
    /// Cases that cannot be answered as they should be before something else is built, with what that is.
    pending: &'static [(&'static str, &'static str)],
    /// Errs when we do not answer a case as its stance, or what was decided about it, wants.
    judge: fn(&Case) -> Result<(), String>,
    /// For a case that is pending: errs when we do not answer as this build should until then.
    meanwhile: fn(&Case) -> Result<(), String>,
}

/// Every file of cases that is answered, alphabetically.
pub const SUITES: &[Suite] = &[
    schedules::CRON,
    conditions::EDGE_CONDITIONS,
    files::LINT,
    schemas::OUTPUT_SCHEMA,
    traces::TRACEPARENT,
    runs::WORKFLOW_RUN,
    files::WORKFLOW_YAML,
];

/// How we stand to MeshFlow's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Users depend on it: ours is the same.
    Follow,
    /// It is wrong: ours is another.
    Diverge,
    /// Somebody has decided, and says why.
    Decided,
    /// Ours cannot be given yet.
    Pending,
}

/// One case.
pub struct Case {
    /// Its name, unique among all.
    pub id: String,
    /// How we stand to it.
    pub stance: Stance,
    /// What was decided, or what it waits for; empty for the others.
    pub why: &'static str,
    input: Value,
    expected: Value,
    /// What we answer, for a case that we diverge from and that says so.
    ours: Value,
}

/// A case, and what is wrong with how we answer it.
pub struct Judged {
    /// The case.
    pub case: Case,
    /// What is wrong; `None` when nothing is.
    pub fault: Option<String>,
}

impl Suite {
    /// Its cases, in the order of the file.
    ///
    /// Panics if a case cannot be read, or is to be reviewed and nobody has.
    pub fn cases(&self) -> Vec<Case> {
        self.text.lines().map(|line| self.case(line)).collect()
    }

    fn case(&self, line: &str) -> Case {
        let row: Value = serde_json::from_str(line).expect("a case is JSON");
        let id = row["id"].as_str().expect("a case has a name").to_owned();
        let find =
            |list: &[(&str, &'static str)]| list.iter().find(|(other, _)| *other == id).map(|(_, why)| *why);
        let (stance, why) = match (find(self.decided), find(self.pending), row["stance"].as_str()) {
            (Some(why), None, Some("follow" | "review")) => (Stance::Decided, why),
            (None, Some(why), Some("follow")) => (Stance::Pending, why),
            (None, None, Some("follow")) => (Stance::Follow, ""),
            (None, None, Some("diverge")) => (Stance::Diverge, ""),
            (_, _, stance) => panic!("{id}: nobody has decided about stance {stance:?}"),
        };
        let part = |key: &str| row.get(key).cloned().unwrap_or_default();
        let (input, expected, ours) = (part("input"), part("expected"), part("ours"));
        Case { id, stance, why, input, expected, ours }
    }

    /// Answers every case, and says what is wrong with the answers.
    pub fn judge(&self) -> Vec<Judged> {
        self.cases().into_iter().map(|case| Judged { fault: self.fault(&case), case }).collect()
    }

    fn fault(&self, case: &Case) -> Option<String> {
        if case.stance != Stance::Pending {
            return (self.judge)(case).err();
        }
        match (self.judge)(case) {
            Ok(()) => Some("it is pending, and is answered as it should be: it waits for nothing".to_owned()),
            Err(_) => (self.meanwhile)(case).err(),
        }
    }

    /// Names in the lists of this suite that no case has.
    pub fn strays(&self) -> Vec<&'static str> {
        let cases = self.cases();
        let listed = self.decided.iter().chain(self.pending).map(|(id, _)| *id);
        listed.filter(|id| cases.iter().all(|case| case.id != *id)).collect()
    }
}

/// For suites in which nothing is pending.
fn nothing(case: &Case) -> Result<(), String> {
    Err(format!("nobody has said what `{}` gives until it is answered as it should be", case.id))
}

/// Errs unless both are the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, wanted: &T) -> Result<(), String> {
    match ours == wanted {
        true => Ok(()),
        false => Err(format!("{what}: ours is {ours:?}, and {wanted:?} is wanted")),
    }
}

/// The whole table for a person, and whether every case is answered as it should be.
pub fn table() -> (String, bool) {
    let mut lines = vec![row("file", &["cases", "follow", "diverge", "decided", "pending", "wrong"])];
    let (mut notes, mut total) = (Vec::new(), [0usize; 6]);
    for suite in SUITES {
        let mut counts = [0usize; 6];
        for Judged { case, fault } in suite.judge() {
            let place = match (&fault, case.stance) {
                (Some(_), _) => 5,
                (None, Stance::Follow) => 1,
                (None, Stance::Diverge) => 2,
                (None, Stance::Decided) => 3,
                (None, Stance::Pending) => 4,
            };
            counts[0] += 1;
            counts[place] += 1;
            let word = ["", "", "", "decided", "pending", "wrong"][place];
            match fault.as_deref().unwrap_or(case.why) {
                "" => {}
                why => notes.push((5 - place, format!("{word}  {}: {why}", case.id))),
            }
        }
        lines.push(row(suite.name, &counts.map(|count| count.to_string())));
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    lines.push(row("all", &total.map(|count| count.to_string())));
    // What is wrong first, then what is pending; in the order of the files.
    notes.sort_by_key(|(order, _)| *order);
    lines.push(String::new());
    lines.extend(notes.into_iter().map(|(_, note)| note));
    (lines.join("\n") + "\n", total[5] == 0)
}

fn row<T: AsRef<str>>(name: &str, cells: &[T]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{:>9}", cell.as_ref())).collect();
    format!("{name:<16}{cells}")
}
