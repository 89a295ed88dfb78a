//! The rules file: what an administrator decides, in TOML.
//!
//! In: a text. Out: [`Rules`], or every mistake of the text, with its line and remedy. The types of [`crate::rules`]
//! are the file form. `defaults` completes the entries with the values of `[defaults]`. `items` reads the entries, and
//! `schedules` the hours. `order` finds entries without effect. `write` makes a file of rules, and `changes` compares
//! two sets of rules. **Invariant:** `parse(write(rules)) == rules`, except for the versions of policies, which the
//! database counts. A text with a mistake yields no rules at all, so nothing is applied by half.

mod changes;
mod defaults;
mod items;
mod order;
pub mod renamed;
mod schedules;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use chrono_tz::Tz;
use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

pub use changes::{Change, changes};
pub use write::{exceptions, write};

use crate::document::fault::Faults;
use crate::document::nearest::nearest;
use crate::document::renamed::rename;
use crate::document::{Document, place};
use crate::rules::Rules;
use crate::rules::references::{Names, Reference, dangling};

/// The sections of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    defaults: toml::Table,
    prompt: Vec<toml::Table>,
    schedule: Vec<toml::Table>,
    policy: Vec<toml::Table>,
    agent: Vec<toml::Table>,
    duty: Vec<toml::Table>,
    queue: Vec<toml::Table>,
    menu: Vec<toml::Table>,
    voicemail: Vec<toml::Table>,
    route: Vec<toml::Table>,
}

/// Reads the rules file at `path`; `-` is standard input. `zone` is for schedules that state none.
///
/// # Errors
/// [`Faults`]: every mistake.
pub fn read(path: &Path, zone: Tz) -> Result<Stated, Faults> {
    let name = path.display().to_string();
    let text =
        if name == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    let unreadable = |error: std::io::Error| {
        let remedy = "name a rules file, or create it with `dozvon init` or `dozvon export`";
        Faults::of_file(&name, format!("cannot read the rules: {error}"), remedy)
    };
    stated(&name, &text.map_err(unreadable)?, zone)
}

/// The content of a rules file.
#[derive(Debug)]
pub struct Stated {
    /// The rules.
    pub rules: Rules,
    /// Keys that were stated by an old name, a line for each.
    pub outdated: Vec<String>,
}

/// Reads the text of a rules file. `file` is its name for messages. `zone` is for schedules that state none.
///
/// # Errors
/// [`Faults`]: every mistake.
pub fn parse(file: &str, text: &str, zone: Tz) -> Result<Rules, Faults> {
    stated(file, text, zone).map(|stated| stated.rules)
}

fn stated(file: &str, text: &str, zone: Tz) -> Result<Stated, Faults> {
    let mut document = Document::new(file, text);
    let mut root = document.parse();
    // After a syntax error, the rest of the text may be read wrongly, so it is not checked.
    if !document.is_good() {
        return Err(document.into_faults());
    }
    rename(&mut document, &mut root, renamed::RENAMED);
    document.read::<Sections>(root.clone());
    let mut references = defaults::fill(&mut document, &mut root);
    let rules = items::read(&mut document, &root, zone);
    references.extend(rules.references());
    let root = Spanned::new(0..text.len(), DeValue::Table(root));
    check_references(&mut document, &root, references);
    order::check(&mut document, &root, &rules);
    let outdated = document.take_notices();
    if document.is_good() { Ok(Stated { rules, outdated }) } else { Err(document.into_faults()) }
}

/// Adds a fault for every reference to a name that does not exist.
fn check_references(document: &mut Document<'_>, root: &Spanned<DeValue<'_>>, references: Vec<Reference>) {
    let names = names(root);
    for Reference { at, kind, name, .. } in dangling(references, &names) {
        let known = names.get(&kind).into_iter().flatten().map(String::as_str);
        let remedy = match nearest(&name, known) {
            Some(near) => format!("did you mean {near}? else add [[{kind}]] name = \"{name}\""),
            None => format!("add [[{kind}]] name = \"{name}\", or name one that is there"),
        };
        document.fault(&place(Some(root), &at), format!("there is no {kind} {name}"), remedy);
    }
}

/// Returns all names in the file, also those of entries with mistakes, so that a reference to them is no second fault.
fn names(root: &Spanned<DeValue<'_>>) -> Names {
    let mut names = Rules::default().names();
    for (kind, names) in &mut names {
        let items = root.get_ref().get(kind.as_str()).and_then(|items| items.get_ref().as_array());
        let texts = items.into_iter().flatten();
        names
            .extend(texts.filter_map(|item| Some(crate::document::text(item.get_ref(), "name")?.to_owned())));
    }
    names
}
