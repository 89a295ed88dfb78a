//! Legs on a node: from the originate until each is certainly gone, while the link goes down and comes up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dozvon::config::switch::NodeSettings;
use dozvon::ids::{CallId, ChannelId, LegId, OfferId};
use dozvon::switch::{Cancel, Leg, LegEvent, LegRequest, LegRole, Node, QueryError};

use crate::support::switch::{CORE, Switch, soon};

pub fn settings(switch: &Switch) -> NodeSettings {
    NodeSettings {
        port: switch.address.port(),
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(100),
        originate_connections: 0,
        ..NodeSettings::default()
    }
}

pub async fn node() -> (Node, Switch) {
    let switch = Switch::start().await;
    let node = Node::start(settings(&switch));
    up(&node, true).await;
    (node, switch)
}

pub async fn up(node: &Node, yes: bool) {
    soon(node.up().wait_for(|up| *up == yes)).await.unwrap();
}

pub fn request(contact: &str) -> LegRequest {
    LegRequest {
        leg: LegId::new(),
        contact: contact.parse().unwrap(),
        call: CallId::new(),
        offer: OfferId::new(),
        caller: None,
        ring_timeout: Duration::from_secs(20),
        caller_number: "79001234567".into(),
        caller_name: "Ivan".into(),
        confirm: None,
        follow_redirects: false,
        role: LegRole::Agent,
    }
}

/// A leg that has been originated, and its identity as text.
pub async fn ringing(node: &Node, switch: &mut Switch, contact: &str) -> (Leg, String) {
    let request = request(contact);
    let id = request.leg.to_string();
    let leg = node.ring(request).unwrap();
    let command = switch.command().await;
    assert!(command.starts_with("bgapi originate {") && command.contains(&format!("dozvon_leg_id={id}")));
    (leg, id)
}

pub fn ended(cause: &str, answered: bool, picked_up: bool) -> LegEvent {
    LegEvent::Ended { cause: cause.into(), answered, picked_up, rang: picked_up }
}

pub const PHONE: &str = "sofia/internal/1001@10.0.0.7:5060";

#[tokio::test]
async fn cancelled_before_it_exists() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    leg.cancel(Cancel::OriginatorCancel);
    leg.cancel(Cancel::LoseRace);
    let kill = format!("api uuid_kill {id} ORIGINATOR_CANCEL");
    assert_eq!(switch.command().await, kill, "refused: no such channel yet");
    switch.exists(&id, true);
    switch.channel_event("CHANNEL_CREATE", &id, &id, "");
    assert_eq!(switch.command().await, kill, "the first cause counts");
    switch.exists(&id, false);
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &id, "Hangup-Cause: ORIGINATOR_CANCEL\n");
    switch.job(&id, "-ERR ORIGINATOR_CANCEL");
    assert_eq!(soon(leg.event()).await, ended("ORIGINATOR_CANCEL", false, false));
    assert_eq!(soon(leg.event()).await, ended("ORIGINATOR_CANCEL", false, false));
    assert_eq!(node.stats().legs.load(Ordering::Relaxed), 0);
    assert_eq!(node.stats().queue_depth.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_cancel_is_repeated_until_it_is_over() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    leg.cancel(Cancel::LoseRace);
    for _ in 0..4 {
        assert_eq!(switch.command().await, format!("api uuid_kill {id} LOSE_RACE"));
    }
    switch.job(&id, "-ERR LOSE_RACE");
    assert_eq!(soon(leg.event()).await, ended("LOSE_RACE", false, false));
}

#[tokio::test]
async fn an_answer_after_the_cancel_wins_nothing() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    switch.channel_event("CHANNEL_CREATE", &id, &id, "");
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    leg.cancel(Cancel::OriginatorCancel);
    switch.command().await;
    switch.exists(&id, true);
    switch.channel_event("CHANNEL_ANSWER", &id, &id, "");
    switch.job(&id, &format!("+OK {id}"));
    assert_eq!(switch.command().await, format!("api uuid_kill {id} ORIGINATOR_CANCEL"));
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &id, "Hangup-Cause: ORIGINATOR_CANCEL\n");
    assert_eq!(soon(leg.event()).await, ended("ORIGINATOR_CANCEL", true, true));
}

