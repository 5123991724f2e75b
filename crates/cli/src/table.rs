//! Columns of text.

use crate::printer::{Printer, Stream, Tone, one_line};
use crate::width::{crop, wide};

/// Spaces between two columns.
const GAP: usize = 2;

/// One cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Option<Tone>,
    right: bool,
}

impl Cell {
    /// A cell in a colour.
    pub fn toned(text: &str, tone: Tone) -> Self {
        Self { text: one_line(text), tone: Some(tone), right: false }
    }

    /// A cell that ends where its column ends: for numbers.
    pub fn right(text: impl AsRef<str>) -> Self {
        Self { text: one_line(text.as_ref()), tone: None, right: true }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: one_line(text.as_ref()), tone: None, right: false }
    }
}

/// Lays rows out in columns that are as wide as their widest cell, for stdout. Lines do not end in spaces.
pub fn table(printer: &Printer, head: &[&str], rows: &[Vec<Cell>]) -> String {
    Table { head, rows, optional: &[], soft: &[] }.show(printer, None)
}

/// Rows under a head.
pub struct Table<'t> {
    /// The words of the head.
    pub head: &'t [&'t str],
    /// The rows.
    pub rows: &'t [Vec<Cell>],
    /// Words of the head whose columns are left out, in this order, when cropping others is not enough.
    pub optional: &'t [&'t str],
    /// Words of the head whose columns may be cropped, in this order, each to no less than so many characters.
    pub soft: &'t [(&'t str, usize)],
}

impl Table<'_> {
    /// The lines, at most so many characters wide. A column without a text in it is left out when there is a
    /// limit.
    pub fn show(&self, printer: &Printer, columns: Option<usize>) -> String {
        let right =
            |column: usize| self.rows.iter().any(|row| row.get(column).is_some_and(|cell| cell.right));
        let head = self
            .head
            .iter()
            .enumerate()
            .map(|(column, word)| Cell { right: right(column), ..Cell::toned(word, Tone::Dim) });
        let head: Vec<Cell> = head.collect();
        let mut widths: Vec<usize> = (0..head.len()).map(|column| self.width(&head, column)).collect();
        if let Some(columns) = columns {
            self.fit(&mut widths, columns);
        }
        std::iter::once(&head).chain(self.rows).map(|row| line(printer, row, &widths)).collect()
    }

    fn width(&self, head: &[Cell], column: usize) -> usize {
        let cells = std::iter::once(head).chain(self.rows.iter().map(Vec::as_slice));
        cells.filter_map(|row| row.get(column)).map(|cell| wide(&cell.text)).max().unwrap_or_default()
    }

    /// Narrows columns until they fit; a column of no width is left out.
    fn fit(&self, widths: &mut [usize], columns: usize) {
        for (column, width) in widths.iter_mut().enumerate() {
            if self.rows.iter().all(|row| row.get(column).is_none_or(|cell| cell.text.is_empty())) {
                *width = 0;
            }
        }
        let place = |word: &str| self.head.iter().position(|head| *head == word);
        let soft: Vec<(usize, usize)> =
            self.soft.iter().filter_map(|(word, least)| Some((place(word)?, *least))).collect();
        let slack = |widths: &[usize]| -> usize {
            let give = |(column, least): &(usize, usize)| {
                widths.get(*column).map_or(0, |width| width.saturating_sub(*least))
            };
            soft.iter().map(give).sum()
        };
        for word in self.optional {
            if total(widths) > columns.saturating_add(slack(widths))
                && let Some(width) = place(word).and_then(|column| widths.get_mut(column))
            {
                *width = 0;
            }
        }
        for (column, least) in &soft {
            let much = total(widths).saturating_sub(columns);
            if let Some(width) = widths.get_mut(*column) {
                *width = width.saturating_sub(much).max((*least).min(*width));
            }
        }
    }
}

fn total(widths: &[usize]) -> usize {
    let shown: Vec<usize> = widths.iter().copied().filter(|width| *width > 0).collect();
    shown.iter().sum::<usize>() + shown.len().saturating_sub(1) * GAP
}

fn line(printer: &Printer, row: &[Cell], widths: &[usize]) -> String {
    let shown: Vec<(&Cell, usize)> =
        row.iter().zip(widths.iter().copied()).filter(|(_, width)| *width > 0).collect();
    let last = shown.iter().rposition(|(cell, _)| !cell.text.is_empty()).map_or(0, |last| last + 1);
    let mut out = String::new();
    for (index, (cell, width)) in shown.into_iter().take(last).enumerate() {
        let text = crop(&cell.text, width);
        let gap = " ".repeat(width.saturating_sub(wide(&text)));
        let text = match cell.tone {
            Some(tone) => printer.paint(Stream::Out, tone, &text),
            None => text,
        };
        let (before, after) = if cell.right { (gap.as_str(), "") } else { ("", gap.as_str()) };
        out.push_str(before);
        out.push_str(&text);
        if index + 1 != last {
            out.push_str(after);
            out.push_str(&" ".repeat(GAP));
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::{Color, Format};

    fn printer() -> Printer {
        Printer::new(Format::Text, Color::Never)
    }

    #[test]
    fn columns_line_up_and_lines_do_not_end_in_spaces() {
        let rows =
            vec![vec!["a".into(), "bbb".into(), "".into()], vec!["cccc".into(), "".into(), "d\ne".into()]];
        let shown = table(&printer(), &["X", "Y", "Z"], &rows);
        assert_eq!(shown, "X     Y    Z\na     bbb\ncccc       d e\n");
    }

    #[test]
    fn a_table_fits_where_it_is_shown() {
        let long = "x".repeat(50);
        let rows = vec![vec!["name".into(), Cell::right("7"), "".into(), "gone".into(), long.into()]];
        let soft = [("D", 26)];
        let table = Table { head: &["A", "NUM", "B", "C", "D"], rows: &rows, optional: &["C"], soft: &soft };
        let shown = table.show(&printer(), Some(40));
        assert_eq!(shown, format!("A     NUM  D\nname    7  {}…\n", "x".repeat(28)));
        let shown = table.show(&printer(), Some(44));
        assert_eq!(shown, format!("A     NUM  C     D\nname    7  gone  {}…\n", "x".repeat(26)));
        assert!(table.show(&printer(), Some(200)).contains("gone"));
    }
}
