//! What a caller hears: sound that is played once, and endless sound under it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::sound::Sound;
use crate::switch::caller::{CallerEvent, Loops, PlayId};
use crate::switch::event::Event;
use crate::switch::frames::SocketError;
use crate::switch::socket::Execute;

use super::CallerTask;

/// A repetition of endless sound that is shorter than this is the last one (switch_ivr.c, switch_ivr_parse_event).
const SHORTEST_PASS: Duration = Duration::from_millis(500);

/// Endless sound that is being played.
pub(super) struct Music {
    /// Its id on the socket.
    name: PlayId,
    /// Its id for the story: the latest play that asked for it.
    id: PlayId,
    sound: Sound,
    /// When the current repetition began.
    since: Instant,
}

impl CallerTask {
    pub(super) async fn play(&mut self, id: PlayId, sound: Sound, loops: Loops) -> Result<(), SocketError> {
        let once = loops == Loops::Once;
        if let Some(music) = self.music.as_mut().filter(|_| !once) {
            if music.sound == sound {
                music.id = id;
                return Ok(());
            }
            self.stop().await?;
        }
        let name = id.0.to_string();
        let execute = Execute { app: "playback", arg: sound.as_str(), id: &name, lock: once, forever: !once };
        self.socket.execute(&execute).await?;
        if once {
            self.plays.push(id);
        } else {
            self.music = Some(Music { name: id, id, sound, since: Instant::now() });
        }
        Ok(())
    }

    /// Stops what is played or recorded, and forgets what waits to be played. Nothing is sent if that is nothing.
    pub(super) async fn stop(&mut self) -> Result<(), SocketError> {
        if self.music.take().is_none() && self.plays.is_empty() && self.recording.is_none() {
            return Ok(());
        }
        self.plays.clear();
        self.api(format!("uuid_break {} all", self.channel)).await
    }

    /// An application of ours has ended.
    pub(super) fn hear_app_over(&mut self, event: &Event) {
        let name = event.get("Application-UUID").and_then(|id| Uuid::try_parse(&id).ok()).map(PlayId);
        match name {
            Some(name) if self.recording == Some(name) => self.hear_recorded(name, event),
            Some(name) => self.hear_played(name, event),
            None => {}
        }
    }

    fn hear_played(&mut self, name: PlayId, event: &Event) {
        let ok = event.get("Application-Response").as_deref() == Some("FILE PLAYED");
        if let Some(at) = self.plays.iter().position(|play| *play == name) {
            self.plays.swap_remove(at);
            self.push(CallerEvent::Played { id: name, ok });
        } else if let Some(music) = self.music.as_mut().filter(|music| music.name == name) {
            let id = music.id;
            if ok && music.since.elapsed() >= SHORTEST_PASS {
                music.since = Instant::now();
                return;
            }
            self.music = None;
            // A sound that ends with the call needs no event of its own.
            if event.get("Answer-State").as_deref() != Some("hangup") {
                self.push(CallerEvent::Played { id, ok: false });
            }
        }
    }
}
