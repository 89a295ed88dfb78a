//! Queries and commands for channels: asked after a start, after a link was down, and every few seconds.
//!
//! In: channels. Out: whether they exist, our variables on them, and which of them are legs of ours.
//! The state of each channel is asked directly. `show channels` may be stale, and only names candidates
//! (docs/architecture/freeswitch.md, "The event socket").

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::dialplan::CONTEXT;
use crate::ids::{CallId, ChannelId, LegId, OfferId};
use crate::sound::Sound;

use super::leg::Cancel;
use super::leg_request::{LEG_ID, LEG_ROLE, LegRole};
use super::node::{Node, QueryError};
use super::text;
use super::variable::Variable;

/// How often to ask whether two channels are connected yet.
const CONNECTS: Duration = Duration::from_millis(20);
/// How often to ask whether a channel still exists, when no event will report its end.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A leg of ours, as FreeSWITCH reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLeg {
    /// Its channel.
    pub channel: ChannelId,
    /// Its identity.
    pub leg: LegId,
    /// The offer for which it was rung.
    pub offer: OfferId,
    /// The call for which it was rung.
    pub call: CallId,
    /// Whether the phone was picked up.
    pub answered: bool,
    /// Whose phone it is.
    pub role: LegRole,
}

impl FoundLeg {
    /// Reads a channel's dump; none if the channel is not a leg of ours. Identities need no decoding.
    fn read(channel: ChannelId, dump: &str) -> Option<Self> {
        let value = |name: &str| {
            dump.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::trim_end))
        };
        let ours = |name: &str| value(&format!("variable_{name}"));
        Some(Self {
            channel,
            leg: ours(LEG_ID)?.parse().ok()?,
            offer: ours(Variable::Offer.as_str())?.parse().ok()?,
            call: ours(Variable::Call.as_str())?.parse().ok()?,
            answered: value("Answer-State") == Some("answered"),
            role: ours(LEG_ROLE)?.parse().ok()?,
        })
    }
}

/// Where a caller is, as FreeSWITCH reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerLocation {
    /// The destination number now; printable, at most 64 characters.
    pub dialled: String,
    /// The channel with which the caller is connected, or about to be.
    pub partner: Option<ChannelId>,
    /// Whether the caller stays where they are when the controller dies. It is set just before a bridge.
    pub is_left_alone: bool,
}

impl CallerLocation {
    fn read(dump: &str) -> Self {
        let value = |name: &str| {
            dump.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::trim_end))
        };
        let dialled = value("Caller-Destination-Number").unwrap_or_default();
        Self {
            dialled: text::printable(&text::percent_decoded(dialled, 512), text::FIELD_CHARS),
            partner: value("variable_bridge_uuid").and_then(|partner| partner.parse().ok()),
            is_left_alone: value("variable_socket_resume") == Some("false"),
        }
    }
}

