//! The tables of `ARCHITECTURE.md` that tidy holds the code to.

/// The file they are in.
pub const FILE: &str = "ARCHITECTURE.md";

/// One crate of "The ladder".
#[derive(Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name without the `comity-` prefix.
    pub name: String,
    /// Its height; `None` for a development-only crate, which is above all others and below none.
    pub rung: Option<u8>,
    /// The crates it may depend on.
    pub may_use: Vec<String>,
    /// Where the row is in the file.
    pub line: usize,
}

/// One row of "Effect modules".
#[derive(Debug, PartialEq, Eq)]
pub struct EffectModule {
    /// A path from the root, in which `*` stands for any characters but `/`.
    pub pattern: String,
    /// Where the row is in the file.
    pub line: usize,
}

/// Reads the table under `## The ladder`; the error says what is wrong and in which line.
pub fn ladder(text: &str) -> Result<Vec<Room>, (usize, String)> {
    let table = Table::under(text, "## The ladder")
        .ok_or((1, "there is no table under `## The ladder`".to_owned()))?;
    let [rung, name, may_use] = table.columns(["Rung", "Crate", "May use"])?;
    table.rows.iter().map(|row| room(row, row.cell(rung), row.cell(name), row.cell(may_use))).collect()
}

/// Reads the table under `## Effect modules`; the error says what is wrong and in which line.
pub fn effect_modules(text: &str) -> Result<Vec<EffectModule>, (usize, String)> {
    let table = Table::under(text, "## Effect modules")
        .ok_or((1, "there is no table under `## Effect modules`".to_owned()))?;
    let [file] = table.columns(["File"])?;
    Ok(table.rows.iter().map(|row| EffectModule { pattern: plain(row.cell(file)), line: row.line }).collect())
}

impl EffectModule {
    /// Whether `path` is one of the files this row stands for.
    pub fn covers(&self, path: &str) -> bool {
        let mut parts = self.pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|start| path.strip_prefix(start)) else { return false };
        let Some(end) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some((skipped, after)) = rest.split_once(part) else { return false };
            if skipped.contains('/') {
                return false;
            }
            rest = after;
        }
        rest.strip_suffix(end).is_some_and(|skipped| !skipped.contains('/'))
    }
}

fn room(row: &Row, rung: &str, name: &str, may_use: &str) -> Result<Room, (usize, String)> {
    let rung = match rung {
        "dev" => None,
        number => Some(
            number.parse().map_err(|_| (row.line, format!("`{number}` is not a rung: a number or `dev`")))?,
        ),
    };
    let may_use = may_use.split(',').map(plain).filter(|name| !matches!(name.as_str(), "" | "-" | "–" | "—"));
    Ok(Room { name: plain(name), rung, may_use: may_use.collect(), line: row.line })
}

fn plain(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}

struct Table {
    header: Row,
    rows: Vec<Row>,
}

struct Row {
    line: usize,
    cells: Vec<String>,
}

impl Table {
    fn under(text: &str, heading: &str) -> Option<Self> {
        let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let mut rows = numbered
            .skip_while(|(_, line)| *line != heading)
            .skip(1)
            .take_while(|(_, line)| !line.starts_with("## "))
            .skip_while(|(_, line)| !line.starts_with('|'))
            .take_while(|(_, line)| line.starts_with('|'))
            .map(|(line, text)| Row { line, cells: cells(text) });
        let header = rows.next()?;
        Some(Self { header, rows: rows.skip(1).collect() })
    }

    fn columns<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], (usize, String)> {
        let mut found = [0; N];
        for (slot, name) in found.iter_mut().zip(names) {
            let place = self.header.cells.iter().position(|cell| cell == name);
            *slot = place.ok_or_else(|| (self.header.line, format!("the table has no column `{name}`")))?;
        }
        Ok(found)
    }
}

impl Row {
    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Title\n\n## The ladder\n\nWords.\n\n| Rung | Crate | May use |\n|---|---|---|\n\
        | 0 | `core` | – |\n| 1 | store | `core` |\n| dev | testkit | core, store |\n\n## Effect modules\n\n\
        | File | Touches |\n|--|--|\n| `crates/cli/src/*.rs` | terminal |\n";

    #[test]
    fn reads_the_ladder() {
        let rooms = ladder(TEXT).unwrap();
        let seen: Vec<_> =
            rooms.iter().map(|r| (r.name.as_str(), r.rung, r.may_use.join("+"), r.line)).collect();
        assert_eq!(
            seen,
            [
                ("core", Some(0), String::new(), 9),
                ("store", Some(1), "core".into(), 10),
                ("testkit", None, "core+store".into(), 11)
            ]
        );
    }

    #[test]
    fn says_where_the_ladder_is_broken() {
        for (text, line, part) in [
            ("# Title\n", 1, "no table"),
            ("## The ladder\n\n## Next\n| Rung |\n", 1, "no table"),
            ("## The ladder\n| Rung | Crate |\n|--|--|\n", 2, "`May use`"),
            ("## The ladder\n| Rung | Crate | May use |\n|--|--|--|\n| top | core | |\n", 4, "`top`"),
        ] {
            let (at, what) = ladder(text).unwrap_err();
            assert_eq!((at, what.contains(part)), (line, true), "{what}");
        }
    }

    #[test]
    fn covers_the_files_a_row_names() {
        for (pattern, path, expected) in [
            ("crates/store/src/sqlite.rs", "crates/store/src/sqlite.rs", true),
            ("crates/store/src/sqlite.rs", "crates/store/src/sqlite.rs.rs", false),
            ("crates/cli/src/*.rs", "crates/cli/src/main.rs", true),
            ("crates/cli/src/*.rs", "crates/cli/src/run/live.rs", false),
            ("crates/*/src/sys*.rs", "crates/runtime/src/system.rs", true),
            ("crates/*/src/sys*.rs", "crates/a/b/src/system.rs", false),
        ] {
            assert_eq!(
                EffectModule { pattern: pattern.into(), line: 1 }.covers(path),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn reads_effect_modules() {
        assert_eq!(
            effect_modules(TEXT).unwrap(),
            [EffectModule { pattern: "crates/cli/src/*.rs".into(), line: 17 }]
        );
    }
}
