//! What the tree says: how each step stands, in as many lines as there is room for.

use crate::plain::word;
use crate::printer::{Printer, Stream, one_line, symbol, tone};
use crate::summary::money;
use crate::time::seconds;
use comity_api::{Event, EventKind, StepReport};
use std::collections::HashMap;
use std::time::Duration;

/// Lines of the terminal that are left to others.
const MARGIN: usize = 4;

/// How much room there is, in characters.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Lines.
    pub rows: usize,
    /// Characters of a line.
    pub columns: usize,
}

/// Every step of a run.
pub struct Tree {
    run: String,
    status: String,
    began: Option<Duration>,
    spent: f64,
    steps: Vec<Step>,
    places: HashMap<String, usize>,
}

struct Step {
    name: String,
    /// Which pass of a loop, and which try of it, from 1.
    pass: u32,
    attempt: u32,
    status: String,
    began: Option<Duration>,
    took: Option<u64>,
    cost: f64,
    why: String,
}

impl Tree {
    /// Of steps that have not begun.
    pub fn of_names(names: &[String]) -> Self {
        Self::new(names.iter().map(|name| Step::new(name, "pending")).collect())
    }

    /// Of steps that stand like this.
    pub fn of_steps(steps: &[StepReport]) -> Self {
        let step = |report: &StepReport| Step {
            took: report.duration_ms,
            cost: report.cost_usd,
            ..Step::new(&report.step, &report.status)
        };
        Self::new(steps.iter().map(step).collect())
    }

    fn new(steps: Vec<Step>) -> Self {
        Self {
            run: String::new(),
            status: "starting".to_owned(),
            began: None,
            spent: steps.iter().map(|step| step.cost).sum(),
            places: steps.iter().enumerate().map(|(place, step)| (step.name.clone(), place)).collect(),
            steps,
        }
    }

    /// Takes an event in.
    pub fn note(&mut self, event: &Event, now: Duration) {
        if matches!(event.kind, EventKind::RunStarted | EventKind::RunFinished) {
            self.run.clone_from(&event.run_id);
            word(event).clone_into(&mut self.status);
            self.began.get_or_insert(now);
            return;
        }
        let Some(name) = event.step.as_deref() else { return };
        let place = self.place(name);
        let Some(step) = self.steps.get_mut(place) else { return };
        step.pass = event.iteration.map_or(1, |pass| pass.saturating_add(1));
        step.attempt = event.attempt.unwrap_or(step.attempt);
        word(event).clone_into(&mut step.status);
        step.began = (event.kind == EventKind::StepStarted).then_some(now);
        step.took = event.duration_ms.or(step.took);
        // What a nested step cost is in what the step around it costs.
        self.spent += event.cost_usd.filter(|_| !name.contains('/')).unwrap_or_default();
        step.cost += event.cost_usd.unwrap_or_default();
        let why = [event.reason.as_deref(), event.message.as_deref()];
        step.why = why.into_iter().flatten().map(one_line).collect::<Vec<_>>().join(": ");
    }

    /// The step's line; one that was not known before gets it below those it is nested in.
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
        let inside = |step: &Step| {
            let rest = step.name.strip_prefix(parent);
            !parent.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let place = self.steps.iter().rposition(inside).map_or(self.steps.len(), |last| last + 1);
        self.steps.insert(place, Step::new(name, "pending"));
        self.places = self.steps.iter().enumerate().map(|(place, step)| (step.name.clone(), place)).collect();
        place
    }

    /// The lines to draw.
    pub fn picture(&self, now: Duration, size: Size, printer: &Printer) -> Vec<String> {
        let room = size.rows.saturating_sub(MARGIN).max(2);
        let took = self.began.map_or(0, |began| millis(now.saturating_sub(began)));
        let facts = [self.run.clone(), self.status.clone(), seconds(took), money(self.spent)];
        let mut lines = vec![crop(facts.join("  ").trim_start(), size.columns)];
        let labels = self.steps.iter().map(|step| step.label().chars().count());
        let wide = labels.max().unwrap_or_default().min(40);
        if self.steps.len() < room {
            lines.extend(self.steps.iter().map(|step| Self::line(step, wide, now, size, printer)));
            return lines;
        }
        let lively = self.steps.iter().filter(|step| step.is_lively());
        lines.extend(
            lively.take(room.saturating_sub(2)).map(|step| Self::line(step, wide, now, size, printer)),
        );
        lines.push(crop(&self.counts(lines.len() - 1), size.columns));
        lines
    }

    /// How many steps stand how, in the words of the lines above.
    fn counts(&self, shown: usize) -> String {
        let words = ["settled", "running", "held", "unknown", "denied", "failed", "skipped", "pending"];
        let counted = words.iter().filter_map(|word| {
            let count = self.steps.iter().filter(|step| step.status == *word).count();
            (count > 0).then(|| format!("{count} {word}"))
        });
        let counted: Vec<String> = counted.collect();
        let hidden = self.steps.iter().filter(|step| step.is_lively()).count().saturating_sub(shown);
        let hidden = if hidden > 0 { format!(" ({hidden} of them not shown)") } else { String::new() };
        format!("  {} steps: {}{hidden}", self.steps.len(), counted.join(", "))
    }

