//! The table: one row for each thing that was measured, one column for each system, medians with their spread.

use super::quantile::median;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Mebibytes.
    MiB,
    /// Per cent of one core.
    Percent,
    /// Calls a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// A number of things.
    Count,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Ms => " ms",
            Self::MiB => " MiB",
            Self::Percent => " %",
            Self::PerSecond => "/s",
            Self::Seconds => " s",
            Self::Count => "",
        }
    }

    /// A number with as many digits as say something.
    fn number(self, value: f64) -> String {
        match self {
            Self::Count | Self::PerSecond | Self::MiB => format!("{value:.0}"),
            _ if value < 10.0 => format!("{value:.1}"),
            _ => format!("{value:.0}"),
        }
    }
}

/// One value of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured: the row.
    pub row: String,
    pub unit: Unit,
    pub value: f64,
}

impl Figure {
    pub fn new(row: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self { row: row.into(), unit, value }
    }
}

/// The values of all runs.
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    unit: Unit,
    /// The values of each column.
    values: Vec<Vec<f64>>,
}

impl Table {
    /// An empty one with these columns.
    pub fn new(columns: Vec<&'static str>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds the values of a run to a column.
    pub fn add(&mut self, column: usize, figures: &[Figure]) {
        for figure in figures {
            let row = match self.rows.iter_mut().find(|row| row.name == figure.row) {
                Some(row) => row,
                None => {
                    let values = vec![Vec::new(); self.columns.len()];
                    self.rows.push(Row { name: figure.row.clone(), unit: figure.unit, values });
                    let Some(row) = self.rows.last_mut() else { continue };
                    row
                }
            };
            row.values[column].push(figure.value);
        }
    }

    /// The table in Markdown, its columns aligned.
    pub fn markdown(&self) -> String {
        let mut lines =
            vec![std::iter::once("").chain(self.columns.iter().copied()).map(str::to_owned).collect()];
        lines.extend(self.rows.iter().map(Row::cells));
        let width = |column: usize| lines.iter().map(|line: &Vec<String>| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..=self.columns.len()).map(|column| width(column).unwrap_or(0)).collect();
        let padded = |line: &Vec<String>| {
            let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().enumerate().map(|(at, width)| match at {
            0 => "-".repeat(width + 2),
            _ => format!("{}:", "-".repeat(width + 1)),
        });
        let mut text: Vec<String> = lines.iter().map(padded).collect();
        text.insert(1, format!("|{}|", rule.collect::<Vec<_>>().join("|")));
        text.join("\n")
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let cells = self.values.iter().map(|values| cell(values, self.unit));
        std::iter::once(self.name.clone()).chain(cells).collect()
    }
}

/// The median, and in brackets the smallest and the largest value where they are written differently.
fn cell(values: &[f64], unit: Unit) -> String {
    let Some(middle) = median(values) else { return "-".to_owned() };
    let bound = |wanted: fn(f64, f64) -> f64| unit.number(values.iter().copied().fold(middle, wanted));
    let (least, most, name) = (bound(f64::min), bound(f64::max), unit.name());
    let middle = unit.number(middle);
    if least == most { format!("{middle}{name}") } else { format!("{middle}{name} ({least}-{most})") }
}
