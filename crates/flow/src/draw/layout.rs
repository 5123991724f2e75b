//! Where the parts of a picture stand: in layers from top to bottom, in an order with few crossings.

use super::spread::{Wish, spread};
use crate::plan::{EdgePlan, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// Times that the order, and then the places, are improved.
const SWEEPS: usize = 12;

/// One part of a picture.
#[derive(Debug)]
pub(super) struct Node {
    pub what: What,
    /// Characters it takes.
    pub width: i64,
    /// The column of its middle.
    pub x: i64,
    /// Nodes of the layer above that lead to it.
    pub ins: Vec<usize>,
    /// Nodes of the layer below that it leads to.
    pub outs: Vec<usize>,
}

/// What a part of a picture stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The step with this ordinal.
    Step(usize),
    /// The condition of an edge.
    Label(String),
    /// A line that passes through a layer.
    Bend,
}

/// The parts of a picture by layers, each in its order from left to right.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub nodes: Vec<Node>,
    pub layers: Vec<Vec<usize>>,
}

/// How wide things are.
pub(super) struct Measure<'m> {
    /// Characters of a step's box.
    pub step: &'m dyn Fn(usize) -> i64,
    /// An edge's label, if it has one.
    pub label: &'m dyn Fn(&EdgePlan) -> Option<String>,
    /// Blanks between neighbours.
    pub gap: i64,
}

impl Layout {
    /// Lays a plan out.
    pub fn of(plan: &Plan, measure: &Measure<'_>) -> Self {
        let mut layout = Self::default();
        let layers = layers(plan, measure);
        for (step, layer) in layers.iter().enumerate() {
            let width = (measure.step)(step);
            layout.add(What::Step(step), *layer, width);
        }
        layout.link(plan, &layers, measure);
        layout.widen();
        layout.order();
        layout.place(measure.gap);
        layout
    }

    pub fn node(&self, node: usize) -> Option<&Node> {
        self.nodes.get(node)
    }

    /// Characters from the left end of the leftmost to the right end of the rightmost.
    pub fn width(&self) -> i64 {
        self.nodes.iter().map(Node::right).max().unwrap_or(0)
    }

