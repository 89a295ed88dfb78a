//! Everything without an end yet: calls and offers whose rows have no end, and busy agents without an offer.
//!
//! `reconcile` finds out what happened to them. This file only reads and changes the rows.

use std::collections::HashMap;
use std::time::Duration;

use diesel::prelude::*;

use super::calls::{asked_callback, open_asked};
use super::dialect::columns;
use super::error::{Found as _, OfTable as _};
use super::readable::{self, List};
use super::schema::{agents, calls, controllers, offers, waits};
use super::{Database, StoreError, places};
use crate::clock::UnixMs;
use crate::ids::{AgentName, CallId, CaseId, ChannelId, CoreId, NodeName, OfferId, QueueName};
use crate::language::Language;
use crate::missed::asked::Asked;
use crate::phone::{E164, Party, PartyKind};
use crate::queue::agent::Activity;

/// A call without an end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The id of the call.
    pub id: CallId,
    /// The FreeSWITCH that has it.
    pub node: NodeName,
    /// The run of that FreeSWITCH.
    pub core: CoreId,
    /// The caller's channel.
    pub channel: ChannelId,
    /// The caller.
    pub party: Party,
    /// The number that the caller dialled.
    pub dialled: String,
    /// Whether the caller's route was open.
    pub open: bool,
    /// The last queue of the caller.
    pub queue: Option<QueueName>,
    /// When the caller joined that queue, if they still wait there.
    pub joined_at: Option<UnixMs>,
    /// When the call arrived.
    pub arrived_at: UnixMs,
    /// The language that the caller chose.
    pub language: Option<Language>,
    /// When the talk began.
    pub answered_at: Option<UnixMs>,
    /// The agent who talks with the caller.
    pub agent: Option<AgentName>,
    /// The callback that the caller asked for.
    pub asked: Option<Asked>,
    /// Since when the caller stands in queues, if not since the arrival.
    pub place_at: Option<UnixMs>,
    /// The case for which the controller called the customer. None for a call from outside.
    pub case: Option<CaseId>,
}

/// An offer without an end yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = offers)]
pub struct OpenOffer {
    /// The id of the offer.
    pub id: OfferId,
    /// The call.
    pub call: CallId,
    /// The FreeSWITCH that has the call.
    #[diesel(select_expression = calls::node)]
    pub node: NodeName,
    /// The run of that FreeSWITCH.
    #[diesel(select_expression = calls::core)]
    pub core: CoreId,
    /// The caller's channel.
    #[diesel(select_expression = calls::channel)]
    pub caller: ChannelId,
    /// The agent whose phone rings.
    pub agent: AgentName,
    /// The channel of the leg that answered.
    pub leg: Option<ChannelId>,
    /// When the agent and the caller were connected.
    pub bridged_at: Option<UnixMs>,
}

/// Everything without an end yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open {
    /// The calls, in the order of their arrival.
    pub calls: Vec<OpenCall>,
    /// The offers.
    pub offers: Vec<OpenOffer>,
    /// Agents who ring or talk without an open offer.
    pub stuck: Vec<AgentName>,
}

/// Returns everything without an end yet. A call whose row this program cannot read is left out: nobody ends it.
///
/// # Errors
/// When the database fails.
pub fn open(c: &mut Database) -> Result<Open, StoreError> {
    let offers = open_offers(c)?;
    let stuck = stuck(c, &offers)?;
    Ok(Open { calls: open_calls(c)?, offers, stuck })
}

