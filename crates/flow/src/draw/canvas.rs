//! A grid of characters, and lines on it that know where they meet and where they cross.

use super::Glyphs;

/// Directions in which a line leaves a place.
const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Blank,
    Text(char),
    /// Part of the lines of one net.
    Line {
        net: usize,
        ways: u8,
    },
    /// One line passes over another.
    Bridge,
}

/// What a picture is drawn on. Grows downwards; what is right of its width is lost.
pub(super) struct Canvas {
    width: usize,
    glyphs: Glyphs,
    rows: Vec<Vec<Place>>,
}

impl Canvas {
    pub fn new(width: usize, glyphs: Glyphs) -> Self {
        Self { width, glyphs, rows: Vec::new() }
    }

    /// What it is drawn with.
    pub fn glyphs(&self) -> Glyphs {
        self.glyphs
    }

    /// Writes text from a place on.
    pub fn text(&mut self, x: i64, y: usize, text: &str) {
        for (place, character) in (x..).zip(text.chars()) {
            if let Some(place) = self.at(place, y) {
                *place = Place::Text(character);
            }
        }
    }

    /// A line of one net down a column, which begins and ends at something.
    pub fn pass(&mut self, net: usize, x: i64, from: usize, to: usize) {
        (from..=to).for_each(|y| self.line(net, x, y, UP | DOWN));
    }

    /// A line of one net that begins under something, and ends in a row of its net.
    pub fn fall(&mut self, net: usize, x: i64, from: usize, to: usize) {
        (from..to).for_each(|y| self.line(net, x, y, UP | DOWN));
        self.line(net, x, to, UP);
    }

    /// A line of one net that begins in a row of its net, and ends above something.
    pub fn land(&mut self, net: usize, x: i64, from: usize, to: usize) {
        self.line(net, x, from, DOWN);
        (from + 1..=to).for_each(|y| self.line(net, x, y, UP | DOWN));
    }

    /// A line of one net along a row.
    pub fn across(&mut self, net: usize, y: usize, from: i64, to: i64) {
        for x in from..=to {
            let ways = if x == from { 0 } else { LEFT } | if x == to { 0 } else { RIGHT };
            self.line(net, x, y, ways);
        }
    }

    /// The rows as text, without spaces at their ends.
    pub fn rendered(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let line: String = row.iter().map(|place| self.glyph(*place)).collect();
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    fn line(&mut self, net: usize, x: i64, y: usize, ways: u8) {
        let Some(place) = self.at(x, y) else { return };
        *place = match *place {
            Place::Line { net: other, ways: there } if other == net => {
                Place::Line { net, ways: there | ways }
            }
            Place::Line { .. } | Place::Bridge => Place::Bridge,
            Place::Blank | Place::Text(_) => Place::Line { net, ways },
        };
    }

    fn at(&mut self, x: i64, y: usize) -> Option<&mut Place> {
        let x = usize::try_from(x).ok().filter(|x| *x < self.width)?;
        while self.rows.len() <= y {
            self.rows.push(vec![Place::Blank; self.width]);
        }
        self.rows.get_mut(y)?.get_mut(x)
    }

    fn glyph(&self, place: Place) -> char {
        let (unicode, plain) = match place {
            Place::Blank => (' ', ' '),
            Place::Text(character) => (character, character),
            // The upright line passes over the level one.
            Place::Bridge => ('│', '|'),
            Place::Line { ways, .. } => drawn(ways),
        };
        if self.glyphs == Glyphs::Unicode { unicode } else { plain }
    }
}

fn drawn(ways: u8) -> (char, char) {
    const LEFT_RIGHT: u8 = LEFT | RIGHT;
    const UP_DOWN: u8 = UP | DOWN;
    const UP_RIGHT: u8 = UP | RIGHT;
    const UP_LEFT: u8 = UP | LEFT;
    const DOWN_RIGHT: u8 = DOWN | RIGHT;
    const DOWN_LEFT: u8 = DOWN | LEFT;
    const NOT_UP: u8 = LEFT_RIGHT | DOWN;
    const NOT_DOWN: u8 = LEFT_RIGHT | UP;
    const NOT_LEFT: u8 = UP_DOWN | RIGHT;
    const NOT_RIGHT: u8 = UP_DOWN | LEFT;
    match ways {
        LEFT_RIGHT | LEFT | RIGHT => ('─', '-'),
        UP_RIGHT => ('╰', '+'),
        UP_LEFT => ('╯', '+'),
        DOWN_RIGHT => ('╭', '+'),
        DOWN_LEFT => ('╮', '+'),
        NOT_UP => ('┬', '+'),
        NOT_DOWN => ('┴', '+'),
        NOT_LEFT => ('├', '+'),
        NOT_RIGHT => ('┤', '+'),
        0 | UP | DOWN | UP_DOWN => ('│', '|'),
        _ => ('┼', '+'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(glyphs: Glyphs) -> String {
        let mut canvas = Canvas::new(8, glyphs);
        canvas.across(1, 1, 0, 6);
        canvas.fall(1, 3, 0, 1);
        canvas.land(1, 0, 1, 2);
        canvas.land(1, 6, 1, 2);
        canvas.pass(2, 5, 0, 2);
        canvas.text(7, 1, "abc");
        canvas.rendered()
    }

    #[test]
    fn lines_of_one_net_join_and_others_cross() {
        assert_eq!(drawn(Glyphs::Unicode), "   │ │\n╭──┴─│╮a\n│    ││\n");
        assert_eq!(drawn(Glyphs::Plain), "   | |\n+--+-|+a\n|    ||\n");
    }
}