    fn line(step: &Step, wide: usize, now: Duration, size: Size, printer: &Printer) -> String {
        let mark = format!("{} {:<9}", symbol(&step.status), step.status);
        let running = step.began.map(|began| millis(now.saturating_sub(began)));
        let took = running.or(step.took).map(seconds).unwrap_or_default();
        let cost = if step.cost > 0.0 { money(step.cost) } else { String::new() };
        let rest = format!("  {:<wide$}  {took:>10}  {cost:>8}  {}", step.label(), step.why);
        let left = size.columns.saturating_sub(mark.chars().count() + 2);
        let mark = printer.paint(Stream::Err, tone(&step.status), &mark);
        format!("  {mark}{}", crop(rest.trim_end(), left))
    }
}

impl Step {
    fn new(name: &str, status: &str) -> Self {
        let (name, status) = (name.to_owned(), status.to_owned());
        Self { name, pass: 1, attempt: 1, status, began: None, took: None, cost: 0.0, why: String::new() }
    }

    /// Its name under those it is nested in, with its pass and its try where there are several.
    fn label(&self) -> String {
        let indent = "  ".repeat(self.name.matches('/').count());
        let pass = if self.pass > 1 { format!("#{}", self.pass) } else { String::new() };
        let attempt = if self.attempt > 1 { format!(" (try {})", self.attempt) } else { String::new() };
        format!("{indent}{}{pass}{attempt}", self.name)
    }

    /// Whether somebody may want to look at it.
    fn is_lively(&self) -> bool {
        matches!(self.status.as_str(), "running" | "approved" | "held" | "unknown" | "denied" | "failed")
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// As much of a line as surely fits: characters that may be two columns wide count as two.
fn crop(line: &str, columns: usize) -> String {
    let wide = |character: char| if character < '\u{1100}' { 1 } else { 2 };
    let room = columns.saturating_sub(1);
    let mut used = 0;
    line.chars()
        .take_while(|character| {
            used += wide(*character);
            used <= room
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::{Color, Format};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("s{number}")).collect()
    }

    fn picture(tree: &Tree, rows: usize, columns: usize) -> Vec<String> {
        let printer = Printer::new(Format::Text, Color::Never);
        tree.picture(Duration::from_millis(1500), Size { rows, columns }, &printer)
    }

    fn event(kind: EventKind, step: &str) -> Event {
        Event::bare(kind, step)
    }

    #[test]
    fn every_step_has_a_symbol_and_a_word() {
        let mut tree = Tree::of_names(&names(3));
        tree.note(&event(EventKind::RunStarted, ""), Duration::ZERO);
        tree.note(&event(EventKind::StepStarted, "s0"), Duration::from_secs(1));
        let mut denied = event(EventKind::StepDenied, "s1");
        denied.reason = Some("risk.tier".into());
        tree.note(&denied, Duration::from_secs(1));
        let expected = [
            "running  1.500 s  $0.00",
            "  ● running    s0     0.500 s",
            "  ✗ denied     s1                        risk.tier",
            "  · pending    s2",
        ];
        assert_eq!(picture(&tree, 24, 80), expected);
    }

    #[test]
    fn nested_steps_stand_below_those_they_are_nested_in() {
        let mut tree = Tree::of_names(&["agent".to_owned(), "done".to_owned()]);
        for name in ["agent/search", "agent/search/fetch", "agent/read"] {
            tree.note(&event(EventKind::StepStarted, name), Duration::from_millis(1500));
        }
        let mut again = event(EventKind::StepStarted, "done");
        (again.iteration, again.attempt) = (Some(1), Some(3));
        tree.note(&again, Duration::from_millis(1500));
        let shown: Vec<String> = picture(&tree, 24, 80).into_iter().skip(1).collect();
        let expected = [
            "  · pending    agent",
            "  ● running      agent/search             0.000 s",
            "  ● running        agent/search/fetch     0.000 s",
            "  ● running      agent/read               0.000 s",
            "  ● running    done#2 (try 3)             0.000 s",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_long_run_stays_inside_the_terminal() {
        let mut tree = Tree::of_names(&names(1000));
        for step in 0..100 {
            tree.note(&event(EventKind::StepStarted, &format!("s{step}")), Duration::ZERO);
        }
        let lines = picture(&tree, 24, 60);
        assert_eq!(lines.len(), 20);
        assert!(lines.iter().all(|line| line.chars().count() < 60), "{lines:?}");
        assert_eq!(lines[19], "  1000 steps: 100 running, 900 pending (82 of them not show");
        assert!(picture(&tree, 1, 5).len() <= 2);
    }
}
