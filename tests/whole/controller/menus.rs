//! Callers in menus: what they press, what they hear, and what is recorded of it. Then random flows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use dozvon::config::Settings;
use dozvon::queue::agent::Step;
use dozvon::rules::file;
use dozvon::sim::{CallerScript, Happening, Story};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::stage::{ANNA, BOSS, DUTY, LIMIT, Stage, answers, story, until};

/// A prompt of this many milliseconds, which can be told from others by its tone.
pub fn prompt(name: &str, ms: u32, tone: u32) -> String {
    format!("[[prompt]]\nname = \"{name}\"\nsource = \"{}\"\n", tones(ms, tone))
}

pub fn tones(ms: u32, tone: u32) -> String {
    format!("tone_stream://%({ms},0,{tone})")
}

const MAIN: u32 = 440;
const SALES: u32 = 550;
const WRONG: u32 = 660;
const SILENT: u32 = 770;
const BYE: u32 = 880;

fn rules() -> String {
    let prompts = [
        ("main", 400, MAIN),
        ("sub", 400, SALES),
        ("wrong", 100, WRONG),
        ("silent", 100, SILENT),
        ("bye", 100, BYE),
    ];
    let mut text: String = prompts.into_iter().map(|(name, ms, tone)| prompt(name, ms, tone)).collect();
    text.push_str(
        r##"
[[agent]]
name = "anna"
contacts = ["sofia/internal/anna@10.0.0.1"]

[[queue]]
name = "sales"
max_wait = "200ms"
overflow = { menu = "main" }
tiers = [{ agent = "anna" }]

[[menu]]
name = "main"
prompts = ["main"]
timeout = "300ms"
digit_timeout = "200ms"
retries = 1
invalid = "wrong"
no_input = "silent"
failed = { message = "bye" }
options = [
    { digits = "1", to = { menu = "sub" } },
    { digits = "12", to = { extension = "boss" } },
    { digits = "2", to = { queue = "sales" } },
    { digits = "3", to = { forward = "user/duty", then = { message = "bye" } } },
    { digits = "4", to = { message = "bye", then = { extension = "boss" } } },
    { digits = "5", language = "ru" },
    { digits = "6", to = { hang_up = "USER_BUSY" } },
]

[[menu]]
name = "sub"
prompts = ["sub"]
timeout = "300ms"
barge_in = false
missed = false
failed = { message = "bye" }
options = [{ digits = "*", back = true }, { digits = "1", to = { message = "bye" } }]

[[route]]
name = "main"
number = "7001"
open = { menu = "main" }
"##,
    );
    text
}

pub async fn stage(rules: &str) -> Stage {
    stage_with(rules, |_| {}).await
}

pub async fn stage_with(rules: &str, adapt: impl FnOnce(&mut Settings)) -> Stage {
    let mut stage = Stage::with(|settings| {
        settings.calls.forward_timeout = Duration::from_secs(1);
        settings.callback.min_wait = Duration::ZERO;
        settings.calls.max_hops = 12;
        adapt(settings);
    })
    .await;
    let rules =
        file::parse("rules.toml", rules, stage.settings.zone).unwrap_or_else(|faults| panic!("{faults}"));
    stage.store.write("rules", move |c| dozvon::store::rules::replace(c, &rules).map(drop)).await.unwrap();
    stage.restart().await;
    stage
}

/// Dials `7001` and presses keys, each after so many milliseconds.
pub async fn presses(stage: &Stage, keys: &[(u64, char)], hangs_up: Option<u64>) -> Story {
    let mut script = CallerScript::new("+79001230001", "7001");
    script.keys = keys.iter().map(|(ms, key)| (Duration::from_millis(*ms), *key)).collect();
    script.patience = hangs_up.map(Duration::from_millis);
    let told = story(stage.sim.call(script).await).await;
    stage.quiet().await;
    told
}

/// The tones that the caller heard, in order; those that were heard to their end are marked.
pub fn heard(story: &Story) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (_, happening) in &story.happenings {
        let tone =
            |source: &str| source.rsplit(',').next().unwrap_or_default().trim_end_matches(')').to_owned();
        match happening {
            Happening::Message(source) => all.push(tone(source)),
            Happening::HeardOut(source) => {
                let tone = tone(source);
                // Silence that a key ended is no tone.
                all.iter_mut().rev().find(|it| **it == tone).into_iter().for_each(|it| it.push('!'));
            }
            _ => {}
        }
    }
    all
}

