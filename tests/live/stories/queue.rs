//! A caller waits, phones ring, and somebody takes the call or nobody does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::Live;
use crate::floor::{
    ANSWERS, BUSY, Caller, Floor, IVAN, REJECTS, SOON, contact, on_floor, phone, talks, told,
};
use crate::sip::{Behaviour, Dial, End, SipEnd, Stage};
use crate::team::Team;
use crate::tone::Tone;

/// The caller rings and hangs up after a short talk.
const ANSWERS_BRIEFLY: Behaviour =
    Behaviour::Answer { after: Duration::from_millis(200), talk: Some(Duration::from_millis(700)) };

/// The story of everyday: music, a registered phone rings, both talk, the agent hangs up.
pub async fn answered(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS_BRIEFLY).await?;
    anna.register("1001", live.switch.sip).await?;
    on_floor(live, &Team::of([("anna", "user/1001@127.0.0.1".to_owned())]), async |floor| {
        let caller = floor.caller(IVAN).await?;
        caller.hears(Tone::Music).await?;
        caller.hears(Tone::Agent).await?;
        let talk = talks(&anna, 0).await?;
        talk.ear.hears(Tone::Caller, SOON).await?;
        ensure!(talk.from.contains(IVAN), "the agent sees who calls: {}", talk.from);
        ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "the caller is hung up");
        ensure!(caller.tones()? == [Tone::Music, Tone::Agent], "{:?}", caller.tones()?);
        in_this_order(floor, &caller, &anna).await?;
        let row = floor.controller.ended_call(IVAN).await?;
        row.expect("answered", "talking", &through("anna"))?;
        ensure!(row.text("agent") == "anna" && row.text("number") == IVAN, "{}", row.0);
        let talked_ms = row.number("talk_ms").context("how long they talked")?;
        let heard_ms = floor.bridged_for(&caller).await?;
        ensure!((talked_ms - heard_ms).abs() < 100, "talked {talked_ms} ms; FreeSWITCH says {heard_ms}");
        ensure!(floor.cases_of(IVAN).await?.is_empty(), "nothing is owed to one who got through");
        floor.comes_to_rest().await?;
        Ok(format!("waited {} ms, talked {talked_ms} ms", row.text_of("wait_ms")))
    })
    .await
}

/// The rows of a call that its first agent took.
fn through(agent: &str) -> [String; 7] {
    let of = |word: &str| format!("{word} {agent}");
    let [arrived, joined, left, ended] = ["arrived", "joined", "left_queue", "ended"].map(str::to_owned);
    [arrived, joined, of("offered"), of("picked_up"), left, of("talk_over"), ended]
}

/// Caller answered, leg created, leg answered, the two bridged, both hung up; each once.
async fn in_this_order(floor: &Floor<'_>, caller: &Caller, phone: &SipEnd) -> Result<()> {
    let channel = floor.channel_of(caller).await?;
    let leg = floor.legs_of(phone).first().context("a leg")?.channel.clone();
    floor.causes_of(phone, 1).await?;
    let wanted = ["CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_BRIDGE"];
    let events = floor.observer.having(|event| {
        (event.channel == channel || event.channel == leg) && wanted.contains(&event.kind.as_str())
    });
    let mut order: Vec<(&str, &str)> = events
        .iter()
        .map(|event| (event.kind.as_str(), if event.channel == channel { "caller" } else { "agent" }))
        .collect();
    // FreeSWITCH may begin to ring the agent while it still answers the caller.
    order[1..].sort_by_key(|step| *step != ("CHANNEL_ANSWER", "caller"));
    let expected = [
        ("CHANNEL_CREATE", "caller"),
        ("CHANNEL_ANSWER", "caller"),
        ("CHANNEL_CREATE", "agent"),
        ("CHANNEL_ANSWER", "agent"),
        ("CHANNEL_BRIDGE", "caller"),
    ];
    ensure!(order == expected, "FreeSWITCH's order: {order:?}");
    let bridges = floor.bridges_of(caller).await?;
    ensure!(bridges.len() == 1 && bridges[0].get("Bridge-B-Unique-ID") == leg, "bridged once, with the leg");
    Ok(())
}

/// The first is busy, the second takes the caller, whose music never stops.
pub async fn busy_then_next(live: &Live) -> Result<String> {
    next_takes(live, BUSY, "USER_BUSY", "busy anna").await
}

/// The first rejects, the second takes the caller.
pub async fn rejected_then_next(live: &Live) -> Result<String> {
    next_takes(live, REJECTS, "CALL_REJECTED", "rejected anna").await
}

/// The first lets it ring out, the second takes the caller.
pub async fn no_answer_then_next(live: &Live) -> Result<String> {
    next_takes(live, Behaviour::Ring, "NO_ANSWER", "no_answer anna").await
}

