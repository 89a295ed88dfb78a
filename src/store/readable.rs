//! Lists with rows that this program cannot read. A database that is one migration ahead of this program may hold
//! values that this program does not know, and a row with such a value must not stop the work on the others.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use super::{Database, StoreError};

/// How a list of rows is read: all at once, or one by one.
pub(super) struct List<All, Keys, One> {
    /// What a row is, such as `agent`.
    pub kind: &'static str,
    /// Reads the whole list.
    pub all: All,
    /// Reads the keys of its rows, in the same order.
    pub keys: Keys,
    /// Reads the row with a key, if it is still there.
    pub one: One,
}

/// Reads a list. A row that is not readable is left out, and named in the log once.
pub(super) fn load<T, K: Display>(
    c: &mut Database,
    list: List<
        impl FnOnce(&mut Database) -> Result<Vec<T>, StoreError>,
        impl FnOnce(&mut Database) -> Result<Vec<K>, StoreError>,
        impl Fn(&mut Database, &K) -> Result<Option<T>, StoreError>,
    >,
) -> Result<Vec<T>, StoreError> {
    match (list.all)(c) {
        Err(StoreError::Unreadable { .. }) => {}
        read => return read,
    }
    let mut rows = Vec::new();
    for key in (list.keys)(c)? {
        match (list.one)(c, &key) {
            Ok(row) => rows.extend(row),
            Err(error @ StoreError::Unreadable { .. }) => left_out(list.kind, &key.to_string(), &error),
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

/// How many rows are remembered as named in the log.
const MAX_NAMED: usize = 1000;

/// Names a row in the log, unless it was named before with the same error.
fn left_out(kind: &str, key: &str, error: &StoreError) {
    static NAMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if is_new(&mut NAMED.lock().unwrap_or_else(PoisonError::into_inner), format!("{kind} {key}: {error}")) {
        tracing::error!(
            kind, key, %error,
            "the row is left out: a newer dozvon may have written it; install that version, or correct the row"
        );
    }
}

fn is_new(named: &mut BTreeSet<String>, what: String) -> bool {
    named.len() < MAX_NAMED && named.insert(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_named_once_and_not_without_end() {
        let mut named = BTreeSet::new();
        assert!(is_new(&mut named, "agent anna".to_owned()));
        assert!(!is_new(&mut named, "agent anna".to_owned()));
        assert_eq!(
            (0..2 * MAX_NAMED).filter(|row| is_new(&mut named, row.to_string())).count(),
            MAX_NAMED - 1
        );
    }
}