pub fn whole(tone: u32) -> String {
    format!("{tone}!")
}

#[derive(Debug, QueryableByName, PartialEq, Eq)]
struct Row {
    #[diesel(sql_type = Text)]
    ending: String,
    #[diesel(sql_type = Text)]
    stage: String,
    #[diesel(sql_type = Nullable<Text>)]
    language: Option<String>,
    #[diesel(sql_type = Text)]
    path: String,
}

const ROW: &str = "SELECT ending, stage, language, \
    coalesce((SELECT group_concat(v.menu || ' ' || v.outcome || ' ' || coalesce(v.digits, '-'), ', ') \
        FROM (SELECT * FROM menu_visits WHERE call = c.id ORDER BY ordinal) AS v), '') AS path \
    FROM calls AS c ORDER BY arrived_at DESC LIMIT 1";

/// How the last call ended: ending and stage, the language, and the way through menus.
async fn row(stage: &Stage) -> Row {
    let read = |c: &mut dozvon::store::Database| Ok(diesel::sql_query(ROW).get_result::<Row>(c)?);
    stage.store.read("test", read).await.unwrap()
}

pub async fn says(stage: &Stage, ending: &str, at: &str, path: &str) {
    let row = row(stage).await;
    assert_eq!((row.ending.as_str(), row.stage.as_str(), row.path.as_str()), (ending, at, path));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stops_the_prompt_at_once_and_leads_on() {
    let stage = stage(&rules()).await;
    let told = presses(&stage, &[(150, '1')], Some(1500)).await;
    assert_eq!(heard(&told)[..1], [MAIN.to_string()], "the first prompt is cut: {told:?}");
    assert!(heard(&told).contains(&whole(SALES)), "the second is heard: {told:?}");
    says(&stage, "abandoned", "menu", "main chosen 1, sub left -").await;
    assert_eq!(stage.cases().await, 0, "the menu says that nothing is owed");
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_and_wrong_keys_are_answered_and_end() {
    let stage = stage(&rules()).await;
    let told = presses(&stage, &[(100, '9')], None).await;
    let expected = [MAIN.to_string(), whole(WRONG), whole(MAIN), whole(BYE)];
    assert_eq!(heard(&told), expected, "{told:?}");
    says(&stage, "refused", "message", "main failed -").await;
    let told = presses(&stage, &[], None).await;
    let expected = [MAIN, SILENT, MAIN, BYE].map(whole);
    assert_eq!(heard(&told), expected, "{told:?}");
    assert_eq!(stage.cases().await, 1, "both calls are of one number");
    assert!(told.longest_silence < Duration::from_secs(1), "{told:?}");
}

/// A menu whose prompt cannot be played, nor what is played instead, still listens and comes to an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menu_that_cannot_be_heard_ends() {
    let mute = r#"
[[prompt]]
name = "mute"
source = "gone.wav"

[[menu]]
name = "main"
prompts = ["mute", "mute"]
timeout = "100ms"
retries = 1
failed = { hang_up = "USER_BUSY" }
options = [{ digits = "1", to = { hang_up = "NO_ANSWER" } }]

[[route]]
name = "main"
number = "7001"
open = { menu = "main" }
"#;
    let stage =
        stage_with(mute, |settings| settings.sounds.fallback_message = "gone.wav".parse().unwrap()).await;
    presses(&stage, &[], Some(10_000)).await;
    says(&stage, "refused", "menu", "main failed -").await;
    let said = stage.log.all();
    let lines = said.lines().filter(|line| line.contains("cannot be played")).count();
    assert!((1..=4).contains(&lines), "one line a prompt and round: {said}");
    presses(&stage, &[(150, '1')], Some(10_000)).await;
    assert_eq!(stage.calls().await[1].cause.as_deref(), Some("NO_ANSWER"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_in_a_menu_is_owed_a_callback() {
    let stage = stage(&rules()).await;
    presses(&stage, &[], Some(200)).await;
    says(&stage, "abandoned", "menu", "main left -").await;
    assert_eq!(stage.cases().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_may_be_typed_ahead_and_a_short_option_waits_for_a_longer_one() {
    let stage = stage(&rules()).await;
    stage.phone(BOSS, answers().hanging_up_after(Duration::from_millis(50))).await;
    let told = presses(&stage, &[(100, '1'), (160, '2')], None).await;
    assert!(told.has(|it| *it == Happening::Transferred("boss".to_owned())), "12: {told:?}");
    says(&stage, "taken", "menu", "main chosen 12").await;
    let told = presses(&stage, &[(100, '1'), (500, '*'), (510, '6')], None).await;
    assert!(heard(&told).contains(&whole(SALES)), "without barge-in: {told:?}");
    assert_eq!(told.cause, "USER_BUSY");
    says(&stage, "refused", "menu", "main chosen 1, sub chosen *, main chosen 6").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_can_lead_to_the_next() {
    let stage = stage(&rules()).await;
    stage.phone(BOSS, answers().hanging_up_after(Duration::from_millis(50))).await;
    let told = presses(&stage, &[(100, '4')], None).await;
    assert!(heard(&told).contains(&whole(BYE)) && told.talked_to() == [BOSS], "{told:?}");
    let told = presses(&stage, &[(100, '5'), (400, '3')], None).await;
    assert!(told.heard_music() && heard(&told).last() == Some(&whole(BYE)), "nobody answers: {told:?}");
    let recorded = row(&stage).await;
    assert_eq!((recorded.ending.as_str(), recorded.language.as_deref()), ("timed_out", Some("ru")));
    stage.phone(DUTY, answers().hanging_up_after(Duration::from_millis(50))).await;
    assert_eq!(presses(&stage, &[(100, '3')], None).await.talked_to(), [DUTY]);
    stage.phone(ANNA, answers().hanging_up_after(Duration::from_millis(50))).await;
    stage.step("anna", Step::LogIn).await;
    assert_eq!(presses(&stage, &[(100, '2')], None).await.talked_to(), [ANNA]);
    says(&stage, "answered", "talking", "main chosen 2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_round_for_ever_is_hung_up_by_name() {
    let stage = stage(&rules()).await;
    let keys: Vec<(u64, char)> = (0..30).map(|n| (100 + 40 * n, '5')).collect();
    presses(&stage, &keys, None).await;
    let rows = stage.calls().await;
    assert_eq!(rows[0].cause.as_deref(), Some("TOO_MANY_HOPS"), "{rows:#?}");
}

/// The default prompts, and the hours of the route's schedule. Without a folder of prompts each is the tone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompts_are_said_in_the_language_of_the_call() {
    let folder = tempfile::tempdir().unwrap();
    for language in ["ru", "en"] {
        let language: dozvon::language::Language = language.parse().unwrap();
        for text in dozvon::prompts::texts(language).unwrap() {
            let file = folder.path().join(dozvon::prompts::place(language, &text.id));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, dozvon::prompts::shipped(language, &text.id).unwrap()).unwrap();
        }
    }
    let said = |name: &str| format!("[[prompt]]\nname = \"{name}\"\nsource = \"say:{name}\"\n");
    let names = ["closed-now", "hours-today", "next-opening", "1-to-leave-a-request", "goodbye"];
    let rules = names.map(said).concat()
        + r#"
[[schedule]]
name = "never"
hours = ["mon-sun 00:00-24:00"]
exceptions = ["2020-01-01 closed"]

[[menu]]
name = "after_hours"
prompts = ["closed-now", "hours-today", "next-opening", "1-to-leave-a-request"]
timeout = "300ms"
retries = 0
failed = { message = "goodbye" }
options = [{ digits = "2", language = "en" }]

[[route]]
name = "main"
number = "7001"
schedule = "never"
open = { hang_up = "USER_BUSY" }
closed = { menu = "after_hours" }
"#;
    // Closed today, whenever today is.
    let today = dozvon::clock::Clock::system().now().utc().date_naive();
    let days = |n: u64| today + chrono::Days::new(n);
    let closed = format!("\"{}..{} closed\"", today - chrono::Days::new(2), days(2));
    let rules = rules.replace("\"2020-01-01 closed\"", &closed);
    let prompts = folder.path().to_str().unwrap().parse().unwrap();
    let stage = stage_with(&rules, |settings| settings.sounds.prompts = prompts).await;
    let told = presses(&stage, &[(150, '2')], None).await;
    let place = folder.path().display();
    let heard: Vec<String> = told
        .happenings
        .iter()
        .filter_map(|(_, happening)| match happening {
            Happening::Message(source) => Some(source.replace(&format!("{place}/"), "").replace(".wav", "")),
            _ => None,
        })
        .collect();
    assert_eq!(heard[..3], ["ru/closed-now", "en/closed-now", "en/closed-today"]);
    assert!(heard[3].starts_with("file_string://en/we-open!"), "{heard:?}");
    assert_eq!(heard[4..], ["file_string://en/to-leave-a-request!en/press!en/number-1", "en/goodbye"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_in_a_menu_survives_the_controller() {
    let mut stage = stage(&rules()).await;
    let caller = stage.caller(1).await;
    until("the call is recorded", async || stage.calls().await.len() == 1).await;
    stage.restart().await;
    let told = story(caller).await;
    stage.quiet().await;
    assert_eq!(heard(&told).last(), Some(&whole(BYE)), "{told:?}");
    assert_eq!(stage.calls().await.len(), 1, "one call, one ending");
}

/// Flows that a seed draws: every destination leads to menus with a higher number only, or ends.
fn random_rules(rng: &mut ChaCha8Rng) -> String {
    const MENUS: usize = 5;
    let mut text = rules();
    text.truncate(text.find("[[menu]]").unwrap());
    let asks =
        "keys = [{ digits = \"1\", to = { callback = \"sales\" } }, { digits = \"2\", position = true }]";
    text = text
        .replace("overflow = { menu = \"main\" }", &format!("overflow = {{ message = \"bye\" }}\n{asks}"));
    let to = |from: usize, rng: &mut ChaCha8Rng| match rng.random_range(0..10) {
        0..3 if from + 1 < MENUS => format!("{{ menu = \"m{}\" }}", rng.random_range(from + 1..MENUS)),
        3 => "{ queue = \"sales\" }".to_owned(),
        4 => "{ forward = \"user/duty\", then = { message = \"bye\" } }".to_owned(),
        5 => "{ message = \"bye\", then = { queue = \"sales\" } }".to_owned(),
        6 => "{ extension = \"boss\" }".to_owned(),
        7 => "{ hang_up = \"USER_BUSY\" }".to_owned(),
        9 => "{ voicemail = \"box\" }".to_owned(),
        8 => "{ callback = \"sales\", then = { message = \"bye\" } }".to_owned(),
        _ => "{ message = \"missing\" }".to_owned(),
    };
    text.push_str("[[prompt]]\nname = \"missing\"\nsource = \"gone.wav\"\n");
    text.push_str("[[voicemail]]\nname = \"box\"\nmax_length = \"1s\"\nmin_length = \"100ms\"\nsilence = \"1s\"\ntimeout = \"200ms\"\n");
    for menu in 0..MENUS {
        let mut options: BTreeMap<String, String> = BTreeMap::new();
        for _ in 0..rng.random_range(1..6) {
            let keys =
                (0..rng.random_range(1..3)).map(|_| ['1', '2', '*', '#'][rng.random_range(0..4)]).collect();
            let what = match rng.random_range(0..6) {
                0 => "back = true".to_owned(),
                1 => "language = \"en\"".to_owned(),
                _ => format!("to = {}", to(menu, rng)),
            };
            options.insert(keys, what);
        }
        let options: Vec<String> =
            options.iter().map(|(keys, what)| format!("{{ digits = \"{keys}\", {what} }}")).collect();
        let prompts = ["\"main\"", "\"main\", \"sub\"", "\"missing\""][rng.random_range(0..3)];
        let _ = write!(
            text,
            "\n[[menu]]\nname = \"m{menu}\"\nprompts = [{prompts}]\ntimeout = \"150ms\"\ndigit_timeout = \"100ms\"\n\
             retries = {}\nbarge_in = {}\nmissed = {}\nfailed = {}\noptions = [{}]\n",
            rng.random_range(0..3),
            rng.random::<bool>(),
            rng.random::<bool>(),
            to(menu, rng),
            options.join(", "),
        );
    }
    text + "\n[[route]]\nname = \"main\"\nnumber = \"7001\"\nopen = { menu = \"m0\" }\n"
}

/// Callers who press anything, keep silent, hang up or are transferred at any moment, and a controller that is killed:
/// every call has exactly one ending, a case is there where one is owed, and nobody is left in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_flows_end_once_and_leave_nobody_in_silence() {
    let seed = std::env::var("DOZVON_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in seed.map_or(0..4, |seed: u64| seed..seed + 1) {
        play(seed).await;
    }
}

fn up_to(most: u64, rng: &mut ChaCha8Rng) -> Duration {
    Duration::from_millis(rng.random_range(0..most))
}

/// Somebody who presses keys at random moments, and perhaps hangs up at one.
fn random_caller(number: u32, rng: &mut ChaCha8Rng) -> CallerScript {
    let mut script = CallerScript::new(&format!("+7900123{number:04}"), "7001");
    script.keys = (0..rng.random_range(0..8))
        .map(|_| (up_to(3000, rng), ['1', '2', '3', '*', '#'][rng.random_range(0..5)]))
        .collect();
    script.keys.sort();
    script.patience = rng.random_bool(0.4).then(|| up_to(3000, rng));
    script
}

async fn play(seed: u64) {
    const CALLERS: u32 = 16;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let text = random_rules(rng);
    let folder = tempfile::tempdir().unwrap();
    let messages = folder.path().to_str().unwrap().parse().unwrap();
    let mut stage = stage_with(&text, |settings| {
        settings.voicemail.folder = messages;
        settings.voicemail.min_free_mb = 0;
    })
    .await;
    stage.phone(BOSS, answers().hanging_up_after(Duration::from_millis(50))).await;
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let caller = stage.sim.call(random_caller(number, rng)).await;
        callers.push((rng.random_bool(0.2).then(|| up_to(1500, rng)), caller));
    }
    let takes =
        callers.iter().filter_map(|(at, caller)| at.map(|at| (at, caller.channel()))).collect::<Vec<_>>();
    let killed_at = Duration::from_millis(rng.random_range(100..1500));
    let begun = tokio::time::Instant::now();
    let transfers = async {
        for (at, channel) in takes {
            tokio::time::sleep_until(begun + at).await;
            stage.ask(&format!("api uuid_transfer {channel} boss XML default")).await;
        }
    };
    tokio::join!(transfers, tokio::time::sleep(killed_at));
    stage.restart().await;
    let mut stories = Vec::new();
    for (_, caller) in callers {
        let channel = caller.channel();
        let Ok(told) = tokio::time::timeout(LIMIT, caller.story()).await else {
            let dump = stage.ask(&format!("api uuid_dump {channel}")).await;
            panic!("seed {seed}: a caller is held for ever\n{:#?}\n{dump}\n{text}", stage.calls().await);
        };
        stories.push(told.unwrap());
    }
    until("every call has ended", async || stage.calls().await.iter().all(|call| call.ended_at.is_some()))
        .await;
    let (calls, endings) = (stage.calls().await, endings(&stage).await);
    for told in &stories {
        let mine: Vec<_> = calls.iter().filter(|call| call.channel.0 == told.channel).collect();
        assert_eq!(mine.len(), 1, "seed {seed}: {told:?}\n{mine:#?}\n{text}");
        assert!(
            told.longest_silence < Duration::from_secs(1),
            "seed {seed}: silence of {:?}: {told:?}\n{text}",
            told.longest_silence
        );
    }
    for ending in endings {
        let through = matches!(&*ending.ending, "answered" | "forwarded" | "taken");
        let asked = ending.ending == "asked_callback";
        let exempt = !asked && (ending.stage == "menu" || ending.stage == "arriving");
        assert!(through || exempt || ending.misses == 1, "seed {seed}: {ending:?}\n{text}");
        assert!(!through || ending.misses == 0, "seed {seed}: {ending:?}\n{text}");
    }
}

#[derive(Debug, QueryableByName)]
struct Owed {
    #[diesel(sql_type = Text)]
    ending: String,
    #[diesel(sql_type = Text)]
    stage: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    misses: i64,
}

async fn endings(stage: &Stage) -> Vec<Owed> {
    const OWED: &str = "SELECT ending, stage, (SELECT count(*) FROM case_misses AS m WHERE m.call = c.id) AS misses \
        FROM calls AS c";
    let read = |c: &mut dozvon::store::Database| Ok(diesel::sql_query(OWED).load::<Owed>(c)?);
    stage.store.read("test", read).await.unwrap()
}
