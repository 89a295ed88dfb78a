//! Links to a node that hangs, sends garbage or falls silent.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dozvon::config::switch::NodeSettings;
use dozvon::ids::ChannelId;
use dozvon::switch::{LegEvent, Node, QueryError};

use crate::support::switch::{Switch, soon, until};
use crate::wire::legs::{PHONE, ended, node, ringing, settings, up};

/// A node that accepts the login and then does not answer: the waits between attempts grow, as if it had refused the login.
#[tokio::test]
async fn to_be_let_in_is_not_to_be_served() {
    let limit = Duration::from_millis(50);
    let switch = Switch::start().await;
    switch.mute(Some("api global_getvar core_uuid"));
    let begun = Instant::now();
    let node = Node::start(NodeSettings {
        command_timeout: limit,
        reconnect_max: Duration::from_secs(10),
        ..settings(&switch)
    });
    until(&node.stats().connect_failures, 5).await;
    let waits = settings(&switch).reconnect_min.mul_f64(0.5) * (1 + 2 + 4 + 8);
    assert!(begun.elapsed() >= limit * 5 + waits, "{:?}", begun.elapsed());
    assert!(!*node.up().borrow());
    until(switch.closed(), 5).await;
    switch.mute(None);
    up(&node, true).await;
}

#[tokio::test]
async fn malformed_frames_of_a_node_end_its_link_which_comes_back() {
    let (node, switch) = node().await;
    let bad: [&[u8]; 8] = [
        b"no colon in here\n\n",
        b"Content-Type: text/none-such\n\n",
        b"Content-Length: -5\nContent-Type: text/event-plain\n\n",
        b"Content-Length: 99999999\nContent-Type: text/event-plain\n\n",
        b"Content-Type: text/rude-rejection\nContent-Length: 3\n\nno\n",
        b"Content-Type: auth/request\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK nobody asked\n\n",
        b"\xff\xff\n\n",
    ];
    for (bytes, before) in bad.iter().zip(0..) {
        switch.raw(bytes);
        until(switch.closed(), before + 1).await;
        until(&node.stats().connects, before + 3).await;
        up(&node, true).await;
    }
    assert_eq!(switch.closed().load(Ordering::Relaxed), bad.len() as u64, "the link for queries stays");
    assert_eq!(node.query("status").await.unwrap(), "UP 0 years");
}

