//! Figures with their targets, as a table and as JSON.

use serde_json::{Value, json};

/// One figure.
pub struct Figure {
    what: String,
    value: String,
    target: String,
    met: Option<bool>,
}

/// Figures in the order they were measured.
#[derive(Default)]
pub struct Table(Vec<Figure>);

impl Table {
    /// A figure that has to be at most `limit`.
    pub fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.push(what, value, format!("<= {} {unit}", round(limit)), unit, Some(value <= limit));
    }

    /// A figure that has to be at least `limit`.
    pub fn at_least(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.push(what, value, format!(">= {} {unit}", round(limit)), unit, Some(value >= limit));
    }

    /// A figure that others are compared with.
    pub fn note(&mut self, what: &str, value: f64, unit: &str) {
        self.push(what, value, String::new(), unit, None);
    }

    fn push(&mut self, what: &str, value: f64, target: String, unit: &str, met: Option<bool>) {
        let value = format!("{} {unit}", round(value));
        println!("  {what}: {value}");
        self.0.push(Figure { what: what.to_owned(), value, target, met });
    }

    /// Whether every figure with a target meets it.
    pub fn is_met(&self) -> bool {
        self.0.iter().all(|figure| figure.met != Some(false))
    }

    /// The table for people.
    pub fn text(&self) -> String {
        let width = |of: fn(&Figure) -> &str| {
            self.0.iter().map(|figure| of(figure).chars().count()).max().unwrap_or(0)
        };
        let (what, value, target) = (width(|f| &f.what), width(|f| &f.value), width(|f| &f.target));
        let mut out = String::new();
        for figure in &self.0 {
            let word = match figure.met {
                None => "",
                Some(true) => "met",
                Some(false) => "MISSED",
            };
            let line =
                format!("{:what$}  {:>value$}  {:target$}  {word}", figure.what, figure.value, figure.target);
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// The table for machines.
    pub fn json(&self) -> Value {
        let figure = |figure: &Figure| json!({"what": figure.what, "value": figure.value, "target": figure.target, "met": figure.met});
        self.0.iter().map(figure).collect()
    }
}

fn round(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_figure_is_not_met() {
        let mut table = Table::default();
        table.at_most("a", 5.0, 6.0, "us");
        table.note("peer", 9.0, "us");
        assert!(table.is_met());
        table.at_least("b", 5.0, 6.0, "x");
        assert!(!table.is_met());
        table.at_most("nothing was measured", f64::NAN, 6.0, "us");
        assert!(table.text().matches("MISSED").count() == 2);
    }
}