async fn next_takes(live: &Live, first: Behaviour, cause: &str, step: &str) -> Result<String> {
    let (anna, boris) = (phone(first).await?, phone(ANSWERS).await?);
    let mut team = Team::of([("anna", contact(&anna)), ("boris", contact(&boris))]);
    team.ring_timeout = "1s";
    on_floor(live, &team, async |floor| {
        let caller = floor.caller(IVAN).await?;
        let rings = boris.call(0, SOON, "rings", |_| true).await?;
        caller.heard_throughout(Tone::Music)?;
        caller.hears(Tone::Agent).await?;
        ensure!(caller.tones()? == [Tone::Music, Tone::Agent], "{:?}", caller.tones()?);
        caller.hangs_up().await?;
        let causes = floor.causes_of(&anna, 1).await?;
        ensure!(causes == [cause], "FreeSWITCH says {causes:?} of the first phone");
        ensure!(floor.causes_of(&boris, 1).await? == ["NORMAL_CLEARING"], "the second talked");
        let row = floor.controller.ended_call(IVAN).await?;
        let steps = [
            "arrived",
            "joined",
            "offered anna",
            step,
            "offered boris",
            "picked_up boris",
            "left_queue",
            "talk_over boris",
            "ended",
        ];
        row.expect("answered", "talking", &steps)?;
        let first_rang = anna.talks()[0].history[0].1;
        let gap_ms = rings.history[0].1.duration_since(first_rang).as_millis();
        floor.comes_to_rest().await?;
        Ok(format!("the second phone rang {gap_ms} ms after the first"))
    })
    .await
}

