//! The forms in which one number is written in the rows.
//!
//! In: a number, and the home country by which numbers without a country code are read. Out: every text that is this
//! number: the forms that carriers write, and the texts of calls whose number could not be read when the call came, but
//! can be read now.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::super::{Database, StoreError};
use crate::missed::ending::Direction;
use crate::phone::{E164, Home};

/// How many texts are held in memory at a time.
const BATCH: usize = 10_000;

#[derive(QueryableByName)]
struct Raw {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Returns every text in a call's row that is this number, and the number itself.
///
/// # Errors
/// When the database fails.
pub(super) fn of(c: &mut Database, number: &E164, home: &Home) -> Result<Vec<String>, StoreError> {
    let mut forms: BTreeSet<String> = written(number).into_iter().collect();
    let by_us = format!("direction <> '{}'", Direction::Inbound);
    for (column, rows) in [("caller_number", "number IS NULL"), ("dialled", &by_us)] {
        let sql = format!(
            "SELECT DISTINCT {column} AS text FROM calls WHERE {rows} AND {column} > $1 ORDER BY text LIMIT {BATCH}"
        );
        let mut after = String::new();
        loop {
            let batch: Vec<Raw> = diesel::sql_query(&sql).bind::<Text, _>(&after).load(c)?;
            let Some(last) = batch.last() else { break };
            after.clone_from(&last.text);
            let of_theirs = batch.into_iter().map(|raw| raw.text);
            forms.extend(of_theirs.filter(|text| home.number(text).as_ref() == Some(number)));
        }
    }
    Ok(forms.into_iter().collect())
}

/// Returns the ways in which carriers write a number: with the plus, without it, and as it is dialled inside the
/// country.
fn written(number: &E164) -> Vec<String> {
    let digits = number.digits();
    let mut forms = vec![number.to_string(), digits.to_owned()];
    // In Russia and Kazakhstan people dial 8 before a number of ten digits.
    if let Some(national) = digits.strip_prefix('7').filter(|national| national.len() == 10) {
        forms.extend([format!("8{national}"), national.to_owned()]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_as_carriers_write_it() {
        let forms = |text: &str| written(&text.parse().unwrap());
        assert_eq!(forms("+79001234567"), ["+79001234567", "79001234567", "89001234567", "9001234567"]);
        assert_eq!(forms("+4930123456"), ["+4930123456", "4930123456"]);
    }
}
