//! What is used of an event of a channel: each header is read once.

use std::borrow::Cow;

use super::event::Event;
use super::leg_request::{LEG_ID_HEADER, LEG_ROLE_HEADER};
use crate::ids::{ChannelId, LegId};

/// What happened to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelChange {
    Created,
    Answered,
    HungUp,
}

/// An event of a channel.
#[derive(Debug)]
pub(super) struct ChannelEvent<'a> {
    pub change: ChannelChange,
    pub channel: ChannelId,
    /// The leg, if the channel is one of ours.
    pub leg: Option<LegId>,
    /// Who is rung on the leg.
    pub role: Option<Cow<'a, str>>,
    pub direction: Option<Cow<'a, str>>,
    /// The directory user who dials, and the domain.
    pub dials: [Option<Cow<'a, str>>; 2],
    /// The directory user who is dialled, and the domain.
    pub dialled: [Option<Cow<'a, str>>; 2],
    pub cause: Option<Cow<'a, str>>,
    /// The SIP status with which the channel ended.
    pub status: Option<Cow<'a, str>>,
    /// Whether the phone is known to have rung.
    pub rang: bool,
}

impl<'a> ChannelEvent<'a> {
    /// None if the event is not about a channel, or of a kind that is not used.
    pub(super) fn read(event: &'a Event) -> Option<Self> {
        let change = match event.kind() {
            "CHANNEL_CREATE" => ChannelChange::Created,
            "CHANNEL_ANSWER" => ChannelChange::Answered,
            "CHANNEL_HANGUP_COMPLETE" => ChannelChange::HungUp,
            _ => return None,
        };
        let [
            channel,
            direction,
            cause,
            progress,
            media,
            leg,
            role,
            user,
            domain,
            dialled,
            dialled_domain,
            status,
        ] = event.all([
            "Unique-ID",
            "Call-Direction",
            "Hangup-Cause",
            "Caller-Channel-Progress-Time",
            "Caller-Channel-Progress-Media-Time",
            LEG_ID_HEADER,
            LEG_ROLE_HEADER,
            "variable_user_name",
            "variable_domain_name",
            "variable_dialed_user",
            "variable_dialed_domain",
            "variable_proto_specific_hangup_cause",
        ]);
        // Both times are 0 if the phone has not rung.
        let rang = [progress, media].iter().flatten().any(|time| !matches!(&**time, "" | "0"));
        Some(Self {
            change,
            channel: channel?.parse().ok()?,
            leg: leg.and_then(|leg| leg.parse().ok()),
            role,
            direction,
            dials: [user, domain],
            dialled: [dialled, dialled_domain],
            cause,
            status,
            rang,
        })
    }
}
