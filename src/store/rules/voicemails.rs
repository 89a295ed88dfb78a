//! Voicemails as rows.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::ids::{PromptName, QueueName, VoicemailName};
use crate::rules::{Digits, Voicemail};
use crate::store::dialect::columns;
use crate::store::error::OfTable as _;
use crate::store::schema::voicemails;
use crate::store::{Database, StoreError, from_ms, to_ms};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = voicemails, primary_key(name), treat_none_as_null = true)]
struct VoicemailRow {
    name: VoicemailName,
    greeting: Option<PromptName>,
    beep: Option<PromptName>,
    thanks: Option<PromptName>,
    max_length_ms: i64,
    min_length_ms: i64,
    silence_ms: i64,
    end_keys: Digits,
    review: bool,
    keep_key: Digits,
    listen_key: Digits,
    again_key: Digits,
    timeout_ms: i64,
    retries: i32,
    queue: Option<QueueName>,
}

impl VoicemailRow {
    fn of(name: &VoicemailName, voicemail: &Voicemail) -> Self {
        let voicemail = voicemail.clone();
        Self {
            name: name.clone(),
            greeting: voicemail.greeting,
            beep: voicemail.beep,
            thanks: voicemail.thanks,
            max_length_ms: to_ms(voicemail.max_length),
            min_length_ms: to_ms(voicemail.min_length),
            silence_ms: to_ms(voicemail.silence),
            end_keys: voicemail.end,
            review: voicemail.review,
            keep_key: voicemail.keep,
            listen_key: voicemail.listen,
            again_key: voicemail.again,
            timeout_ms: to_ms(voicemail.timeout),
            retries: i32::try_from(voicemail.retries).unwrap_or(i32::MAX),
            queue: voicemail.queue,
        }
    }

    fn voicemail(self) -> Voicemail {
        Voicemail {
            greeting: self.greeting,
            beep: self.beep,
            thanks: self.thanks,
            max_length: from_ms(self.max_length_ms),
            min_length: from_ms(self.min_length_ms),
            silence: from_ms(self.silence_ms),
            end: self.end_keys,
            review: self.review,
            keep: self.keep_key,
            listen: self.listen_key,
            again: self.again_key,
            timeout: from_ms(self.timeout_ms),
            retries: self.retries.max(0).unsigned_abs(),
            queue: self.queue,
        }
    }
}

/// Reads every voicemail.
pub(super) fn load(c: &mut Database) -> Result<BTreeMap<VoicemailName, Voicemail>, StoreError> {
    let rows: Vec<VoicemailRow> =
        voicemails::table.select(columns::<VoicemailRow>()).load(c).of_table("voicemails")?;
    Ok(rows.into_iter().map(|row| (row.name.clone(), row.voicemail())).collect())
}

/// Adds a voicemail, or makes its row equal to the rule.
pub(super) fn put(
    c: &mut Database,
    name: &VoicemailName,
    voicemail: &Voicemail,
    there: bool,
) -> Result<(), StoreError> {
    let row = VoicemailRow::of(name, voicemail);
    if there {
        diesel::update(voicemails::table.find(name)).set(row).execute(c)?;
    } else {
        diesel::insert_into(voicemails::table).values(row).execute(c)?;
    }
    Ok(())
}
