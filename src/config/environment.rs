//! Environment variables laid over the file: `DOZVON_SECTION__KEY=value`.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::config::renamed::RENAMED;
use crate::document::{Document, renamed};

/// Variables for dozvon begin with this.
const PREFIX: &str = "DOZVON_";
/// The keys before the first section. Their variables have no `__`.
const TOP: [&str; 2] = ["DATABASE", "ZONE"];

/// Puts the value of one variable over the entries, if the variable is for dozvon. `defaults` shows the type of each
/// setting.
pub fn overlay<'a>(
    document: &mut Document<'a>,
    table: &mut DeTable<'a>,
    defaults: &toml::Table,
    (variable, value): &'a (String, String),
) {
    let Some(path) = variable.strip_prefix(PREFIX) else { return };
    let path = path.trim_matches('_');
    if !path.contains("__") && !TOP.contains(&path) {
        return;
    }
    let span = document.overlay(variable);
    let mut keys: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
    renamed::rename_keys(document, &span, &mut keys, RENAMED);
    let value = typed(value, default_of(defaults, &keys), &span);
    if let Err(problem) = put(table, &keys, value, &span) {
        document.fault(&span, problem, "write DOZVON_SECTION__KEY, such as DOZVON_WEB__LISTEN");
    }
}

/// Returns the default of a setting. Every item of a list has the defaults of the first.
fn default_of<'d>(defaults: &'d toml::Table, keys: &[String]) -> Option<&'d toml::Value> {
    let (first, rest) = keys.split_first()?;
    let mut value = defaults.get(first)?;
    for key in rest {
        value = match value {
            toml::Value::Table(inner) => inner.get(key)?,
            toml::Value::Array(items) => items.first()?,
            _ => return None,
        };
    }
    Some(value)
}

/// Puts a value at the path `keys`. Returns why that is impossible.
fn put<'a>(
    table: &mut DeTable<'a>,
    keys: &[String],
    value: Spanned<DeValue<'a>>,
    span: &Range<usize>,
) -> Result<(), String> {
    let [first, rest @ ..] = keys else { return Err("it names no setting".to_owned()) };
    let key = || Spanned::new(span.clone(), Cow::Owned(first.clone()));
    if rest.is_empty() {
        table.remove(first.as_str());
        table.insert(key(), value);
        return Ok(());
    }
    if !table.contains_key(first.as_str()) {
        if let Some(place) = rest.first().filter(|key| key.parse::<usize>().is_ok()) {
            return Err(not_there(place, 0));
        }
        table.insert(key(), Spanned::new(span.clone(), DeValue::Table(DeTable::new())));
    }
    match table.get_mut(first.as_str()).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => put(inner, rest, value, span),
        Some(DeValue::Array(items)) => put_in_list(items, rest, value, span),
        _ => Err(format!("`{first}` is not a section")),
    }
}

/// Puts a value into an item of a list. The first key is the item's place, from 0.
fn put_in_list<'a>(
    items: &mut DeArray<'a>,
    keys: &[String],
    value: Spanned<DeValue<'a>>,
    span: &Range<usize>,
) -> Result<(), String> {
    let [place, rest @ ..] = keys else { return Err("it names no setting".to_owned()) };
    let item = place.parse::<usize>().ok().and_then(|place| items.get_mut(place));
    match item.map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => put(inner, rest, value, span),
        Some(_) => Err(format!("`{place}` has no keys")),
        None => Err(not_there(place, items.len())),
    }
}

fn not_there(place: &str, count: usize) -> String {
    format!("there is no item `{place}`: the list has {count}, and the first is 0")
}

/// Reads a value in the type of the default: a number, true or false, a list of texts (in brackets or separated by
/// commas), else text.
fn typed<'a>(value: &'a str, default: Option<&toml::Value>, span: &Range<usize>) -> Spanned<DeValue<'a>> {
    let here = |value: DeValue<'a>| Spanned::new(span.clone(), value);
    let text = |text: &'a str| here(DeValue::String(Cow::Borrowed(text)));
    match default {
        Some(toml::Value::Integer(_) | toml::Value::Boolean(_)) => {
            DeValue::parse(value.trim()).map_or_else(|_| text(value), |read| here(read.into_inner()))
        }
        Some(toml::Value::Array(_)) => {
            let mut list = DeArray::new();
            let items = value.trim().trim_start_matches('[').trim_end_matches(']').split(',');
            let items = items.map(|item| item.trim().trim_matches('"')).filter(|item| !item.is_empty());
            items.for_each(|item| list.push(text(item)));
            here(DeValue::Array(list))
        }
        _ => text(value),
    }
}