fn open_calls(c: &mut Database) -> Result<Vec<OpenCall>, StoreError> {
    let open = || calls::table.filter(calls::ended_at.is_null()).order(calls::arrived_at);
    let list = List {
        kind: "call",
        all: |c: &mut Database| open().select(columns::<CallRow>()).load(c).of_table("calls"),
        keys: |c: &mut Database| Ok(open().select(calls::id).load(c)?),
        one: |c: &mut Database, id: &CallId| {
            calls::table.find(id).select(columns::<CallRow>()).first(c).optional().of_table("calls")
        },
    };
    let rows: Vec<CallRow> = readable::load(c, list)?;
    let waiting: Vec<(CallId, UnixMs)> =
        waits::table.filter(waits::left_at.is_null()).select((waits::call, waits::joined_at)).load(c)?;
    let waiting: HashMap<CallId, UnixMs> = waiting.into_iter().collect();
    let asked = open_asked(c)?;
    let places = places::open(c)?;
    let open = rows.into_iter().map(|row| {
        let joined_at = waiting.get(&row.id).copied();
        let (asked, place_at) = (asked.get(&row.id).cloned(), places.get(&row.id).copied());
        OpenCall { asked, place_at, ..row.joined(joined_at) }
    });
    Ok(open.collect())
}

/// Returns one call, if it has no end yet.
///
/// # Errors
/// When the database fails.
pub fn call(c: &mut Database, id: CallId) -> Result<Option<OpenCall>, StoreError> {
    let open = calls::table.filter(calls::id.eq(id).and(calls::ended_at.is_null()));
    let row: Option<CallRow> = open.select(columns::<CallRow>()).first(c).optional()?;
    let waits = waits::table.filter(waits::call.eq(id).and(waits::left_at.is_null()));
    let joined_at: Option<UnixMs> = waits.select(waits::joined_at).first(c).optional()?;
    let (asked, place_at) = (asked_callback(c, id)?, places::of(c, id)?);
    Ok(row.map(|row| OpenCall { asked, place_at, ..row.joined(joined_at) }))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = calls)]
struct CallRow {
    id: CallId,
    node: NodeName,
    core: CoreId,
    channel: ChannelId,
    party: PartyKind,
    number: Option<E164>,
    dialled: String,
    open: bool,
    queue: Option<QueueName>,
    arrived_at: UnixMs,
    answered_at: Option<UnixMs>,
    language: Option<Language>,
    agent: Option<AgentName>,
    case_id: Option<CaseId>,
}

impl CallRow {
    /// `joined_at`: when the caller joined the queue that they wait in.
    fn joined(self, joined_at: Option<UnixMs>) -> OpenCall {
        OpenCall {
            joined_at,
            id: self.id,
            node: self.node,
            core: self.core,
            channel: self.channel,
            party: match (self.party, self.number) {
                (PartyKind::Number, Some(number)) => Party::Number(number),
                (PartyKind::Internal, _) => Party::Internal(String::new()),
                (PartyKind::Withheld, _) => Party::Withheld,
                (PartyKind::Number | PartyKind::Invalid, _) => Party::Invalid,
            },
            dialled: self.dialled,
            open: self.open,
            queue: self.queue,
            arrived_at: self.arrived_at,
            language: self.language,
            answered_at: self.answered_at,
            agent: self.agent,
            asked: None,
            place_at: None,
            case: self.case_id,
        }
    }
}

fn open_offers(c: &mut Database) -> Result<Vec<OpenOffer>, StoreError> {
    let open = offers::table
        .inner_join(calls::table.on(calls::id.eq(offers::call)))
        .filter(offers::ended_at.is_null());
    Ok(open.order(offers::offered_at).select(columns::<OpenOffer>()).load(c)?)
}

/// Returns the agents who ring or talk for none of these offers.
fn stuck(c: &mut Database, offers: &[OpenOffer]) -> Result<Vec<AgentName>, StoreError> {
    let mut busy: Vec<AgentName> =
        agents::table.filter(agents::activity.eq_any(BUSY)).select(agents::name).load(c)?;
    busy.retain(|name| !offers.iter().any(|offer| offer.agent == *name));
    Ok(busy)
}

/// The activities that an agent has only during an offer.
const BUSY: [Activity; 2] = [Activity::Ringing, Activity::Talking];

