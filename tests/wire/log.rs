//! What the log says at the level that people run it at.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dozvon::switch::{CallerEvent, Listener, Node, NodeSettings};
use tracing::subscriber::DefaultGuard;

use crate::legs::{PHONE, request, settings, up};
use crate::peer::{CHANNEL, Peer, Switch, soon};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Keeps what this thread logs, from `info` up.
    fn keep() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (lines, tracing::subscriber::set_default(log))
    }

    fn with(&self, words: &str) -> String {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        all.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {all}")).to_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_warning_names_its_caller() {
    let (lines, _keep) = Lines::keep();
    let mut listener = Listener::bind(&crate::hostile::settings()).await.unwrap();
    let address = listener.local_addr();
    let (incoming, mut peer) = tokio::join!(soon(listener.next()), Peer::caller(address));
    peer.say("no colon in here\n\n").await;
    assert_eq!(soon(incoming.unwrap().caller.event()).await, CallerEvent::Lost);
    assert!(lines.with("a caller's socket is given up").contains(&format!("channel={CHANNEL}")));
}

#[tokio::test]
async fn a_warning_names_its_leg() {
    let (lines, _keep) = Lines::keep();
    let mut switch = Switch::start().await;
    let limit = Duration::from_millis(200);
    let node = Node::start(NodeSettings { command_timeout: limit, ..settings(&switch) });
    up(&node, true).await;
    switch.mute(Some("bgapi "));
    let request = request(PHONE);
    let names = [format!("leg={}", request.leg), format!("call.id={}", request.call)];
    let _leg = node.ring(request).unwrap();
    while !switch.command().await.contains("kill") {}
    let line = lines.with("it is unknown whether FreeSWITCH got the originate");
    assert!(names.iter().all(|name| line.contains(name)), "{line}");
}
