//! Callers' sockets: the application `socket … async full`, and what becomes of the caller when the socket closes.
//!
//! In: the controllers' addresses; the end of a connection. Out: a connection that controls the channel, or the
//! dialplan's next step. **The table of docs/architecture/freeswitch.md, "When the controller goes away"** is the
//! contract: with `socket_resume=true` the caller always comes back to the dialplan, at the price of a talk that is
//! cut; without it the caller may be left in silence or music for ever.

use std::time::Duration;

use tokio::net::TcpStream;

use super::channel::{Channel, State, What};
use super::connection::{Connection, Side};
use super::core::{Core, Due, Input};
use super::ids::{Conn, Key};
use super::kind::Kind;
use super::story::Happening;

/// The most hosts that one `socket` tries (mod_event_socket.c, `socket_function`).
const HOSTS_MAX: usize = 50;

/// A waiting session checks its state once per frame of sound.
const FRAME: Duration = Duration::from_millis(20);

impl Core {
    /// `socket`: tries the hosts in turn.
    pub fn dial_socket(&mut self, key: Key, run: u64, data: &str) {
        if let Some(running) = self.channel_mut(key).and_then(|channel| channel.running.last_mut()) {
            running.what = What::Socket { conn: None, parked: false };
        }
        let hosts = addresses(data.split(' ').next().unwrap_or_default());
        self.spawn(async move {
            for host in hosts {
                if let Ok(stream) = TcpStream::connect(&host).await {
                    return Input::Dialled { channel: key, run, taken: Some((stream, host)) };
                }
            }
            Input::Dialled { channel: key, run, taken: None }
        });
    }

    /// A host has accepted the connection, or none has.
    pub fn socket_dialled(&mut self, key: Key, run: u64, taken: Option<(TcpStream, String)>) {
        let running = self.channel(key).and_then(|channel| channel.running.last());
        if running.is_none_or(|running| running.id != run) {
            return;
        }
        let Some((stream, host)) = taken else {
            self.note(key, Happening::NobodyThere);
            self.finish(key, None, false);
            self.run_session(key);
            return;
        };
        let session = self.channel(key).map(|channel| channel.uuid);
        let conn = self.connect(stream, Side::Outbound(key), session);
        let timer = self.timers.set(self.now + self.settings.first_command, Due::NoCommand(conn));
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.timer = Some(timer);
        }
        if let Some(channel) = self.channel_mut(key) {
            channel.sockets.push(conn);
            channel
                .variables
                .set("socket_host", host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host));
            if let Some(running) = channel.running.last_mut() {
                running.what = What::Socket { conn: Some(conn), parked: false };
            }
        }
        self.note(key, Happening::Connected(host));
    }

    /// The controller sent `connect`: the caller is parked under its control.
    pub fn socket_connected(&mut self, key: Key, conn: Conn) {
        let Some(channel) = self.channel_mut(key) else { return };
        let controlled = channel.controlled;
        let waits = channel.running.last_mut().and_then(|running| match &mut running.what {
            What::Socket { conn: mine, parked } if *mine == Some(conn) && !*parked => Some(parked),
            _ => None,
        });
        let Some(parked) = waits else { return };
        if controlled {
            // FreeSWITCH cannot park channels that are under control already
            self.finish(key, None, false);
        } else {
            *parked = true;
            channel.controlled = true;
            self.emit(key, Kind::PARK);
        }
        self.run_session(key);
    }

    /// A caller's connection has ended.
    pub fn socket_closed(&mut self, key: Key, conn: Conn, connection: &Connection) {
        let Some(channel) = self.channel_mut(key) else { return };
        channel.sockets.retain(|known| *known != conn);
        if channel.is_down() {
            self.destroy_if_free(key);
            return;
        }
        let resume = connection.resume || channel.variables.is_true("socket_resume");
        if !connection.connected && waits_for(channel, conn) {
            self.closed_before_connect(key, resume);
            return;
        }
        if resume && channel.bridge.is_none_or(|bridge| bridge.built) {
            // Two sockets of one channel may close at once: the session comes back to the dialplan once.
            if !std::mem::replace(&mut channel.resetting, true) {
                self.timers.set(self.now + FRAME, Due::Reset(key));
            }
            return;
        }
        channel.controlled = false;
        if channel.state == State::Park {
            self.emit(key, Kind::UNPARK);
            self.note(key, Happening::Abandoned);
        } else {
            self.run_session(key);
        }
    }

    /// The session notices that a socket has closed.
    pub fn reset_noticed(&mut self, key: Key) {
        if let Some(channel) = self.channel_mut(key).filter(|channel| channel.resetting && !channel.is_down())
        {
            (channel.resetting, channel.controlled) = (false, false);
            self.reset(key);
        }
    }

    /// Rows a2 and a3: back to the dialplan, or parked for ever.
    fn closed_before_connect(&mut self, key: Key, resume: bool) {
        if resume {
            self.finish(key, None, false);
            self.run_session(key);
            return;
        }
        if let Some(channel) = self.channel_mut(key) {
            channel.controlled = true;
            if let Some(running) = channel.running.last_mut() {
                running.what = What::Socket { conn: None, parked: true };
            }
            self.emit(key, Kind::PARK);
            self.note(key, Happening::Abandoned);
        }
    }

    /// Rows b to e with `socket_resume`: the running application or talk is cut. After `socket` and `uuid_bridge` the
    /// dialplan continues; if neither of them runs, nothing does.
    fn reset(&mut self, key: Key) {
        let Some(channel) = self.channel(key) else { return };
        let bridge = channel.bridge;
        let runs_socket = channel.running.iter().any(|run| matches!(run.what, What::Socket { .. }));
        let by_uuid = bridge.is_some() && channel.running.is_empty();
        if channel.state == State::Park {
            self.emit(key, Kind::UNPARK);
        }
        self.set_state(key, State::Reset);
        if let Some(bridge) = bridge {
            let (a, b) = if bridge.originator { (key, bridge.with) } else { (bridge.with, key) };
            self.counts.talks_cut += 1;
            self.unbridged(a, b);
            self.release(b);
            self.hangup(bridge.with, "NORMAL_CLEARING");
        }
        let records = self.channel(key).is_some_and(Channel::is_recording);
        self.unwind(key);
        if records {
            return self.hangup(key, "DESTINATION_OUT_OF_ORDER");
        }
        if runs_socket || by_uuid {
            self.set_state(key, State::Execute);
            self.run_session(key);
        } else {
            self.note(key, Happening::Abandoned);
        }
    }
}

/// Whether the channel waits for the first command on that connection.
fn waits_for(channel: &Channel, conn: Conn) -> bool {
    channel.running.iter().any(
        |running| matches!(running.what, What::Socket { conn: Some(mine), parked: false } if mine == conn),
    )
}

/// `host[:port][/path]|…`: a missing port is that of the host before, 8084 at first.
fn addresses(list: &str) -> Vec<String> {
    let mut port = "8084".to_owned();
    let hosts = list.split('|').filter(|host| !host.is_empty()).take(HOSTS_MAX);
    hosts
        .map(|host| {
            let host = host.split('/').next().unwrap_or_default();
            let (name, own_port) =
                host.rsplit_once(':').map_or((host, None), |(name, own)| (name, Some(own)));
            if let Some(own) = own_port {
                own.clone_into(&mut port);
            }
            format!("{name}:{port}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn a_missing_port_is_the_one_before() {
        assert_eq!(addresses("a"), ["a:8084"]);
        assert_eq!(addresses("10.0.0.1:18999|b/path|c:1/x"), ["10.0.0.1:18999", "b:18999", "c:1"]);
    }
}
