//! A voicemail: the caller leaves a message, and the message becomes a case.
//!
//! The row of a message is there before FreeSWITCH records. So a recording that the controller does not see to its end is
//! completed later by `complete`. What was recorded when the caller hangs up is a message, unless it is too short.

use std::time::Duration;

use tokio::time::Instant;

use super::flow::Next;
use super::message::{play_if_any, play_message};
use super::prompts::LISTENING;
use super::{Call, Gone, heard, over};
use crate::cause::HangupCause;
use crate::context::App;
use crate::ids::{CallId, MessageId, PromptName, VoicemailName};
use crate::missed::ending::Stage;
use crate::rules::{Digits, Rules, Then, Voicemail};
use crate::sound::Sound;
use crate::spoken::{Choice, Key, Phrase, Sentence, choice};
use crate::store::messages::{self, Begun};
use crate::switch::{CallerEvent, Loops, PlayId, RecordEnd, Recording};
use crate::ticks::until;

/// The tone before the recording.
const BEEP: Sound = Sound::ours("tone_stream://%(500,0,640)");
/// FreeSWITCH's cause for a caller whose file it could not make.
const NO_FILE: &str = "DESTINATION_OUT_OF_ORDER";
/// How long FreeSWITCH may take to end a recording.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Asks the caller for a message, then goes on with what follows, or hangs up.
pub(crate) async fn take(
    call: &mut Call,
    rules: &Rules,
    name: &VoicemailName,
    then: Then,
) -> Result<Next, Gone> {
    let Some(voicemail) = rules.voicemails.get(name) else {
        tracing::error!(voicemail = %name, "there is no such voicemail any more: the call ends");
        call.caller.hangup(HangupCause::TemporaryFailure).await;
        return Ok(Next::Ended(over(call.flow.ending, call.stage, "NO_VOICEMAIL")));
    };
    call.stage = Stage::Voicemail;
    call.flow.calls_back.clone_from(&voicemail.queue);
    call.answer().await?;
    call.listen(true).await?;
    call.stop().await?;
    match call.app.recordings.ready().await {
        Ok(()) => {
            let mut visit = Visit { rules, name, voicemail, kept: None, made: false };
            let left = visit.run(call).await;
            left.inspect_err(|gone| {
                if !visit.made {
                    note_refusal(&call.app, gone);
                }
            })?;
        }
        Err(why) => {
            let remedy = why.remedy();
            tracing::error!(voicemail = %name, %why, remedy, "no message can be recorded: the caller is called back without one");
            say(call, Sentence::CallbackSoon).await?;
        }
    }
    if let Some(then) = then {
        return Ok(Next::To(*then));
    }
    call.caller.hangup(HangupCause::NormalClearing).await;
    Ok(Next::Ended(over(call.flow.ending, Stage::Voicemail, HangupCause::NormalClearing.as_str())))
}

/// If FreeSWITCH has hung up because it cannot make files, the next callers need not suffer that. Call this only if there is no
/// sound in the file: FreeSWITCH hangs up with the same cause when it takes a caller out of a recording, as `uuid_transfer` does.
fn note_refusal(app: &App, gone: &Gone) {
    if *gone == Gone::HungUp(NO_FILE.to_owned()) {
        app.recordings.refused();
        tracing::error!(
            "FreeSWITCH has hung up on a caller, as it does if it cannot make a file: let its user write into [voicemail] folder"
        );
    }
}

/// One visit of a voicemail.
struct Visit<'v> {
    rules: &'v Rules,
    name: &'v VoicemailName,
    voicemail: &'v Voicemail,
    /// The message that the caller has left so far.
    kept: Option<Message>,
    /// Whether FreeSWITCH has made a file with sound.
    made: bool,
}

/// A message that was recorded to its end.
struct Message {
    id: MessageId,
    file: Sound,
}

/// What came of a recording.
enum Recorded {
    /// A message.
    Message,
    /// The caller has said nothing, or too little.
    Nothing,
    /// The recording could not begin.
    NotPossible,
}

/// What the caller wants to do with a message.
enum Wish {
    Keep,
    Again,
}

