//! Callers who wait in a queue: what they hear, what they press, and how their calls end.

use std::time::Duration;

use dozvon::queue::agent::{Activity, Step};
use dozvon::sim::{Behaviour, CallerScript, Happening, Story};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::menus::{heard, presses, prompt, says, stage, stage_with, whole};
use super::stage::{ANNA, BORIS, BOSS, LIMIT, Stage, answers, story, until};

const HELLO: u32 = 440;
const FIRST: u32 = 550;
const SECOND: u32 = 660;
const BYE: u32 = 880;

/// A queue with these lines, to which the number 7001 leads.
fn rules(lines: &str) -> String {
    let prompts = [("hello", 300, HELLO), ("first", 100, FIRST), ("second", 100, SECOND), ("bye", 100, BYE)];
    let mut text: String = prompts.into_iter().map(|(name, ms, tone)| prompt(name, ms, tone)).collect();
    text.push_str(&format!(
        r#"
[[prompt]]
name = "missing"
source = "gone.wav"

[[agent]]
name = "anna"
contacts = ["{ANNA}"]
no_answer_delay = "0s"

[[agent]]
name = "boris"
contacts = ["{BORIS}"]

[[queue]]
name = "sales"
max_wait = "5s"
overflow = {{ message = "bye" }}
tiers = [{{ agent = "anna" }}, {{ agent = "boris" }}]
{lines}

[[menu]]
name = "main"
prompts = ["first"]
timeout = "300ms"
failed = {{ message = "bye" }}
options = [{{ digits = "1", language = "en", to = {{ queue = "sales" }} }}]

[[route]]
name = "main"
number = "7001"
open = {{ queue = "sales" }}

[[route]]
name = "language"
number = "7003"
open = {{ menu = "main" }}
"#
    ));
    text
}

const KEYS: &str = r##"keys = [
    { digits = "1", to = { message = "bye" } },
    { digits = "12", to = { extension = "boss" } },
    { digits = "2", position = true },
    { digits = "3", to = { menu = "main" } },
    { digits = "4", to = { queue = "sales" } },
    { digits = "*", to = { hang_up = "USER_BUSY" } },
]"##;

fn music_began(story: &Story) -> usize {
    story.happenings.iter().filter(|(_, it)| matches!(it, Happening::Music(_))).count()
}

fn answers_after(ms: u64) -> Behaviour {
    Behaviour::answers(Duration::from_millis(ms))
}