#[tokio::test]
async fn a_leg_nobody_holds_is_ended_unless_it_talks() {
    let (node, mut switch) = node().await;
    let (leg, id) = ringing(&node, &mut switch, PHONE).await;
    drop(leg);
    assert_eq!(switch.command().await, format!("api uuid_kill {id} ORIGINATOR_CANCEL"));
    switch.job(&id, "-ERR ORIGINATOR_CANCEL");

    let (mut leg, talking) = ringing(&node, &mut switch, PHONE).await;
    switch.channel_event("CHANNEL_ANSWER", &talking, &talking, "");
    switch.job(&talking, &format!("+OK {talking}"));
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    assert_eq!(soon(leg.event()).await, LegEvent::PickedUp);
    assert_eq!(soon(leg.event()).await, LegEvent::Answered { channel: talking.parse().unwrap() });
    leg.in_talk();
    drop(leg);
    soon(async {
        while node.stats().legs.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let commands = switch.commands();
    assert!(!commands.iter().any(|command| command.contains(&talking)), "{commands:?}");
}

#[tokio::test]
async fn a_user_with_two_phones_rings_on_both() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, "user/1001").await;
    let (one, two) = (ChannelId::new(), ChannelId::new());
    for phone in [one, two] {
        switch.channel_event("CHANNEL_CREATE", &id, &phone.to_string(), "");
    }
    switch.channel_event("CHANNEL_ANSWER", &id, &two.to_string(), "");
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &one.to_string(), "Hangup-Cause: LOSE_RACE\n");
    switch.job(&id, &format!("+OK {two}"));
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    assert_eq!(soon(leg.event()).await, LegEvent::PickedUp);
    assert_eq!(soon(leg.event()).await, LegEvent::Answered { channel: two });
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &two.to_string(), "Hangup-Cause: NORMAL_CLEARING\n");
    assert_eq!(soon(leg.event()).await, ended("NORMAL_CLEARING", true, true));
}

#[tokio::test]
async fn a_user_without_phones_and_one_cancelled_early() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, "user/1001").await;
    switch.job(&id, "-ERR SUBSCRIBER_ABSENT");
    assert_eq!(soon(leg.event()).await, ended("SUBSCRIBER_ABSENT", false, false));

    let (mut leg, id) = ringing(&node, &mut switch, "user/1001").await;
    leg.cancel(Cancel::NoAnswer);
    assert_eq!(switch.command().await, format!("api hupall NO_ANSWER dozvon_leg_id {id}"));
    let phone = ChannelId::new().to_string();
    switch.exists(&phone, true);
    switch.channel_event("CHANNEL_CREATE", &id, &phone, "");
    while switch.command().await != format!("api uuid_kill {phone} NO_ANSWER") {}
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &phone, "Hangup-Cause: NO_ANSWER\n");
    switch.job(&id, "-ERR NO_ANSWER");
    assert_eq!(soon(leg.event()).await, ended("NO_ANSWER", false, false));
}

#[tokio::test]
async fn the_end_is_found_out_when_its_news_is_lost() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    switch.channel_event("CHANNEL_CREATE", &id, &id, "");
    switch.job(&id, "-ERR USER_BUSY");
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    assert_eq!(soon(leg.event()).await, ended("USER_BUSY", false, false));

    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &id, "Hangup-Cause: CALL_REJECTED\n");
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    assert_eq!(soon(leg.event()).await, ended("CALL_REJECTED", false, false), "though the job never tells");
}

#[tokio::test]
async fn what_happened_while_the_link_was_down_is_found_out() {
    let (node, mut switch) = node().await;
    let (mut gone, _) = ringing(&node, &mut switch, PHONE).await;
    let (mut answered, id) = ringing(&node, &mut switch, PHONE).await;
    let (mut still, still_id) = ringing(&node, &mut switch, PHONE).await;
    switch.exists(&id, true);
    switch.exists(&still_id, true);
    switch.answered(&id);
    switch.cut();
    let end = soon(gone.event()).await;
    assert_eq!(end, ended("LINK_LOST", false, false));
    assert_eq!(soon(answered.event()).await, LegEvent::Created);
    let channel = id.parse().unwrap();
    assert_eq!(soon(answered.event()).await, LegEvent::PickedUp);
    assert_eq!(soon(answered.event()).await, LegEvent::Answered { channel });
    assert_eq!(soon(still.event()).await, LegEvent::Created);
    up(&node, true).await;
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &still_id, &still_id, "Hangup-Cause: NO_ANSWER\n");
    assert_eq!(soon(still.event()).await, ended("NO_ANSWER", false, false));
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &id, "Hangup-Cause: NORMAL_CLEARING\n");
    assert_eq!(soon(answered.event()).await, ended("NORMAL_CLEARING", true, true));
}

#[tokio::test]
async fn a_restart_of_freeswitch_ends_its_legs() {
    let (node, mut switch) = node().await;
    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    switch.channel_event("CHANNEL_CREATE", &id, &id, "");
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    assert_eq!(node.core().borrow().unwrap().to_string(), CORE);
    switch.restart("00000000-0000-4000-8000-000000000001").await;
    assert_eq!(soon(leg.event()).await, ended("SWITCH_RESTARTED", false, false));
    assert_eq!(node.stats().restarts.load(Ordering::Relaxed), 1);
    let mut core = node.core();
    soon(core.wait_for(|core| core.is_some_and(|core| core.to_string() != CORE))).await.unwrap();
}

#[tokio::test]
async fn a_leg_out_of_sight_for_too_long_is_given_up_and_haunted() {
    let mut switch = Switch::start().await;
    let node =
        Node::start(NodeSettings { leg_loss_timeout: Duration::from_millis(200), ..settings(&switch) });
    up(&node, true).await;
    let (mut leg, id) = ringing(&node, &mut switch, PHONE).await;
    switch.die();
    assert_eq!(soon(leg.event()).await, ended("LINK_LOST", false, false));
    assert!(node.ring(request(PHONE)).is_err());
    switch.restart(CORE).await;
    assert_eq!(switch.command().await, format!("api hupall ORIGINATOR_CANCEL dozvon_leg_id {id}"));
}

