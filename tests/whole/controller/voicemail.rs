//! Callers who leave messages, and what keeps them from it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dozvon::config::Settings;
use dozvon::rules::file;
use dozvon::sim::{CallerScript, Happening, Story};
use dozvon::store::cases::CaseRow;
use dozvon::store::messages::MessageRow;
use dozvon::store::{cases, messages};
use dozvon::switch::Probe;
use tempfile::TempDir;

use super::stage::{Stage, story, until};

const RULES: &str = r##"
[[prompt]]
name = "hello"
source = "tone_stream://%(200,0,440)"

[[prompt]]
name = "beep"
source = "tone_stream://%(100,0,550)"

[[prompt]]
name = "thanks"
source = "tone_stream://%(100,0,660)"

[[prompt]]
name = "bye"
source = "tone_stream://%(100,0,770)"

[[queue]]
name = "sales"
max_wait = "1s"
overflow = { message = "bye" }

[[voicemail]]
name = "box"
greeting = "hello"
beep = "beep"
thanks = "thanks"
max_length = "2s"
min_length = "200ms"
silence = "1s"
timeout = "300ms"
retries = 1
queue = "sales"

[[route]]
name = "box"
number = "7001"
open = { voicemail = "box" }

[[route]]
name = "then"
number = "7002"
open = { voicemail = "box", then = { message = "bye" } }
"##;

/// A stage whose callers leave messages in a folder.
struct Mailbox {
    stage: Stage,
    folder: TempDir,
}

