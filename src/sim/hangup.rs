//! The end of a channel: HANGUP, the end of running applications, then HANGUP_COMPLETE once its session has noticed,
//! and DESTROY when no lingering socket holds it any more.

use super::channel::{Bridge, Callstate, Channel, Role, State};
use super::connection::Linger;
use super::core::{Core, Due};
use super::ids::Key;
use super::kind::Kind;
use super::story::Happening;
use super::wire;

impl Core {
    /// Hangs a channel up. A channel that is down is not changed.
    pub fn hangup(&mut self, key: Key, cause: &str) {
        let micros = self.micros();
        let Some(channel) = self.channel_mut(key).filter(|channel| !channel.is_down()) else { return };
        channel.cause = Some(cause.into());
        channel.stamps.hangup = micros;
        let bridge = channel.bridge;
        self.emit(key, Kind::HANGUP);
        self.free_phone(key);
        self.unwind(key);
        if let Some(bridge) = bridge {
            self.leave_bridge(key, bridge, cause);
        }
        self.set_state(key, State::Hangup);
        self.set_callstate(key, Callstate::Hangup);
        let at = self.soon();
        self.timers.set(at, Due::Report(key));
    }

    /// Handles the other side of a bridge after a hangup.
    fn leave_bridge(&mut self, key: Key, bridge: Bridge, cause: &str) {
        match bridge {
            Bridge { with, originator: true, built: true } => {
                self.unbridged(key, with);
                self.release(with);
                self.hangup(with, "NORMAL_CLEARING");
            }
            Bridge { with, originator: false, built: true } => self.end_talk(with, cause),
            // the other channel, which was interrupted, is not told: it is left over
            Bridge { with, originator: true, built: false } => self.leave_over(with),
            // the originator notices when it builds the bridge
            Bridge { originator: false, built: false, .. } => {}
        }
    }

    /// The session ends.
    pub fn report(&mut self, key: Key) {
        if self.channel(key).is_none() {
            return;
        }
        self.set_state(key, State::Reporting);
        let cause = self.channel(key).and_then(|channel| channel.cause.clone()).unwrap_or_default();
        self.emit_with(key, Kind::HANGUP_COMPLETE, &[("Hangup-Cause", &cause)], &[]);
        self.originate_failed(key, &cause);
        let now = self.now;
        if let Some(channel) = self.channel_mut(key) {
            channel.send_story(now);
        }
        self.tell_sockets(key);
        self.destroy_if_free(key);
    }

    /// Reports the end of the channel on the sockets that control it. A socket that does not linger is closed.
    fn tell_sockets(&mut self, key: Key) {
        let Some(channel) = self.channel(key) else { return };
        let (uuid, name, sockets) = (channel.uuid.to_string(), channel.name.clone(), channel.sockets.clone());
        for conn in sockets {
            let now = self.now;
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            if connection.told_down {
                continue;
            }
            connection.told_down = true;
            let seconds = match connection.linger {
                Linger::No => {
                    self.close(conn);
                    continue;
                }
                Linger::Forever => None,
                Linger::Seconds(seconds) => {
                    let until = now + std::time::Duration::from_secs(seconds);
                    connection.timer = Some(self.timers.set(until, Due::LingerEnds(conn)));
                    Some(seconds)
                }
            };
            self.send(conn, wire::linger_notice(&uuid, &name, seconds));
        }
    }

    /// Removes a channel that has reported its end and that no socket holds.
    pub fn destroy_if_free(&mut self, key: Key) {
        let free = |channel: &Channel| channel.is_reported() && channel.sockets.is_empty();
        if !self.channel(key).is_some_and(free) {
            return;
        }
        self.emit(key, Kind::DESTROY);
        if let Some(channel) = self.channels.remove(&key)
            && self.keys.get(&channel.uuid) == Some(&key)
        {
            self.keys.remove(&channel.uuid);
        }
    }

    /// Adds to a caller's story; continuing music is added once.
    pub fn note(&mut self, key: Key, happening: Happening) {
        self.hear(key);
        let now = self.now;
        let Some(channel) = self.channels.get_mut(&key) else { return };
        let at = now - channel.began;
        if let Role::Caller(caller) = &mut channel.role {
            let goes_on = matches!(happening, Happening::Music(_))
                && caller.story.happenings.last().is_some_and(|(_, last)| *last == happening);
            if !goes_on && caller.done.is_some() {
                caller.story.happenings.push((at, happening));
            }
        }
    }
}
