//! The lines between two layers: which share a row, and which have to cross.

use super::Glyphs;
use super::canvas::Canvas;
use super::layout::{Node, What};
use super::spread::{Wish, spread};
use std::collections::BTreeMap;

/// What leads from one layer to the next.
#[derive(Default)]
pub(super) struct Wires {
    nets: Vec<Net>,
}

/// Lines from all of some nodes to all of some others: nodes that lead to the same share one.
struct Net {
    /// A number that no other net of the picture has.
    id: usize,
    /// The columns it starts in, ascending.
    starts: Vec<i64>,
    /// The nodes it leads to.
    leads: Vec<usize>,
    /// The columns it ends in.
    ends: Vec<i64>,
    /// Its row, counted from the first below the upper layer; `None` if it runs straight down.
    track: Option<usize>,
}

impl Net {
    /// From its leftmost column to its rightmost.
    fn span(&self) -> (i64, i64) {
        let all = || self.starts.iter().chain(&self.ends).copied();
        (all().min().unwrap_or(0), all().max().unwrap_or(0))
    }

    /// Lines that cross if this one's row is above the other's.
    fn crossings_above(&self, other: &Self) -> i64 {
        let within = |(least, most): (i64, i64), columns: &[i64]| {
            columns.iter().filter(|x| least < **x && **x < most).count()
        };
        let count = within(self.span(), &other.starts) + within(other.span(), &self.ends);
        i64::try_from(count).unwrap_or(i64::MAX)
    }
}

impl Wires {
    /// Of a layer's nodes, with their numbers, from left to right.
    pub fn of(nodes: &[(usize, &Node)]) -> Self {
        let mut nets: BTreeMap<Vec<usize>, Net> = BTreeMap::new();
        for (id, node) in nodes.iter().filter(|(_, node)| !node.outs.is_empty()) {
            let leads = node.leads();
            let new =
                Net { id: *id, starts: Vec::new(), leads: leads.clone(), ends: Vec::new(), track: None };
            nets.entry(leads).or_insert(new).starts.push(node.x);
        }
        let mut nets: Vec<Net> = nets.into_values().collect();
        nets.sort_by_key(|net| net.starts.first().copied());
        Self { nets }
    }

    /// Draws the lines to the nodes of the next layer, and returns the row below them. `None` if lines would
    /// have to run over each other.
    pub fn draw(&mut self, canvas: &mut Canvas, y: usize, below: &[(usize, &Node)]) -> Option<usize> {
        let arrow = if canvas.glyphs() == Glyphs::Unicode { "▼" } else { "v" };
        let mut arrows = Vec::new();
        for (id, node) in below {
            let doors = self.doors(*id, node)?;
            if matches!(node.what, What::Step(_)) {
                arrows.extend(doors);
            }
        }
        let last = y + self.assign()?;
        for net in &self.nets {
            let Some(track) = net.track else {
                net.starts.iter().for_each(|x| canvas.pass(net.id, *x, y, last));
                continue;
            };
            let (least, most) = net.span();
            canvas.across(net.id, y + track, least, most);
            net.starts.iter().for_each(|x| canvas.fall(net.id, *x, y, y + track));
            net.ends.iter().for_each(|x| canvas.land(net.id, *x, y + track, last));
        }
        arrows.into_iter().for_each(|x| canvas.text(x, last, arrow));
        Some(last + 1)
    }

    /// Tells the nets that lead to a node where they enter it: straight from above where that is possible.
    fn doors(&mut self, id: usize, node: &Node) -> Option<Vec<i64>> {
        let mut comes: Vec<&mut Net> = self.nets.iter_mut().filter(|net| net.leads.contains(&id)).collect();
        let (first, last) = match node.what {
            What::Step(_) => (node.left() + 1, node.right() - 2),
            _ => (node.x, node.x),
        };
        let middle = |net: &Net| {
            let (least, most) = (net.starts.first().copied(), net.starts.last().copied());
            (least.unwrap_or(node.x) + most.unwrap_or(node.x)).div_euclid(2)
        };
        comes.sort_by_key(|net| middle(net));
        let several = comes.len() > 1;
        let wishes: Vec<Wish> = comes
            .iter()
            .map(|net| match net.starts.as_slice() {
                [x] if several && (first..=last).contains(x) => *x,
                _ => node.x,
            })
            .map(|at| Wish { at, weight: 1, gap: 2 })
            .collect();
        let count = i64::try_from(comes.len()).ok()?;
        let mut doors = Vec::with_capacity(comes.len());
        for ((index, place), net) in (0..).zip(spread(&wishes)).zip(comes) {
            let (least, most) = (first + 2 * index, last - 2 * (count - 1 - index));
            if least > most {
                return None;
            }
            let door = place.clamp(least, most);
            net.ends.push(door);
            doors.push(door);
        }
        Some(doors)
    }

    /// Gives every net that does not run straight down a row in which it meets no other, and returns how
    /// many rows there are. `None` if two nets would have to run over each other.
    fn assign(&mut self) -> Option<usize> {
        let mut open: Vec<usize> = (0..self.nets.len()).collect();
        open.retain(|net| self.nets.get(*net).is_some_and(|net| net.span().0 < net.span().1));
        let mut tracks = 0;
        while !open.is_empty() {
            let nets: Vec<(usize, &Net)> =
                open.iter().filter_map(|at| Some((*at, self.nets.get(*at)?))).collect();
            let row = first_row(&nets);
            if row.is_empty() {
                return None;
            }
            for net in &row {
                self.nets.get_mut(*net).into_iter().for_each(|net| net.track = Some(tracks));
            }
            open.retain(|net| !row.contains(net));
            tracks += 1;
        }
        Some(tracks)
    }
}

/// Of the nets that have no row yet, those that share the next one from above.
fn first_row(nets: &[(usize, &Net)]) -> Vec<usize> {
    let others = |at: usize| nets.iter().filter(move |(other, _)| *other != at).map(|(_, net)| *net);
    // A net that starts above another's end has to turn away before the other comes there.
    let free =
        |at: usize, net: &Net| !others(at).any(|other| other.starts.iter().any(|x| net.ends.contains(x)));
    let mut ranked: Vec<(i64, i64, usize, &Net)> = nets
        .iter()
        .filter(|(at, net)| free(*at, net))
        .map(|(at, net)| {
            let cost: i64 =
                others(*at).map(|other| net.crossings_above(other) - other.crossings_above(net)).sum();
            (cost, net.span().0, *at, *net)
        })
        .collect();
    ranked.sort_by_key(|(cost, left, at, _)| (*cost, *left, *at));
    let mut row: Vec<(usize, (i64, i64))> = Vec::new();
    for (cost, _, at, net) in ranked {
        let (least, most) = net.span();
        let apart = |(_, (left, right)): &(usize, (i64, i64))| least > right + 1 || left - 1 > most;
        if row.is_empty() || (cost <= 0 && row.iter().all(apart)) {
            row.push((at, (least, most)));
        }
    }
    row.into_iter().map(|(at, _)| at).collect()
}
