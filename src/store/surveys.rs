//! Surveys: which talk a caller has had, and what they answered afterwards.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::dialect::columns;
use super::schema::{calls, survey_answers};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{CallId, ChannelId, PromptName, QueueName};
use crate::language::Language;

/// A call whose caller has talked to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = calls)]
pub struct Talked {
    /// The call.
    #[diesel(column_name = id)]
    pub call: CallId,
    /// The queue that the caller was in last.
    pub queue: Option<QueueName>,
    /// The language that the caller chose.
    pub language: Option<Language>,
}

/// An answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = survey_answers)]
pub struct Answer {
    /// The call of the talk.
    pub call: CallId,
    /// The place of the question in the survey, from 1.
    pub ordinal: i32,
    /// The prompt of the question.
    pub question: PromptName,
    /// The answer, from 1 to 5.
    #[diesel(column_name = answer)]
    pub mark: i32,
    /// When the caller answered.
    #[diesel(column_name = answered_at)]
    pub at: UnixMs,
}

/// Returns what is known of a call, if it is on this channel and its caller has talked to an agent.
///
/// # Errors
/// When the database fails.
pub fn talked(c: &mut Database, call: CallId, channel: ChannelId) -> Result<Option<Talked>, StoreError> {
    let talked = calls::table.find(call).filter(calls::channel.eq(channel).and(calls::offer.is_not_null()));
    Ok(talked.select(columns::<Talked>()).first(c).optional()?)
}

/// Records an answer. The same question of a call is answered once: a repetition changes nothing.
///
/// # Errors
/// When the database fails.
pub fn answer(c: &mut Database, answer: &Answer) -> Result<(), StoreError> {
    let known = survey_answers::table.find((answer.call, answer.ordinal));
    if diesel::select(exists(known)).get_result(c)? {
        return Ok(());
    }
    diesel::insert_into(survey_answers::table).values(answer).execute(c)?;
    Ok(())
}

/// Returns what the caller of a call answered, in the order of the questions.
///
/// # Errors
/// When the database fails.
pub fn of_call(c: &mut Database, call: CallId) -> Result<Vec<Answer>, StoreError> {
    let answers = survey_answers::table.filter(survey_answers::call.eq(call)).order(survey_answers::ordinal);
    Ok(answers.select(columns::<Answer>()).load(c)?)
}