/// Makes an agent idle whose row says that they ring or talk although they have no offer. Returns whether the row said
/// so.
///
/// # Errors
/// When the database fails.
pub fn free(c: &mut Database, agent: &AgentName, at: UnixMs) -> Result<bool, StoreError> {
    super::dialect::hold::agent(c, agent)?;
    let live = offers::table.filter(offers::agent.eq(agent).and(offers::ended_at.is_null()));
    let live: i64 = live.count().get_result(c)?;
    let activity: Activity =
        agents::table.find(agent).select(agents::activity).first(c).found("agent", agent)?;
    if live > 0 || !BUSY.contains(&activity) {
        return Ok(false);
    }
    diesel::update(agents::table.find(agent))
        .set((
            agents::activity.eq(Activity::Idle),
            agents::offer.eq(None::<OfferId>),
            agents::since_at.eq(at),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("no offer holds the agent"),
        ))
        .execute(c)?;
    Ok(true)
}

/// The largest expected difference between the clocks of the machines that change agents.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// Returns agents whose rest begins in the future, because the clock was set back since.
///
/// # Errors
/// When the database fails.
pub fn rests_ahead(c: &mut Database, at: UnixMs) -> Result<Vec<AgentName>, StoreError> {
    let ahead = agents::ready_at.gt(at).and(agents::since_at.gt(at + CLOCKS_APART));
    Ok(agents::table.filter(ahead).select(agents::name).load(c)?)
}

/// Lets an agent be offered calls from `at` on.
///
/// # Errors
/// When the database fails.
pub fn end_rest(c: &mut Database, agent: &AgentName, at: UnixMs) -> Result<(), StoreError> {
    super::dialect::hold::agent(c, agent)?;
    diesel::update(agents::table.find(agent))
        .set((
            agents::ready_at.eq(at),
            agents::version.eq(agents::version + 1),
            agents::changed_by.eq("system"),
            agents::changed_why.eq("the clock was set back"),
        ))
        .execute(c)?;
    Ok(())
}

/// Records that nobody watches a call that has no end yet. Its end comes after `from`.
///
/// # Errors
/// When the database fails.
pub fn call_unwatched(c: &mut Database, call: CallId, from: UnixMs) -> Result<(), StoreError> {
    let open = calls::table.find(call).filter(calls::ended_at.is_null());
    diesel::update(open).set(calls::unwatched_from.eq(from)).execute(c)?;
    Ok(())
}

/// Records that nobody watches an offer that has no end yet. Its end comes after `from`.
///
/// # Errors
/// When the database fails.
pub fn offer_unwatched(c: &mut Database, offer: OfferId, from: UnixMs) -> Result<(), StoreError> {
    let open = offers::table.find(offer.to_string()).filter(offers::ended_at.is_null());
    diesel::update(open).set(offers::unwatched_from.eq(from)).execute(c)?;
    Ok(())
}

/// Records that a controller begins to watch. Returns when the previous controller was last seen.
///
/// # Errors
/// When the database fails.
pub fn begin_watch(c: &mut Database, name: &str, at: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let last: Option<UnixMs> = controllers::table.select(diesel::dsl::max(controllers::seen_at)).first(c)?;
    diesel::delete(controllers::table).execute(c)?;
    diesel::insert_into(controllers::table)
        .values((controllers::name.eq(name), controllers::started_at.eq(at), controllers::seen_at.eq(at)))
        .execute(c)?;
    Ok(last)
}

/// Records that a controller still watches.
///
/// # Errors
/// [`StoreError::NotFound`] when another controller has begun to watch.
pub fn watch(c: &mut Database, name: &str, at: UnixMs) -> Result<(), StoreError> {
    let seen: Option<String> = diesel::update(controllers::table.find(name))
        .set(controllers::seen_at.eq(at))
        .returning(controllers::name)
        .get_result(c)
        .optional()?;
    seen.map(drop).ok_or(diesel::result::Error::NotFound).found("controller", name)
}
