//! What has no end yet: calls and offers under way as the rows have them, and agents whom no offer holds.
//!
//! Who holds them, and what became of them, is asked by `reconcile`; here are only the rows.

use std::collections::HashMap;
use std::time::Duration;

use diesel::prelude::*;

use super::error::Found as _;
use super::schema::{agents, calls, controllers, offers, waits};
use super::{Database, StoreError, read, read_option};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, ChannelId, CoreId, NodeName, OfferId, QueueName};
use crate::phone::Party;
use crate::queue::agent::Activity;

/// A call that has no end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Its identity.
    pub id: CallId,
    /// The FreeSWITCH that has it.
    pub node: NodeName,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// The caller's channel.
    pub channel: ChannelId,
    /// Who calls.
    pub party: Party,
    /// The number he dialled.
    pub dialled: String,
    /// Whether his route was open.
    pub open: bool,
    /// The queue that he was in last.
    pub queue: Option<QueueName>,
    /// Since when he waits there, if he still does.
    pub joined_at: Option<UnixMs>,
    /// When he came.
    pub arrived_at: UnixMs,
    /// Since when he talks.
    pub answered_at: Option<UnixMs>,
    /// The agent whom he talks to.
    pub agent: Option<AgentName>,
    /// The case for which we call him; none if he called us.
    pub case: Option<CaseId>,
}

/// An offer that has no end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOffer {
    /// Its identity.
    pub id: OfferId,
    /// The call.
    pub call: CallId,
    /// The FreeSWITCH that has it.
    pub node: NodeName,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// The caller's channel.
    pub caller: ChannelId,
    /// Whom it rings.
    pub agent: AgentName,
    /// The channel of the leg that answered.
    pub leg: Option<ChannelId>,
    /// When the two were connected.
    pub bridged_at: Option<UnixMs>,
}

/// Everything that has no end yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open {
    /// Calls, those that came first first.
    pub calls: Vec<OpenCall>,
    /// Offers.
    pub offers: Vec<OpenOffer>,
    /// Agents who ring or talk for an offer that has ended, or is none.
    pub stuck: Vec<AgentName>,
}

/// Everything that has no end yet.
///
/// # Errors
/// When the database fails.
pub fn open(c: &mut Database) -> Result<Open, StoreError> {
    let offers = open_offers(c)?;
    let stuck = stuck(c, &offers)?;
    Ok(Open { calls: open_calls(c)?, offers, stuck })
}

fn open_calls(c: &mut Database) -> Result<Vec<OpenCall>, StoreError> {
    let rows: Vec<CallRow> = calls::table
        .filter(calls::ended_at.is_null())
        .order(calls::arrived_at)
        .select(CALL_COLUMNS)
        .load(c)?;
    let waiting: Vec<(String, i64)> =
        waits::table.filter(waits::left_at.is_null()).select((waits::call, waits::joined_at)).load(c)?;
    let waiting: HashMap<String, i64> = waiting.into_iter().collect();
    rows.into_iter().map(|row| OpenCall::read(row, &waiting)).collect()
}

/// One call, if it has no end yet.
///
/// # Errors
/// When the database fails.
pub fn call(c: &mut Database, id: CallId) -> Result<Option<OpenCall>, StoreError> {
    let id = id.to_string();
    let row: Option<CallRow> = calls::table
        .filter(calls::id.eq(&id).and(calls::ended_at.is_null()))
        .select(CALL_COLUMNS)
        .first(c)
        .optional()?;
    let waits: Option<i64> = waits::table
        .filter(waits::call.eq(&id).and(waits::left_at.is_null()))
        .select(waits::joined_at)
        .first(c)
        .optional()?;
    let waiting = waits.map(|joined_at| (id, joined_at)).into_iter().collect();
    row.map(|row| OpenCall::read(row, &waiting)).transpose()
}

