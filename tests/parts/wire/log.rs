//! What the log says at the default level.

use std::time::Duration;

use dozvon::config::switch::NodeSettings;
use dozvon::switch::{CallerEvent, Listener, Node};

use crate::support::log_lines::Lines;
use crate::support::switch::{CHANNEL, Peer, Switch, soon};
use crate::wire::legs::{PHONE, request, settings, up};

#[tokio::test]
async fn a_warning_names_its_caller() {
    let lines = Lines::default();
    lines.listen();
    let mut listener = Listener::bind(&crate::wire::hostile::settings()).await.unwrap();
    let address = listener.local_addr();
    let (incoming, mut peer) = tokio::join!(soon(listener.next()), Peer::caller(address));
    peer.say("no colon in here\n\n").await;
    assert_eq!(soon(incoming.unwrap().caller.event()).await, CallerEvent::Lost);
    let words = ["the socket of a caller failed", &format!("channel={CHANNEL}")];
    assert!(lines.find(&words).is_some(), "{}", lines.all());
}

#[tokio::test]
async fn a_warning_names_its_leg() {
    let lines = Lines::default();
    lines.listen();
    let mut switch = Switch::start().await;
    let limit = Duration::from_millis(200);
    let node = Node::start(NodeSettings { command_timeout: limit, ..settings(&switch) });
    up(&node, true).await;
    switch.mute(Some("bgapi "));
    let request = request(PHONE);
    let names = [format!("leg={}", request.leg), format!("call.id={}", request.call)];
    let _leg = node.ring(request).unwrap();
    while !switch.command().await.contains("kill") {}
    let words = ["it is unknown whether FreeSWITCH got the originate", &names[0], &names[1]];
    assert!(lines.find(&words).is_some(), "{}", lines.all());
}
