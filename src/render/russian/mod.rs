//! Russian translations of texts that are written in English everywhere else.
//!
//! In: an English text. Out: its translation, if its form is in one of the tables. A form is a sentence with named
//! placeholders, such as `there is no {kind} {name}`. The translation has the same placeholders. A placeholder such as
//! `{*kind}` translates its value too; other values are names and numbers, which stay as they are. `{#least}` matches a
//! single word. Therefore all other code writes errors and reasons only in English, for the log and for programs.

mod answers;
mod checks;
mod errors;
mod files;
mod prompts;
mod reasons;
#[cfg(test)]
mod tests;

/// English and Russian, with the same placeholders.
type Pair = (&'static str, &'static str);

/// All tables. Each is sorted by its English texts.
const TABLES: [&[Pair]; 6] =
    [answers::ANSWERS, checks::CHECKS, errors::ERRORS, files::FILES, prompts::PROMPTS, reasons::REASONS];

fn all() -> impl Iterator<Item = &'static Pair> {
    TABLES.into_iter().flatten()
}

/// Returns the translation of a form.
pub(super) fn of_template(template: &str) -> Option<&'static str> {
    all().find(|(english, _)| *english == template).map(|(_, russian)| *russian)
}

/// Returns the translation of a text, by the form that leaves the least text to placeholders.
pub(super) fn of_text(text: &str) -> Option<String> {
    let fits = all().filter_map(|(english, russian)| Some((russian, values(english, text)?)));
    let left = |values: &[(&str, &str)]| values.iter().map(|(_, value)| value.len()).sum::<usize>();
    let (russian, values) = fits.min_by_key(|(_, values)| left(values))?;
    Some(fill(russian, |place| {
        let name = place.trim_start_matches('*');
        let value = values.iter().find(|(known, _)| *known == name).map_or(name, |(_, value)| *value);
        if place == name { value.to_owned() } else { super::translate(crate::language::Language::Ru, value) }
    }))
}

/// Fills every placeholder with what `value` returns.
pub(super) fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, place, after)) = next_place(rest) {
        text.push_str(before);
        text.push_str(&value(place));
        rest = after;
    }
    text + rest
}

/// Returns the values of the placeholders, if the text has this form.
fn values<'t>(form: &'static str, text: &'t str) -> Option<Vec<(&'static str, &'t str)>> {
    let Some((before, place, after)) = next_place(form) else { return (form == text).then(Vec::new) };
    let rest = text.strip_prefix(before)?;
    let fits = |value: &str| !place.starts_with('#') || !value.contains(' ');
    if after.is_empty() {
        return fits(rest).then(|| vec![(place, rest)]);
    }
    let literal = next_place(after).map_or(after, |(literal, ..)| literal);
    rest.match_indices(literal).find_map(|(end, _)| {
        let (value, rest) = Some(rest.split_at(end)).filter(|(value, _)| fits(value))?;
        let mut found = values(after, rest)?;
        found.push((place, value));
        Some(found)
    })
}

/// Returns the text before the next placeholder, its name, and the text after it. Other braces are text.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '*' | '#');
    text.match_indices('{').find_map(|(at, _)| {
        let (place, after) = text[at + 1..].split_once('}')?;
        (!place.is_empty() && place.chars().all(is_name)).then(|| (&text[..at], place, after))
    })
}
