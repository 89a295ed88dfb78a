//! What the CRM has told us: its tokens, and the agent who looks after a customer.

use diesel::prelude::*;

use super::dialect::{cached::Cache as _, columns, hold};
use super::schema::{agents, cases, crm_tokens};
use super::{Database, StoreError};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CaseId};

/// The key of the one row of `crm_tokens`.
const ONE: i32 = 1;

/// A pair of tokens, and a hash of the settings' tokens from which the pair came.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crm_tokens)]
pub struct TokenRow {
    /// The access token for the CRM.
    pub access: String,
    /// The refresh token. It gets the next pair, once.
    pub refresh: String,
    /// The hash of the settings' tokens.
    pub root: String,
}

impl std::fmt::Debug for TokenRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRow").field("root", &self.root).finish_non_exhaustive()
    }
}

/// Returns the tokens that were kept last.
///
/// # Errors
/// When the database fails.
pub fn tokens(c: &mut Database) -> Result<Option<TokenRow>, StoreError> {
    let row = crm_tokens::table.find(ONE).select(columns::<TokenRow>());
    Ok(row.first(c).optional()?)
}

/// Keeps tokens in place of the earlier ones.
///
/// # Errors
/// When the database fails, or when it refuses an empty token.
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

/// Returns whether a case is open and no agent is named who is offered it first.
///
/// # Errors
/// When the database fails.
pub fn lacks_assignee(c: &mut Database, case: CaseId) -> Result<bool, StoreError> {
    let open = cases::table.find(case).filter(cases::closed_at.is_null().and(cases::assignee.is_null()));
    Ok(open.select(cases::id).first::<CaseId>(c).optional()?.is_some())
}

/// Names the agent who is offered an open case first, unless one is named already. Returns whether the agent was named.
/// An agent unknown to the controller is never named.
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
