//! Menus as rows.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::rows::{columns_of, destination, from_json, json};
use crate::ids::{MenuName, PromptName};
use crate::language::Language;
use crate::rules::{DestinationKind, Digits, Menu, MenuOption};
use crate::store::dialect::columns;
use crate::store::error::OfTable as _;
use crate::store::schema::{menu_options, menu_prompts, menus};
use crate::store::{Database, StoreError, from_ms, to_ms};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = menus, primary_key(name), treat_none_as_null = true)]
struct MenuRow {
    name: MenuName,
    timeout_ms: i64,
    digit_timeout_ms: i64,
    retries: i32,
    invalid: Option<PromptName>,
    no_input: Option<PromptName>,
    barge_in: bool,
    failed_kind: DestinationKind,
    failed_to: String,
    failed_then: Option<String>,
    missed: bool,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = menu_prompts)]
struct PromptRow {
    menu: MenuName,
    ordinal: i32,
    prompt: PromptName,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = menu_options)]
struct OptionRow {
    menu: MenuName,
    ordinal: i32,
    digits: Digits,
    goes_to: Option<String>,
    back: bool,
    language: Option<Language>,
}

impl OptionRow {
    fn option(self) -> Result<MenuOption, StoreError> {
        let to = self.goes_to.map(|to| from_json("menu_options.goes_to", &to)).transpose()?;
        Ok(MenuOption { digits: self.digits, to, back: self.back, language: self.language })
    }
}

impl MenuRow {
    fn of(name: &MenuName, menu: &Menu) -> Self {
        let (failed_kind, failed_to, failed_then) = columns_of(&menu.failed);
        Self {
            name: name.clone(),
            timeout_ms: to_ms(menu.timeout),
            digit_timeout_ms: to_ms(menu.digit_timeout),
            retries: i32::try_from(menu.retries).unwrap_or(i32::MAX),
            invalid: menu.invalid.clone(),
            no_input: menu.no_input.clone(),
            barge_in: menu.barge_in,
            failed_kind,
            failed_to,
            failed_then,
            missed: menu.missed,
        }
    }

    fn menu(self, prompts: Vec<PromptName>, options: Vec<MenuOption>) -> Result<Menu, StoreError> {
        Ok(Menu {
            prompts,
            options,
            timeout: from_ms(self.timeout_ms),
            digit_timeout: from_ms(self.digit_timeout_ms),
            retries: self.retries.max(0).unsigned_abs(),
            invalid: self.invalid,
            no_input: self.no_input,
            barge_in: self.barge_in,
            failed: destination("menus.failed_to", self.failed_kind, &self.failed_to, self.failed_then)?,
            missed: self.missed,
        })
    }
}

/// Reads every menu.
pub(super) fn load(c: &mut Database) -> Result<BTreeMap<MenuName, Menu>, StoreError> {
    let (mut prompts, mut options) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
    let rows: Vec<PromptRow> = menu_prompts::table
        .order((menu_prompts::menu, menu_prompts::ordinal))
        .select(columns::<PromptRow>())
        .load(c)
        .of_table("menu_prompts")?;
    for row in rows {
        prompts.entry(row.menu).or_default().push(row.prompt);
    }
    let rows: Vec<OptionRow> = menu_options::table
        .order((menu_options::menu, menu_options::ordinal))
        .select(columns::<OptionRow>())
        .load(c)
        .of_table("menu_options")?;
    for row in rows {
        options.entry(row.menu.clone()).or_default().push(row.option()?);
    }
    let rows: Vec<MenuRow> = menus::table.select(columns::<MenuRow>()).load(c).of_table("menus")?;
    let menu = |row: MenuRow| {
        let (prompts, options) = (prompts.remove(&row.name), options.remove(&row.name));
        Ok((row.name.clone(), row.menu(prompts.unwrap_or_default(), options.unwrap_or_default())?))
    };
    rows.into_iter().map(menu).collect()
}

/// Adds a menu, or makes its rows equal to the rule.
pub(super) fn put(c: &mut Database, name: &MenuName, menu: &Menu, there: bool) -> Result<(), StoreError> {
    let row = MenuRow::of(name, menu);
    if there {
        diesel::delete(menu_prompts::table.filter(menu_prompts::menu.eq(name))).execute(c)?;
        diesel::delete(menu_options::table.filter(menu_options::menu.eq(name))).execute(c)?;
        diesel::update(menus::table.find(name)).set(row).execute(c)?;
    } else {
        diesel::insert_into(menus::table).values(row).execute(c)?;
    }
    for (ordinal, prompt) in (1..).zip(&menu.prompts) {
        let row = PromptRow { menu: name.clone(), ordinal, prompt: prompt.clone() };
        diesel::insert_into(menu_prompts::table).values(row).execute(c)?;
    }
    for (ordinal, option) in (1..).zip(&menu.options) {
        let row = OptionRow {
            menu: name.clone(),
            ordinal,
            digits: option.digits.clone(),
            goes_to: option.to.as_ref().map(json),
            back: option.back,
            language: option.language,
        };
        diesel::insert_into(menu_options::table).values(row).execute(c)?;
    }
    Ok(())
}