/// An agent who rejected the call is asked again, but only after all others.
pub async fn rejected_by_all_then_asked_again(live: &Live) -> Result<String> {
    let (anna, boris) = (phone(REJECTS).await?, phone(REJECTS).await?);
    let mut team = Team::of([("anna", contact(&anna)), ("boris", contact(&boris))]);
    team.delay = "300ms";
    on_floor(live, &team, async |floor| {
        let caller = floor.caller(IVAN).await?;
        anna.call(0, SOON, "rejects", |talk| talk.is_over()).await?;
        anna.behave(ANSWERS);
        boris.call(0, SOON, "rejects", |talk| talk.is_over()).await?;
        caller.hears(Tone::Agent).await?;
        caller.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        let steps = [
            "arrived",
            "joined",
            "offered anna",
            "rejected anna",
            "offered boris",
            "rejected boris",
            "offered anna",
            "picked_up anna",
            "left_queue",
            "talk_over anna",
            "ended",
        ];
        row.expect("answered", "talking", &steps)?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// All phones ring, the first to answer has the caller, the others fall silent and nothing is left of them.
pub async fn ring_all_has_one_winner(live: &Live) -> Result<String> {
    let phones = [phone(Behaviour::Ring).await?, phone(ANSWERS).await?, phone(Behaviour::Ring).await?];
    on_floor(live, &ring_all(&phones), async |floor| {
        let caller = floor.caller(IVAN).await?;
        caller.hears(Tone::Agent).await?;
        for loser in [&phones[0], &phones[2]] {
            loser.call(0, SOON, "is cancelled", |talk| talk.stage == Stage::Ended(End::Cancelled)).await?;
            ensure!(
                floor.causes_of(loser, 1).await? == ["LOSE_RACE"],
                "FreeSWITCH knows that the agent lost"
            );
        }
        floor.only_two_are_left().await?;
        caller.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        let steps = row.steps();
        ensure!(row.text("ending") == "answered", "{steps:?}");
        for step in ["lost_race anna", "lost_race clara", "picked_up boris", "talk_over boris"] {
            ensure!(steps.iter().filter(|told| *told == step).count() == 1, "{step} once in {steps:?}");
        }
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

fn ring_all(phones: &[SipEnd; 3]) -> Team {
    let [anna, boris, clara] = phones;
    let mut team = Team::of([("anna", contact(anna)), ("boris", contact(boris)), ("clara", contact(clara))]);
    team.strategy = "ring_all";
    team
}

/// All answer in the same millisecond, many times: one wins each time, nobody is left in silence.
pub async fn ring_all_when_all_answer_at_once(live: &Live) -> Result<String> {
    let phones = [phone(ANSWERS).await?, phone(ANSWERS).await?, phone(ANSWERS).await?];
    let floor = Floor::open(live, &ring_all(&phones)).await?;
    let mut picked_up = 0;
    told(&floor, async {
        for round in 0..10 {
            let number = format!("+7900123452{round}");
            let caller = floor.caller(&number).await?;
            caller.hears(Tone::Agent).await?;
            for phone in &phones {
                phone
                    .call(round, SOON, "was rung", |talk| talk.is_over() || talk.stage == Stage::Talking)
                    .await?;
            }
            floor.only_two_are_left().await?;
            picked_up +=
                phones.iter().filter(|phone| phone.talks()[round].when(Stage::Talking).is_some()).count();
            ensure!(floor.bridges_of(&caller).await?.len() == 1, "bridged once");
            caller.hangs_up().await?;
            let row = floor.controller.ended_call(&number).await?;
            let steps = row.steps();
            ensure!(row.text("ending") == "answered", "{steps:?}");
            ensure!(steps.iter().filter(|step| step.starts_with("talk_over")).count() == 1, "{steps:?}");
            ensure!(steps.iter().filter(|step| step.starts_with("lost_race")).count() == 2, "{steps:?}");
            floor.comes_to_rest().await?;
        }
        Ok(format!("10 rounds, {picked_up} phones picked up, 10 won"))
    })
    .await
}

/// Nobody is there; the caller gives up, and gets a case.
pub async fn abandoned_while_waiting(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::closed(live, &Team::of([("anna", contact(&anna))])).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        // As a Russian operator sends it: the case must hold it as it is dialled from anywhere.
        let caller = floor.caller("89001234501").await?;
        caller.hears(Tone::Music).await?;
        caller.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        row.expect("abandoned", "waiting", &["arrived", "joined", "left_queue", "ended", "case"])?;
        ensure!(floor.only_case_of(IVAN).await? == "abandoned_waiting", "the reason");
        ensure!(anna.count() == 0, "nobody was rung");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// The caller gives up while a phone rings: it falls silent, and the agent can be rung again at once.
pub async fn abandoned_while_ringing(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let floor = Floor::open(live, &Team::of([("anna", contact(&anna))])).await?;
    told(&floor, async {
        let caller = floor.caller(IVAN).await?;
        anna.call(0, SOON, "rings", |_| true).await?;
        let left = Instant::now();
        caller.hangs_up().await?;
        let cancelled = anna.call(0, SOON, "is cancelled", |talk| talk.is_over()).await?;
        ensure!(cancelled.stage == Stage::Ended(End::Cancelled), "{:?}", cancelled.stage);
        let silent = cancelled.when(cancelled.stage).context("when")?.duration_since(left);
        ensure!(floor.causes_of(&anna, 1).await? == ["ORIGINATOR_CANCEL"], "FreeSWITCH knows why");
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("stage")) == ("abandoned", "ringing"), "{}", row.0);
        ensure!(row.steps().contains(&"cancelled anna".to_owned()), "{:?}", row.steps());
        ensure!(floor.only_case_of(IVAN).await? == "abandoned_ringing", "the reason");
        floor.comes_to_rest().await?;
        anna.behave(ANSWERS);
        let next = floor.caller("+79001234502").await?;
        next.hears(Tone::Agent).await?;
        next.hangs_up().await?;
        floor.comes_to_rest().await?;
        Ok(format!("the phone fell silent {} ms after the caller hung up", silent.as_millis()))
    })
    .await
}

/// The caller waited as long as the queue allows: the overflow's message, and a case.
pub async fn waited_too_long(live: &Live) -> Result<String> {
    let anna = phone(Behaviour::Ring).await?;
    let mut team = Team::of([("anna", contact(&anna))]);
    team.max_wait = "1500ms";
    on_floor(live, &team, async |floor| {
        let caller = floor.caller(IVAN).await?;
        caller.hears(Tone::Closed).await?;
        ensure!(caller.is_over().await? == Stage::Ended(End::TheyHungUp), "hung up after the message");
        ensure!(caller.tones()? == [Tone::Music, Tone::Closed], "{:?}", caller.tones()?);
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!((row.text("ending"), row.text("stage")) == ("timed_out", "message"), "{}", row.0);
        let waited_ms = row.number("wait_ms").context("how long the caller waited")?;
        ensure!(
            (1500..2300).contains(&waited_ms),
            "the caller waited {waited_ms} ms in the queue, not 1500: {}",
            row.0
        );
        ensure!(floor.only_case_of(IVAN).await? == "timed_out", "the reason");
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}

/// An agent who logs in while a caller waits is rung at once, though the login is another process's.
pub async fn a_login_is_seen_at_once(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::closed(live, &Team::of([("anna", contact(&anna))])).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let caller = floor.caller(IVAN).await?;
        caller.hears(Tone::Music).await?;
        floor.controller.command(&["agent", "login", "anna"]).await?;
        let logged_in = Instant::now();
        let rings = anna.call(0, SOON, "rings", |_| true).await?;
        caller.hears(Tone::Agent).await?;
        caller.hangs_up().await?;
        floor.comes_to_rest().await?;
        let seen_ms = rings.history[0].1.saturating_duration_since(logged_in).as_millis();
        ensure!(seen_ms < 1000, "rung {seen_ms} ms after the login");
        Ok(format!("rung {seen_ms} ms after the login command had ended (wanted: 100)"))
    })
    .await
}

/// A number that no route names is refused, and no case is opened.
pub async fn no_route(live: &Live) -> Result<String> {
    on_floor(live, &Team::of([("anna", "user/1001@127.0.0.1".to_owned())]), async |floor| {
        let caller = floor.dials(Dial::new(live.switch.sip, "7999", IVAN)).await?;
        let end = caller.is_over().await?;
        ensure!(matches!(end, Stage::Ended(End::Refused(404))), "{end:?}");
        floor.controller.ended_call(IVAN).await?.expect("refused", "arriving", &["arrived", "ended"])?;
        floor.comes_to_rest().await?;
        Ok(String::new())
    })
    .await
}