/// The results of other programs' jobs come on the link, too.
#[tokio::test]
async fn odd_events_of_a_node_do_no_harm() {
    let (node, switch) = node().await;
    switch.raw(b"Content-Length: 3\nContent-Type: text/event-plain\n\n\xff\xff\xff");
    switch.raw(b"Content-Type: text/event-plain\n\n");
    let long = format!("Event-Name: BACKGROUND_JOB\nJob-Command: show\n\n{}", "x".repeat(2_000_000));
    let frame = format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{long}", long.len());
    switch.raw(frame.as_bytes());
    until(&node.stats().events, 3).await;
    assert_eq!(switch.closed().load(Ordering::Relaxed), 0);
    assert!(*node.up().borrow());
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_the_link_and_is_never_anothers() {
    let switch = Switch::start().await;
    let limit = Duration::from_millis(200);
    let node = Node::start(NodeSettings { command_timeout: limit, ..settings(&switch) });
    up(&node, true).await;
    switch.mute(Some("api status"));
    let (first, second) =
        soon(async { tokio::join!(node.query("status"), node.query("uuid_exists x")) }).await;
    assert!(matches!(first, Err(QueryError::NoAnswer { .. })), "{first:?}");
    assert!(matches!(second, Err(QueryError::Down(_))), "{second:?}");
    until(switch.closed(), 1).await;
    switch.mute(None);
    until(&node.stats().connects, 3).await;
    assert_eq!(soon(node.query("uuid_exists x")).await.unwrap(), "false");
    assert_eq!(soon(node.query("status")).await.unwrap(), "UP 0 years");
}

#[tokio::test]
async fn a_link_that_falls_silent_is_dead() {
    let switch = Switch::start().await;
    let node = Node::start(NodeSettings { link_timeout: Duration::from_millis(500), ..settings(&switch) });
    up(&node, true).await;
    until(switch.closed(), 1).await;
    until(&node.stats().connects, 3).await;
    up(&node, true).await;
    assert_eq!(node.query("status").await.unwrap(), "UP 0 years");
}

/// A list of channels that is too long is not read; calls go on.
#[tokio::test]
async fn a_list_of_channels_that_cannot_be_read_leaves_the_links_alone() {
    let (node, switch) = node().await;
    let row = format!("{},outbound,2026-11-30 10:00:00,sofia/a\n", dozvon::ids::ChannelId::new());
    switch.channels(row.repeat(9 * 1024 * 1024 / row.len()));
    let asked = soon(node.legs(&mut BTreeSet::new())).await;
    assert!(matches!(asked, Err(QueryError::NoAnswer { .. })), "{asked:?}");
    until(switch.closed(), 1).await;
    assert_eq!(soon(node.query("status")).await.unwrap(), "UP 0 years");
    assert!(*node.up().borrow(), "the node is up");
    assert_eq!(node.stats().connects.load(Ordering::Relaxed), 2, "each link was made once");

    switch.channels("uuid,direction,created,name\n\n0 total.\n".to_owned());
    assert_eq!(soon(node.legs(&mut BTreeSet::new())).await.unwrap(), []);
    switch.cut();
    up(&node, false).await;
    assert!(matches!(node.legs(&mut BTreeSet::new()).await, Err(QueryError::Down(_))));
}

/// The owner of one leg does not read its events: the socket is still read, and the other legs get their events.
#[tokio::test]
async fn a_leg_nobody_looks_at_holds_up_no_other() {
    let (node, mut switch) = node().await;
    let (mut idle, idle_id) = ringing(&node, &mut switch, PHONE).await;
    let (mut busy, busy_id) = ringing(&node, &mut switch, PHONE).await;
    for _ in 0..3000 {
        switch.channel_event("CHANNEL_CREATE", &idle_id, &idle_id, "");
    }
    for id in [&idle_id, &busy_id] {
        switch.channel_event("CHANNEL_HANGUP_COMPLETE", id, id, "Hangup-Cause: USER_BUSY\n");
        switch.job(id, "-ERR USER_BUSY");
    }
    assert_eq!(soon(busy.event()).await, LegEvent::Created);
    assert_eq!(soon(busy.event()).await, ended("USER_BUSY", false, false));
    until(&node.stats().events, 3004).await;
    assert_eq!(soon(idle.event()).await, LegEvent::Created);
    assert!(matches!(soon(idle.event()).await, LegEvent::Ended { answered: false, .. }));
}

/// The channel of a user who dials.
fn dials(channel: ChannelId, user: &str) -> String {
    format!(
        "Event-Name: CHANNEL_CREATE\nUnique-ID: {channel}\nCall-Direction: inbound\n\
         variable_user_name: {user}\nvariable_domain_name: pbx\n"
    )
}

/// Waits until these users begin or end other calls, and tells which.
async fn changes(node: &Node, wanted: usize) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    let mut changed = node.talks_changed();
    soon(async {
        while all.len() < wanted {
            all.extend(node.take_talk_changes().into_iter().map(|(user, talks)| (user.user, talks)));
            if all.len() < wanted {
                changed.changed().await.unwrap();
            }
        }
    })
    .await;
    all.sort();
    all
}

/// While the link for events is away, one user hangs up and another dials: both are known once it is back.
#[tokio::test]
async fn agents_in_other_calls_are_counted_anew_when_the_link_comes_back() {
    let (node, switch) = node().await;
    let counting = tokio::spawn({
        let node = node.clone();
        async move { node.keep_talks_true().await }
    });
    let (ends, stays, begins) = (ChannelId::new(), ChannelId::new(), ChannelId::new());
    for (channel, user) in [(ends, "1001"), (stays, "1002")] {
        switch.exists(&channel.to_string(), true);
        switch.event(&dials(channel, user));
    }
    assert_eq!(changes(&node, 2).await, [("1001".to_owned(), true), ("1002".to_owned(), true)]);
    switch.exists(&ends.to_string(), false);
    let id = begins.to_string();
    switch.exists(&id, true);
    switch.variable(&id, "user_name", "1003");
    switch.variable(&id, "domain_name", "pbx");
    let row = |channel: ChannelId| format!("{channel},inbound,2026-11-30 10:00:00,sofia/a\n");
    switch.channels(format!("uuid,direction,created,name\n{}{}\n2 total.\n", row(stays), row(begins)));
    switch.cut();
    assert_eq!(changes(&node, 2).await, [("1001".to_owned(), false), ("1003".to_owned(), true)]);
    counting.abort();
}