    fn add(&mut self, what: What, layer: usize, width: i64) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { what, width, x: 0, ins: Vec::new(), outs: Vec::new() });
        while self.layers.len() <= layer {
            self.layers.push(Vec::new());
        }
        self.layers.get_mut(layer).into_iter().for_each(|layer| layer.push(node));
        node
    }

    fn join(&mut self, from: usize, to: usize) {
        if self.node(from).is_some_and(|node| node.outs.contains(&to)) {
            return;
        }
        self.nodes.get_mut(from).into_iter().for_each(|node| node.outs.push(to));
        self.nodes.get_mut(to).into_iter().for_each(|node| node.ins.push(from));
    }

    /// Makes every edge a chain of nodes through the layers it passes. Edges without a condition share their
    /// chain as far as they go together, also those of several steps that lead to all the same.
    fn link(&mut self, plan: &Plan, layers: &[usize], measure: &Measure<'_>) {
        let mut shared: BTreeMap<(Group, usize), usize> = BTreeMap::new();
        for edge in plan.edges() {
            let ends = (layers.get(edge.from), layers.get(edge.to));
            let (Some(top), Some(bottom)) = (ends.0.copied(), ends.1.copied()) else { continue };
            let mut last = edge.from;
            let label = (measure.label)(edge);
            let group = (top, leads(plan, edge.from, measure));
            for layer in top + 1..bottom {
                let next = match (&label, shared.get(&(group.clone(), layer))) {
                    (Some(label), _) if layer == top + 1 => {
                        let width = i64::try_from(label.chars().count()).unwrap_or(0);
                        self.add(What::Label(label.clone()), layer, width)
                    }
                    (None, Some(bend)) => *bend,
                    _ => self.add(What::Bend, layer, 1),
                };
                if label.is_none() {
                    shared.insert((group.clone(), layer), next);
                }
                self.join(last, next);
                last = next;
            }
            self.join(last, edge.to);
        }
    }

    /// Gives boxes room for a door for each net that leads to them, with a place between.
    fn widen(&mut self) {
        let doors = |node: &Node| {
            let nets: BTreeSet<Vec<usize>> =
                node.ins.iter().filter_map(|from| Some(self.node(*from)?.leads())).collect();
            i64::try_from(nets.len() * 2 + 3).unwrap_or(0)
        };
        let least: Vec<i64> = self.nodes.iter().map(doors).collect();
        for (node, least) in self.nodes.iter_mut().zip(least) {
            if matches!(node.what, What::Step(_)) {
                node.width = node.width.max(least);
            }
        }
    }

    /// Orders each layer by the middle of its neighbours, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
                self.sort(layer, sweep % 2 == 0);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn sort(&mut self, layer: usize, by_those_above: bool) {
        let ranks = self.ranks();
        let rank = |node: &usize| ranks.get(*node).copied().unwrap_or(0);
        let Some(mut order) = self.layers.get(layer).cloned() else { return };
        order.sort_by_key(|id| {
            let node = self.node(*id);
            let near = node.map(|node| if by_those_above { &node.ins } else { &node.outs });
            let near: Vec<i64> = near.into_iter().flatten().map(rank).collect();
            match i64::try_from(near.len()) {
                Ok(count) if count > 0 => near.iter().sum::<i64>() * 1000 / count,
                _ => rank(id) * 1000,
            }
        });
        self.layers.get_mut(layer).into_iter().for_each(|slot| slot.clone_from(&order));
    }

    /// The place of each node in its layer.
    fn ranks(&self) -> Vec<i64> {
        let mut ranks = vec![0; self.nodes.len()];
        for layer in &self.layers {
            for (rank, node) in (0..).zip(layer) {
                ranks.get_mut(*node).into_iter().for_each(|slot| *slot = rank);
            }
        }
        ranks
    }

    fn crossings(&self) -> usize {
        let ranks = self.ranks();
        let rank = |node: usize| ranks.get(node).copied().unwrap_or(0);
        let mut crossings = 0;
        for layer in &self.layers {
            let lines: Vec<(i64, i64)> = layer
                .iter()
                .filter_map(|id| Some((*id, self.node(*id)?)))
                .flat_map(|(id, node)| node.outs.iter().map(move |to| (id, *to)))
                .map(|(from, to)| (rank(from), rank(to)))
                .collect();
            for (index, one) in lines.iter().enumerate() {
                let cross = |other: &&(i64, i64)| (one.0 - other.0) * (one.1 - other.1) < 0;
                crossings += lines.iter().skip(index + 1).filter(cross).count();
            }
        }
        crossings
    }

    /// Moves everything as close to its neighbours as it can be without touching others.
    fn place(&mut self, gap: i64) {
        for layer in 0..self.layers.len() {
            self.settle(layer, gap, &|_| Vec::new());
        }
        for sweep in 0..SWEEPS * 2 {
            let count = self.layers.len();
            for step in 0..count {
                if sweep % 2 == 0 {
                    self.settle(step, gap, &|node| node.ins.clone());
                } else {
                    self.settle(count - 1 - step, gap, &|node| node.outs.clone());
                }
            }
        }
        // The last layer has nothing below to stand above the middle of.
        self.settle(self.layers.len().saturating_sub(1), gap, &|node| node.ins.clone());
        (0..self.layers.len()).for_each(|layer| self.straighten(layer, gap));
        let left = self.nodes.iter().map(Node::left).min().unwrap_or(0);
        self.nodes.iter_mut().for_each(|node| node.x -= left);
    }

    /// Puts each node of a layer right below the one that leads to it and nowhere else, where there is room.
    fn straighten(&mut self, layer: usize, gap: i64) {
        let order = self.layers.get(layer).cloned().unwrap_or_default();
        for (at, id) in order.iter().enumerate() {
            let Some(node) = self.node(*id) else { continue };
            let [above] = node.ins.as_slice() else { continue };
            let Some(above) = self.node(*above).filter(|above| above.outs.len() == 1) else { continue };
            let (x, left) = (above.x, above.x - node.width / 2);
            let beside = |at: Option<usize>| at.and_then(|at| self.node(*order.get(at)?));
            let fits_left = beside(at.checked_sub(1)).is_none_or(|other| other.right() + gap <= left);
            let fits_right = beside(Some(at + 1)).is_none_or(|other| left + node.width + gap <= other.left());
            if fits_left && fits_right {
                self.nodes.get_mut(*id).into_iter().for_each(|node| node.x = x);
            }
        }
    }

    fn settle(&mut self, layer: usize, gap: i64, near: &dyn Fn(&Node) -> Vec<usize>) {
        let Some(order) = self.layers.get(layer) else { return };
        let mut wishes = Vec::with_capacity(order.len());
        let mut before: Option<&Node> = None;
        for node in order.iter().filter_map(|id| self.node(*id)) {
            let places: Vec<i64> =
                near(node).iter().filter_map(|id| self.node(*id)).map(|node| node.x).collect();
            let at = middle(places).unwrap_or(node.x);
            let apart = before.map_or(0, |left| left.width - left.width / 2 + gap + node.width / 2);
            // Lines that pass through stay straight before boxes stay in the middle.
            let weight = if node.what == What::Bend { 8 } else { 1 };
            wishes.push(Wish { at, weight, gap: apart });
            before = Some(node);
        }
        for (node, x) in order.clone().into_iter().zip(spread(&wishes)) {
            self.nodes.get_mut(node).into_iter().for_each(|node| node.x = x);
        }
    }
}

