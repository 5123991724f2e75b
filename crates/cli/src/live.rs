//! A tree of steps on the terminal, drawn again as they change.

mod tree;

use crate::printer::Printer;
use comity_api::{Event, StepReport};
use comity_core::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::{Size, Tree};

/// The tree, and what of it stands on the terminal.
pub struct Live {
    printer: Printer,
    clock: Arc<dyn Clock>,
    shown: Mutex<Shown>,
}

struct Shown {
    tree: Tree,
    /// Lines on the terminal that the next drawing replaces.
    lines: usize,
    /// Whether somebody else writes there now.
    covered: bool,
}

/// While this lives, nothing is drawn.
pub struct Cover<'l>(&'l Live);

impl Drop for Cover<'_> {
    fn drop(&mut self) {
        self.0.lock().covered = false;
    }
}

impl Live {
    /// For a new run of these steps.
    pub fn of_names(printer: Printer, clock: Arc<dyn Clock>, names: &[String]) -> Self {
        Self::new(printer, clock, Tree::of_names(names))
    }

    /// For a run whose steps stand like this.
    pub fn of_steps(printer: Printer, clock: Arc<dyn Clock>, steps: &[StepReport]) -> Self {
        Self::new(printer, clock, Tree::of_steps(steps))
    }

    fn new(printer: Printer, clock: Arc<dyn Clock>, tree: Tree) -> Self {
        Self { printer, clock, shown: Mutex::new(Shown { tree, lines: 0, covered: false }) }
    }

    /// Takes an event in, without drawing.
    pub fn note(&self, event: &Event) {
        let now = self.clock.monotonic();
        self.lock().tree.note(event, now);
    }

    /// Draws the tree over what was drawn before, unless it is covered.
    pub fn draw(&self) {
        self.draw_in(&mut self.lock());
    }

    /// Writes something that stays, above the tree.
    pub fn say(&self, text: &str) {
        let mut shown = self.lock();
        self.printer.note(&(clear(shown.lines) + text));
        shown.lines = 0;
        self.draw_in(&mut shown);
    }

    /// Clears the tree away until the cover is dropped.
    pub fn cover(&self) -> Cover<'_> {
        let mut shown = self.lock();
        self.printer.note(&clear(shown.lines));
        shown.lines = 0;
        shown.covered = true;
        Cover(self)
    }

    /// Clears the tree away: what is printed after it says the same.
    pub fn finish(&self) {
        let mut shown = self.lock();
        self.printer.note(&clear(shown.lines));
        shown.lines = 0;
        shown.covered = true;
    }

    fn draw_in(&self, shown: &mut Shown) {
        if shown.covered {
            return;
        }
        let lines = shown.tree.picture(self.clock.monotonic(), size(), &self.printer);
        let mut out = up(shown.lines);
        for line in &lines {
            // Each line is written over the old one, so that nothing flickers.
            out.push_str(line);
            out.push_str("\u{1b}[K\n");
        }
        if lines.len() < shown.lines {
            out.push_str("\u{1b}[J");
        }
        self.printer.note(&out);
        shown.lines = lines.len();
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\u{1b}[{lines}A\r") }
}

/// Moves up over `lines` lines and clears from there on.
fn clear(lines: usize) -> String {
    if lines == 0 { String::new() } else { up(lines) + "\u{1b}[J" }
}

fn size() -> Size {
    let told = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    let fit = |number: u16, otherwise: usize| if number == 0 { otherwise } else { usize::from(number) };
    told.map_or(Size { rows: 24, columns: 80 }, |told| Size {
        rows: fit(told.ws_row, 24),
        columns: fit(told.ws_col, 80),
    })
}
