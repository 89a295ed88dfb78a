//! A talk holds no socket: the node's link reports the end of the caller's channel.

use std::sync::atomic::Ordering;

use dozvon::ids::{CallId, ChannelId};
use dozvon::switch::{AfterTalk, CallerEvent, Incoming, Listener, Node};

use crate::support::switch::{CHANNEL, Peer, Switch, channel_data, event, printed, soon};
use crate::wire::hostile::settings;
use crate::wire::legs::{node, up};

/// A caller who talks, the caller's socket, and the node on which they are.
struct Scene {
    incoming: Incoming,
    peer: Peer,
    listener: Listener,
    node: Node,
    switch: Switch,
}

/// How a command of [`Scene::close_socket`] names the caller's mark.
const MARK: &str = " dozvon_leg_id ";

impl Scene {
    /// `mark` is what the channel carries already.
    async fn of(mark: &str) -> Self {
        let mut listener = Listener::bind(&settings()).await.unwrap();
        let address = listener.local_addr();
        let connecting = async {
            let mut peer = Peer::to(address).await;
            assert_eq!(peer.command().await.as_deref(), Some("connect"));
            peer.say(&channel_data().replace("\n\n", &format!("\n{mark}\n"))).await;
            peer.subscribe().await;
            peer.expect_api(&format!("uuid_exists {CHANNEL}"), "true").await;
            peer
        };
        let (incoming, peer) = tokio::join!(soon(listener.next()), connecting);
        let (node, switch) = node().await;
        let mut scene = Self { incoming: incoming.unwrap(), peer, listener, node, switch };
        scene.talks().await;
        scene
    }

    async fn talks(&mut self) {
        let leg = ChannelId::new();
        let (caller, peer) = (&mut self.incoming.caller, &mut self.peer);
        let bridging = async {
            for name in ["socket_resume false", "hangup_after_bridge true", "dozvon_state talked"] {
                peer.expect_api(&format!("uuid_setvar {CHANNEL} {name}"), "+OK\n").await;
            }
            peer.expect_api(&format!("uuid_bridge {CHANNEL} {leg}"), &format!("+OK {leg}\n")).await;
            let sides = format!("Bridge-A-Unique-ID: {CHANNEL}\nBridge-B-Unique-ID: {leg}\n");
            peer.say(&event(&format!("Event-Name: CHANNEL_BRIDGE\nUnique-ID: {CHANNEL}\n{sides}\n"))).await;
        };
        let (bridged, ()) = tokio::join!(caller.bridge(leg, AfterTalk::HangUp), bridging);
        bridged.unwrap();
        assert_eq!(caller.event().await, CallerEvent::Bridged { other: leg });
    }

    /// The story needs the socket no more. FreeSWITCH says whether the channel exists after it was marked. Returns the mark.
    async fn close_socket(&mut self, exists: bool) -> String {
        self.switch.exists(CHANNEL, exists);
        let (caller, peer) = (&self.incoming.caller, &mut self.peer);
        let marking = async {
            let mark = peer.command().await.unwrap();
            peer.say(&printed(if exists { "+OK\n" } else { "-ERR No such channel!\n" })).await;
            peer.expect_api(&format!("uuid_setvar {CHANNEL} dozvon_leg caller"), "+OK\n").await;
            peer.expect_api(&format!("uuid_exists {CHANNEL}"), if exists { "true" } else { "false" }).await;
            mark.split_once(MARK).unwrap().1.to_owned()
        };
        let ((), mark) = tokio::join!(caller.close_socket(&self.node, CallId::new()), marking);
        mark
    }

    /// The caller hangs up, and the caller's own socket says so.
    async fn the_socket_reports_the_end(mut self) {
        let end = format!(
            "Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: {CHANNEL}\nHangup-Cause: NORMAL_CLEARING\n\n"
        );
        self.peer.say(&event(&end)).await;
        let cause = "NORMAL_CLEARING".into();
        assert_eq!(soon(self.incoming.caller.event()).await, CallerEvent::HungUp { cause });
        assert!(self.peer.is_closed().await);
    }
}

#[tokio::test]
async fn the_link_reports_the_end_and_its_cause() {
    let mut scene = Scene::of("").await;
    let mark = scene.close_socket(true).await;
    assert!(scene.peer.is_closed().await);
    assert_eq!(scene.listener.stats().open.load(Ordering::Relaxed), 0);
    assert!(scene.incoming.caller.answer().await.is_err(), "no command reaches the caller");
    scene.switch.exists(CHANNEL, false);
    scene.switch.channel_event("CHANNEL_HANGUP_COMPLETE", &mark, CHANNEL, "Hangup-Cause: NORMAL_CLEARING\n");
    let cause = "NORMAL_CLEARING".into();
    assert_eq!(soon(scene.incoming.caller.event()).await, CallerEvent::HungUp { cause });
    assert_eq!(scene.node.stats().legs.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_end_that_no_event_reports_is_found_out_when_the_link_is_back() {
    let mut scene = Scene::of("").await;
    scene.close_socket(true).await;
    scene.switch.exists(CHANNEL, false);
    scene.switch.cut();
    assert_eq!(soon(scene.incoming.caller.event()).await, CallerEvent::HungUp { cause: "UNKNOWN".into() });
}

#[tokio::test]
async fn a_caller_who_comes_back_during_the_talk_has_another_visit() {
    let mut scene = Scene::of("").await;
    scene.close_socket(true).await;
    assert!(scene.peer.is_closed().await);
    let address = scene.listener.local_addr();
    let (next, _peer) = tokio::join!(soon(scene.listener.next()), Peer::caller(address));
    assert_eq!(next.unwrap().facts.channel.to_string(), CHANNEL);
    assert_eq!(soon(scene.incoming.caller.event()).await, CallerEvent::Taken);
    assert_eq!(scene.switch.commands(), Vec::<String>::new(), "the channel is left alone");
}

#[tokio::test]
async fn a_caller_who_is_gone_before_the_link_watches_keeps_the_socket() {
    let mut scene = Scene::of("").await;
    scene.close_socket(false).await;
    scene.the_socket_reports_the_end().await;
}

#[tokio::test]
async fn a_leg_of_ours_that_was_sent_to_a_queue_keeps_the_socket_and_its_mark() {
    for role in ["customer", "agent", "contact"] {
        let scene = Scene::of(&format!("variable_dozvon_leg: {role}\n")).await;
        scene.incoming.caller.close_socket(&scene.node, CallId::new()).await;
        scene.the_socket_reports_the_end().await;
    }
}

#[tokio::test]
async fn while_the_link_is_down_the_socket_stays() {
    let scene = Scene::of("").await;
    scene.switch.die();
    up(&scene.node, false).await;
    scene.incoming.caller.close_socket(&scene.node, CallId::new()).await;
    scene.the_socket_reports_the_end().await;
}
