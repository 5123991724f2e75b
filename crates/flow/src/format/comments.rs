//! Where the comments of a file belong.

use crate::{
    tree::{Body, Mark, Node},
    yaml,
};
use std::collections::{BTreeMap, BTreeSet};

/// Line and column of a key or of an item of a list.
type Place = (u32, u32);

/// Comments by what they stand at, until they are written.
pub(super) struct Comments {
    before: BTreeMap<Place, Vec<(Mark, String)>>,
    beside: BTreeMap<Place, (Mark, String)>,
    /// After the last key.
    end: Vec<(Mark, String)>,
    /// Belong to nothing that is written.
    lost: Vec<(Mark, String)>,
    /// Places that have an empty line before them.
    apart: BTreeSet<Place>,
}

impl Comments {
    /// Finds for each comment what it stands at: on a line of its own the next key or item, else the first one
    /// on its line.
    pub(super) fn of(source: &str, root: &Node) -> Self {
        let mut places = BTreeSet::new();
        collect(root, &mut places);
        let lines: Vec<&str> = source.lines().collect();
        let line = |number: u32| lines.get(usize::try_from(number).ok()?.checked_sub(1)?).copied();
        let mut comments = Self {
            before: BTreeMap::new(),
            beside: BTreeMap::new(),
            end: Vec::new(),
            lost: Vec::new(),
            apart: BTreeSet::new(),
        };
        for yaml::Comment { text, mark } in yaml::comments(source) {
            let own_line = line(mark.line).is_some_and(|line| line.trim_start().starts_with('#'));
            let at = if own_line {
                places.range((mark.line + 1, 0)..).next()
            } else {
                places.range((mark.line, 0)..(mark.line, mark.column)).next()
            };
            match at {
                Some(place) if own_line => comments.before.entry(*place).or_default().push((mark, text)),
                Some(place) => drop(comments.beside.insert(*place, (mark, text))),
                None if own_line => comments.end.push((mark, text)),
                None => comments.lost.push((mark, text)),
            }
        }
        let first_line = |place: &Place| {
            let first = comments.before.get(place).and_then(|found| found.first());
            first.map_or(place.0, |(mark, _)| mark.line)
        };
        let is_apart = |place: &Place| {
            line(first_line(place).saturating_sub(1)).is_some_and(|line| line.trim().is_empty())
        };
        let apart = places.into_iter().filter(is_apart).collect();
        comments.apart = apart;
        comments
    }

    /// Takes the comments that stand before something.
    pub(super) fn before(&mut self, mark: Mark) -> Vec<String> {
        let found = self.before.remove(&place(mark)).unwrap_or_default();
        found.into_iter().map(|(_, text)| text).collect()
    }

    /// Takes the comment that stands on the line of something.
    pub(super) fn beside(&mut self, mark: Mark) -> Option<String> {
        self.beside.remove(&place(mark)).map(|(_, text)| text)
    }

    /// Whether something has comments that were not taken yet.
    pub(super) fn any(&self, mark: Mark) -> bool {
        self.before.contains_key(&place(mark)) || self.beside.contains_key(&place(mark))
    }

    /// Whether an empty line stands before something and its comments.
    pub(super) fn is_apart(&self, mark: Mark) -> bool {
        self.apart.contains(&place(mark))
    }

    /// Takes the comments after the last key.
    pub(super) fn end(&mut self) -> Vec<String> {
        std::mem::take(&mut self.end).into_iter().map(|(_, text)| text).collect()
    }

    /// The comments that nobody took.
    pub(super) fn left(self) -> Vec<(Mark, String)> {
        let before = self.before.into_values().flatten();
        before.chain(self.beside.into_values()).chain(self.end).chain(self.lost).collect()
    }
}

fn place(mark: Mark) -> Place {
    (mark.line, mark.column)
}

fn collect(node: &Node, places: &mut BTreeSet<Place>) {
    match &node.body {
        Body::Scalar(_) | Body::Broken => {}
        Body::List(items) => {
            for item in items {
                places.insert(place(item.mark));
                collect(item, places);
            }
        }
        Body::Map(entries) => {
            for entry in entries {
                places.insert(place(entry.key_mark));
                collect(&entry.value, places);
            }
        }
    }
}