type CallRow = (
    (String, String, String, String, String, Option<String>, String, bool),
    (Option<String>, i64, Option<i64>, Option<String>, Option<i64>),
);

type CallColumns = (
    (
        calls::id,
        calls::node,
        calls::core,
        calls::channel,
        calls::party,
        calls::number,
        calls::dialled,
        calls::open,
    ),
    (calls::queue, calls::arrived_at, calls::answered_at, calls::agent, calls::case_id),
);

const CALL_COLUMNS: CallColumns = (
    (
        calls::id,
        calls::node,
        calls::core,
        calls::channel,
        calls::party,
        calls::number,
        calls::dialled,
        calls::open,
    ),
    (calls::queue, calls::arrived_at, calls::answered_at, calls::agent, calls::case_id),
);

impl OpenCall {
    /// `waiting` tells since when each call that is in a queue is there.
    fn read((who, what): CallRow, waiting: &HashMap<String, i64>) -> Result<Self, StoreError> {
        let (id, node, core, channel, party, number, dialled, open) = who;
        let (queue, arrived_at, answered_at, agent, case) = what;
        Ok(Self {
            joined_at: waiting.get(&id).copied().map(UnixMs),
            id: read("calls.id", &id)?,
            node: read("calls.node", &node)?,
            core: read("calls.core", &core)?,
            channel: read("calls.channel", &channel)?,
            party: read_party(&party, number.as_ref())?,
            dialled,
            open,
            queue: read_option("calls.queue", queue.as_ref())?,
            arrived_at: UnixMs(arrived_at),
            answered_at: answered_at.map(UnixMs),
            agent: read_option("calls.agent", agent.as_ref())?,
            case: case.map(CaseId),
        })
    }
}

fn read_party(word: &str, number: Option<&String>) -> Result<Party, StoreError> {
    Ok(match (word, number) {
        ("number", Some(number)) => Party::Number(read("calls.number", number)?),
        ("internal", _) => Party::Internal(String::new()),
        ("withheld", _) => Party::Withheld,
        _ => Party::Invalid,
    })
}

type OfferRow = (String, String, String, String, String, String, Option<String>, Option<i64>);

fn open_offers(c: &mut Database) -> Result<Vec<OpenOffer>, StoreError> {
    let rows: Vec<OfferRow> = offers::table
        .inner_join(calls::table.on(calls::id.eq(offers::call)))
        .filter(offers::ended_at.is_null())
        .order(offers::offered_at)
        .select((
            offers::id,
            offers::call,
            calls::node,
            calls::core,
            calls::channel,
            offers::agent,
            offers::leg,
            offers::bridged_at,
        ))
        .load(c)?;
    let offer = |(id, call, node, core, caller, agent, leg, bridged_at): OfferRow| {
        Ok(OpenOffer {
            id: read("offers.id", &id)?,
            call: read("offers.call", &call)?,
            node: read("calls.node", &node)?,
            core: read("calls.core", &core)?,
            caller: read("calls.channel", &caller)?,
            agent: read("offers.agent", &agent)?,
            leg: read_option("offers.leg", leg.as_ref())?,
            bridged_at: bridged_at.map(UnixMs),
        })
    };
    rows.into_iter().map(offer).collect()
}

/// Agents who ring or talk for none of these offers.
fn stuck(c: &mut Database, offers: &[OpenOffer]) -> Result<Vec<AgentName>, StoreError> {
    let busy: Vec<String> =
        agents::table.filter(agents::activity.eq_any(BUSY)).select(agents::name).load(c)?;
    let busy = busy.iter().filter(|name| !offers.iter().any(|offer| offer.agent.as_str() == *name));
    busy.map(|name| read("agents.name", name)).collect()
}

/// What an agent does only for an offer.
const BUSY: [&str; 2] = [Activity::Ringing.as_str(), Activity::Talking.as_str()];

