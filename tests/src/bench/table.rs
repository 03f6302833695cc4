//! Figures in columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A table whose cells are medians of several rounds.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<String>,
    cells: BTreeMap<(String, &'static str), Vec<f64>>,
    notes: Vec<String>,
}

impl Table {
    /// Makes an empty table.
    #[must_use]
    pub(crate) fn new(title: &str, columns: &[&'static str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            cells: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Adds one round's figure.
    pub(crate) fn add(&mut self, row: &str, column: &'static str, figure: f64) {
        if !self.rows.iter().any(|known| known == row) {
            self.rows.push(row.to_owned());
        }
        self.cells
            .entry((row.to_owned(), column))
            .or_default()
            .push(figure);
    }

    /// Adds a line below the table: what was skipped, what a figure means.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Returns the median of a cell.
    #[must_use]
    pub(crate) fn median(&self, row: &str, column: &'static str) -> Option<f64> {
        let mut figures = self.cells.get(&(row.to_owned(), column))?.clone();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }

    /// Returns the least and the greatest ratio of two rows within a round.
    fn spread(&self, ours: &str, theirs: &str, column: &'static str) -> Option<String> {
        let figures = |row: &str| self.cells.get(&(row.to_owned(), column));
        let (ours, theirs) = (figures(ours)?, figures(theirs)?);
        if ours.len() < 2 || ours.len() != theirs.len() {
            return None;
        }
        let mut ratios: Vec<f64> = ours
            .iter()
            .zip(theirs)
            .map(|(our, their)| our / their)
            .collect();
        ratios.sort_by(f64::total_cmp);
        Some(format!(" ({:.2}-{:.2})", ratios.first()?, ratios.last()?))
    }

    /// Writes the table, with a row of ratios of `ours` to each of `peers` that was measured: that of the medians, and the spread
    /// over the rounds.
    #[must_use]
    pub(crate) fn render(&self, ours: &str, peers: &[&str]) -> String {
        let mut lines: Vec<Vec<String>> = Vec::new();
        let head = std::iter::once(String::new())
            .chain(self.columns.iter().map(ToString::to_string))
            .collect();
        lines.push(head);
        for row in &self.rows {
            lines.push(self.line(row, |column| self.median(row, column).map(figure)));
        }
        for peer in peers {
            let ratio = |column| {
                let spread = self.spread(ours, peer, column).unwrap_or_default();
                let (ours, theirs) = (self.median(ours, column)?, self.median(peer, column)?);
                (theirs > 0.0).then(|| format!("{:.2} x{spread}", ours / theirs))
            };
            if self.rows.iter().any(|row| row == peer) {
                lines.push(self.line(&format!("{ours} / {peer}"), ratio));
            }
        }
        let mut out = format!("\n{}\n", self.title);
        let width = |index: usize| {
            let cells = lines.iter().filter_map(|line| line.get(index));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..=self.columns.len()).map(width).collect();
        for line in &lines {
            for (index, (cell, width)) in line.iter().zip(&widths).enumerate() {
                // Writing to a string cannot fail.
                if index == 0 {
                    write!(out, "  {cell:<width$}").ok();
                } else {
                    write!(out, "  {cell:>width$}").ok();
                }
            }
            out.push('\n');
        }
        for note in &self.notes {
            writeln!(out, "  {note}").ok();
        }
        out
    }

    /// Writes one more row of ratios.
    #[must_use]
    pub(crate) fn ratios(&self, ours: &str, theirs: &str) -> String {
        let ratio = |column: &&'static str| {
            let median = |row| self.median(row, column).filter(|figure| *figure > 0.0);
            let ratio = median(ours)? / median(theirs)?;
            let spread = self.spread(ours, theirs, column).unwrap_or_default();
            Some(format!("{column}: {ratio:.2} x{spread}"))
        };
        let ratios: Vec<String> = self.columns.iter().filter_map(ratio).collect();
        format!("  {ours} / {theirs}: {}\n", ratios.join("  "))
    }

    fn line(&self, name: &str, cell: impl Fn(&'static str) -> Option<String>) -> Vec<String> {
        let cells = self
            .columns
            .iter()
            .map(|column| cell(column).unwrap_or_else(|| "-".to_owned()));
        std::iter::once(name.to_owned()).chain(cells).collect()
    }
}

fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index).is_multiple_of(3) {
                    out.push(',');
                }
                out.push(digit);
            }
            out
        }
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_medians_and_ratios_stand_below() {
        let mut table = Table::new("rates", &["a", "b"]);
        for rate in [1_000.0, 30_000.0, 2_000.0] {
            table.add("ringtail", "a", rate);
        }
        table.add("nginx", "a", 1_000.0);
        table.add("nginx", "b", 0.25);
        table.note("b was skipped");
        assert_eq!(
            table.spread("ringtail", "nginx", "a"),
            None,
            "rounds differ"
        );
        let mut rounds = Table::new("rates", &["a"]);
        for (ours, theirs) in [(1.0, 2.0), (3.0, 1.0), (2.0, 2.0)] {
            rounds.add("ringtail", "a", ours);
            rounds.add("nginx", "a", theirs);
        }
        let rendered = rounds.render("ringtail", &["nginx"]);
        assert!(rendered.contains("1.00 x (0.50-3.00)"), "{rendered}");
        assert_eq!(
            table.ratios("ringtail", "nginx"),
            "  ringtail / nginx: a: 2.00 x\n"
        );
        assert_eq!(
            table.render("ringtail", &["nginx", "haproxy"]),
            "\nrates\n                         a      b\n  ringtail           2,000      -\n  nginx              1,000  0.250\n  ringtail / nginx  2.00 x      -\n  b was skipped\n"
        );
    }
}