impl Node {
    /// The nodes it leads to, in one order for all.
    pub fn leads(&self) -> Vec<usize> {
        let mut leads = self.outs.clone();
        leads.sort_unstable();
        leads
    }

    /// The column of its left end.
    pub fn left(&self) -> i64 {
        self.x - self.width / 2
    }

    /// The column right of its right end.
    pub fn right(&self) -> i64 {
        self.left() + self.width
    }
}

/// A layer, and where steps in it lead without a condition.
type Group = (usize, BTreeSet<usize>);

fn leads(plan: &Plan, step: usize, measure: &Measure<'_>) -> BTreeSet<usize> {
    let edges = plan.edges().iter().filter(|edge| edge.from == step);
    edges.filter(|edge| (measure.label)(edge).is_none()).map(|edge| edge.to).collect()
}

/// Half of the way between the leftmost and the rightmost.
fn middle(places: Vec<i64>) -> Option<i64> {
    let (least, most) = (places.iter().min()?, places.iter().max()?);
    Some((least + most).div_euclid(2))
}

/// The layer of each step: below everything it waits for, with a layer between for the label of an edge; a
/// step that waits for nothing stands right above the first that waits for it.
fn layers(plan: &Plan, measure: &Measure<'_>) -> Vec<usize> {
    let count = plan.steps().len();
    let mut layers = vec![0_usize; count];
    let length = |edge: &EdgePlan| if (measure.label)(edge).is_some() { 2 } else { 1 };
    // No more rounds than steps are needed: a plan without its loops has no circle.
    for _ in 0..count {
        let mut moved = false;
        for edge in plan.edges() {
            let least = layers.get(edge.from).copied().unwrap_or(0) + length(edge);
            for layer in layers.get_mut(edge.to).into_iter().filter(|layer| **layer < least) {
                *layer = least;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    for (step, _) in plan.steps().iter().enumerate().filter(|(_, step)| step.after.is_empty()) {
        let from = plan.edges().iter().filter(|edge| edge.from == step);
        let highest = from.filter_map(|edge| layers.get(edge.to)?.checked_sub(length(edge))).min();
        layers.get_mut(step).into_iter().for_each(|layer| *layer = highest.unwrap_or(0));
    }
    layers
}
