//! A plan as a table, for graphs that do not fit on a screen.

use super::{Look, arrow, condition, name};
use crate::plan::{Plan, When};

/// One row a step, in the order of the file, with where it leads.
pub(super) fn list(plan: &Plan, look: &Look) -> String {
    let mut rows: Vec<[String; 4]> = vec![["STEP", "KIND", "RISK", "THEN"].map(str::to_owned)];
    let [name_width, kind_width] = [
        plan.steps().iter().map(|step| step.name.len()).max().unwrap_or(0).max(4),
        plan.steps().iter().map(|step| step.kind.name.len()).max().unwrap_or(0).max(4),
    ];
    let before = name_width + kind_width + "irreversible".len() + 6;
    let room = look.width.saturating_sub(before).max(24);
    for (at, step) in plan.steps().iter().enumerate() {
        let mut then = leads(plan, at, look, room).into_iter();
        let first = then.next().unwrap_or_default();
        rows.push([step.name.to_string(), step.kind.name.to_owned(), step.risk.name().to_owned(), first]);
        rows.extend(then.map(|line| [String::new(), String::new(), String::new(), line]));
    }
    let mut out = String::new();
    for [step, kind, risk, then] in rows {
        let line = format!("{step:name_width$}  {kind:kind_width$}  {risk:12}  {then}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Where a step leads: names in lines of at most `room` characters, and a line for each condition.
fn leads(plan: &Plan, step: usize, look: &Look, room: usize) -> Vec<String> {
    let arrow = arrow(look.glyphs);
    let edges =
        || plan.step(step).into_iter().flat_map(|step| &step.outgoing).filter_map(|at| plan.edges().get(*at));
    let mut lines: Vec<String> = Vec::new();
    for edge in edges().filter(|edge| condition(&edge.when).is_none()) {
        let name = name(plan, edge.to);
        match lines.last_mut() {
            Some(line) if line.chars().count() + name.len() + 2 <= room => {
                line.push_str(", ");
                line.push_str(name);
            }
            Some(line) => {
                line.push(',');
                lines.push(format!("{}{name}", " ".repeat(arrow.chars().count() + 1)));
            }
            None => lines.push(format!("{arrow} {name}")),
        }
    }
    for edge in edges() {
        if let Some(when) = condition(&edge.when) {
            let word = if matches!(edge.when, When::If(_)) { "if " } else { "" };
            lines.push(format!("{arrow} {} {word}{when}", name(plan, edge.to)));
        }
    }
    lines
}
