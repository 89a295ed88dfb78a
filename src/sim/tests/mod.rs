//! The stand-in over TCP, as a controller meets it. Time is virtual.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use esl::Link;

use super::*;

#[path = "../../../tests/support/esl.rs"]
mod esl;
#[path = "../../../tests/support/paced.rs"]
mod paced;

mod asking;
mod keys;
mod legs;
mod messages;
mod record;
mod sockets;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A stand-in, a controller's listener, and an authenticated link that gets all events of callers and legs.
pub(super) struct Stage {
    pub sim: Sim,
    pub listener: TcpListener,
    pub node: Link,
    _pacer: paced::Pacer,
}

pub(super) const EVERYTHING: &str = "event plain CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_PROGRESS \
    CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_PARK CHANNEL_UNPARK CHANNEL_BRIDGE CHANNEL_UNBRIDGE \
    CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY BACKGROUND_JOB";

impl Stage {
    pub async fn set(change: impl FnOnce(&mut SimSettings)) -> Self {
        let pacer = paced::Pacer::start();
        let mut settings = SimSettings { attempts: 1, ..SimSettings::default() };
        change(&mut settings);
        let sim = Sim::start(settings).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sim.set_controllers(&[listener.local_addr().unwrap()]).await;
        let mut node = link(&sim).await;
        node.ask(EVERYTHING).await;
        Self { sim, listener, node, _pacer: pacer }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub async fn accept(&self) -> Link {
        let (stream, _) = self.listener.accept().await.unwrap();
        Link::new(stream)
    }

    /// A waiting caller with music: answered, `socket_resume` as in the settings.
    pub async fn waiting(&self, script: CallerScript) -> (CallerHandle, Link) {
        let caller = self.sim.call(script).await;
        let mut peer = self.accept().await;
        peer.ask("connect").await;
        peer.ask("linger 30").await;
        peer.ask("myevents").await;
        peer.execute("answer", "", "").await;
        peer.execute("playback", "local_stream://moh", "loops: -1").await;
        (caller, peer)
    }

    /// A leg that was dialled and has answered.
    pub async fn leg(&mut self, contact: &str) -> String {
        let uuid = Uuid::new_v4().to_string();
        self.originate(&uuid, contact, "").await;
        loop {
            let job = self.node.event("BACKGROUND_JOB").await;
            if job.value("Job-UUID").as_deref() == Some(&uuid) {
                assert_eq!(job.event().unwrap().body, format!("+OK {uuid}\n"));
                return uuid;
            }
        }
    }

    /// Dials a leg with this uuid, as a job of the same uuid.
    pub async fn originate(&mut self, uuid: &str, contact: &str, more: &str) {
        let command = format!(
            "bgapi originate {{origination_uuid={uuid},ignore_early_media=true,originate_timeout=30,\
             dozvon_offer={uuid}{more}}}{contact} &park()\nJob-UUID: {uuid}"
        );
        assert_eq!(self.node.ask(&command).await, format!("+OK Job-UUID: {uuid}"));
    }

    /// Bridges a caller with a leg, and waits for the bridge.
    pub async fn bridge(&mut self, caller: &CallerHandle, leg: &str) {
        let answer = self.node.api(&format!("uuid_bridge {} {leg}", caller.channel())).await;
        assert_eq!(answer, format!("+OK {leg}"));
        let event = self.node.event("CHANNEL_BRIDGE").await;
        assert_eq!(event.value("Bridge-B-Unique-ID").as_deref(), Some(leg));
    }

    pub async fn set_variable(&mut self, caller: &CallerHandle, name: &str, value: &str) {
        let answer = self.node.api(&format!("uuid_setvar {} {name} {value}", caller.channel())).await;
        assert_eq!(answer, "+OK");
    }
}

pub(super) async fn link(sim: &Sim) -> Link {
    Link::log_in(sim.node_address(), "ClueCon").await
}

pub(super) fn caller() -> CallerScript {
    CallerScript::new("79001234567", "7001").named("Ivan").patient_for(s(120))
}
