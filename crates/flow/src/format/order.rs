//! The tree of a file, turned into the tree of the same file in the one tidy way.

use crate::{
    file::{
        config::nests,
        edges::parts,
        nodes::ID,
        table::{EDGE, Form, KeyDoc, Place, STEP, TOOL, TOP},
    },
    tree::{Body, Entry, Node, Scalar, Style},
    value,
};
use comity_core::KindSpec;

/// Orders a whole file that is valid.
pub(super) fn file(root: Node, kinds: &[&'static KindSpec]) -> Node {
    by_place(root, &TOP, kinds)
}

fn by_place(node: Node, place: &'static Place, kinds: &[&'static KindSpec]) -> Node {
    map_entries(node, |entries| {
        let entries = entries.into_iter().map(|entry| match place.key(&entry.key) {
            Some(doc) => {
                Entry { key: doc.name.to_owned(), value: by_form(entry.value, doc.form, kinds), ..entry }
            }
            None => entry,
        });
        let mut entries: Vec<Entry> = entries.collect();
        entries.sort_by_key(|entry| rank(place.keys, &entry.key));
        entries
    })
}

/// The place of a key in a table; keys that are in none come last, as they were.
fn rank(keys: &[KeyDoc], name: &str) -> usize {
    keys.iter().position(|key| key.name == name).unwrap_or(keys.len())
}

fn by_form(node: Node, form: Form, kinds: &[&'static KindSpec]) -> Node {
    match form {
        Form::Map(place) => by_place(node, place, kinds),
        Form::List(place) => items(node, |item| by_place(item, place, kinds)),
        Form::Edges => items(node, |item| edge(item, kinds)),
        Form::Steps => map_entries(by_name(node), |entries| each_typed(entries, &STEP, kinds)),
        Form::Tools => map_entries(node, |entries| each_typed(entries, &TOOL, kinds)),
        Form::NameOrNames => match node.body {
            Body::Scalar(_) => Node { mark: node.mark, body: Body::List(vec![node]) },
            _ => node,
        },
        _ => node,
    }
}

/// An edge as `a -> b`, unless it has a condition.
fn edge(node: Node, kinds: &[&'static KindSpec]) -> Node {
    let text = match &node.body {
        Body::Scalar(scalar) => {
            parts(&scalar.text).iter().map(|part| part.text).collect::<Vec<_>>().join(" -> ")
        }
        Body::Map(entries) if !entries.iter().any(|entry| entry.key == "condition") => {
            let end = |key: &str| {
                let entry = entries.iter().find(|entry| entry.key == key);
                entry.and_then(|entry| value::text(&entry.value).ok()).unwrap_or_default()
            };
            format!("{} -> {}", end("from"), end("to"))
        }
        _ => return by_place(node, &EDGE, kinds),
    };
    Node { mark: node.mark, body: Body::Scalar(Scalar { text, style: Style::Plain }) }
}

/// Steps in a list as a map.
fn by_name(node: Node) -> Node {
    let Body::List(items) = node.body else { return node };
    let named = items.into_iter().filter_map(|item| {
        let mark = item.mark;
        let Body::Map(mut entries) = item.body else { return None };
        let place = entries.iter().position(|entry| entry.key == ID)?;
        let id = entries.remove(place);
        let key = value::text(&id.value).ok()?.to_owned();
        Some(Entry { key, key_mark: mark, value: Node { mark, body: Body::Map(entries) } })
    });
    Node { mark: node.mark, body: Body::Map(named.collect()) }
}

fn each_typed(entries: Vec<Entry>, place: &'static Place, kinds: &[&'static KindSpec]) -> Vec<Entry> {
    let typed = |entry: Entry| Entry { value: typed(entry.value, place, kinds), ..entry };
    entries.into_iter().map(typed).collect()
}

/// A step or tool: first its kind, then the keys of its kind, then those of every kind.
fn typed(node: Node, place: &'static Place, kinds: &[&'static KindSpec]) -> Node {
    map_entries(node, |entries| {
        let named = entries.iter().find(|entry| entry.key == "kind");
        let name = named.and_then(|entry| value::text(&entry.value).ok());
        let kind = kinds.iter().find(|kind| Some(kind.name) == name);
        let own: Vec<KeyDoc> =
            kind.map(|kind| kind.keys.iter().map(KeyDoc::from).collect()).unwrap_or_default();
        let mut order: Vec<KeyDoc> = place.keys.iter().filter(|key| key.name == "kind").copied().collect();
        order.extend(own.iter().copied());
        order.extend(place.keys);
        let mut flat = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.value.body {
                Body::Map(nested)
                    if entry.key == "agent" && nests(&own) && rank(&order, "agent") == order.len() =>
                {
                    flat.extend(nested);
                }
                body => flat.push(Entry { value: Node { body, ..entry.value }, ..entry }),
            }
        }
        for entry in &mut flat {
            let doc = order.iter().find(|doc| !doc.also.is_empty() && doc.also == entry.key);
            doc.into_iter().for_each(|doc| doc.name.clone_into(&mut entry.key));
        }
        flat.sort_by_key(|entry| rank(&order, &entry.key));
        flat
    })
}

fn map_entries(node: Node, change: impl FnOnce(Vec<Entry>) -> Vec<Entry>) -> Node {
    match node.body {
        Body::Map(entries) => Node { mark: node.mark, body: Body::Map(change(entries)) },
        _ => node,
    }
}

fn items(node: Node, change: impl Fn(Node) -> Node) -> Node {
    match node.body {
        Body::List(items) => {
            Node { mark: node.mark, body: Body::List(items.into_iter().map(change).collect()) }
        }
        _ => node,
    }
}
