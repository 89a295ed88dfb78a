//! Tests of the harness itself on FreeSWITCH alone, without a controller: the stories rely on these.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::Live;
use crate::observer::Observer;
use crate::sip::{Behaviour, Dial, End, SipEnd, Stage};
use crate::tone::Tone;

const SOON: Duration = Duration::from_secs(5);
const AT_ONCE: Behaviour = Behaviour::Answer { after: Duration::from_millis(50), talk: None };

/// A phone with this behaviour, a caller, and the call from one to the other through FreeSWITCH.
async fn call_to_phone(live: &Live, behaviour: Behaviour) -> Result<(SipEnd, SipEnd, String)> {
    let phone = SipEnd::open(Some(Tone::Agent)).await?;
    phone.behave(behaviour);
    let caller = SipEnd::open(Some(Tone::Caller)).await?;
    let number = format!("9992{}", phone.port());
    let id = caller.dial(Dial::new(live.switch.sip, &number, "79001234567")).await?;
    Ok((phone, caller, id))
}

/// Answer, sound both ways, hangup by the caller; the observer sees it all with FreeSWITCH's times.
pub async fn a_phone_answers_and_both_hear_each_other(live: &Live) -> Result<String> {
    let observer = Observer::of_story(&live.switch.access).await?;
    let (phone, caller, id) = call_to_phone(live, AT_ONCE).await?;
    let talk = caller.reaches(&id, SOON, "is answered", |talk| talk.stage == Stage::Talking).await?;
    talk.ear.hears(Tone::Agent, SOON).await?;
    phone.call(0, SOON, "talks", |_| true).await?.ear.hears(Tone::Caller, SOON).await?;
    talk.ear.heard_throughout(Tone::Agent, Instant::now(), Duration::from_millis(200))?;
    caller.hang_up(&id).await?;
    let left = phone.call(0, SOON, "is over", |talk| talk.is_over()).await?;
    ensure!(left.stage == Stage::Ended(End::TheyHungUp), "{:?}", left.stage);
    observer.sees_count(SOON, "both legs end", 2, |event| event.is("CHANNEL_HANGUP_COMPLETE")).await?;
    let kinds = observer.having(|event| event.get("Call-Direction") == "inbound");
    ensure!(
        kinds.iter().all(|event| event.get("variable_sip_call_id") == id),
        "the caller's channel is known"
    );
    ensure!(kinds.iter().all(|event| event.at_us > 0), "events have times");
    live.switch.is_quiet(SOON).await?;
    Ok(String::new())
}

/// 486 and 603 reach FreeSWITCH as what they mean.
pub async fn a_phone_is_busy_and_one_rejects(live: &Live) -> Result<String> {
    let observer = Observer::of_story(&live.switch.access).await?;
    for (status, cause) in [(486, "USER_BUSY"), (603, "CALL_REJECTED")] {
        let (_phone, caller, id) =
            call_to_phone(live, Behaviour::Refuse { after: Duration::from_millis(100), status }).await?;
        caller
            .reaches(&id, SOON, "is over", |talk| matches!(talk.stage, Stage::Ended(End::Refused(_))))
            .await?;
        let ended = |event: &crate::observer::Event| {
            event.is("CHANNEL_HANGUP_COMPLETE") && event.get("Call-Direction") == "outbound"
        };
        observer.sees(SOON, cause, |event| ended(event) && event.get("Hangup-Cause") == cause).await?;
    }
    live.switch.is_quiet(SOON).await?;
    Ok(String::new())
}

/// A CANCEL from the caller reaches the phone.
pub async fn a_caller_gives_up_while_it_rings(live: &Live) -> Result<String> {
    let (phone, caller, id) = call_to_phone(live, Behaviour::Ring).await?;
    phone.call(0, SOON, "rings", |_| true).await?;
    caller.hang_up(&id).await?;
    caller.reaches(&id, SOON, "is over", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
    phone.call(0, SOON, "is cancelled", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
    live.switch.is_quiet(SOON).await?;
    Ok(String::new())
}

/// A phone that answers just as it is cancelled is told to hang up.
pub async fn an_answer_crosses_the_cancel(live: &Live) -> Result<String> {
    let (phone, caller, id) = call_to_phone(live, Behaviour::AnswerWhenCancelled).await?;
    phone.call(0, SOON, "rings", |_| true).await?;
    caller.hang_up(&id).await?;
    phone.call(0, SOON, "answers", |talk| talk.when(Stage::Talking).is_some()).await?;
    phone.call(0, SOON, "is hung up", |talk| talk.stage == Stage::Ended(End::TheyHungUp)).await?;
    live.switch.is_quiet(SOON).await?;
    Ok(String::new())
}

/// A real REFER sends the caller to another extension, in the same call.
pub async fn a_phone_transfers_blindly(live: &Live) -> Result<String> {
    let (phone, caller, id) = call_to_phone(live, AT_ONCE).await?;
    let talk = caller.reaches(&id, SOON, "is answered", |talk| talk.stage == Stage::Talking).await?;
    talk.ear.hears(Tone::Agent, SOON).await?;
    let theirs = phone.call(0, SOON, "talks", |talk| talk.stage == Stage::Talking).await?;
    phone.transfer(&theirs.id, "9990").await?;
    talk.ear.hears(Tone::SomebodyElse, SOON).await?;
    let left = phone.call(0, SOON, "is over", |talk| talk.is_over()).await?;
    caller.hang_up(&id).await?;
    live.switch.is_quiet(SOON).await?;
    Ok(format!("NOTIFY: {:?}, then {:?}", left.notified, left.stage))
}

/// `user/…` finds a phone that registered.
pub async fn a_registered_phone_is_found(live: &Live) -> Result<String> {
    let phone = SipEnd::open(Some(Tone::Agent)).await?;
    phone.behave(AT_ONCE);
    phone.register("1001", live.switch.sip).await?;
    live.switch.api("bgapi originate user/1001@127.0.0.1 &park()").await?;
    phone.call(0, SOON, "answers", |talk| talk.stage == Stage::Talking).await?;
    live.switch.clear().await?;
    phone.call(0, SOON, "is over", |talk| talk.is_over()).await?;
    Ok(String::new())
}