impl Visit<'_> {
    /// Records until the caller keeps a message, or has said nothing too often.
    async fn run(&mut self, call: &mut Call) -> Result<(), Gone> {
        self.prompt(call, self.voicemail.greeting.as_ref(), Sentence::LeaveMessageAfterTone).await?;
        for left in (0..=self.voicemail.retries).rev() {
            self.beep(call).await?;
            match self.record(call).await? {
                Recorded::Message => match self.review(call, left > 0).await? {
                    Wish::Keep => break,
                    Wish::Again => {}
                },
                Recorded::Nothing => say(call, Sentence::NothingRecorded).await?,
                Recorded::NotPossible => return say(call, Sentence::CallbackSoon).await,
            }
        }
        if self.kept.is_some() {
            self.prompt(call, self.voicemail.thanks.as_ref(), Sentence::MessageSaved).await?;
        }
        Ok(())
    }

    /// Plays a prompt of the rules, or else says a sentence.
    async fn prompt(&self, call: &mut Call, name: Option<&PromptName>, or: Sentence) -> Result<(), Gone> {
        let sound = match name {
            None => heard::said(call, &or.into()),
            Some(name) => heard::sound(call, self.rules, name),
        };
        play_if_any(call, sound).await
    }

    async fn beep(&self, call: &mut Call) -> Result<(), Gone> {
        let named = self.voicemail.beep.as_ref().and_then(|name| heard::sound(call, self.rules, name));
        play_message(call, &named.unwrap_or(BEEP)).await
    }

    /// Records once.
    async fn record(&mut self, call: &mut Call) -> Result<Recorded, Gone> {
        let file = call.app.recordings.new_file();
        let Some(id) = self.begin(call, &file).await else {
            // Without a row, nobody would find the file again.
            return Ok(Recorded::NotPossible);
        };
        let recording = Recording {
            file: file.clone(),
            longest: self.voicemail.max_length,
            silence: self.voicemail.silence,
            level: call.app.recordings.silence_level(),
            end_keys: self.voicemail.end.as_str().to_owned(),
        };
        let playing = call.record(recording).await?;
        let (length_ms, gone) = self.until_recorded(call, playing, id, &file).await?;
        self.made |= length_ms.is_some_and(|length| length > 0);
        let message = Message { id, file };
        let said = self.settle(call, message, length_ms).await;
        match gone {
            Some(gone) => Err(gone),
            None => Ok(if said { Recorded::Message } else { Recorded::Nothing }),
        }
    }

    /// Writes the row of a message that is to be recorded.
    async fn begin(&self, call: &Call, file: &Sound) -> Option<MessageId> {
        let begun = Begun {
            call: call.id,
            voicemail: self.name.clone(),
            path: file.to_string(),
            language: call.flow.language,
            at: call.app.clock.now(),
        };
        let row = call.app.store.write("message", move |c| messages::begin(c, &begun)).await;
        row.inspect_err(|error| {
            tracing::error!(%error, "a message cannot be noted, so it is not recorded: the caller is called back without one");
        })
        .ok()
    }

    /// Waits for the end of a recording. Returns how long it is without the silence that ended it, if that is known, and why
    /// the caller is gone, if so. An error if the recording may go on without us.
    async fn until_recorded(
        &self,
        call: &mut Call,
        playing: PlayId,
        id: MessageId,
        file: &Sound,
    ) -> Result<(Option<u64>, Option<Gone>), Gone> {
        loop {
            match call.next().await {
                Ok(event) => {
                    if let Some(length) = self.length(&event, playing) {
                        return Ok((Some(length), None));
                    }
                }
                Err(Gone::Lost) => {
                    tracing::warn!(message = %id, "the socket broke while a message was recorded: it is completed when the call ends");
                    return Err(Gone::Lost);
                }
                Err(Gone::Drained) => {
                    let length = tokio::time::timeout(STOP_LIMIT, self.stop(call, playing)).await;
                    return Ok((length.ok().flatten(), Some(Gone::Drained)));
                }
                Err(gone) => {
                    return Ok((
                        call.app.recordings.length_ms(file.as_str()).await.ok().flatten(),
                        Some(gone),
                    ));
                }
            }
        }
    }

    /// Ends a recording, and returns how long it is.
    async fn stop(&self, call: &mut Call, playing: PlayId) -> Option<u64> {
        call.stop().await.ok()?;
        loop {
            let event = call.next_in_talk().await.ok()?;
            if let Some(length) = self.length(&event, playing) {
                return Some(length);
            }
        }
    }

    /// Returns how long the recording is, if this is its end.
    fn length(&self, event: &CallerEvent, playing: PlayId) -> Option<u64> {
        let CallerEvent::Recorded { id, length_ms, by } = event else { return None };
        let silence = u64::try_from(self.voicemail.silence.as_millis()).unwrap_or(u64::MAX);
        let quiet = if *by == RecordEnd::Silence { silence } else { 0 };
        (*id == playing).then(|| length_ms.saturating_sub(quiet))
    }

    /// Keeps a message, or discards it if nothing was said. An earlier message of this visit stays until there is another.
    async fn settle(&mut self, call: &mut Call, message: Message, length_ms: Option<u64>) -> bool {
        let said = is_message(&call.app, length_ms, self.voicemail.min_length);
        let earlier = self.kept.as_ref().map(|it| it.id);
        record_end(&call.app, message.id, said, length_ms, earlier).await;
        if said {
            tracing::info!(message = %message.id, length_ms, "the caller has left a message");
            call.flow.has_left_message();
            self.kept = Some(message);
        }
        said
    }

    /// Asks what to do with the message. A caller who presses nothing keeps it.
    async fn review(&self, call: &mut Call, may_repeat: bool) -> Result<Wish, Gone> {
        let Some(message) = self.kept.as_ref().filter(|_| self.voicemail.review) else {
            return Ok(Wish::Keep);
        };
        loop {
            let choices = self.choices(call, may_repeat);
            match self.key(call, choices).await? {
                Some(key) if key == self.voicemail.listen => {
                    play_message(call, &message.file).await?;
                }
                Some(key) if key == self.voicemail.again && may_repeat => return Ok(Wish::Again),
                Some(key) if key == self.voicemail.keep => return Ok(Wish::Keep),
                Some(_) => {}
                None => return Ok(Wish::Keep),
            }
        }
    }

    /// Says which key does what.
    fn choices(&self, call: &Call, may_repeat: bool) -> Option<Sound> {
        let (language, voicemail) = (heard::language(call), self.voicemail);
        let all = [
            (Choice::KeepRecording, &voicemail.keep),
            (Choice::HearRecording, &voicemail.listen),
            (Choice::RecordAgain, &voicemail.again),
        ];
        let offered = all.into_iter().take(if may_repeat { 3 } else { 2 });
        let keys = offered.filter_map(|(what, key)| Some((what, Key::of(key.as_str().chars().next()?)?)));
        let phrase = keys.fold(Phrase::from(Sentence::MessageRecorded), |phrase, (what, key)| {
            phrase.then(choice(language, what, key))
        });
        heard::said(call, &phrase)
    }

    /// Plays a prompt and returns the key that the caller pressed, none after the time-out. A key stops the prompt.
    async fn key(&self, call: &mut Call, prompt: Option<Sound>) -> Result<Option<Digits>, Gone> {
        call.listen(true).await?;
        let mut playing = match &prompt {
            Some(prompt) => Some(call.play(prompt, Loops::Once).await?),
            None => None,
        };
        let mut deadline = None;
        loop {
            if playing.is_none() && deadline.is_none() {
                call.play(&LISTENING, Loops::Forever).await?;
                deadline = Some(Instant::now() + self.voicemail.timeout);
            }
            let event = tokio::select! {
                biased;
                event = call.next() => event?,
                () = until(deadline) => return Ok(None),
            };
            match event {
                CallerEvent::Digit { digit, .. } => {
                    call.stop().await?;
                    return Ok(digit.to_string().parse().ok());
                }
                // If the prompt cannot be played, the voicemail waits all the same.
                CallerEvent::Played { id, .. } if playing == Some(id) => playing = None,
                _ => {}
            }
        }
    }
}

