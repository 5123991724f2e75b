//! What it takes to check an output against a schema, told before any output is there.
//!
//! A schema that refers to itself may hold one value against itself again and again, without end or twice
//! as often at every level. So for each depth of an output, the most schemas that can be held against the
//! values on any one way down are counted first.

use super::MAX_DEPTH;
use serde_json::Value;
use std::collections::HashMap;

/// The longest chain of schemas that are held against one and the same value.
const MAX_CHAIN: usize = 64;
/// Keywords with one schema for the same value.
const HERE: &[&str] = &["else", "if", "not", "then"];
/// Keywords with a list of schemas for the same value.
const HERE_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
/// Keywords with schemas by name for the same value.
const HERE_MAPS: &[&str] = &["dependencies", "dependentSchemas"];
/// Keywords with one schema for each value inside.
const INSIDE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords that follow references in ways that cannot be told beforehand.
const REFUSED: &[&str] = &["$dynamicRef", "$recursiveRef"];

/// The most schemas held against the values on one way down, by the depth of the output.
#[derive(Debug)]
pub(super) struct Cost(Vec<u64>);

/// A schema, and those it leads to.
#[derive(Default)]
struct Node {
    /// Held against the same value.
    here: Vec<usize>,
    /// Held against values inside; of each group, one at most.
    inside: Vec<Vec<usize>>,
    /// How often those for the same value may be asked.
    times: u64,
}

/// The schemas that can be reached from the root.
struct Graph<'s> {
    root: &'s Value,
    places: HashMap<*const Value, usize>,
    /// Found and not yet read.
    open: Vec<&'s Value>,
    nodes: Vec<Node>,
}

impl Cost {
    /// Counts. Errors when a schema leads back to itself for the same value, or out of the document.
    pub(super) fn of(root: &Value) -> Result<Self, String> {
        let mut graph = Graph { root, places: HashMap::new(), open: Vec::new(), nodes: Vec::new() };
        graph.place(root);
        while let Some(schema) = graph.open.pop() {
            graph.read(schema)?;
        }
        let mut by_depth = Vec::with_capacity(MAX_DEPTH + 1);
        let mut below = vec![0; graph.nodes.len()];
        for _ in 0..=MAX_DEPTH {
            let mut level = Level { nodes: &graph.nodes, below: &below, known: vec![None; below.len()] };
            for place in 0..below.len() {
                level.count(place, MAX_CHAIN)?;
            }
            below = level.known.into_iter().map(Option::unwrap_or_default).collect();
            by_depth.push(below.first().copied().unwrap_or(1));
        }
        Ok(Self(by_depth))
    }

    /// The count for an output of this depth.
    pub(super) fn at(&self, depth: usize) -> u64 {
        self.0.get(depth).copied().unwrap_or(u64::MAX)
    }
}

impl<'s> Graph<'s> {
    /// The place of a schema; new ones are read later.
    fn place(&mut self, schema: &'s Value) -> usize {
        let next = self.nodes.len();
        let place = *self.places.entry(std::ptr::from_ref(schema)).or_insert(next);
        if place == next {
            self.nodes.push(Node { times: 1, ..Node::default() });
            self.open.push(schema);
        }
        place
    }

    fn all(&mut self, schemas: impl Iterator<Item = &'s Value>) -> Vec<usize> {
        schemas.map(|schema| self.place(schema)).collect()
    }

