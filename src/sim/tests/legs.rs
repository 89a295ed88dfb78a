//! Originated legs and bridges (docs/architecture/freeswitch.md, "Legs and bridges").

use super::*;

/// The job's text.
async fn result(stage: &mut Stage, job: &str) -> String {
    loop {
        let event = stage.node.event("BACKGROUND_JOB").await;
        if event.value("Job-UUID").as_deref() == Some(job) {
            return event.event().unwrap().body.trim_end().to_owned();
        }
    }
}

fn new_uuid() -> String {
    Uuid::new_v4().to_string()
}

#[tokio::test(start_paused = true)]
async fn every_way_not_to_answer_has_its_cause() {
    let mut stage = Stage::set(|_| {}).await;
    for (contact, behaviours) in [
        ("user/busy", Pickup::Busy),
        ("user/rejects", Pickup::Rejects(s(2))),
        ("user/sleeps", Pickup::NoAnswer),
        ("user/away", Pickup::Unreachable),
    ] {
        stage.sim.phone(contact, behaviours).await;
    }
    for (contact, cause) in [
        ("user/busy", "USER_BUSY"),
        ("user/rejects", "CALL_REJECTED"),
        ("user/sleeps", "NO_ANSWER"),
        ("user/away", "SUBSCRIBER_ABSENT"),
        ("user/nobody", "SUBSCRIBER_ABSENT"),
        ("sofia/gateway/none/+7900", "INVALID_GATEWAY"),
        ("sofia/internal/9@127.0.0.1", "NORMAL_TEMPORARY_FAILURE"),
        ("user/busy,user/sleeps", "DESTINATION_OUT_OF_ORDER"),
    ] {
        let job = new_uuid();
        stage.originate(&job, contact, "").await;
        assert_eq!(result(&mut stage, &job).await, format!("-ERR {cause}"), "{contact}");
    }
    let counts = stage.sim.counts().await;
    assert_eq!((counts.legs_up, counts.double_rings, counts.forked_dials), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_absent_phone_has_no_channel_events() {
    let mut stage = Stage::set(|_| {}).await;
    stage.originate(&new_uuid(), "user/nobody", "").await;
    assert_eq!(stage.node.names(s(5)).await, ["BACKGROUND_JOB"]);
}

#[tokio::test(start_paused = true)]
async fn a_phone_rings_only_once_at_a_time() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1001", Pickup::NoAnswer).await;
    stage.originate(&new_uuid(), "user/1001@example.com", "").await;
    stage.node.event("CHANNEL_PROGRESS").await;
    let second = new_uuid();
    stage.originate(&second, "user/1001", "").await;
    assert_eq!(result(&mut stage, &second).await, "-ERR USER_BUSY");
    assert_eq!(stage.sim.counts().await.double_rings, 1);
}

#[tokio::test(start_paused = true)]
async fn hupall_ends_what_rings_for_an_offer_and_a_taken_uuid_is_refused() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1001", Pickup::NoAnswer).await;
    stage.sim.phone("user/1002", Pickup::NoAnswer).await;
    let (leg, other) = (new_uuid(), new_uuid());
    stage.originate(&leg, "user/1001", "").await;
    stage.originate(&other, "user/1002", "").await;
    stage.node.event("CHANNEL_PROGRESS").await;
    stage.node.event("CHANNEL_PROGRESS").await;
    let twin = format!("bgapi originate {{origination_uuid={leg}}}user/1002 &park()\nJob-UUID: twin");
    stage.node.ask(&twin).await;
    assert_eq!(result(&mut stage, "twin").await, "-ERR DESTINATION_OUT_OF_ORDER");
    let answer = stage.node.api(&format!("hupall LOSE_RACE dozvon_offer {leg}")).await;
    assert_eq!(
        answer,
        format!("+OK hangup all channels matching [dozvon_offer]=[{leg}] with cause: LOSE_RACE")
    );
    assert_eq!(result(&mut stage, &leg).await, "-ERR LOSE_RACE");
    assert_eq!(stage.sim.counts().await.legs_up, 1);
    assert_eq!(stage.node.api(&format!("uuid_kill {leg}")).await, "-ERR No such channel!");
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_is_not_created_yet_cannot_be_cancelled() {
    let mut stage = Stage::set(|settings| settings.pace = s(1)).await;
    stage.sim.phone("user/1001", Pickup::NoAnswer).await;
    let leg = new_uuid();
    stage.originate(&leg, "user/1001", "").await;
    assert_eq!(stage.node.api(&format!("uuid_kill {leg} ORIGINATOR_CANCEL")).await, "-ERR No such channel!");
    stage.node.event("CHANNEL_CREATE").await;
    assert_eq!(stage.node.api(&format!("uuid_kill {leg} ORIGINATOR_CANCEL")).await, "+OK");
    assert_eq!(result(&mut stage, &leg).await, "-ERR ORIGINATOR_CANCEL");
}

#[tokio::test(start_paused = true)]
async fn an_agent_can_answer_in_the_moment_of_the_cancel() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1001", Pickup::AnswersAsCancelled).await;
    let leg = new_uuid();
    stage.originate(&leg, "user/1001", "").await;
    stage.node.event("CHANNEL_PROGRESS").await;
    stage.node.api(&format!("uuid_kill {leg} ORIGINATOR_CANCEL")).await;
    let names = stage.node.names(s(2)).await;
    assert_eq!(names[..2], ["ANSWER", "BACKGROUND_JOB"], "{names:?}");
    assert!(names.ends_with(&["HANGUP_COMPLETE".to_owned(), "DESTROY".to_owned()]), "{names:?}");
    assert_eq!(stage.sim.counts().await.legs_up, 0);
}

