//! Boxes from top to bottom with lines between them; a list where they would not fit.

use super::canvas::Canvas;
use super::layout::{Layout, Measure, Node, What};
use super::wires::Wires;
use super::{Glyphs, Look, condition, cut, list, name, plain, told_edge, told_loop};
use crate::plan::{Plan, StepPlan};
use comity_core::StepKind;

/// Plans with more steps or edges are listed.
const MOST: (usize, usize) = (40, 120);
/// Rows of a box.
const BOX: usize = 4;

/// How generous a picture is: characters of a name, of a condition, and between neighbours.
struct Style {
    name: usize,
    label: usize,
    gap: i64,
}

/// From generous to narrow.
const STYLES: [Style; 3] = [
    Style { name: 32, label: 36, gap: 3 },
    Style { name: 24, label: 20, gap: 2 },
    Style { name: 14, label: 14, gap: 1 },
];

/// Draws a plan: boxes with lines between them where that fits the width, else a list.
///
/// Boxes with doubled lines wait for a person. What was cut short, loops, tools, and the steps that make the
/// run's output stand below.
pub fn ascii(plan: &Plan, look: &Look) -> String {
    let small = plan.steps().len() <= MOST.0 && plan.edges().len() <= MOST.1;
    let drawn = STYLES.iter().filter(|_| small).find_map(|style| boxes(plan, look, style));
    let (mut out, cut_short) = match drawn {
        Some((picture, cut_short)) => (picture, cut_short),
        None => (list::list(plan, look), Vec::new()),
    };
    let mut legend = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
    };
    legend("in full", cut_short);
    legend("loops", plan.loops().iter().map(|back| told_loop(plan, back, look.glyphs)).collect());
    legend("tools", tools(plan));
    legend("output", outputs(plan));
    out
}

/// `search (command, read-only) for researcher: looks things up`, for each tool.
fn tools(plan: &Plan) -> Vec<String> {
    let users = |tool: usize| {
        let steps = plan.steps().iter().filter(move |step| step.tools.contains(&tool));
        let users = steps.map(|step| &*step.name).collect::<Vec<_>>().join(", ");
        if users.is_empty() { "nobody".to_owned() } else { users }
    };
    let told = plan.tools().iter().enumerate().map(|(at, tool)| {
        let (name, kind, risk) = (&tool.name, tool.kind.name, tool.risk.name());
        format!("{name} ({kind}, {risk}) for {}: {}", users(at), plain(&tool.about))
    });
    told.collect()
}

/// The steps whose outputs are the run's, unless they are all those that nothing waits for.
fn outputs(plan: &Plan) -> Vec<String> {
    let ends: Vec<usize> = plan
        .steps()
        .iter()
        .enumerate()
        .filter(|(_, step)| step.before.is_empty())
        .map(|(at, _)| at)
        .collect();
    if plan.terminal() == ends { Vec::new() } else { vec![names(plan, plan.terminal())] }
}

fn names(plan: &Plan, steps: &[usize]) -> String {
    steps.iter().map(|step| name(plan, *step)).collect::<Vec<_>>().join(", ")
}