/// How the stays in queues ended.
async fn stays(stage: &Stage) -> Vec<String> {
    let call = stage.calls().await.pop().unwrap().id;
    let rows = stage.store.read("waits", move |c| dozvon::store::waits::waits(c, call)).await.unwrap();
    rows.iter().map(|row| format!("{} {}", row.queue, row.outcome.unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_come_in_turn_at_their_times_and_the_music_goes_on() {
    let lines = "greeting = \"hello\"\nannouncements = [\"first\", \"second\"]\nannounce_after = \"500ms\"\n\
                 announce_interval = \"300ms\"";
    let stage = stage(&rules(lines)).await;
    let told = presses(&stage, &[], Some(1_600)).await;
    let all = [HELLO, FIRST, SECOND, FIRST, SECOND].map(whole);
    assert_eq!(heard(&told)[..5], all, "{told:?}");
    assert_eq!(music_began(&told), 1, "the music was not begun again: {told:?}");
    let greeted = told.happenings.iter().position(|(_, it)| matches!(it, Happening::HeardOut(_)));
    let music = told.happenings.iter().position(|(_, it)| matches!(it, Happening::Music(_)));
    assert!(greeted < music, "the greeting comes before the music: {told:?}");
    let times = told.happenings.iter().filter(|(_, it)| matches!(it, Happening::Message(_))).skip(1);
    for ((at, _), due) in times.zip([500, 800, 1_100, 1_400]) {
        assert!(*at >= Duration::from_millis(due), "due at {due} ms: {told:?}");
    }
    says(&stage, "abandoned", "waiting", "").await;
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_says_nothing_of_it_is_silent_and_reads_no_keys() {
    let stage = stage(&rules("")).await;
    let told = presses(&stage, &[(200, '1'), (300, '2')], Some(700)).await;
    assert!(heard(&told).is_empty() && music_began(&told) == 1, "{told:?}");
    says(&stage, "abandoned", "waiting", "").await;
    assert_eq!(stage.commands("api uuid_setvar").await, 0, "not a command more than before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_that_is_due_during_the_greeting_is_left_out() {
    let lines = "greeting = \"hello\"\nannouncements = [\"first\"]\nannounce_after = \"100ms\"\nannounce_interval = \"never\"";
    let stage = stage(&rules(lines)).await;
    let told = presses(&stage, &[], Some(700)).await;
    assert_eq!(heard(&told), [whole(HELLO)], "{told:?}");
}

/// In a menu a key ends every sound, and in a queue behind it none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_does_not_begin_the_music_again() {
    let stage = stage(&rules("")).await;
    let mut script = CallerScript::new("+79001230009", "7003");
    script.keys = vec![(Duration::from_millis(150), '1'), (Duration::from_millis(900), '5')];
    script.patience = Some(Duration::from_millis(1_200));
    let told = story(stage.sim.call(script).await).await;
    let music =
        told.happenings.iter().filter(|(_, it)| *it == Happening::Music("local_stream://moh".to_owned()));
    assert_eq!(music.count(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_skips_the_greeting_unless_the_rules_forbid_it() {
    let skipped = stage(&rules("greeting = \"hello\"")).await;
    let told = presses(&skipped, &[(150, '5')], Some(700)).await;
    assert_eq!(heard(&told), [HELLO.to_string()], "{told:?}");
    assert!(told.heard_music() && told.longest_silence < Duration::from_secs(1), "{told:?}");
    let whole_of_it = stage(&rules("greeting = \"hello\"\ngreeting_skip = false")).await;
    let told = presses(&whole_of_it, &[(150, '5')], Some(700)).await;
    assert_eq!(heard(&told), [whole(HELLO)], "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_cuts_an_announcement() {
    let lines = "announcements = [\"hello\"]\nannounce_after = \"100ms\"\nannounce_interval = \"never\"";
    let stage = stage(&rules(lines)).await;
    stage.phone(ANNA, answers_after(250).hanging_up_after(Duration::from_millis(300))).await;
    stage.step("anna", Step::LogIn).await;
    let told = presses(&stage, &[], Some(900)).await;
    assert_eq!(heard(&told), [HELLO.to_string()], "not to its end: {told:?}");
    assert_eq!(told.talked_to(), [ANNA]);
    says(&stage, "answered", "talking", "").await;
    assert_eq!(stays(&stage).await, ["sales answered"]);
}

/// Dials `7001`, and presses keys while anna's phone rings.
async fn presses_while_it_rings(stage: &Stage, keys: &str) -> Story {
    let caller = stage.sim.call(CallerScript::new("+79001230001", "7001")).await;
    until("her phone rings", async || stage.agent("anna").await.activity == Activity::Ringing).await;
    for key in keys.chars() {
        caller.press(key).await;
    }
    let told = story(caller).await;
    stage.quiet().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_leads_out_of_the_queue_and_the_phones_stop() {
    let stage = stage(&rules(KEYS)).await;
    stage.phone(ANNA, answers_after(10_000)).await;
    stage.step("anna", Step::LogIn).await;
    let told = presses_while_it_rings(&stage, "*").await;
    assert_eq!(told.cause, "USER_BUSY");
    says(&stage, "abandoned", "ringing", "").await;
    assert_eq!(stays(&stage).await, ["sales abandoned"]);
    until("the phone is free", async || stage.sim.counts().await.channels_up == 0).await;
    stage.phone(BOSS, answers().hanging_up_after(Duration::from_millis(50))).await;
    let told = presses_while_it_rings(&stage, "12").await;
    assert!(told.has(|it| *it == Happening::Transferred("boss".to_owned())), "12: {told:?}");
    says(&stage, "taken", "ringing", "").await;
    let told = presses(&stage, &[(150, '9'), (200, '1')], None).await;
    assert_eq!(heard(&told), [whole(BYE)], "1, after a wrong key and two seconds: {told:?}");
    says(&stage, "abandoned", "message", "").await;
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
    let told = presses(&stage, &[(200, '3'), (400, '1')], Some(900)).await;
    assert_eq!(heard(&told), [whole(FIRST)], "a menu, and back to the queue: {told:?}");
    assert_eq!(stays(&stage).await, ["sales abandoned", "sales abandoned"]);
}

/// The overflow does not wait for the end of an announcement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_wait_cuts_an_announcement() {
    let lines = "announcements = [\"hello\"]\nannounce_after = \"200ms\"";
    let stage = stage(&rules(lines).replace("max_wait = \"5s\"", "max_wait = \"300ms\"")).await;
    let told = presses(&stage, &[], None).await;
    assert_eq!(heard(&told), [HELLO.to_string(), whole(BYE)], "{told:?}");
    says(&stage, "timed_out", "message", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_that_cannot_be_played_is_a_tone_and_the_music_goes_on() {
    let lines = "greeting = \"missing\"\nannouncements = [\"missing\"]\nannounce_after = \"900ms\"";
    let stage = stage_with(&rules(lines), |settings| {
        settings.sounds.fallback_message = "tone_stream://%(100,0,990)".parse().unwrap();
    })
    .await;
    let told = presses(&stage, &[], Some(1_700)).await;
    assert_eq!(heard(&told), [whole(990), whole(990)], "{told:?}");
    assert!(music_began(&told) == 1 && told.longest_silence < Duration::from_secs(1), "{told:?}");
    assert!(stage.log.all().contains("FreeSWITCH cannot play this prompt"), "it is logged");
}

/// The names of the sounds that the caller heard, below the folder of prompts.
fn names(told: &Story, folder: &str) -> Vec<String> {
    let sounds = told.happenings.iter().filter_map(|(_, happening)| match happening {
        Happening::Message(source) => Some(source.replace(&format!("{folder}/"), "").replace(".wav", "")),
        _ => None,
    });
    sounds.map(|source| source.trim_start_matches("file_string://").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_position_is_said_in_the_language_of_the_call() {
    let folder = tempfile::tempdir().unwrap();
    for language in ["ru", "en"] {
        let language: dozvon::language::Language = language.parse().unwrap();
        for text in dozvon::prompts::texts(language).unwrap() {
            let file = folder.path().join(dozvon::prompts::place(language, &text.id));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, dozvon::prompts::shipped(language, &text.id).unwrap()).unwrap();
        }
    }
    let folder = folder.path().to_str().unwrap();
    let lines = format!(
        "announce_position = true\nannounce_after = \"300ms\"\nannouncements = [\"thanks\"]\n{KEYS}\n\n\
         [[prompt]]\nname = \"thanks\"\nsource = \"say:thank-you-for-waiting\""
    );
    let stage =
        stage_with(&rules(&lines), |settings| settings.sounds.prompts = folder.parse().unwrap()).await;
    let ahead = stage.caller(7).await;
    until("somebody waits", async || stage.waiting().await == 1).await;
    let told = presses(&stage, &[(600, '2')], Some(900)).await;
    assert_eq!(
        names(&told, folder),
        [
            "ru/you-are!ru/ordinal-2!ru/in-the-queue!ru/thank-you-for-waiting",
            "ru/you-are!ru/ordinal-2!ru/in-the-queue",
        ],
        "{told:?}"
    );
    assert_eq!(music_began(&told), 1, "{told:?}");
    ahead.hang_up().await;
    story(ahead).await;
    let mut script = CallerScript::new("+79001230009", "7003");
    script.keys = vec![(Duration::from_millis(150), '1'), (Duration::from_millis(500), '2')];
    script.patience = Some(Duration::from_millis(900));
    let told = story(stage.sim.call(script).await).await;
    assert_eq!(names(&told, folder).last().unwrap(), "en/you-are-next", "{told:?}");
}

/// The order of what happened, without sounds.
fn steps(told: &Story) -> Vec<&'static str> {
    let step = |(_, happening): &(Duration, Happening)| match happening {
        Happening::Answered => Some("answered"),
        Happening::Music(_) => Some("music"),
        Happening::Message(_) => Some("message"),
        Happening::Talked(_) => Some("talked"),
        _ => None,
    };
    told.happenings.iter().filter_map(step).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_ends_with_a_talk_or_with_the_queue() {
    let stage = stage(&rules("early_media = true\ngreeting = \"first\"").replace("5s", "900ms")).await;
    let told = presses(&stage, &[], Some(500)).await;
    assert_eq!(steps(&told), ["message", "music"], "never answered: {told:?}");
    says(&stage, "abandoned", "waiting", "").await;
    let told = presses(&stage, &[], None).await;
    assert_eq!(steps(&told), ["message", "music", "answered", "message"], "the overflow answers: {told:?}");
    says(&stage, "timed_out", "message", "").await;
    stage.phone(ANNA, answers_after(300).hanging_up_after(Duration::from_millis(200))).await;
    stage.step("anna", Step::LogIn).await;
    let told = presses(&stage, &[], None).await;
    assert_eq!(steps(&told), ["message", "music", "answered", "talked"], "{told:?}");
    says(&stage, "answered", "talking", "").await;
}

/// A caller who comes back to another controller keeps their place, and is not greeted again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_comes_back_is_not_greeted_again() {
    let lines = "greeting = \"hello\"\nannouncements = [\"first\"]\nannounce_after = \"700ms\"\nannounce_interval = \"300ms\"";
    let mut stage = stage(&rules(lines)).await;
    let mut script = CallerScript::new("+79001230001", "7001");
    script.patience = Some(Duration::from_millis(2_500));
    let caller = stage.sim.call(script).await;
    until("they wait", async || stage.waiting().await == 1).await;
    stage.restart().await;
    let told = story(caller).await;
    stage.quiet().await;
    let greetings = heard(&told).iter().filter(|it| it.starts_with(&HELLO.to_string())).count();
    assert_eq!(greetings, 1, "{told:?}");
    assert!(heard(&told).contains(&whole(FIRST)), "{told:?}");
}

/// Keys, hang-ups, answers, refusals and a controller that is killed, all at random moments of the wait: every call has
/// exactly one ending, and nobody is left in silence, no caller and no agent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_waits_end_once_and_leave_nobody_in_silence() {
    let seed = std::env::var("DOZVON_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in seed.map_or(0..4, |seed: u64| seed..seed + 1) {
        play(seed).await;
    }
}

async fn play(seed: u64) {
    const CALLERS: u32 = 20;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let lines = format!(
        "early_media = {}\ngreeting = \"{}\"\ngreeting_skip = {}\nannouncements = [\"first\", \"missing\", \"hello\"]\n\
         announce_after = \"{}ms\"\nannounce_interval = \"{}ms\"\nannounce_position = {}\n{KEYS}",
        rng.random::<bool>(),
        ["hello", "missing"][rng.random_range(0..2)],
        rng.random::<bool>(),
        rng.random_range(100..500),
        rng.random_range(100..500),
        rng.random::<bool>(),
    );
    let text = rules(&lines).replace("max_wait = \"5s\"", "max_wait = \"2500ms\"");
    let mut stage = stage(&text).await;
    stage.phone(BOSS, answers().hanging_up_after(Duration::from_millis(50))).await;
    let ms = |rng: &mut ChaCha8Rng, most: u64| Duration::from_millis(rng.random_range(0..most));
    for (agent, contact) in [("anna", ANNA), ("boris", BORIS)] {
        let talks = Behaviour::answers(ms(rng, 400)).hanging_up_after(ms(rng, 300));
        stage.phone(contact, talks).await;
        stage.step(agent, Step::LogIn).await;
    }
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let mut script = CallerScript::new(&format!("+7900123{number:04}"), "7001");
        script.keys = (0..rng.random_range(0..5))
            .map(|_| (ms(rng, 2_500), ['1', '2', '3', '4', '*', '9'][rng.random_range(0..6)]))
            .collect();
        script.keys.sort();
        script.patience = rng.random_bool(0.3).then(|| ms(rng, 3_000));
        callers.push(stage.sim.call(script).await);
    }
    tokio::time::sleep(ms(rng, 1_500)).await;
    if rng.random_bool(0.5) {
        stage.restart().await;
    }
    let mut stories = Vec::new();
    for caller in callers {
        let Ok(told) = tokio::time::timeout(LIMIT, caller.story()).await else {
            panic!("seed {seed}: a caller is held for ever\n{:#?}\n{text}", stage.calls().await);
        };
        stories.push(told.unwrap());
    }
    let has_ended = async || stage.calls().await.iter().all(|call| call.ended_at.is_some());
    until("every call has ended", has_ended).await;
    let calls = stage.calls().await;
    for told in &stories {
        let mine: Vec<_> = calls.iter().filter(|call| call.channel.0 == told.channel).collect();
        assert_eq!(mine.len(), 1, "seed {seed}: {told:?}\n{mine:#?}\n{text}");
        let answered = mine[0].ending.map(|ending| ending.as_str()) == Some("answered");
        let talked = told.talked_to().iter().any(|contact| *contact != BOSS);
        assert_eq!(answered, talked, "seed {seed}: {told:?}\n{mine:#?}\n{text}");
        let silence = told.longest_silence;
        assert!(silence < Duration::from_secs(1), "seed {seed}: silence of {silence:?}: {told:?}\n{text}");
    }
    until("no leg is left", async || stage.sim.counts().await.channels_up == 0).await;
}
