//! What an event says to its leg.

use crate::cause;
use crate::ids::LegId;
use crate::switch::channel_event::{ChannelChange, ChannelEvent};
use crate::switch::event::Event;
use crate::switch::leg_request::LEG_ID;
use crate::switch::leg_state::LegSignal;
use crate::switch::text;

/// What an event of a channel says.
pub(super) fn signal_of(event: &ChannelEvent<'_>) -> LegSignal {
    match event.change {
        ChannelChange::Created => LegSignal::Created(event.channel),
        ChannelChange::Answered => LegSignal::Answered(event.channel),
        ChannelChange::HungUp => {
            let redirected = event.status.as_ref().is_some_and(|status| status.starts_with("sip:30"));
            let cause =
                if redirected { cause::REDIRECTED } else { event.cause.as_deref().unwrap_or_default() };
            LegSignal::HungUp(event.channel, text::word(cause))
        }
    }
}

/// Which leg the result of an originate is about, and what it says.
///
/// A job is identified by the leg's identity in its command line, not by its number. So its result finds the leg even if
/// the answer with the number is late or lost.
pub(super) fn job_signal(event: &Event) -> Option<(LegId, LegSignal)> {
    let [command, argument] = event.all(["Job-Command", "Job-Command-Arg"]);
    if command? != "originate" {
        return None;
    }
    let argument = argument?;
    let (_, after) = argument.split_once(LEG_ID)?;
    let leg = after.strip_prefix('=')?.get(..36)?.parse().ok()?;
    Some((leg, result_of(event.body())))
}

/// Reads an originate's result: `+OK <uuid>` or `-ERR <cause>`.
pub(in crate::switch) fn result_of(body: &str) -> LegSignal {
    let said = body.trim();
    if let Some(channel) = said.strip_prefix("+OK").and_then(|channel| channel.trim().parse().ok()) {
        return LegSignal::Succeeded(channel);
    }
    let cause = said.strip_prefix("-ERR").map_or(cause::UNKNOWN, str::trim);
    LegSignal::Failed(text::word(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEG: &str = "413748d3-092b-4bc3-834a-03343ec14f5e";
    const CHANNEL: &str = "538ba9be-b3c5-4ef6-89df-aac9bf2286dd";

    fn job(arg: &str, body: &str) -> Option<(LegId, LegSignal)> {
        let headers =
            [("Event-Name", "BACKGROUND_JOB"), ("Job-Command", "originate"), ("Job-Command-Arg", arg)];
        job_signal(&Event::new(&headers, Some(body)))
    }

    #[test]
    fn a_job_finds_its_leg() {
        let leg = LEG.parse().unwrap();
        let arg = format!("{{origination_uuid={LEG},dozvon_leg_id={LEG},dozvon_leg=agent}}user/1 &park()");
        let won = LegSignal::Succeeded(CHANNEL.parse().unwrap());
        assert_eq!(job(&arg, &format!("+OK {CHANNEL}\n")), Some((leg, won)));
        assert_eq!(job(&arg, "-ERR USER_BUSY\n"), Some((leg, LegSignal::Failed("USER_BUSY".into()))));
        for odd in ["-ERR Throttle Error! 1\n", "-USAGE: <call url>", "", "+OK", "nonsense"] {
            assert_eq!(job(&arg, odd), Some((leg, LegSignal::Failed("UNKNOWN".into()))), "{odd}");
        }
        assert_eq!(job("{a=b}user/1 &park()", "-ERR USER_BUSY"), None);
        assert_eq!(job("dozvon_leg_id=é", "-ERR USER_BUSY"), None);
    }

    /// What an event of a channel of our leg says.
    fn said(headers: &[(&str, &str)]) -> Option<(LegId, LegSignal)> {
        let event = Event::new(headers, None);
        let event = ChannelEvent::read(&event)?;
        Some((event.leg?, signal_of(&event)))
    }

    #[test]
    fn a_channels_event_finds_its_leg() {
        let of = |kind: &str| {
            let variable = ("variable_dozvon_leg_id", LEG);
            said(&[("Event-Name", kind), ("Unique-ID", CHANNEL), variable, ("Hangup-Cause", "NO_ANSWER")])
        };
        let (leg, channel) = (LEG.parse().unwrap(), CHANNEL.parse().unwrap());
        assert_eq!(of("CHANNEL_CREATE"), Some((leg, LegSignal::Created(channel))));
        assert_eq!(of("CHANNEL_ANSWER"), Some((leg, LegSignal::Answered(channel))));
        assert_eq!(
            of("CHANNEL_HANGUP_COMPLETE"),
            Some((leg, LegSignal::HungUp(channel, "NO_ANSWER".into())))
        );
        let status = |status| {
            said(&[
                ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
                ("Unique-ID", CHANNEL),
                ("variable_dozvon_leg_id", LEG),
                ("Hangup-Cause", "REQUESTED_CHAN_UNAVAIL"),
                ("variable_proto_specific_hangup_cause", status),
            ])
        };
        let ended = |cause: &str| Some((leg, LegSignal::HungUp(channel, cause.into())));
        assert_eq!(status("sip%3A302"), ended(cause::REDIRECTED));
        assert_eq!(status("sip%3A503"), ended("REQUESTED_CHAN_UNAVAIL"));
        assert_eq!(of("HEARTBEAT"), None);
        assert_eq!(said(&[("Event-Name", "CHANNEL_ANSWER")]), None);
    }

    #[test]
    fn a_phone_has_rung_if_either_time_says_so() {
        let rang = |name, time| {
            let ends = [("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Unique-ID", CHANNEL), (name, time)];
            ChannelEvent::read(&Event::new(&ends, None)).is_some_and(|event| event.rang)
        };
        let (progress, media) = ("Caller-Channel-Progress-Time", "Caller-Channel-Progress-Media-Time");
        assert!(rang(progress, "1") && rang(media, "1"));
        assert!(!rang(progress, "0") && !rang(media, "") && !rang("Other", "1"));
    }
}
