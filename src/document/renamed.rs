//! Reads keys that have a new name. The old name is still read for one release, with a warning.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Document;

/// An old key with its sections (`switch.nodes.hurry`), and its new name. The name of a list means every item of the
/// list.
pub type Renamed = (&'static str, &'static str);

/// Moves the value of each old key to its new name, and adds a line about it. If a table has both names, that is a
/// fault.
pub fn rename(document: &mut Document<'_>, table: &mut DeTable<'_>, renamed: &[Renamed]) {
    for (old, new) in renamed {
        let path: Vec<&str> = old.split('.').collect();
        if let Some((old, sections)) = path.split_last() {
            rename_in(document, table, sections, old, new);
        }
    }
}

/// Renames the keys in the name of an environment variable. `span` is the span of its value.
pub fn rename_keys(
    document: &mut Document<'_>,
    span: &Range<usize>,
    keys: &mut [String],
    renamed: &[Renamed],
) {
    for (old, new) in renamed {
        // The key of an item of a list is its place.
        let named: Vec<usize> = (0..keys.len()).filter(|n| keys[*n].parse::<usize>().is_err()).collect();
        let path: Vec<&str> = old.split('.').collect();
        let is_it = named.len() >= path.len() && path.iter().zip(&named).all(|(part, n)| keys[*n] == *part);
        if let Some(n) = named.get(path.len() - 1).filter(|_| is_it) {
            document.notice(span, &keys[*n], new);
            keys[*n] = (*new).to_owned();
        }
    }
}

fn rename_in<'a>(
    document: &mut Document<'_>,
    table: &mut DeTable<'a>,
    sections: &[&str],
    old: &str,
    new: &'static str,
) {
    let Some((section, rest)) = sections.split_first() else {
        return rename_here(document, table, old, new);
    };
    match table.get_mut(*section).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => rename_in(document, inner, rest, old, new),
        Some(DeValue::Array(items)) => {
            for item in items.iter_mut() {
                if let DeValue::Table(inner) = item.get_mut() {
                    rename_in(document, inner, rest, old, new);
                }
            }
        }
        _ => {}
    }
}

fn rename_here<'a>(document: &mut Document<'_>, table: &mut DeTable<'a>, old: &str, new: &'static str) {
    let Some((key, value)) = table.remove_entry(old) else { return };
    if let Some((other, _)) = table.get_key_value(new) {
        let problem = format!(
            "`{old}` is the old name of `{new}`, which line {} states too",
            document.line(&other.span())
        );
        document.fault(&key.span(), problem, format!("take `{old}` out"));
        return;
    }
    document.notice(&key.span(), old, new);
    table.insert(Spanned::new(key.span(), Cow::Borrowed(new)), value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        new: u32,
        section: Vec<Part>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Part {
        size: u32,
    }

    const RENAMED: &[Renamed] = &[("old", "new"), ("group", "section"), ("section.length", "size")];

    fn read(text: &str) -> (Option<Sample>, Vec<String>, Vec<String>) {
        let mut document = Document::new("f.toml", text);
        let mut table = document.parse();
        rename(&mut document, &mut table, RENAMED);
        let sample = document.read(table);
        let notices = document.take_notices();
        (sample, notices, document.into_faults().0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_old_key_is_read_and_told_with_its_place() {
        let (sample, notices, faults) = read("old = 5\n[[group]]\nlength = 7\n[[group]]\nsize = 8\n");
        let section = vec![Part { size: 7 }, Part { size: 8 }];
        assert_eq!((sample, faults), (Some(Sample { new: 5, section }), vec![]));
        assert_eq!(
            notices,
            [
                "f.toml:1: `old` is now called `new`",
                "f.toml:2: `group` is now called `section`",
                "f.toml:3: `length` is now called `size`",
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_an_old_key_is_told_at_its_place() {
        let (_, _, faults) = read("new = 1\n\nold = 5\n[[section]]\nlength = \"x\"\n");
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(faults[0].starts_with("f.toml:3:1: `old` is the old name of `new`, which line 1 states too"));
        assert!(faults[0].ends_with("take `old` out"), "{}", faults[0]);
        assert!(faults[1].starts_with("f.toml:5:10: "), "{}", faults[1]);
    }

    #[test]
    fn an_old_key_of_the_environment_is_read_too() {
        let mut document = Document::new("f.toml", "");
        let span = document.overlay("DOZVON_GROUP__0__LENGTH");
        let mut keys = ["group", "0", "length"].map(str::to_owned);
        rename_keys(&mut document, &span, &mut keys, RENAMED);
        assert_eq!(keys, ["section", "0", "size"]);
        assert_eq!(document.take_notices()[1], "DOZVON_GROUP__0__LENGTH: `length` is now called `size`");
    }
}