#[tokio::test(start_paused = true)]
async fn early_media_makes_the_job_succeed_unless_it_is_ignored() {
    let mut stage = Stage::set(|_| {}).await;
    let early = Behaviour { early_media: true, ..Behaviour::answers(s(5)) };
    stage.sim.phone("user/1001", early).await;
    stage.node.ask("bgapi originate user/1001 &park()\nJob-UUID: early").await;
    assert!(result(&mut stage, "early").await.starts_with("+OK"));
    let answer = stage.node.event("CHANNEL_ANSWER").await;
    stage.node.api(&format!("uuid_kill {}", answer.value("Unique-ID").unwrap())).await;
    let ignored = new_uuid();
    stage.originate(&ignored, "user/1001", "").await;
    stage.node.event("CHANNEL_ANSWER").await;
    assert!(result(&mut stage, &ignored).await.starts_with("+OK"));
}

#[tokio::test(start_paused = true)]
async fn a_key_may_be_asked_for_before_a_leg_counts_as_answered() {
    let mut stage = Stage::set(|_| {}).await;
    let confirms = |after| Behaviour { confirms: after, ..Behaviour::answers(s(1)) };
    stage.sim.phone("user/1001", vec![confirms(Some(s(3))), confirms(None)]).await;
    let (first, second) = (new_uuid(), new_uuid());
    let variables = ",group_confirm_key=1,group_confirm_file=silence,group_confirm_timeout=6";
    stage.originate(&first, "user/1001", variables).await;
    stage.node.event("CHANNEL_ANSWER").await;
    assert_eq!(stage.node.names(s(2)).await, Vec::<String>::new(), "picked up, no key yet");
    assert!(result(&mut stage, &first).await.starts_with("+OK"));
    stage.node.api(&format!("uuid_kill {first}")).await;
    stage.originate(&second, "user/1001", variables).await;
    assert_eq!(result(&mut stage, &second).await, "-ERR NO_ANSWER");
}

#[tokio::test(start_paused = true)]
async fn the_originator_alone_carries_the_bridge_and_hangup_after_bridge_ends_him() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1001", Behaviour::answers(s(1)).hanging_up_after(s(3))).await;
    let (handle, mut peer) = stage.waiting(caller()).await;
    let leg = stage.leg("user/1001").await;
    stage.set_variable(&handle, "hangup_after_bridge", "true").await;
    stage.bridge(&handle, &leg).await;
    peer.event("CHANNEL_BRIDGE").await;
    let unbridge = peer.event("CHANNEL_UNBRIDGE").await;
    assert_eq!(unbridge.value("Bridge-A-Unique-ID"), Some(handle.channel().to_string()));
    assert_eq!(unbridge.value("Other-Leg-Unique-ID"), Some(leg));
    let story = handle.story().await.unwrap();
    assert_eq!((story.cause.as_str(), story.talked_to()), ("NORMAL_CLEARING", vec!["user/1001"]));
    assert!(!story.heard_fallback());
    let bad = stage.node.api(&format!("uuid_bridge {} {}", story.channel, new_uuid())).await;
    assert_eq!(bad, "-ERR Invalid uuid");
}

