//! What a caller hears while they wait in a queue, and what they press.
//!
//! FreeSWITCH plays an announcement inside of the music, which it continues where it was. A bridge ends both at once. The
//! greeting comes before the music.

use std::time::Duration;

use tokio::time::Instant;

use super::prompts::Prompts;
use super::{Call, Gone, heard};
use crate::clock::UnixMs;
use crate::queue::expected_wait::Told;
use crate::rules::{Destination, Heard, Queue, Rules, WaitKey};
use crate::sound::Sound;
use crate::spoken::{Phrase, expected_wait, position};
use crate::switch::{CallerEvent, Loops, PlayId};

/// The pause between endless music that ended by itself and the fallback music.
const MUSIC_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait for another key, when what was pressed begins longer keys.
const KEY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a waiting caller hears and presses.
pub(super) struct Waiting<'q> {
    queue: &'q Queue,
    joined_at: UnixMs,
    music: Sound,
    music_id: Option<PlayId>,
    /// When the fallback music begins, since the music has ended by itself.
    silent_until: Option<Instant>,
    prompts: Prompts,
    /// Whether the prompts are the greeting.
    is_greeting: bool,
    /// After how long a wait the next announcement comes, and when that is.
    next: Option<(Duration, Instant)>,
    /// How many announcements there were.
    announced: usize,
    told: Told,
    /// Keys that begin longer ones.
    pressed: String,
    pressed_until: Option<Instant>,
}

impl<'q> Waiting<'q> {
    /// A caller who waits in a queue since `joined_at`.
    pub(super) fn new(call: &Call, rules: &Rules, queue: &'q Queue, joined_at: UnixMs) -> Self {
        let music = rules.sound(queue.music.as_ref()).unwrap_or(&call.app.settings.sounds.music).clone();
        let mut waiting = Self {
            queue,
            joined_at,
            music,
            music_id: None,
            silent_until: None,
            prompts: Prompts::default(),
            is_greeting: false,
            next: None,
            announced: 0,
            told: Told::default(),
            pressed: String::new(),
            pressed_until: None,
        };
        waiting.set_next(call, Duration::ZERO);
        waiting
    }

    /// Plays the greeting, if the caller is to hear it, and music.
    pub(super) async fn begin(
        &mut self,
        call: &mut Call,
        rules: &Rules,
        is_greeted: bool,
    ) -> Result<(), Gone> {
        let greeting = self.queue.greeting.as_ref().filter(|_| is_greeted);
        let is_skipped = greeting.is_some() && self.queue.greeting_skip;
        // After a menu, a key would still end a sound, and the music would begin again.
        if is_skipped || !self.queue.keys.is_empty() || !call.flow.menus.is_empty() {
            call.listen(false).await?;
        }
        self.prompts = Prompts::of(greeting.and_then(|name| heard::sound(call, rules, name)));
        self.is_greeting = !self.prompts.are_none();
        self.go_on(call).await
    }

    /// Begins the music again after a bridge that did not come about, which has ended all sounds.
    pub(super) async fn begin_again(&mut self, call: &mut Call) -> Result<(), Gone> {
        (self.prompts, self.silent_until) = (Prompts::default(), None);
        self.go_on(call).await
    }

    /// Stops an announcement, since the caller waits no more. Music goes on until the caller hears something else.
    pub(super) async fn end(&mut self, call: &mut Call) -> Result<(), Gone> {
        self.prompts.stop(call).await.map(drop)
    }