impl Mailbox {
    async fn set() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adapt: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap().parse().unwrap();
        let mut stage = Stage::with(|settings| {
            settings.callback.min_wait = Duration::ZERO;
            settings.voicemail.folder = place;
            settings.voicemail.min_free_mb = 0;
            adapt(settings);
        })
        .await;
        let rules =
            file::parse("rules.toml", RULES, stage.settings.zone).unwrap_or_else(|faults| panic!("{faults}"));
        stage
            .store
            .write("rules", move |c| dozvon::store::rules::replace(c, &rules).map(drop))
            .await
            .unwrap();
        stage.restart().await;
        Self { stage, folder }
    }

    /// Dials, speaks for so many milliseconds in each recording, presses keys, each after so many milliseconds, and hangs up.
    async fn calls(
        &self,
        dialled: &str,
        speech: &[u64],
        keys: &[(u64, char)],
        hangs_up: Option<u64>,
    ) -> Story {
        let told = story(self.stage.sim.call(script(dialled, speech, keys, hangs_up)).await).await;
        self.stage.quiet().await;
        told
    }

    /// How the last call ended.
    async fn ended(&self) -> (String, String) {
        let row = self.stage.calls().await.pop().unwrap();
        (row.ending.unwrap().to_string(), row.stage.unwrap().to_string())
    }

    /// The messages of the last call.
    async fn messages(&self) -> Vec<MessageRow> {
        let call = self.stage.calls().await.pop().unwrap().id;
        self.stage.store.read("messages", move |c| messages::of_call(c, call)).await.unwrap()
    }

    async fn one_case(&self) -> CaseRow {
        let mut all = self.stage.store.read("cases", |c| cases::list(c, None, None, 10)).await.unwrap();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    async fn outbox(&self, kind: &str) -> Vec<String> {
        let kind = kind.to_owned();
        let read = move |c: &mut dozvon::store::Database| {
            use diesel::prelude::*;
            #[derive(QueryableByName)]
            struct Row {
                #[diesel(sql_type = diesel::sql_types::Text)]
                payload: String,
            }
            let rows: Vec<Row> = diesel::sql_query("SELECT payload FROM outbox WHERE kind = $1 ORDER BY seq")
                .bind::<diesel::sql_types::Text, _>(kind)
                .load(c)?;
            Ok(rows.into_iter().map(|row| row.payload).collect())
        };
        self.stage.store.read("test", read).await.unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

fn script(dialled: &str, speech: &[u64], keys: &[(u64, char)], hangs_up: Option<u64>) -> CallerScript {
    let mut script = CallerScript::new("+79001230001", dialled);
    script.keys = keys.iter().map(|(ms, key)| (Duration::from_millis(*ms), *key)).collect();
    script.speech = speech.iter().map(|ms| Duration::from_millis(*ms)).collect();
    script.patience = hangs_up.map(Duration::from_millis);
    script
}

/// What the caller heard, by the last number of each tone: `620` is a missing prompt. A recording is `rec`.
fn heard(story: &Story) -> Vec<String> {
    let tone = |source: &str| source.rsplit(',').next().unwrap_or_default().trim_end_matches(')').to_owned();
    let word = |happening: &Happening| match happening {
        Happening::Message(source) if !source.starts_with("silence") => Some(tone(source)),
        Happening::Recorded(_) => Some("rec".to_owned()),
        _ => None,
    };
    story.happenings.iter().filter_map(|(_, happening)| word(happening)).collect()
}

fn about(message: &MessageRow, ms: i64) {
    let length = message.length_ms.unwrap();
    assert!((ms - 80..ms + 400).contains(&length), "{length} ms instead of about {ms}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_a_key_ends_becomes_a_case_and_is_told() {
    let voicemail = Mailbox::set().await;
    let told = voicemail.calls("7001", &[], &[(1200, '#')], None).await;
    assert_eq!(heard(&told), ["440", "550", "rec", "620", "660"], "{told:?}");
    assert_eq!(voicemail.ended().await, ("left_message".to_owned(), "voicemail".to_owned()));
    let messages = voicemail.messages().await;
    assert_eq!((messages.len(), messages[0].voicemail.as_str()), (1, "box"));
    about(&messages[0], 850);
    assert_eq!(voicemail.files(), [Path::new(messages[0].path.as_ref().unwrap())]);
    let case = voicemail.one_case().await;
    assert_eq!(
        (case.reason.as_str(), case.queue.as_ref().map(|it| it.as_str())),
        ("left_message", Some("sales"))
    );
    let events = voicemail.outbox("message.left").await;
    assert_eq!(events.len(), 1);
    let data: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(
        (data["case"].as_i64(), data["number"].as_str()),
        (Some(case.id.0), Some("+79001230001")),
        "{data}"
    );
    assert_eq!((data["message"].as_i64(), data["voicemail"].as_str()), (Some(1), Some("box")), "{data}");
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_in_the_middle_has_left_what_was_said() {
    let voicemail = Mailbox::set().await;
    let told = voicemail.calls("7001", &[], &[], Some(1300)).await;
    assert_eq!(heard(&told), ["440", "550", "rec"], "{told:?}");
    assert_eq!(voicemail.ended().await, ("left_message".to_owned(), "voicemail".to_owned()));
    about(&voicemail.messages().await[0], 950);
    assert_eq!(voicemail.one_case().await.reason.as_str(), "left_message");
    assert_eq!(voicemail.outbox("message.left").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_at_the_tone_is_owed_a_case_without_a_message() {
    let voicemail = Mailbox::set().await;
    voicemail.calls("7001", &[], &[], Some(400)).await;
    assert_eq!(voicemail.ended().await, ("abandoned".to_owned(), "voicemail".to_owned()));
    assert_eq!((voicemail.messages().await.len(), voicemail.outbox("message.left").await.len()), (0, 0));
    assert_eq!(voicemail.one_case().await.reason.as_str(), "abandoned_waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_ends_a_message_and_is_no_part_of_it_and_silence_alone_is_none() {
    let voicemail = Mailbox::set().await;
    let told = voicemail.calls("7001", &[0, 600], &[], None).await;
    // What is heard between is that nothing was heard.
    assert_eq!(heard(&told), ["440", "550", "rec", "620", "550", "rec", "620", "660"], "{told:?}");
    let messages = voicemail.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    about(&messages[0], 600);
    let told = voicemail.calls("7001", &[0, 0], &[], None).await;
    assert_eq!(heard(&told), ["440", "550", "rec", "620", "550", "rec", "620"], "{told:?}");
    assert_eq!(voicemail.ended().await, ("refused".to_owned(), "voicemail".to_owned()));
    assert_eq!(voicemail.messages().await.len(), 0);
    assert_eq!(voicemail.one_case().await.misses, 2, "both calls are owed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_message_ends_by_itself_and_what_follows_is_done() {
    let voicemail = Mailbox::set().await;
    let told = voicemail.calls("7002", &[], &[(0, '5')], None).await;
    // A key cuts the greeting.
    assert_eq!(heard(&told), ["440", "550", "rec", "620", "660", "770"], "{told:?}");
    assert_eq!(voicemail.ended().await, ("left_message".to_owned(), "message".to_owned()));
    about(&voicemail.messages().await[0], 3000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_heard_and_recorded_again_by_keys() {
    let voicemail = Mailbox::set().await;
    let keys = [(900, '#'), (1300, '2'), (4500, '3'), (5600, '#')];
    let told = voicemail.calls("7001", &[], &keys, None).await;
    let messages = voicemail.messages().await;
    assert_eq!(messages.len(), 1, "only the last: {messages:?}");
    let recorded: Vec<&String> = told
        .happenings
        .iter()
        .filter_map(|(_, it)| match it {
            Happening::Recorded(path) => Some(path),
            _ => None,
        })
        .collect();
    assert_eq!(messages[0].path.as_ref(), Some(recorded[1]));
    assert!(
        told.has(|it| *it == Happening::Message(recorded[0].clone())),
        "the caller has heard it: {told:?}"
    );
    let gone = voicemail
        .stage
        .store
        .read("files", |c| messages::files_to_delete(c, dozvon::clock::UnixMs(i64::MAX), 10));
    let gone: Vec<String> = gone.await.unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(gone, [recorded[0].clone()], "the first is to be deleted");
    // Nothing is lost if the caller hangs up before there is another.
    voicemail.calls("7001", &[], &[(900, '#'), (1300, '3')], Some(1550)).await;
    assert_eq!(voicemail.ended().await.0, "left_message");
    assert_eq!(voicemail.messages().await.len(), 1);
}

/// Each of these is known before FreeSWITCH records, since it would hang up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_take_a_message_costs_the_caller_no_case() {
    for broken in ["missing", "unwritable", "full"] {
        let voicemail = Mailbox::with(|settings| match broken {
            "missing" => settings.voicemail.folder = "/nowhere/messages".parse().unwrap(),
            "unwritable" => settings.voicemail.folder = "/proc/self".parse().unwrap(),
            _ => settings.voicemail.min_free_mb = u64::MAX,
        })
        .await;
        let told = voicemail.calls("7002", &[], &[], None).await;
        assert_eq!(heard(&told), ["620", "770"], "{broken}: {told:?}");
        assert_eq!(voicemail.ended().await, ("refused".to_owned(), "message".to_owned()));
        voicemail.one_case().await;
        let said = ["no message can be recorded"];
        assert!(voicemail.stage.log.find(&said).is_some(), "{broken}: the log says why");
    }
}

/// The folder is on another machine, where FreeSWITCH cannot make the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_only_freeswitch_cannot_make_costs_one_caller_the_message_and_nobody_the_case() {
    let voicemail = Mailbox::with(|settings| {
        settings.voicemail.reachable = false;
        settings.voicemail.folder = "/nowhere/messages".parse().unwrap();
    })
    .await;
    let told = voicemail.calls("7001", &[], &[], None).await;
    assert_eq!(told.cause, "DESTINATION_OUT_OF_ORDER", "{told:?}");
    voicemail.one_case().await;
    let told = voicemail.calls("7001", &[], &[], None).await;
    assert_eq!(heard(&told), ["620"], "the next one is told at once that we call back: {told:?}");
    assert_eq!(voicemail.one_case().await.misses, 2);
}

/// FreeSWITCH ends a call that somebody takes out of a recording with the cause that it has for a file that it cannot make.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_is_taken_out_of_a_recording_costs_nobody_else_the_message() {
    let voicemail = Mailbox::set().await;
    let caller = voicemail.stage.sim.call(script("7001", &[], &[], None)).await;
    until("the caller speaks", async || voicemail.files().len() == 1).await;
    // So long the caller speaks.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let channel = voicemail.stage.calls().await[0].channel;
    let mut probe = Probe::connect(&voicemail.stage.settings.switch.nodes[0]).await.unwrap();
    probe.ask(&format!("uuid_kill {channel} DESTINATION_OUT_OF_ORDER")).await.unwrap();
    assert_eq!(story(caller).await.cause, "DESTINATION_OUT_OF_ORDER");
    voicemail.stage.quiet().await;
    assert_eq!(voicemail.ended().await, ("left_message".to_owned(), "voicemail".to_owned()));
    let told = voicemail.calls("7001", &[], &[], Some(1300)).await;
    assert_eq!(heard(&told), ["440", "550", "rec"], "the next one leaves a message: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_when_the_controller_died_is_found_at_its_next_start() {
    let mut voicemail = Mailbox::set().await;
    let caller = voicemail.stage.sim.call(script("7001", &[], &[], None)).await;
    until("the caller speaks", async || voicemail.files().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    voicemail.stage.kill().await;
    let told = story(caller).await;
    assert_eq!(told.cause, "DESTINATION_OUT_OF_ORDER", "FreeSWITCH does that: {told:?}");
    voicemail.stage.start().await;
    until("the call is ended", async || voicemail.stage.calls().await[0].ended_at.is_some()).await;
    assert_eq!(voicemail.ended().await, ("left_message".to_owned(), "voicemail".to_owned()));
    let messages = voicemail.messages().await;
    assert!(messages[0].length_ms.unwrap() >= 400, "{messages:?}");
    assert_eq!(voicemail.one_case().await.reason.as_str(), "left_message");
    assert_eq!(voicemail.outbox("message.left").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_stopped_keeps_what_was_said_and_hands_the_caller_back() {
    let mut voicemail = Mailbox::set().await;
    let caller = voicemail.stage.sim.call(script("7001", &[], &[], Some(3000))).await;
    until("the caller speaks", async || voicemail.files().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (runtime, running) = voicemail.stage.controller.take().unwrap();
    runtime.spawn(running.drain()).await.unwrap();
    runtime.shutdown_background();
    voicemail.stage.start().await;
    let told = story(caller).await;
    assert_eq!(told.cause, "NORMAL_CLEARING", "the caller came back, and hung up: {told:?}");
    until("the call is ended", async || voicemail.stage.calls().await[0].ended_at.is_some()).await;
    assert_eq!(voicemail.ended().await, ("left_message".to_owned(), "voicemail".to_owned()));
    assert_eq!(voicemail.one_case().await.reason.as_str(), "left_message");
    assert!(!voicemail.outbox("message.left").await.is_empty());
}
