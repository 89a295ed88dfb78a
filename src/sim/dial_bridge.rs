//! The application `bridge`: a channel dials a leg and is connected with it, or continues without.

use super::channel::{Channel, Running, What};
use super::core::Core;
use super::ids::Key;
use super::originate::{Asker, Originate, Then, parse_dial};

/// Failures after which the dialplan continues by itself (switch_channel.c, `switch_channel_handle_cause`).
const GOES_ON: [&str; 3] = ["NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL"];
/// No leg yet.
const NO_LEG: Key = Key(0);

impl Core {
    /// `bridge`.
    pub fn dial_bridge(&mut self, key: Key, run: u64, data: &str) {
        if let Some(running) = self.waiting(key, run) {
            running.what = What::Bridge { leg: NO_LEG };
        }
        let dial = parse_dial(data);
        self.originate(Originate { asker: Asker::Bridge(key, run), dial, then: Then::Talk });
    }

    fn waiting(&mut self, key: Key, run: u64) -> Option<&mut Running> {
        let channel = self.channel_mut(key).filter(|channel| !channel.is_down())?;
        channel.running.iter_mut().find(|running| running.id == run)
    }

    /// Whether the leg is still wanted.
    pub fn is_wanted(&mut self, asker: &Asker) -> bool {
        match asker {
            Asker::Bridge(key, run) => self.waiting(*key, *run).is_some(),
            Asker::Job { .. } | Asker::Api(_) => true,
        }
    }

    /// Notes the leg that `bridge` dials.
    pub fn bridge_dials(&mut self, asker: &Asker, leg: Key) {
        if let Asker::Bridge(key, run) = asker
            && let Some(running) = self.waiting(*key, *run)
        {
            running.what = What::Bridge { leg };
        }
    }

    pub fn bridge_answered(&mut self, key: Key, run: u64, leg: Key) {
        if self.waiting(key, run).is_none() {
            return self.hangup(leg, "ORIGINATOR_CANCEL");
        }
        self.answer(key);
        self.know_each_other(key, leg);
        self.talk(key, leg);
    }

    pub fn bridge_failed(&mut self, key: Key, run: u64, cause: &str) {
        let Some(running) = self.waiting(key, run) else { return };
        running.what = What::Bridge { leg: NO_LEG };
        let Some(channel) = self.channel_mut(key) else { return };
        channel.variables.set("originate_disposition", cause);
        channel.variables.set("last_bridge_hangup_cause", cause);
        if GOES_ON.contains(&cause) || channel.variables.is_true("continue_on_fail") {
            self.finish(key, None, true);
            self.run_session(key);
        } else {
            self.hangup(key, cause);
        }
    }

    /// The channel that dialled a leg no longer wants it. The end of a talk is handled elsewhere.
    pub fn abandon_leg(&mut self, leg: Key) {
        if self.channel(leg).is_some_and(|channel: &Channel| channel.bridge.is_none()) {
            self.hangup(leg, "ORIGINATOR_CANCEL");
        }
    }
}
