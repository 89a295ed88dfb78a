//! Which leg an event is about, and what it says.

use crate::cause;
use crate::ids::{ChannelId, LegId};
use crate::switch::leg_request::LEG_ID;
use crate::switch::leg_state::LegSignal;
use crate::switch::text;
use crate::switch::wire::Event;

/// The SIP status with which a channel ended.
const REDIRECT: &str = "variable_proto_specific_hangup_cause";

/// Which leg an event is about, and what it says.
///
/// A job is identified by the leg's identity in its command line, not by its number. So its result finds the leg even if
/// the answer with the number is late or lost.
pub(super) fn signal_of(event: &Event) -> Option<(LegId, LegSignal)> {
    let channel = || event.get("Unique-ID")?.parse::<ChannelId>().ok();
    let leg = || event.get(&format!("variable_{LEG_ID}"))?.parse::<LegId>().ok();
    match event.kind() {
        "CHANNEL_CREATE" => Some((leg()?, LegSignal::Created(channel()?))),
        "CHANNEL_ANSWER" => Some((leg()?, LegSignal::Answered(channel()?))),
        "CHANNEL_HANGUP_COMPLETE" => {
            let redirected = event.get(REDIRECT).is_some_and(|status| status.starts_with("sip:30"));
            let cause =
                if redirected { cause::REDIRECTED } else { event.get("Hangup-Cause").unwrap_or_default() };
            let cause = text::word(cause);
            Some((leg()?, LegSignal::HungUp(channel()?, cause)))
        }
        "BACKGROUND_JOB" if event.get("Job-Command") == Some("originate") => {
            let (_, after) = event.get("Job-Command-Arg")?.split_once(LEG_ID)?;
            let leg = after.strip_prefix('=')?.get(..36)?.parse().ok()?;
            Some((leg, result(event.body())))
        }
        _ => None,
    }
}

/// The leg and the channel of a hangup event which shows that the phone had rung: both times are 0 if it had not.
pub(super) fn ring_signal_of(event: &Event) -> Option<(LegId, ChannelId)> {
    let heard = ["Caller-Channel-Progress-Time", "Caller-Channel-Progress-Media-Time"];
    let rang = event.kind() == "CHANNEL_HANGUP_COMPLETE"
        && heard.iter().any(|time| event.get(time).is_some_and(|time| !matches!(time, "" | "0")));
    let leg = || event.get(&format!("variable_{LEG_ID}"))?.parse().ok();
    if rang { Some((leg()?, event.get("Unique-ID")?.parse().ok()?)) } else { None }
}

/// Reads a job's result: `+OK <uuid>` or `-ERR <cause>`.
fn result(body: &str) -> LegSignal {
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
        signal_of(&Event::new(&headers, Some(body)))
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

    #[test]
    fn a_channels_event_finds_its_leg() {
        let of = |kind: &str| {
            let variable = ("variable_dozvon_leg_id", LEG);
            signal_of(&Event::new(
                &[("Event-Name", kind), ("Unique-ID", CHANNEL), variable, ("Hangup-Cause", "NO_ANSWER")],
                None,
            ))
        };
        let (leg, channel) = (LEG.parse().unwrap(), CHANNEL.parse().unwrap());
        assert_eq!(of("CHANNEL_CREATE"), Some((leg, LegSignal::Created(channel))));
        assert_eq!(of("CHANNEL_ANSWER"), Some((leg, LegSignal::Answered(channel))));
        assert_eq!(
            of("CHANNEL_HANGUP_COMPLETE"),
            Some((leg, LegSignal::HungUp(channel, "NO_ANSWER".into())))
        );
        let status = |status| {
            let headers = [
                ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
                ("Unique-ID", CHANNEL),
                ("variable_dozvon_leg_id", LEG),
                ("Hangup-Cause", "REQUESTED_CHAN_UNAVAIL"),
                (REDIRECT, status),
            ];
            signal_of(&Event::new(&headers, None))
        };
        let ended = |cause: &str| Some((leg, LegSignal::HungUp(channel, cause.into())));
        assert_eq!(status("sip:302"), ended(cause::REDIRECTED));
        assert_eq!(status("sip:503"), ended("REQUESTED_CHAN_UNAVAIL"));
        assert_eq!(of("HEARTBEAT"), None);
        assert_eq!(signal_of(&Event::new(&[("Event-Name", "CHANNEL_ANSWER")], None)), None);
    }
}
