//! Conditions of edges, and the outputs of steps that they look at.

use super::edges::Names;
use crate::{
    condition::Condition,
    diagnostic::Code,
    findings::{Findings, quote},
    tree::{Entry, Mark, Node},
    value,
};

/// A condition, and the scalar it was read from.
pub(crate) struct Asked<'a> {
    pub(super) condition: Condition,
    node: &'a Node,
}

/// Reads a condition; what is wrong with it is reported at its place in the scalar.
pub(super) fn read<'a>(entry: &'a Entry, findings: &mut Findings) -> Option<Asked<'a>> {
    let text = findings.value(entry, value::text(&entry.value))?;
    match Condition::parse(text) {
        Ok(condition) => Some(Asked { condition, node: &entry.value }),
        Err(bad) => {
            let mark = entry.value.ruler().part(bad.at, bad.width);
            match bad.help {
                Some(help) => findings.advise(Code::BAD_CONDITION, mark, bad.message, help),
                None => findings.report(Code::BAD_CONDITION, mark, bad.message),
            }
            None
        }
    }
}

/// Outputs are in scope under the name of their step and this.
const OUTPUT: &str = "_output";

impl Asked<'_> {
    /// The steps whose outputs it looks at, and the places of their names.
    pub(super) fn outputs(&self, names: &Names<'_>) -> Vec<(usize, Mark)> {
        let steps = self.condition.names().iter().filter_map(|name| {
            let step = names.find(name.strip_suffix(OUTPUT)?)?;
            Some((step, self.place(name)))
        });
        steps.collect()
    }

    /// Where a name stands in the file.
    fn place(&self, name: &str) -> Mark {
        let ruler = self.node.ruler();
        let text = value::text(self.node).unwrap_or_default();
        let part_of_name = |character: char| character.is_alphanumeric() || character == '_';
        let stands_alone = |at: &usize| {
            let before = text.get(..*at).and_then(|before| before.chars().next_back());
            let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
        };
        let at = text.match_indices(name).map(|(at, _)| at).find(stands_alone).unwrap_or(0);
        let skip = text.get(..at).unwrap_or_default().chars().count();
        ruler.part(skip, name.chars().count())
    }
}

/// Reports a look at the output of a step that cannot have run when `source` ended.
pub(super) fn refuse_output(
    (step, mark): (usize, Mark),
    source: usize,
    names: &Names<'_>,
    findings: &mut Findings,
) {
    let (name, source) = (names.name(step), names.name(source));
    let message =
        format!("{} is never there when {} has ended", quote(&format!("{name}{OUTPUT}")), quote(source));
    let help = format!("let `{source}` wait for `{name}`, directly or not");
    findings.advise(Code::OUTPUT_NOT_THERE, mark, message, help);
}