/// Makes an agent idle whom no offer holds, though his row says that he rings or talks. Whether it was so.
///
/// # Errors
/// When the database fails.
pub fn free(c: &mut Database, agent: &AgentName, at: UnixMs) -> Result<bool, StoreError> {
    super::dialect::hold::agent(c, agent.as_str())?;
    let live = offers::table.filter(offers::agent.eq(agent.as_str()).and(offers::ended_at.is_null()));
    let live: i64 = live.count().get_result(c)?;
    let activity: String =
        agents::table.find(agent.as_str()).select(agents::activity).first(c).found("agent", agent)?;
    if live > 0 || !BUSY.contains(&activity.as_str()) {
        return Ok(false);
    }
    diesel::update(agents::table.find(agent.as_str()))
        .set((
            agents::activity.eq(Activity::Idle.as_str()),
            agents::offer.eq(None::<String>),
            agents::since_at.eq(at.0),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("no offer holds him"),
        ))
        .execute(c)?;
    Ok(true)
}

/// How far the clocks of those who change agents may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// Agents who are to be offered nothing for a while that begins in the future: the clock was set back since.
///
/// # Errors
/// When the database fails.
pub fn rests_ahead(c: &mut Database, at: UnixMs) -> Result<Vec<AgentName>, StoreError> {
    let ahead = agents::ready_at.gt(at.0).and(agents::since_at.gt((at + CLOCKS_APART).0));
    let names: Vec<String> = agents::table.filter(ahead).select(agents::name).load(c)?;
    names.iter().map(|name| read("agents.name", name)).collect()
}

/// Lets an agent be offered calls from `at` on.
///
/// # Errors
/// When the database fails.
pub fn end_rest(c: &mut Database, agent: &AgentName, at: UnixMs) -> Result<(), StoreError> {
    super::dialect::hold::agent(c, agent.as_str())?;
    diesel::update(agents::table.find(agent.as_str()))
        .set((
            agents::ready_at.eq(at.0),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("the clock was set back"),
        ))
        .execute(c)?;
    Ok(())
}

/// Writes that nobody watches the end of a call that has none yet: it comes after `from`.
///
/// # Errors
/// When the database fails.
pub fn call_unwatched(c: &mut Database, call: CallId, from: UnixMs) -> Result<(), StoreError> {
    let open = calls::table.find(call.to_string()).filter(calls::ended_at.is_null());
    diesel::update(open).set(calls::unwatched_from.eq(from.0)).execute(c)?;
    Ok(())
}

/// Writes that nobody watches the end of an offer that has none yet: it comes after `from`.
///
/// # Errors
/// When the database fails.
pub fn offer_unwatched(c: &mut Database, offer: OfferId, from: UnixMs) -> Result<(), StoreError> {
    let open = offers::table.find(offer.to_string()).filter(offers::ended_at.is_null());
    diesel::update(open).set(offers::unwatched_from.eq(from.0)).execute(c)?;
    Ok(())
}

/// A controller begins to watch. When one before it was seen last.
///
/// # Errors
/// When the database fails.
pub fn begin_watch(c: &mut Database, name: &str, at: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let last: Option<i64> = controllers::table.select(diesel::dsl::max(controllers::seen_at)).first(c)?;
    diesel::delete(controllers::table).execute(c)?;
    diesel::insert_into(controllers::table)
        .values((controllers::name.eq(name), controllers::started_at.eq(at.0), controllers::seen_at.eq(at.0)))
        .execute(c)?;
    Ok(last.map(UnixMs))
}

/// A controller still watches.
///
/// # Errors
/// [`StoreError::NotFound`] when another one has begun to.
pub fn watch(c: &mut Database, name: &str, at: UnixMs) -> Result<(), StoreError> {
    let seen: Option<String> = diesel::update(controllers::table.find(name))
        .set(controllers::seen_at.eq(at.0))
        .returning(controllers::name)
        .get_result(c)
        .optional()?;
    seen.map(drop).ok_or(diesel::result::Error::NotFound).found("controller", name)
}
