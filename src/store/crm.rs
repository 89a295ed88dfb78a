//! What the CRM has told us: its tokens, and whose customer a case is.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::schema::{agents, cases, crm_tokens};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CaseId};

/// The one row of `crm_tokens`.
const ONE: i32 = 1;

/// A pair of tokens, and a hash of those in the settings from which they came.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crm_tokens)]
pub struct TokenRow {
    /// Opens the CRM.
    pub access: String,
    /// Gets the next pair, once.
    pub refresh: String,
    /// Where they came from.
    pub root: String,
}

impl std::fmt::Debug for TokenRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRow").field("root", &self.root).finish_non_exhaustive()
    }
}

/// The tokens that were kept last.
///
/// # Errors
/// When the database fails.
pub fn tokens(c: &mut Database) -> Result<Option<TokenRow>, StoreError> {
    let row = crm_tokens::table.find(ONE).select(columns::<TokenRow>());
    Ok(row.first(c).optional()?)
}

/// Keeps tokens in place of those before.
///
/// # Errors
/// When the database fails, or refuses an empty token.
pub fn keep_tokens(c: &mut Database, tokens: &TokenRow, at: UnixMs) -> Result<(), StoreError> {
    hold::name(c, "crm_tokens")?;
    let values = (
        crm_tokens::access.eq(&tokens.access),
        crm_tokens::refresh.eq(&tokens.refresh),
        crm_tokens::root.eq(&tokens.root),
        crm_tokens::kept_at.eq(at),
    );
    let kept = diesel::update(crm_tokens::table.find(ONE)).set(values).returning(crm_tokens::kept_at);
    if kept.count_changed(c)? == 0 {
        diesel::insert_into(crm_tokens::table).values((crm_tokens::one.eq(ONE), values)).insert(c)?;
    }
    Ok(())
}

/// Whether somebody is still wanted to be offered a case first: it is open, and nobody is named.
///
/// # Errors
/// When the database fails.
pub fn lacks_assignee(c: &mut Database, case: CaseId) -> Result<bool, StoreError> {
    let open = cases::table.find(case).filter(cases::closed_at.is_null().and(cases::assignee.is_null()));
    Ok(open.select(cases::id).first::<CaseId>(c).optional()?.is_some())
}

/// Names the agent who is offered an open case first, unless one is named. Whether it was done: not for one whom we do
/// not have.
///
/// # Errors
/// When the database fails.
pub fn assign(c: &mut Database, case: CaseId, agent: &AgentName) -> Result<bool, StoreError> {
    hold::case(c, case)?;
    let known: i64 = agents::table.find(agent).count().get_result(c)?;
    if known == 0 {
        return Ok(false);
    }
    let open = cases::table.find(case).filter(cases::closed_at.is_null().and(cases::assignee.is_null()));
    let named = diesel::update(open).set(cases::assignee.eq(agent)).returning(cases::id);
    Ok(named.count_changed(c)? > 0)
}
