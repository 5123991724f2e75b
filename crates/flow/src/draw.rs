//! Pictures of a plan: boxes and lines for a terminal, and Mermaid text.
//!
//! Nothing here reads or writes anything. Start with [`ascii`] and [`mermaid`].

mod ascii;
mod canvas;
mod layout;
mod list;
mod mermaid;
mod spread;
mod wires;

pub use ascii::ascii;
pub use mermaid::mermaid;

use crate::plan::{EdgePlan, LoopPlan, Plan, When};

/// What a picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Box-drawing characters and arrows.
    Unicode,
    /// Characters that every terminal has.
    Plain,
}

/// How a picture has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The most characters of a line. Lists keep to it only as far as names allow.
    pub width: usize,
    /// What it is made of.
    pub glyphs: Glyphs,
}

/// When an edge is followed, in the words of the file; `None` for one that is always followed.
pub fn condition(when: &When) -> Option<String> {
    match when {
        When::Always => None,
        When::If(condition) => Some(plain(condition.text())),
        When::Routed => Some("when named".to_owned()),
    }
}

/// A step's name; empty for an ordinal that is none.
fn name(plan: &Plan, step: usize) -> &str {
    plan.step(step).map_or("", |step| &step.name)
}

/// One line of text, whatever stands in the file.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// At most `most` characters, the last of them a mark if some are missing.
fn cut(text: &str, most: usize, glyphs: Glyphs) -> String {
    let mark = match glyphs {
        Glyphs::Unicode => "…",
        Glyphs::Plain => "..",
    };
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(mark.chars().count());
    text.chars().take(kept).chain(mark.chars()).collect()
}

/// `critic -> researcher, at most 3 times, if not approved`.
fn told_loop(plan: &Plan, back: &LoopPlan, glyphs: Glyphs) -> String {
    let (arrow, from, to) = (arrow(glyphs), name(plan, back.from), name(plan, back.to));
    let most = match back.max_iterations {
        1 => "once".to_owned(),
        many => format!("{many} times"),
    };
    let when = match &back.when {
        When::If(condition) => format!(", if {}", plain(condition.text())),
        When::Routed => ", when named".to_owned(),
        When::Always => String::new(),
    };
    format!("{from} {arrow} {to}, at most {most}{when}")
}

/// `critic -> writer if approved`.
fn told_edge(plan: &Plan, edge: &EdgePlan, glyphs: Glyphs) -> String {
    let when = match &edge.when {
        When::If(condition) => format!(" if {}", plain(condition.text())),
        When::Routed => " when named".to_owned(),
        When::Always => String::new(),
    };
    format!("{} {} {}{when}", name(plan, edge.from), arrow(glyphs), name(plan, edge.to))
}

fn arrow(glyphs: Glyphs) -> &'static str {
    match glyphs {
        Glyphs::Unicode => "→",
        Glyphs::Plain => "->",
    }
}

#[cfg(test)]
mod tests;
