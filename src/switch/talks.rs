//! Which users of FreeSWITCH's directory are in calls that dozvon does not control.
//!
//! In: events of channels, and what FreeSWITCH answers. Out: which users are in such a call, and whose state changed.
//! A user is in a call from dialling or picking up until the channel is gone; a phone that only rings is free. Legs for
//! offers and attempts are left out, since their owners know more. A contact to whom a caller is forwarded is rung without
//! an offer, and may be an agent's phone.
//! **Invariants:** no more than [`LIMIT`] channels are kept; the end of each is reported by an event, or found by asking.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::channel_event::{ChannelChange, ChannelEvent};
use super::leg_request::LegRole;
use crate::ids::ChannelId;

/// How many channels of a node are kept. Users of further channels are not known to be in calls.
const LIMIT: usize = 20_000;

/// The variables that name the directory user of a channel.
pub(super) const USERS: [&str; 2] = ["user_name", "dialed_user"];

/// A user of FreeSWITCH's directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryUser {
    /// The name in the directory.
    pub user: String,
    /// The directory's domain.
    pub domain: String,
}

/// The calls of a node that dozvon does not control.
#[derive(Debug, Default)]
pub(super) struct Talks {
    known: Mutex<Known>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    /// The channels and their users; none while FreeSWITCH is being asked.
    channels: HashMap<ChannelId, Option<DirectoryUser>>,
    /// How many channels each user has.
    counts: HashMap<DirectoryUser, usize>,
    /// The users whose state changed since the changes were taken last.
    changed: BTreeSet<DirectoryUser>,
    /// Whether FreeSWITCH was asked for the calls whose beginning was missed.
    counted: bool,
    /// The domain that FreeSWITCH adds to a contact without one; none: not known.
    domain: Option<String>,
}

impl Talks {
    /// Takes in an event of a channel. Events that do not concern a user's channel change nothing.
    pub(super) fn hear(&self, event: &ChannelEvent<'_>) {
        match event.change {
            ChannelChange::HungUp => self.ended(event.channel),
            ChannelChange::Created if event.direction.as_deref() != Some("inbound") => {}
            ChannelChange::Created | ChannelChange::Answered => {
                if !is_known_from_offer(event.role.as_deref())
                    && let Some(user) = user_of(event)
                {
                    self.begun(event.channel, user);
                }
            }
        }
    }

    /// A channel was found. Returns whether FreeSWITCH is to be asked for its user.
    pub(super) fn found(&self, channel: ChannelId) -> bool {
        let mut known = self.lock();
        let new = known.channels.len() < LIMIT && !known.channels.contains_key(&channel);
        if new {
            known.channels.insert(channel, None);
        }
        new
    }

    /// The user of a found channel is known; none if it is no directory user's call.
    pub(super) fn learnt(&self, channel: ChannelId, user: Option<DirectoryUser>) {
        // It may have ended meanwhile.
        if !self.lock().channels.contains_key(&channel) {
            return;
        }
        match user {
            Some(user) => self.begun(channel, user),
            None => self.ended(channel),
        }
    }

    fn begun(&self, channel: ChannelId, user: DirectoryUser) {
        let mut known = self.lock();
        let full = known.channels.len() >= LIMIT && !known.channels.contains_key(&channel);
        if full || known.channels.get(&channel).is_some_and(Option::is_some) {
            return;
        }
        known.channels.insert(channel, Some(user.clone()));
        let count = known.counts.entry(user.clone()).or_default();
        *count += 1;
        if *count == 1 {
            known.changed.insert(user);
            self.notify(known);
        }
    }

    /// A channel is gone.
    pub(super) fn ended(&self, channel: ChannelId) {
        let mut known = self.lock();
        let Some(Some(user)) = known.channels.remove(&channel) else { return };
        if let Some(count) = known.counts.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                known.counts.remove(&user);
                known.changed.insert(user);
                self.notify(known);
            }
        }
    }

    /// FreeSWITCH was asked for the calls whose beginning was missed.
    pub(super) fn set_counted(&self) {
        let mut known = self.lock();
        if !std::mem::replace(&mut known.counted, true) {
            self.notify(known);
        }
    }

    /// Whether FreeSWITCH was asked.
    pub(super) fn are_counted(&self) -> bool {
        self.lock().counted
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        let mut known = self.lock();
        known.counted = false;
        let users: Vec<DirectoryUser> = known.counts.drain().map(|(user, _)| user).collect();
        known.channels.clear();
        known.changed.extend(users);
        self.notify(known);
    }

    /// The channels that are kept.
    pub(super) fn channels(&self) -> Vec<ChannelId> {
        self.lock().channels.keys().copied().collect()
    }

    /// The users whose state changed since the last call of this, and whether they are in a call now.
    pub(super) fn take_changes(&self) -> Vec<(DirectoryUser, bool)> {
        let mut known = self.lock();
        let changed = std::mem::take(&mut known.changed);
        changed
            .into_iter()
            .map(|user| (known.counts.contains_key(&user), user))
            .map(|(is, user)| (user, is))
            .collect()
    }

    /// FreeSWITCH adds this domain to a contact without one.
    pub(super) fn resolves(&self, domain: Option<String>) {
        let mut known = self.lock();
        if known.domain != domain {
            known.domain = domain;
            self.notify(known);
        }
    }

    /// The domain that FreeSWITCH adds to a contact without one, if that is known.
    pub(super) fn domain(&self) -> Option<String> {
        self.lock().domain.clone()
    }

    /// Grows with every change.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn notify(&self, known: MutexGuard<'_, Known>) {
        drop(known);
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the talks on a leg of this role are known from its offer or attempt.
pub(super) fn is_known_from_offer(role: Option<&str>) -> bool {
    matches!(role.and_then(|role| role.parse().ok()), Some(LegRole::Agent | LegRole::Customer))
}