    /// When [`Waiting::wake`] is to be called.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let announcement = self.next.map(|(_, at)| at);
        let all = [self.silent_until, self.prompts.missing_at(), self.pressed_until, announcement];
        all.into_iter().flatten().min()
    }

    /// Does what is due. Returns where the caller goes by a key.
    pub(super) async fn wake(
        &mut self,
        call: &mut Call,
        rules: &Rules,
    ) -> Result<Option<&'q Destination>, Gone> {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.prompts.missing_at()) {
            self.prompts.replace_missing(call);
            self.go_on(call).await?;
        }
        if is_due(self.silent_until) {
            self.fall_back(call).await?;
        }
        if is_due(self.next.map(|(_, at)| at)) {
            self.announce(call, rules).await?;
        }
        if is_due(self.pressed_until) {
            let pressed = self.take_pressed();
            if let Heard::Unfinished(Some(key)) = self.queue.heard(&pressed) {
                return self.choose(call, key).await;
            }
        }
        Ok(None)
    }

    /// Takes in an event of the caller. Returns where the caller goes by a key.
    pub(super) async fn hear(
        &mut self,
        call: &mut Call,
        event: CallerEvent,
    ) -> Result<Option<&'q Destination>, Gone> {
        match event {
            CallerEvent::Digit { digit, .. } => return self.press(call, digit).await,
            CallerEvent::Played { id, .. } if self.music_id == Some(id) => {
                self.silent_until = Some(Instant::now() + MUSIC_PAUSE);
            }
            CallerEvent::Played { id, ok } if self.prompts.ended(id, ok) => self.go_on(call).await?,
            _ => {}
        }
        Ok(None)
    }

    /// Plays the next prompt, or music.
    async fn go_on(&mut self, call: &mut Call) -> Result<(), Gone> {
        if self.prompts.play_next(call).await? {
            return Ok(());
        }
        self.is_greeting = false;
        if self.silent_until.is_none() {
            // The music may be playing: then it goes on.
            self.music_id = Some(call.play(&self.music, Loops::Forever).await?);
        }
        Ok(())
    }

    /// Endless music has ended: the file is missing, or something stopped it. The caller must not hear silence.
    async fn fall_back(&mut self, call: &mut Call) -> Result<(), Gone> {
        tracing::warn!(
            music = %self.music,
            "endless music ended: FreeSWITCH cannot play it, or it is too short. Put the file where FreeSWITCH finds it, or \
             name another (`music` of the queue, or [sounds] music); fallback_music plays meanwhile"
        );
        self.silent_until = None;
        self.music = call.app.settings.sounds.fallback_music.clone();
        self.music_id = Some(call.play(&self.music, Loops::Forever).await?);
        Ok(())
    }

    fn set_next(&mut self, call: &Call, last: Duration) {
        let clock = &call.app.clock;
        let waited = clock.now().since(self.joined_at).max(last);
        let next = self.queue.next_announcement(waited);
        self.next = next.map(|wait| (wait, clock.instant_of(self.joined_at + wait)));
    }

    /// Plays an announcement, unless a prompt is heard.
    async fn announce(&mut self, call: &mut Call, rules: &Rules) -> Result<(), Gone> {
        let last = self.next.map_or(Duration::ZERO, |(wait, _)| wait);
        self.set_next(call, last);
        if self.prompts.are_heard() {
            return Ok(());
        }
        let prompts = &self.queue.announcements;
        let name = self.announced.checked_rem(prompts.len()).and_then(|turn| prompts.get(turn));
        self.announced = self.announced.wrapping_add(1);
        let place = self.place(call, self.queue.announce_position).await;
        self.prompts = Prompts::of(heard::phrase_and(call, rules, place, name));
        self.go_on(call).await
    }

    /// What a caller is told of their place in the queue. Nothing while they are off the board.
    async fn place(&mut self, call: &Call, with_position: bool) -> Phrase {
        let (language, mut phrase) = (heard::language(call), Phrase::default());
        if !with_position && !self.queue.announce_wait {
            return phrase;
        }
        let Some(place) = call.app.dispatcher.place(call.id).await else { return phrase };
        if with_position {
            let said = self.told.position(place.position);
            phrase = phrase.then(position(language, u64::try_from(said).unwrap_or(u64::MAX)));
        }
        let (floor, rise) = (self.queue.wait_floor, self.queue.wait_rise);
        let expected = place.expected.filter(|_| self.queue.announce_wait);
        let minutes = expected.and_then(|expected| self.told.minutes(expected, floor, rise));
        minutes.map_or(phrase.clone(), |minutes| phrase.then(expected_wait(language, minutes)))
    }

    /// The caller has pressed a key.
    async fn press(&mut self, call: &mut Call, key: char) -> Result<Option<&'q Destination>, Gone> {
        if self.is_greeting && self.queue.greeting_skip && self.prompts.stop(call).await? {
            self.go_on(call).await?;
        }
        self.pressed.push(key);
        self.pressed_until = None;
        match self.queue.heard(&self.pressed) {
            Heard::Chosen(key) => {
                self.pressed.clear();
                return self.choose(call, key).await;
            }
            Heard::Unfinished(_) => self.pressed_until = Some(Instant::now() + KEY_TIMEOUT),
            Heard::Invalid => self.pressed.clear(),
        }
        Ok(None)
    }

    fn take_pressed(&mut self) -> String {
        self.pressed_until = None;
        std::mem::take(&mut self.pressed)
    }

    /// Carries out a key. Returns where the caller goes.
    async fn choose(&mut self, call: &mut Call, key: &'q WaitKey) -> Result<Option<&'q Destination>, Gone> {
        if key.position {
            self.prompts.stop(call).await?;
            let place = self.place(call, true).await;
            self.prompts = Prompts::of(heard::said(call, &place));
            self.go_on(call).await?;
        }
        Ok(key.to.as_ref())
    }
}
