//! A plan as a Mermaid flowchart.

use super::plain;
use crate::plan::{Plan, StepPlan, When};
use comity_core::StepKind;

/// Draws a plan as Mermaid text. Steps are called `s0`, `s1` and so on, as no name of a step can be
/// misread there; their names are their labels. Loops are dotted.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = "flowchart TD\n".to_owned();
    for (at, step) in plan.steps().iter().enumerate() {
        out.push_str(&format!("    s{at}{}\n", shape(step, plan.terminal().contains(&at))));
    }
    for edge in plan.edges() {
        let label = match &edge.when {
            When::Always => String::new(),
            When::If(condition) => format!("|\"{}\"|", escaped(&plain(condition.text()))),
            When::Routed => "|\"when named\"|".to_owned(),
        };
        out.push_str(&format!("    s{} -->{label} s{}\n", edge.from, edge.to));
    }
    for back in plan.loops() {
        let when = match &back.when {
            When::If(condition) => format!("{}, ", plain(condition.text())),
            When::Routed => "when named, ".to_owned(),
            When::Always => String::new(),
        };
        let label = escaped(&format!("{when}at most {}x", back.max_iterations));
        out.push_str(&format!("    s{} -.->|\"{label}\"| s{}\n", back.from, back.to));
    }
    out
}

/// People are asked in a hexagon; what the run gives back stands in a box with rounded ends.
fn shape(step: &StepPlan, terminal: bool) -> String {
    let label = format!("\"{}<br/>{}\"", escaped(&step.name), escaped(step.kind.name));
    match (step.kind.step == StepKind::HumanDecision, terminal) {
        (true, _) => format!("{{{{{label}}}}}"),
        (false, true) => format!("([{label}])"),
        (false, false) => format!("[{label}]"),
    }
}

/// Text between double quotes: all that Mermaid or HTML gives a meaning stands as its number.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' | '#' | '&' | '<' | '>' | '`' | '|' | ';' | '\\' | '{' | '}' | '[' | ']' => {
                out.push_str(&format!("#{};", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_can_end_it() {
        assert_eq!(escaped("a == \"b\" | <c>#"), "a == #34;b#34; #124; #60;c#62;#35;");
    }
}