/// The variables with the user and the domain of a channel: for an inbound one the user who dials, for an outbound one the
/// user who is dialled. (An inbound channel also has the variables of the user whom it dialled.)
pub(super) fn names_in(direction: &str) -> Option<(&'static str, &'static str)> {
    match direction {
        "inbound" => Some((USERS[0], "domain_name")),
        "outbound" => Some((USERS[1], "dialed_domain")),
        _ => None,
    }
}

/// The user whose call a channel is, according to an event.
fn user_of(event: &ChannelEvent<'_>) -> Option<DirectoryUser> {
    let [user, domain] = match event.direction.as_deref()? {
        "inbound" => &event.dials,
        "outbound" => &event.dialled,
        _ => return None,
    };
    let domain = domain.as_deref().unwrap_or_default().to_owned();
    Some(DirectoryUser { user: user.as_deref()?.to_owned(), domain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::event::Event;

    fn event(kind: &str, channel: ChannelId, direction: &str, more: &[(&str, &str)]) -> Event {
        let id = channel.to_string();
        let mut headers =
            vec![("Event-Name", kind), ("Unique-ID", id.as_str()), ("Call-Direction", direction)];
        headers.extend_from_slice(more);
        Event::new(&headers, None)
    }

    fn hear(talks: &Talks, event: &Event) {
        talks.hear(&ChannelEvent::read(event).unwrap());
    }

    const ANNA: [(&str, &str); 2] = [("variable_user_name", "1001"), ("variable_domain_name", "pbx")];
    const TO_ANNA: [(&str, &str); 2] = [("variable_dialed_user", "1001"), ("variable_dialed_domain", "pbx")];

    fn anna(talks: bool) -> Vec<(DirectoryUser, bool)> {
        vec![(DirectoryUser { user: "1001".into(), domain: "pbx".into() }, talks)]
    }

    #[test]
    fn who_dials_or_picks_up_is_in_a_call_until_the_last_channel_is_gone() {
        let talks = Talks::default();
        let (dials, picks_up) = (ChannelId::new(), ChannelId::new());
        hear(&talks, &event("CHANNEL_CREATE", picks_up, "outbound", &TO_ANNA));
        assert_eq!(talks.take_changes(), [], "a phone that rings is free");
        hear(&talks, &event("CHANNEL_CREATE", dials, "inbound", &ANNA));
        assert_eq!(talks.take_changes(), anna(true));
        hear(&talks, &event("CHANNEL_ANSWER", picks_up, "outbound", &TO_ANNA));
        hear(&talks, &event("CHANNEL_ANSWER", picks_up, "outbound", &TO_ANNA));
        hear(&talks, &event("CHANNEL_HANGUP_COMPLETE", dials, "inbound", &ANNA));
        assert_eq!(talks.take_changes(), []);
        hear(&talks, &event("CHANNEL_HANGUP_COMPLETE", picks_up, "outbound", &TO_ANNA));
        hear(&talks, &event("CHANNEL_HANGUP_COMPLETE", picks_up, "outbound", &TO_ANNA));
        assert_eq!(talks.take_changes(), anna(false));
        assert_eq!(talks.channels(), []);
    }

    #[test]
    fn our_own_legs_and_strangers_who_dial_a_user_are_nobodys_other_call() {
        let talks = Talks::default();
        let ours = [TO_ANNA[0], TO_ANNA[1], ("variable_dozvon_leg", "agent")];
        hear(&talks, &event("CHANNEL_ANSWER", ChannelId::new(), "outbound", &ours));
        hear(&talks, &event("CHANNEL_ANSWER", ChannelId::new(), "inbound", &TO_ANNA));
        assert_eq!(talks.take_changes(), []);
    }

    #[test]
    fn a_contact_to_whom_a_caller_is_forwarded_is_in_a_call_like_any_other() {
        let talks = Talks::default();
        let forwarded = [TO_ANNA[0], TO_ANNA[1], ("variable_dozvon_leg", "contact")];
        hear(&talks, &event("CHANNEL_ANSWER", ChannelId::new(), "outbound", &forwarded));
        assert_eq!(talks.take_changes(), anna(true));
    }

    #[test]
    fn a_colleague_who_calls_a_queue_and_got_through_is_in_a_call_like_any_other() {
        let talks = Talks::default();
        let caller = [ANNA[0], ANNA[1], ("variable_dozvon_leg", "caller")];
        hear(&talks, &event("CHANNEL_CREATE", ChannelId::new(), "inbound", &caller));
        assert_eq!(talks.take_changes(), anna(true));
    }

    #[test]
    fn what_ends_while_it_is_asked_for_does_not_stay() {
        let talks = Talks::default();
        let (gone, stays) = (ChannelId::new(), ChannelId::new());
        assert!(talks.found(gone) && talks.found(stays) && !talks.found(stays));
        hear(&talks, &event("CHANNEL_HANGUP_COMPLETE", gone, "inbound", &ANNA));
        let user = anna(true).remove(0).0;
        talks.learnt(gone, Some(user.clone()));
        assert_eq!(talks.take_changes(), []);
        talks.learnt(stays, Some(user));
        assert_eq!(talks.take_changes(), anna(true));
        talks.forget();
        assert_eq!(talks.take_changes(), anna(false));
    }

    #[test]
    fn memory_is_bounded() {
        let talks = Talks::default();
        for _ in 0..LIMIT + 10 {
            hear(&talks, &event("CHANNEL_CREATE", ChannelId::new(), "inbound", &ANNA));
        }
        assert_eq!(talks.channels().len(), LIMIT);
    }
}