/// Whether a recording is a message, and not too short. If nobody can know that, it is one.
fn is_message(app: &App, length_ms: Option<u64>, least: Duration) -> bool {
    match length_ms {
        Some(length) => length > 0 && u128::from(length) >= least.as_millis(),
        None => !app.recordings.is_reachable(),
    }
}

/// Records the end of a message: it is kept, instead of an earlier one of the visit, or discarded. Returns whether that is on
/// record.
async fn record_end(
    app: &App,
    id: MessageId,
    is_kept: bool,
    length_ms: Option<u64>,
    earlier: Option<MessageId>,
) -> bool {
    let at = app.clock.now();
    let recorded = app.store.record("message_end", move |c| match is_kept {
        true => messages::keep(c, id, length_ms, earlier, at),
        false => messages::discard(c, id, at),
    });
    let recorded = recorded.await;
    recorded
        .inspect_err(|error| tracing::error!(%error, message = %id, "the end of a message is not recorded"))
        .is_ok()
}

/// Says a sentence in the caller's language.
async fn say(call: &mut Call, sentence: Sentence) -> Result<(), Gone> {
    let sound = heard::said(call, &sentence.into());
    play_if_any(call, sound).await
}

/// Completes the messages that a caller who came back has left in an earlier visit.
pub(crate) async fn remember(call: &mut Call, rules: &Rules) {
    if let Some(name) = complete(&call.app, call.id).await {
        call.flow.has_left_message();
        call.flow.calls_back = rules.voicemails.get(&name).and_then(|voicemail| voicemail.queue.clone());
    }
}

/// Completes the messages of a call that the controller did not see to their end: because it died, or lost the caller's
/// socket. Returns the voicemail of the last message, if the caller has left one.
pub(crate) async fn complete(app: &App, call: CallId) -> Option<VoicemailName> {
    let all = match app.store.read("messages", move |c| messages::of_call(c, call)).await {
        Ok(all) => all,
        Err(error) => {
            tracing::error!(%error, call.id = %call, "the messages of a call cannot be read");
            return None;
        }
    };
    let mut left = None;
    for message in all {
        if message.ended_at.is_some() {
            left = Some(message.voicemail);
            continue;
        }
        let least = app.rules().voicemails.get(&message.voicemail).map(|voicemail| voicemail.min_length);
        let file = message.path.unwrap_or_default();
        let length = app.recordings.length_ms(&file).await.ok().flatten();
        let said = is_message(app, length, least.unwrap_or_default());
        if record_end(app, message.id, said, length, None).await {
            tracing::warn!(message = %message.id, said, "completed a message that an earlier run left open");
        }
        left = Some(message.voicemail).filter(|_| said).or(left);
    }
    left
}
