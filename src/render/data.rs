//! JSON and CSV.

use serde_json::{Map, Value};

use crate::render::{Cell, Sheet, Table};

/// A table or a sheet as JSON: an array of objects, or one object whose tables are arrays.
pub trait Json {
    /// The value.
    fn value(&self) -> Value;
}

/// Writes a table or a sheet as indented JSON.
#[must_use]
pub fn json(data: &impl Json) -> String {
    format!("{:#}\n", data.value())
}

impl Json for Table {
    fn value(&self) -> Value {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            self.fields.iter().zip(row).map(|(field, cell)| ((*field).to_owned(), cell.value())).collect()
        };
        self.rows.iter().map(|row| Value::Object(object(row))).collect()
    }
}

impl Json for Sheet {
    fn value(&self) -> Value {
        let fields = self.fields.iter().map(|(field, cell)| ((*field).to_owned(), cell.value()));
        let tables = self.tables.iter().map(|(name, table)| ((*name).to_owned(), table.value()));
        Value::Object(fields.chain(tables).collect())
    }
}

impl Json for Cell {
    fn value(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text)
            | Self::Translated(text)
            | Self::Field(text)
            | Self::Word(text)
            | Self::Id(text) => text.as_str().into(),
            Self::Count(number) | Self::Span(number) => (*number).into(),
            Self::Percent(number) | Self::Mean(number) => (*number).into(),
            Self::At(at) => at.to_string().into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(texts) => texts.as_slice().into(),
        }
    }
}

/// Writes a table as CSV (RFC 4180) with the field names first.
///
/// # Errors
/// [`csv::Error`] if memory runs out; rows of a [`Table`] are all of one length.
pub fn csv(table: &Table) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&table.fields)?;
    for row in &table.rows {
        writer.write_record(row.iter().map(plain))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Nothing => String::new(),
        Cell::Text(text) | Cell::Translated(text) => harmless(text),
        Cell::Word(text) | Cell::Field(text) | Cell::Id(text) => text.clone(),
        Cell::Count(number) | Cell::Span(number) => number.to_string(),
        Cell::Percent(number) | Cell::Mean(number) => number.to_string(),
        Cell::At(at) => at.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::List(texts) => harmless(&texts.join(" ")),
    }
}

/// Defuses formulas. A spreadsheet runs a text that begins like a formula, and callers choose their names. A phone
/// number or a single dash is not a formula.
fn harmless(text: &str) -> String {
    let after_sign = text.strip_prefix(['+', '-']);
    let formula = match after_sign {
        Some(rest) => !rest.bytes().all(|b| b.is_ascii_digit()),
        None => text.starts_with(['=', '@', '\t', '\r']),
    };
    if formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn calls() -> Table {
        let mut table = Table::new(&["caller_name", "arrived_at", "wait_ms"], "no calls");
        table.row([Cell::from("=1+1, \"x\""), UnixMs(0).into(), Cell::Span(1500)]);
        table.row([Cell::from("+79001234567"), Cell::Nothing, Cell::Nothing]);
        table
    }

    #[test]
    fn csv_quotes_and_runs_nothing() {
        let expected = "caller_name,arrived_at,wait_ms\n\"'=1+1, \"\"x\"\"\",1970-01-01T00:00:00.000Z,1500\n+79001234567,,\n";
        assert_eq!(csv(&calls()).unwrap(), expected);
    }

    #[test]
    fn json_keeps_types_and_says_null() {
        let value = calls().value();
        assert_eq!(value[0]["wait_ms"], 1500);
        assert_eq!(value[0]["caller_name"], "=1+1, \"x\"");
        assert_eq!(value[1]["arrived_at"], Value::Null);
    }
}
