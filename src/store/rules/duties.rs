//! Rotas as rows, and what people swapped.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::rows::{from_json, json};
use crate::calendar::business_day::BusinessDay;
use crate::ids::{AgentName, DutyName};
use crate::rules::{ChangeTime, Duty, Swap, Turn};
use crate::store::dialect::columns;
use crate::store::error::OfTable as _;
use crate::store::schema::{duties, duty_swaps};
use crate::store::{Database, StoreError, read};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = duties, primary_key(name))]
struct Row {
    name: DutyName,
    zone: String,
    turn: Turn,
    change_min: i32,
    start: BusinessDay,
    people: String,
    exceptions: String,
}

impl Row {
    fn of(name: &DutyName, duty: &Duty) -> Self {
        Self {
            name: name.clone(),
            zone: duty.zone.name().to_owned(),
            turn: duty.turn,
            change_min: duty.change.0.into(),
            start: duty.start.into(),
            people: json(&duty.people),
            exceptions: json(&duty.exceptions),
        }
    }

    fn duty(self) -> Result<Duty, StoreError> {
        Ok(Duty {
            zone: read("duties.zone", &self.zone)?,
            turn: self.turn,
            change: ChangeTime(u16::try_from(self.change_min).map_err(|_| StoreError::Unreadable {
                column: "duties.change_min".to_owned(),
                value: self.change_min.to_string(),
            })?),
            start: self.start.0,
            people: from_json("duties.people", &self.people)?,
            exceptions: from_json("duties.exceptions", &self.exceptions)?,
            swaps: BTreeMap::new(),
        })
    }
}

/// Reads every rota as the administrator stated it.
pub(super) fn load(c: &mut Database) -> Result<BTreeMap<DutyName, Duty>, StoreError> {
    let rows: Vec<Row> = duties::table.select(columns::<Row>()).load(c).of_table("duties")?;
    rows.into_iter().map(|row| Ok((row.name.clone(), row.duty()?))).collect()
}

/// Adds a rota, or makes its row equal to the rule.
pub(super) fn put(c: &mut Database, name: &DutyName, duty: &Duty, there: bool) -> Result<(), StoreError> {
    let row = Row::of(name, duty);
    if there {
        diesel::update(duties::table.find(name)).set(row).execute(c)?;
    } else {
        diesel::insert_into(duties::table).values(row).execute(c)?;
    }
    Ok(())
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = duty_swaps)]
struct SwapRow {
    duty: DutyName,
    date: BusinessDay,
    agent: AgentName,
    by: String,
}

/// Puts what people swapped into the rotas.
pub(super) fn add_swaps(c: &mut Database, all: &mut BTreeMap<DutyName, Duty>) -> Result<(), StoreError> {
    let rows: Vec<SwapRow> = duty_swaps::table.select(columns::<SwapRow>()).load(c).of_table("duty_swaps")?;
    for SwapRow { duty, date, agent, by } in rows {
        if let Some(duty) = all.get_mut(&duty) {
            duty.swaps.insert(date.0, Swap { agent, by });
        }
    }
    Ok(())
}