/// The picture, and in full what stands in it cut short. `None` if it would be too wide or could mislead.
fn boxes(plan: &Plan, look: &Look, style: &Style) -> Option<(String, Vec<String>)> {
    let steps: Vec<Text> = plan.steps().iter().map(|step| Text::of(step, look.glyphs, style)).collect();
    let label = |edge: &crate::plan::EdgePlan| {
        let text = condition(&edge.when)?;
        Some(format!(" {} ", cut(&text, style.label, look.glyphs)))
    };
    let width = |step: usize| steps.get(step).map_or(0, |text| text.width);
    let layout = Layout::of(plan, &Measure { step: &width, label: &label, gap: style.gap });
    let width = usize::try_from(layout.width()).ok().filter(|width| *width <= look.width)?;
    let mut canvas = Canvas::new(width, look.glyphs);
    let (mut y, mut wires) = (0, Wires::default());
    for (layer, nodes) in layout.layers.iter().enumerate() {
        let nodes: Vec<(usize, &Node)> =
            nodes.iter().filter_map(|node| Some((*node, layout.node(*node)?))).collect();
        if layer > 0 {
            y = wires.draw(&mut canvas, y, &nodes)?;
        }
        let rows = if nodes.iter().any(|(_, node)| matches!(node.what, What::Step(_))) { BOX } else { 1 };
        for (id, node) in &nodes {
            draw_node(&mut canvas, y, rows, (*id, node), &steps);
        }
        y += rows;
        wires = Wires::of(&nodes);
    }
    let edges = plan
        .edges()
        .iter()
        .filter(|edge| condition(&edge.when).is_some_and(|text| text.chars().count() > style.label));
    let mut cut_short: Vec<String> = edges.map(|edge| told_edge(plan, edge, look.glyphs)).collect();
    let long = plan.steps().iter().filter(|step| step.name.chars().count() > style.name);
    cut_short.extend(long.map(|step| step.name.to_string()));
    Some((canvas.rendered(), cut_short))
}

/// What stands in a step's box.
struct Text {
    name: String,
    kind: String,
    doubled: bool,
    width: i64,
}

impl Text {
    fn of(step: &StepPlan, glyphs: Glyphs, style: &Style) -> Self {
        let name = cut(&step.name, style.name, glyphs);
        let mark = match (step.loops.is_empty(), glyphs) {
            (true, _) => "",
            (false, Glyphs::Unicode) => " ↺",
            (false, Glyphs::Plain) => " (loops)",
        };
        let kind = format!("{}{mark}", step.kind.name);
        let longest = name.chars().count().max(kind.chars().count());
        // Odd, so that a box has a middle.
        let width = i64::try_from((longest + 4) | 1).unwrap_or(i64::MAX / 4);
        Self { name, kind, doubled: step.kind.step == StepKind::HumanDecision, width }
    }
}

fn draw_node(canvas: &mut Canvas, y: usize, rows: usize, (id, node): (usize, &Node), steps: &[Text]) {
    match &node.what {
        What::Step(step) => {
            if let Some(text) = steps.get(*step) {
                draw_box(canvas, y, node, text);
            }
        }
        What::Bend => canvas.pass(id, node.x, y, y + rows - 1),
        What::Label(label) => {
            canvas.pass(id, node.x, y, y + rows - 1);
            canvas.text(node.left(), y + rows / 2, label);
        }
    }
}

fn draw_box(canvas: &mut Canvas, y: usize, node: &Node, text: &Text) {
    let inner = usize::try_from(node.width - 2).unwrap_or(0);
    let [top_left, top_right, bottom_left, bottom_right, level, upright] =
        match (canvas.glyphs(), text.doubled) {
            (Glyphs::Unicode, false) => ['┌', '┐', '└', '┘', '─', '│'],
            (Glyphs::Unicode, true) => ['╔', '╗', '╚', '╝', '═', '║'],
            (Glyphs::Plain, false) => ['+', '+', '+', '+', '-', '|'],
            (Glyphs::Plain, true) => ['+', '+', '+', '+', '=', '|'],
        };
    let level = level.to_string().repeat(inner);
    let centred = |word: &str| format!("{upright}{word:^inner$}{upright}");
    let left = node.left();
    canvas.text(left, y, &format!("{top_left}{level}{top_right}"));
    canvas.text(left, y + 1, &centred(&text.name));
    canvas.text(left, y + 2, &centred(&text.kind));
    canvas.text(left, y + 3, &format!("{bottom_left}{level}{bottom_right}"));
    if !node.outs.is_empty() {
        let door = match (canvas.glyphs(), text.doubled) {
            (Glyphs::Unicode, false) => "┬",
            (Glyphs::Unicode, true) => "╤",
            (Glyphs::Plain, _) => "+",
        };
        canvas.text(node.x, y + 3, door);
    }
}
