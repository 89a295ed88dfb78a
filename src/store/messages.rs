//! The messages of callers: what was recorded, who heard it, and which files must be deleted.
//!
//! **Invariant:** a row is there before the recording begins. A row that goes, or loses its path, leaves the path in
//! `files_to_delete` in the same transaction: no file is forgotten.

use diesel::prelude::*;

use super::dialect::columns;
use super::error::Found as _;
use super::schema::{calls, case_misses, files_to_delete, messages};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{CallId, CaseId, MessageId, NodeName, VoicemailName};
use crate::language::Language;

/// A recording that begins.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The caller's call.
    pub call: CallId,
    /// The voicemail.
    pub voicemail: VoicemailName,
    /// The file as FreeSWITCH sees it.
    pub path: String,
    /// The language that the caller chose.
    pub language: Option<Language>,
    /// When.
    pub at: UnixMs,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct MessageRow {
    /// The number of the message.
    pub id: MessageId,
    /// The caller's call.
    pub call: CallId,
    /// The voicemail.
    pub voicemail: VoicemailName,
    /// The file as FreeSWITCH sees it. None after an erasure.
    pub path: Option<String>,
    /// The language that the caller chose.
    pub language: Option<Language>,
    /// When the caller began to speak.
    pub begun_at: UnixMs,
    /// When the recording ended.
    pub ended_at: Option<UnixMs>,
    /// How long it is, if that is known.
    pub length_ms: Option<i64>,
    /// When somebody heard it first.
    pub heard_at: Option<UnixMs>,
    /// Who heard it first.
    pub heard_by: Option<String>,
}

/// Records that a recording begins.
///
/// # Errors
/// When the database fails.
pub fn begin(c: &mut Database, begun: &Begun) -> Result<MessageId, StoreError> {
    let row = (
        messages::call.eq(begun.call),
        messages::voicemail.eq(&begun.voicemail),
        messages::path.eq(&begun.path),
        messages::language.eq(begun.language),
        messages::begun_at.eq(begun.at),
    );
    Ok(diesel::insert_into(messages::table).values(row).returning(messages::id).get_result(c)?)
}

/// Records that a message is kept. `length_ms`: none if nobody knows it. `instead_of` is an earlier message of the caller,
/// which goes.
///
/// # Errors
/// When the database fails.
pub fn keep(
    c: &mut Database,
    id: MessageId,
    length_ms: Option<u64>,
    instead_of: Option<MessageId>,
    at: UnixMs,
) -> Result<(), StoreError> {
    let length_ms = length_ms.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
    diesel::update(messages::table.find(id))
        .set((messages::ended_at.eq(at), messages::length_ms.eq(length_ms)))
        .execute(c)?;
    instead_of.map_or(Ok(()), |earlier| discard(c, earlier, at))
}

/// Removes a message in which nothing was said, or that the caller has recorded again. Its file is deleted later.
///
/// # Errors
/// When the database fails.
pub fn discard(c: &mut Database, id: MessageId, at: UnixMs) -> Result<(), StoreError> {
    let path: Option<Option<String>> = messages::table.find(id).select(messages::path).first(c).optional()?;
    delete_files(c, path.flatten(), at)?;
    diesel::delete(messages::table.find(id)).execute(c)?;
    Ok(())
}

/// Returns the messages of a call, in the order in which they were recorded.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Vec<MessageRow>, StoreError> {
    let rows = messages::table.filter(messages::call.eq(call)).order(messages::id);
    Ok(rows.select(columns::<MessageRow>()).load(c)?)
}

/// Returns the messages of a case that were recorded to their end, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_case(c: &mut Database, case: CaseId) -> Result<Vec<MessageRow>, StoreError> {
    let calls = case_misses::table.filter(case_misses::case_id.eq(case)).select(case_misses::call);
    let rows = messages::table
        .filter(messages::call.eq_any(calls).and(messages::ended_at.is_not_null()))
        .order(messages::id);
    Ok(rows.select(columns::<MessageRow>()).load(c)?)
}

/// Returns the FreeSWITCH that has recorded the messages of a call.
///
/// # Errors
/// When the database fails, or there is no such call.
pub fn node_of(c: &mut Database, call: CallId) -> Result<NodeName, StoreError> {
    calls::table.find(call).select(calls::node).first(c).found("call", call)
}

/// Records who heard a message first, and when.
///
/// # Errors
/// When the database fails, or there is no such message.
pub fn heard(c: &mut Database, id: MessageId, by: &str, at: UnixMs) -> Result<(), StoreError> {
    let there: MessageId = messages::table.find(id).select(messages::id).first(c).found("message", id)?;
    let unheard = messages::table.find(there).filter(messages::heard_at.is_null());
    diesel::update(unheard).set((messages::heard_at.eq(at), messages::heard_by.eq(by))).execute(c)?;
    Ok(())
}

/// A file that must be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = files_to_delete)]
pub struct FileToDelete {
    /// The file as FreeSWITCH sees it.
    pub path: String,
    /// Since when it must go.
    pub since_at: UnixMs,
    /// Why it could not be deleted at the last try.
    pub last_error: Option<String>,
}

/// Returns files that must be deleted and were not tried since `before`, oldest first.
///
/// # Errors
/// When the database fails.
pub fn files_to_delete(
    c: &mut Database,
    before: UnixMs,
    limit: i64,
) -> Result<Vec<FileToDelete>, StoreError> {
    let due = files_to_delete::tried_at.is_null().or(files_to_delete::tried_at.lt(before));
    let rows = files_to_delete::table.filter(due).order(files_to_delete::since_at).limit(limit);
    Ok(rows.select(columns::<FileToDelete>()).load(c)?)
}

/// Records that a file is deleted.
///
/// # Errors
/// When the database fails.
pub fn deleted(c: &mut Database, path: &str) -> Result<(), StoreError> {
    diesel::delete(files_to_delete::table.find(path)).execute(c)?;
    Ok(())
}

/// Records why a file could not be deleted.
///
/// # Errors
/// When the database fails.
pub fn not_deleted(c: &mut Database, path: &str, error: &str, at: UnixMs) -> Result<(), StoreError> {
    diesel::update(files_to_delete::table.find(path))
        .set((files_to_delete::tried_at.eq(at), files_to_delete::last_error.eq(error)))
        .execute(c)?;
    Ok(())
}

/// Removes the messages of calls that are deleted.
pub(super) fn forget(c: &mut Database, call: &str, at: UnixMs) -> Result<(), StoreError> {
    let of_call = || messages::table.filter(messages::call.eq(call));
    let paths: Vec<Option<String>> = of_call().select(messages::path).load(c)?;
    delete_files(c, paths.into_iter().flatten(), at)?;
    diesel::delete(of_call()).execute(c)?;
    Ok(())
}

/// Notes files that must be deleted.
pub(super) fn delete_files(
    c: &mut Database,
    paths: impl IntoIterator<Item = String>,
    at: UnixMs,
) -> Result<(), StoreError> {
    for path in paths {
        diesel::insert_into(files_to_delete::table)
            .values((files_to_delete::path.eq(path), files_to_delete::since_at.eq(at)))
            .execute(c)?;
    }
    Ok(())
}