#[tokio::test(start_paused = true)]
async fn when_the_caller_leaves_the_agent_is_hung_up() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1001", Behaviour::answers(s(1))).await;
    let (handle, _peer) = stage.waiting(caller().talking_for(s(4))).await;
    let leg = stage.leg("user/1001").await;
    stage.bridge(&handle, &leg).await;
    let story = handle.story().await.unwrap();
    assert_eq!(story.ended_by, EndedBy::Caller);
    stage.node.event("CHANNEL_UNBRIDGE").await;
    assert_eq!(stage.node.event("CHANNEL_HANGUP").await.value("Unique-ID"), Some(leg));
    stage.node.event("CHANNEL_DESTROY").await;
    assert_eq!(stage.sim.counts().await.channels_up, 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_bridge_before_the_first_is_built_leaves_a_zombie() {
    let mut stage = Stage::set(|settings| settings.pace = ms(500)).await;
    for contact in ["user/1", "user/2"] {
        stage.sim.phone(contact, Behaviour::answers(s(1))).await;
    }
    let (handle, _peer) = stage.waiting(caller()).await;
    let (first, second) = (stage.leg("user/1").await, stage.leg("user/2").await);
    for leg in [&first, &second] {
        let answer = stage.node.api(&format!("uuid_bridge {} {leg}", handle.channel())).await;
        assert_eq!(answer, format!("+OK {leg}"));
    }
    let bridge = stage.node.event("CHANNEL_BRIDGE").await;
    assert_eq!(bridge.value("Bridge-B-Unique-ID"), Some(second));
    let counts = stage.sim.counts().await;
    assert_eq!((counts.zombies, counts.legs_up, counts.bridges), (1, 2, 1));
    stage.node.api(&format!("uuid_kill {first}")).await;
    assert_eq!(stage.sim.counts().await.zombies, 0);
}

#[tokio::test(start_paused = true)]
async fn an_agent_who_leaves_before_the_bridge_is_built_takes_the_caller_with_him() {
    let mut stage = Stage::set(|settings| settings.pace = ms(500)).await;
    stage.sim.phone("user/1", Behaviour::answers(s(1))).await;
    let (handle, _peer) = stage.waiting(caller()).await;
    let leg = stage.leg("user/1").await;
    stage.node.api(&format!("uuid_bridge {} {leg}", handle.channel())).await;
    stage.node.api(&format!("uuid_kill {leg}")).await;
    assert_eq!(handle.story().await.unwrap().cause, "DESTINATION_OUT_OF_ORDER");
}

#[tokio::test(start_paused = true)]
async fn a_blind_transfer_takes_the_caller_along_on_his_own_socket() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1", Behaviour::answers(s(1)).transferring_after(s(2), "9100")).await;
    let (handle, mut peer) = stage.waiting(caller()).await;
    let leg = stage.leg("user/1").await;
    stage.bridge(&handle, &leg).await;
    peer.event("CHANNEL_UNBRIDGE").await;
    let sleeps = loop {
        let event = peer.event("CHANNEL_EXECUTE").await;
        if event.value("Application").as_deref() == Some("sleep") {
            break event;
        }
    };
    assert_eq!(sleeps.value("Unique-ID"), Some(handle.channel().to_string()));
    let story = handle.story().await.unwrap();
    assert!(
        story.has(|h| *h == Happening::Transferred("9100".into())) && !story.heard_fallback(),
        "{story:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_blocking_originate_holds_its_connection_up() {
    let stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1", Behaviour::answers(s(4))).await;
    let mut other = link(&stage.sim).await;
    let begun = tokio::time::Instant::now();
    other.send("api originate user/1 &park()\n\napi uuid_exists x\n\n").await;
    assert!(other.frame().await.unwrap().body.starts_with("+OK "));
    assert!(begun.elapsed() >= s(4));
    assert_eq!(other.frame().await.unwrap().body, "false");
}

#[tokio::test(start_paused = true)]
async fn a_failed_bridge_of_the_dialplan_ends_the_call_or_goes_on() {
    let mut stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/busy", Pickup::Busy).await;
    for (goes_on, cause) in [(false, "USER_BUSY"), (true, "NORMAL_CLEARING")] {
        let handle = stage.sim.call(caller()).await;
        let mut peer = stage.accept().await;
        peer.ask("connect").await;
        if goes_on {
            stage.set_variable(&handle, "continue_on_fail", "true").await;
        }
        peer.execute("bridge", "user/busy", "").await;
        stage.node.event("CHANNEL_DESTROY").await;
        drop(peer);
        let story = handle.story().await.unwrap();
        assert_eq!((story.cause.as_str(), story.heard_fallback()), (cause, goes_on), "{story:?}");
    }
}