impl Node {
    /// Whether a channel exists.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn exists(&self, channel: ChannelId) -> Result<bool, QueryError> {
        Ok(self.query(&format!("uuid_exists {channel}")).await?.trim() == "true")
    }

    /// The value of a variable of a channel; none if it is not set, or the channel is not there.
    pub(super) async fn variable(
        &self,
        channel: ChannelId,
        name: &str,
    ) -> Result<Option<String>, QueryError> {
        match self.query(&format!("uuid_getvar {channel} {name}")).await {
            Ok(value) => {
                let value = value.trim();
                Ok((!value.is_empty() && value != "_undef_").then(|| text::printable(value, 64)))
            }
            Err(QueryError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The channel with which a caller is connected, or about to be.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn partner(&self, channel: ChannelId) -> Result<Option<ChannelId>, QueryError> {
        Ok(self.variable(channel, "bridge_uuid").await?.and_then(|partner| partner.parse().ok()))
    }

    /// The legs of ours that have no task in this process. Channels in `foreign` are skipped; other channels that are not our
    /// legs are added to it.
    ///
    /// # Errors
    /// If the node cannot be asked, or has more channels than can be read (8 MiB, at about 420 bytes a channel 19,000):
    /// then nothing is known of its legs. FreeSWITCH takes 1,000 sessions unless `max-sessions` says more.
    pub async fn legs(&self, foreign: &mut BTreeSet<ChannelId>) -> Result<Vec<FoundLeg>, QueryError> {
        let channels = outbound(&self.query_apart("show channels").await?);
        foreign.retain(|channel| channels.contains(channel));
        let mut legs = Vec::new();
        for channel in channels {
            if foreign.contains(&channel) || self.keeps(LegId::of(channel)) {
                continue;
            }
            let id: Option<LegId> = self.variable(channel, LEG_ID).await?.and_then(|id| id.parse().ok());
            match id {
                None => drop(foreign.insert(channel)),
                Some(id) if self.keeps(id) => {}
                Some(_) => legs.extend(self.leg(channel).await?),
            }
        }
        Ok(legs)
    }

    /// The leg that a channel is; none if it is not ours.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn leg(&self, channel: ChannelId) -> Result<Option<FoundLeg>, QueryError> {
        Ok(self.dump(channel).await?.and_then(|dump| FoundLeg::read(channel, &dump)))
    }

    /// Where a caller is; none if the channel is not there.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn locate_caller(&self, caller: ChannelId) -> Result<Option<CallerLocation>, QueryError> {
        Ok(self.dump(caller).await?.map(|dump| CallerLocation::read(&dump)))
    }

    /// The dump of a channel; none if it does not exist.
    async fn dump(&self, channel: ChannelId) -> Result<Option<String>, QueryError> {
        match self.query(&format!("uuid_dump {channel}")).await {
            Ok(dump) => Ok(Some(dump)),
            Err(QueryError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Connects two parked channels; the first carries the bridge. Returns whether FreeSWITCH connected them within `limit`.
    /// If it accepted the command and the first channel is gone before it can be asked, the talk was over at once: that counts
    /// as connected.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn connect(
        &self,
        first: ChannelId,
        second: ChannelId,
        limit: Duration,
    ) -> Result<bool, QueryError> {
        match self.query(&format!("uuid_bridge {first} {second}")).await {
            Ok(_) => {}
            Err(QueryError::Refused { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        let joined = async {
            loop {
                let joined = self.variable(first, "last_bridge_to").await? == Some(second.to_string());
                if joined || !self.exists(first).await? {
                    return Ok(());
                }
                tokio::time::sleep(CONNECTS).await;
            }
        };
        tokio::time::timeout(limit, joined).await.map_or(Ok(false), |joined| joined.map(|()| true))
    }

    /// Ends a channel, if it is there.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn kill(&self, channel: ChannelId, cause: Cancel) -> Result<(), QueryError> {
        or_gone(self.query(&format!("uuid_kill {channel} {cause}")).await)
    }

    /// Ends all legs of an offer.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn kill_offer(&self, offer: OfferId, cause: Cancel) -> Result<(), QueryError> {
        or_gone(self.query(&format!("hupall {cause} {} {offer}", Variable::Offer)).await)
    }

    /// Plays a sound to a parked channel, instead of the sound before. The settings allow only sounds.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn play_to(&self, channel: ChannelId, sound: &Sound) -> Result<(), QueryError> {
        // Broadcasts are queued, and a ringing tone has no end. A break without a sound is forgotten when the next one begins.
        or_gone(self.query(&format!("uuid_break {channel} all")).await)?;
        or_gone(self.query(&format!("uuid_broadcast {channel} {sound} aleg")).await)
    }

    /// Sends a caller who is connected with nobody to the beginning of our dialplan, as if they had dialled again.
    ///
    /// # Errors
    /// If the node cannot be asked.
    pub async fn send_back(&self, caller: ChannelId, dialled: &str) -> Result<(), QueryError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
        if !(1..=64).contains(&dialled.len()) || !dialled.chars().all(fits) {
            return Ok(());
        }
        or_gone(self.query(&format!("uuid_transfer {caller} {dialled} XML {CONTEXT}")).await)
    }

    /// Waits until a channel is gone, or the FreeSWITCH that had it.
    pub async fn until_gone(&self, channel: ChannelId) {
        while !matches!(self.exists(channel).await, Ok(false)) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// A refusal means that the channel is gone already, which is fine.
fn or_gone(answer: Result<String, QueryError>) -> Result<(), QueryError> {
    match answer {
        Ok(_) | Err(QueryError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The first two columns of `show channels`: identity and direction.
pub(super) fn channels(list: &str) -> impl Iterator<Item = (ChannelId, &str)> {
    list.lines().filter_map(|line| {
        let mut cells = line.splitn(3, ',');
        Some((cells.next()?.parse().ok()?, cells.next()?))
    })
}

/// The outbound channels.
fn outbound(list: &str) -> BTreeSet<ChannelId> {
    channels(list).filter(|(_, direction)| *direction == "outbound").map(|(channel, _)| channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_of_ours_carries_our_mark() {
        let (channel, leg, offer, call) = (ChannelId::new(), LegId::new(), OfferId::new(), CallId::new());
        let dump = format!(
            "Answer-State: answered\nvariable_dozvon_leg: agent\nvariable_dozvon_leg_id: {leg}\n\
             variable_dozvon_offer: {offer}\nvariable_dozvon_call: {call}\n"
        );
        let found = FoundLeg { channel, leg, offer, call, answered: true, role: LegRole::Agent };
        assert_eq!(FoundLeg::read(channel, &dump), Some(found));
        for other in ["leg: other", "leg: caller"] {
            assert_eq!(FoundLeg::read(channel, &dump.replace("leg: agent", other)), None, "{other}");
        }
        assert_eq!(FoundLeg::read(channel, "Answer-State: answered\n"), None);
    }

    #[test]
    fn a_caller_is_somewhere() {
        let partner = ChannelId::new();
        let dump = format!(
            "Caller-Destination-Number: %2B7495\nvariable_socket_resume: false\nvariable_bridge_uuid: {partner}\n"
        );
        let known =
            CallerLocation { dialled: "+7495".to_owned(), partner: Some(partner), is_left_alone: true };
        assert_eq!(CallerLocation::read(&dump), known);
        let unknown = CallerLocation { dialled: String::new(), partner: None, is_left_alone: false };
        assert_eq!(CallerLocation::read(""), unknown);
    }

    #[test]
    fn only_channels_made_by_freeswitch_are_legs() {
        let (ours, theirs) = (ChannelId::new(), ChannelId::new());
        let list = format!(
            "uuid,direction,created,name\n{ours},outbound,2026-11-25,sofia/a\n{theirs},inbound,2026,\"x,outbound,y\"\n\n2 total.\n"
        );
        assert_eq!(outbound(&list), BTreeSet::from([ours]));
        assert!(outbound("\n0 total.\n").is_empty());
    }
}