#[tokio::test]
async fn queries_are_answered_refused_or_not_possible() {
    let (node, switch) = node().await;
    assert_eq!(node.query("status").await.unwrap(), "UP 0 years");
    assert!(matches!(node.query("nonsense").await, Err(QueryError::Refused { .. })));
    assert!(matches!(node.query("a\n\napi status").await, Err(QueryError::Refused { .. })));
    switch.die();
    up(&node, false).await;
    assert!(matches!(node.query("status").await, Err(QueryError::Down(_))));
}

/// The node's events about our own legs in a recording, with our variables in place of the recorder's.
fn recorded(recording: &str, legs: &[(&str, &str)]) -> Vec<String> {
    recording
        .split("\n@ ")
        .filter(|frame| frame.split('\n').next().is_some_and(|head| head.ends_with("node <")))
        .filter_map(|frame| frame.split_once('\n')?.1.split_once("Content-Type: text/event-plain\n\n"))
        .map(|(_, body)| body.trim_end())
        .filter(|body| {
            let ours = |(theirs, _): &(&str, &str)| {
                body.contains(&format!("\nUnique-ID: {theirs}")) || body.contains(&format!("%3D{theirs}"))
            };
            legs.iter().any(ours)
        })
        .map(|body| {
            let mut text = body.to_owned();
            for (theirs, id) in legs {
                if body.contains(&format!("\nUnique-ID: {theirs}")) {
                    text = text.replacen('\n', &format!("\nvariable_dozvon_leg_id: {id}\n"), 1);
                }
                text =
                    text.replace(&format!("origination_uuid%3D{theirs}"), &format!("dozvon_leg_id%3D{id}"));
                text = text.replace(theirs, id);
            }
            format!("{text}\n{}", if text.contains("\n\n") { "" } else { "\n" })
        })
        .collect()
}

/// The identities that a recording's legs were originated with, in order.
fn originated(recording: &str) -> Vec<&str> {
    recording
        .lines()
        .filter(|line| line.starts_with("bgapi originate"))
        .filter_map(|line| line.split_once("origination_uuid=")?.1.get(..36))
        .collect()
}

async fn replay(recording: &str, contact: &str) -> Vec<Vec<LegEvent>> {
    let (node, mut switch) = node().await;
    let originated = originated(recording);
    let mut legs = Vec::new();
    for theirs in originated {
        let (leg, id) = ringing(&node, &mut switch, contact).await;
        legs.push((leg, theirs, id));
    }
    let names: Vec<(&str, &str)> = legs.iter().map(|(_, theirs, id)| (*theirs, id.as_str())).collect();
    for text in recorded(recording, &names) {
        switch.event(&text);
    }
    let mut told = Vec::new();
    for (mut leg, ..) in legs {
        let mut events = Vec::new();
        loop {
            events.push(soon(leg.event()).await);
            if matches!(events.last(), Some(LegEvent::Ended { .. })) {
                break;
            }
        }
        told.push(events);
    }
    told
}

#[tokio::test]
async fn recorded_legs_are_understood() {
    let kinds = |events: &[LegEvent]| -> Vec<String> {
        events
            .iter()
            .map(|event| match event {
                LegEvent::Created => "created".to_owned(),
                LegEvent::PickedUp => "picked up".to_owned(),
                LegEvent::Answered { .. } => "answered".to_owned(),
                LegEvent::Ended { cause, .. } => cause.clone(),
            })
            .collect()
    };
    let answered = ["created", "picked up", "answered", "NORMAL_CLEARING"].as_slice();
    for (recording, expected) in [
        (include_str!("../../transcripts/answered.esl"), vec![answered]),
        (include_str!("../../transcripts/busy.esl"), vec![["created", "USER_BUSY"].as_slice()]),
        (include_str!("../../transcripts/rejected.esl"), vec![["created", "CALL_REJECTED"].as_slice()]),
        (include_str!("../../transcripts/late_answer.esl"), vec![answered]),
        (include_str!("../../transcripts/abandoned.esl"), vec![["created", "ORIGINATOR_CANCEL"].as_slice()]),
        (include_str!("../../transcripts/transferred.esl"), vec![answered]),
        (include_str!("../../transcripts/ring_all.esl"), vec![["created", "LOSE_RACE"].as_slice(), answered]),
    ] {
        let mut told: Vec<Vec<String>> =
            replay(recording, PHONE).await.iter().map(|leg| kinds(leg)).collect();
        told.sort();
        let mut expected: Vec<Vec<String>> =
            expected.iter().map(|leg| leg.iter().map(|&kind| kind.to_owned()).collect()).collect();
        expected.sort();
        assert_eq!(told, expected);
    }
}
