//! Legs that are rung on connections of their own.

use dozvon::config::switch::NodeSettings;
use dozvon::switch::{Cancel, Leg, LegEvent, Node};

use super::legs::{PHONE, ended, request, settings, up};
use crate::support::switch::{Switch, soon};

/// A node that rings on at most `most` connections of their own, of which one is open.
async fn node(most: usize) -> (Node, Switch) {
    let mut switch = Switch::start().await;
    let node = Node::start(NodeSettings { originate_connections: most, ..settings(&switch) });
    up(&node, true).await;
    // The first phone finds no connection, and is rung by a background job.
    let (mut leg, id, command) = ring(&node, &mut switch).await;
    assert!(command.starts_with("bgapi originate {"), "{command}");
    switch.job(&id, "-ERR USER_BUSY");
    assert_eq!(soon(leg.event()).await, ended("USER_BUSY", false, false));
    connections(&node, 1).await;
    (node, switch)
}

/// Waits until the node has so many connections for ringing.
async fn connections(node: &Node, count: usize) {
    soon(async {
        while node.originate_connections() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A leg that was originated, its identity, and the command.
async fn ring(node: &Node, switch: &mut Switch) -> (Leg, String, String) {
    let request = request(PHONE);
    let id = request.leg.to_string();
    let leg = node.ring(request).unwrap();
    (leg, id, switch.command().await)
}

/// A leg that rings on a connection of its own.
async fn ring_apart(node: &Node, switch: &mut Switch) -> (Leg, String) {
    let (leg, id, command) = ring(node, switch).await;
    assert!(command.starts_with("api originate {") && command.contains(&id), "{command}");
    (leg, id)
}

#[tokio::test]
async fn an_answer_comes_on_the_legs_own_connection() {
    let (node, mut switch) = node(1).await;
    for _ in 0..3 {
        let (mut leg, id) = ring_apart(&node, &mut switch).await;
        switch.result(&id, &format!("+OK {id}"));
        assert_eq!(soon(leg.event()).await, LegEvent::Created);
        assert_eq!(soon(leg.event()).await, LegEvent::PickedUp);
        assert_eq!(soon(leg.event()).await, LegEvent::Answered { channel: id.parse().unwrap() });
        switch.channel_event("CHANNEL_CREATE", &id, &id, "");
        switch.channel_event("CHANNEL_ANSWER", &id, &id, "");
        switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &id, "Hangup-Cause: NORMAL_CLEARING\n");
        assert_eq!(soon(leg.event()).await, ended("NORMAL_CLEARING", true, true));
    }
    assert_eq!(node.originate_connections(), 1, "the connection is used again");
}

#[tokio::test]
async fn a_refusal_comes_there_too() {
    let (node, mut switch) = node(1).await;
    let (mut leg, id) = ring_apart(&node, &mut switch).await;
    switch.channel_event("CHANNEL_CREATE", &id, &id, "");
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    switch.channel_event("CHANNEL_HANGUP_COMPLETE", &id, &id, "Hangup-Cause: CALL_REJECTED\n");
    switch.result(&id, "-ERR CALL_REJECTED");
    assert_eq!(soon(leg.event()).await, ended("CALL_REJECTED", false, false));
    let (mut leg, id) = ring_apart(&node, &mut switch).await;
    switch.result(&id, "-ERR permission denied");
    assert_eq!(soon(leg.event()).await, ended("UNKNOWN", false, false));
}

#[tokio::test]
async fn more_phones_than_connections_are_rung_by_background_jobs() {
    let (node, mut switch) = node(1).await;
    let (mut first, apart) = ring_apart(&node, &mut switch).await;
    let (mut second, as_job, command) = ring(&node, &mut switch).await;
    assert!(command.starts_with("bgapi originate {"), "{command}");
    for (leg, id) in [(&first, &apart), (&second, &as_job)] {
        leg.cancel(Cancel::LoseRace);
        while switch.command().await != format!("api uuid_kill {id} LOSE_RACE") {}
    }
    switch.result(&apart, "-ERR LOSE_RACE");
    switch.job(&as_job, "-ERR LOSE_RACE");
    assert_eq!(soon(first.event()).await, ended("LOSE_RACE", false, false));
    assert_eq!(soon(second.event()).await, ended("LOSE_RACE", false, false));
    assert_eq!(node.originate_connections(), 1);
}

#[tokio::test]
async fn further_connections_are_opened_while_more_phones_ring() {
    let (node, mut switch) = node(2).await;
    let (_first, _) = ring_apart(&node, &mut switch).await;
    let (_second, _, command) = ring(&node, &mut switch).await;
    assert!(command.starts_with("bgapi originate {"), "{command}");
    connections(&node, 2).await;
    let (_third, _) = ring_apart(&node, &mut switch).await;
}

#[tokio::test]
async fn a_leg_rings_on_after_its_connection_broke() {
    let (node, mut switch) = node(1).await;
    let (mut leg, id) = ring_apart(&node, &mut switch).await;
    let (mut never, unknown, _) = ring(&node, &mut switch).await;
    switch.job(&unknown, "-ERR USER_BUSY");
    soon(never.event()).await;
    switch.exists(&id, true);
    switch.channel_event("CHANNEL_CREATE", &id, &id, "");
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    switch.cut_originate(&id);
    connections(&node, 0).await;
    switch.answered(&id);
    switch.channel_event("CHANNEL_ANSWER", &id, &id, "");
    assert_eq!(soon(leg.event()).await, LegEvent::PickedUp);
    assert_eq!(soon(leg.event()).await, LegEvent::Answered { channel: id.parse().unwrap() });
}

#[tokio::test]
async fn an_originate_that_freeswitch_never_got_is_over() {
    let (node, mut switch) = node(1).await;
    let (mut leg, id) = ring_apart(&node, &mut switch).await;
    switch.cut_originate(&id);
    assert_eq!(soon(leg.event()).await, ended("LINK_LOST", false, false));
}

#[tokio::test]
async fn what_is_rung_apart_outlives_the_link_for_events() {
    let (node, mut switch) = node(1).await;
    let (mut leg, id) = ring_apart(&node, &mut switch).await;
    switch.exists(&id, true);
    switch.cut_events();
    up(&node, false).await;
    up(&node, true).await;
    switch.result(&id, &format!("+OK {id}"));
    assert_eq!(soon(leg.event()).await, LegEvent::Created);
    assert_eq!(soon(leg.event()).await, LegEvent::PickedUp);
    assert_eq!(soon(leg.event()).await, LegEvent::Answered { channel: id.parse().unwrap() });
}