    fn read(&mut self, schema: &'s Value) -> Result<(), String> {
        let Value::Object(keys) = schema else { return Ok(()) };
        if let Some(refused) = REFUSED.iter().find(|key| keys.contains_key(**key)) {
            return Err(format!("`{refused}` is not followed: use `$ref` with a place in the schema"));
        }
        if keys.contains_key("$id") && !std::ptr::eq(schema, self.root) {
            return Err("`$id` inside a schema is not followed: put it at its root".to_owned());
        }
        let mut node = Node { times: 1, ..Node::default() };
        if let Some(target) = keys.get("$ref") {
            let target = self.target(target)?;
            node.here.push(self.place(target));
        }
        let get = |names: &'static [&str]| names.iter().filter_map(|name| keys.get(*name));
        node.here.extend(self.all(get(HERE)));
        node.here.extend(self.all(get(HERE_LISTS).filter_map(Value::as_array).flatten()));
        node.here.extend(self.all(get(HERE_MAPS).filter_map(Value::as_object).flat_map(|map| map.values())));
        node.inside.extend(self.all(get(INSIDE)).into_iter().map(|place| vec![place]));
        node.inside.extend(
            keys.get("patternProperties")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|map| map.values().map(|schema| vec![self.place(schema)]).collect::<Vec<_>>()),
        );
        if let Some(map) = keys.get("properties").and_then(Value::as_object) {
            node.inside.push(self.all(map.values()));
        }
        for items in get(&["items", "prefixItems"]) {
            let group = self.all(items.as_array().map_or(std::slice::from_ref(items), Vec::as_slice).iter());
            node.inside.push(group);
        }
        // To tell what nobody looked at, everybody is asked once more.
        node.times += get(&["unevaluatedItems", "unevaluatedProperties"]).count() as u64;
        let place = self.place(schema);
        if let Some(slot) = self.nodes.get_mut(place) {
            *slot = node;
        }
        Ok(())
    }

    fn target(&self, reference: &Value) -> Result<&'s Value, String> {
        let text = reference.as_str().ok_or("`$ref` is not a text")?;
        let shown = super::problem::quote(text);
        let pointer = text.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let pointer = pointer.filter(|rest| !rest.contains('%'));
        let pointer = pointer.ok_or(format!("`$ref` {shown} leads elsewhere: only `#/…` is followed"))?;
        self.root.pointer(pointer).ok_or(format!("`$ref` {shown} leads nowhere"))
    }
}

/// Counting for one depth, when those below are known.
struct Level<'g> {
    nodes: &'g [Node],
    below: &'g [u64],
    known: Vec<Option<u64>>,
}

impl Level<'_> {
    fn count(&mut self, place: usize, chain: usize) -> Result<u64, String> {
        if let Some(known) = self.known.get(place).copied().flatten() {
            return Ok(known);
        }
        let Some(node) = self.nodes.get(place) else { return Ok(1) };
        if chain == 0 {
            return Err("the schema leads back to itself without looking inside the value".to_owned());
        }
        let mut here = 0u64;
        for next in &node.here {
            here = here.saturating_add(self.count(*next, chain - 1)?);
        }
        let most =
            |group: &Vec<usize>| group.iter().filter_map(|place| self.below.get(*place)).max().copied();
        let inside = node.inside.iter().filter_map(most).fold(0, u64::saturating_add);
        let total = here.saturating_mul(node.times).saturating_add(inside).saturating_add(1);
        if let Some(slot) = self.known.get_mut(place) {
            *slot = Some(total);
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_schema_costs_what_stands_in_it() {
        let schema = json!({"type": "object", "properties": {"a": true, "b": {"items": {"type": "string"}}}});
        let cost = Cost::of(&schema).unwrap();
        assert_eq!((cost.at(0), cost.at(1), cost.at(2), cost.at(9)), (1, 2, 3, 3));
    }

    #[test]
    fn a_tree_costs_one_schema_a_level_and_a_fork_twice_as_many_at_each() {
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        assert_eq!(Cost::of(&tree).unwrap().at(10), 21);
        let fork = json!({"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]});
        let cost = Cost::of(&fork).unwrap();
        assert!(cost.at(10) > 1 << 10);
        assert_eq!(cost.at(64), u64::MAX);
    }

    #[test]
    fn circles_without_descent_are_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}}),
        ] {
            let error = Cost::of(&schema).unwrap_err();
            assert_eq!(error, "the schema leads back to itself without looking inside the value");
        }
    }

    #[test]
    fn references_lead_into_the_schema_only() {
        for (reference, expected) in [
            (
                "https://example.com/a.json",
                "`$ref` `https://example.com/a.json` leads elsewhere: only `#/…` is followed",
            ),
            ("other.json#/a", "`$ref` `other.json#/a` leads elsewhere: only `#/…` is followed"),
            ("#anchor", "`$ref` `#anchor` leads elsewhere: only `#/…` is followed"),
            ("#/$defs/none", "`$ref` `#/$defs/none` leads nowhere"),
        ] {
            let schema = json!({"properties": {"a": {"$ref": reference}}});
            assert_eq!(Cost::of(&schema).unwrap_err(), expected);
        }
        assert!(Cost::of(&json!({"items": {"$dynamicRef": "#x"}})).is_err());
        assert!(Cost::of(&json!({"items": {"$id": "https://example.com"}})).is_err());
    }
}
