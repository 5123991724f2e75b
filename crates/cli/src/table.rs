//! Columns of text.

use crate::printer::{Printer, Stream, Tone, one_line};

/// One cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// A cell in a colour.
    pub fn toned(text: &str, tone: Tone) -> Self {
        Self { text: one_line(text), tone: Some(tone) }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: one_line(text.as_ref()), tone: None }
    }
}

/// Lays rows out in columns that are as wide as their widest cell, for stdout. Lines do not end in spaces.
pub fn table(printer: &Printer, head: &[&str], rows: &[Vec<Cell>]) -> String {
    let head: Vec<Cell> = head.iter().map(|word| Cell::toned(word, Tone::Dim)).collect();
    let all = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| all().filter_map(|row| row.get(column)).map(width).max().unwrap_or_default())
        .collect();
    all().map(|row| line(printer, row, &widths)).collect()
}

fn line(printer: &Printer, row: &[Cell], widths: &[usize]) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty());
    let shown = row.get(..last.map_or(0, |last| last + 1)).unwrap_or_default();
    let mut out = String::new();
    for (index, (cell, width_wanted)) in shown.iter().zip(widths).enumerate() {
        let text = match cell.tone {
            Some(tone) => printer.paint(Stream::Out, tone, &cell.text),
            None => cell.text.clone(),
        };
        out.push_str(&text);
        if Some(index) != last {
            out.push_str(&" ".repeat(width_wanted.saturating_sub(width(cell)) + 2));
        }
    }
    out.push('\n');
    out
}

fn width(cell: &Cell) -> usize {
    cell.text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::{Color, Format};

    #[test]
    fn columns_line_up_and_lines_do_not_end_in_spaces() {
        let printer = Printer::new(Format::Text, Color::Never);
        let rows =
            vec![vec!["a".into(), "bbb".into(), "".into()], vec!["cccc".into(), "".into(), "d\ne".into()]];
        let shown = table(&printer, &["X", "Y", "Z"], &rows);
        assert_eq!(shown, "X     Y    Z\na     bbb\ncccc       d e\n");
    }
}
