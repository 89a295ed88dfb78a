//! Callers' sockets: the table of docs/architecture/freeswitch.md, "When the controller goes away", and lingering.

use super::*;

fn unresumed(settings: &mut SimSettings) {
    settings.socket_resume = false;
}

const fn resumed(_: &mut SimSettings) {}

async fn story(caller: CallerHandle) -> Story {
    caller.story().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_refused_controller_is_followed_by_the_next_then_by_the_fallback() {
    let stage = Stage::set(resumed).await;
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    stage.sim.set_controllers(&[refused, stage.address()]).await;
    let caller_one = stage.sim.call(caller()).await;
    drop(stage.accept().await);
    let told = story(caller_one).await;
    assert!(told.has(|h| *h == Happening::Connected(stage.address().to_string())), "{told:?}");

    stage.sim.set_controllers(&[refused, refused]).await;
    let told = story(stage.sim.call(caller()).await).await;
    assert!(told.has(|h| *h == Happening::NobodyThere) && told.heard_fallback(), "{told:?}");
    assert!(told.lasted < s(3), "{told:?}");
    assert_eq!((told.ended_by, told.cause.as_str()), (EndedBy::Switch, "NORMAL_CLEARING"));
}

fn patient(settings: &mut SimSettings) {
    (settings.attempts, settings.patience) = (u32::MAX, s(10));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_comes_back_in_time_has_the_caller_again() {
    let stage = Stage::set(patient).await;
    let (handle, peer) = stage.waiting(caller()).await;
    let (refused, back) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap(), stage.address());
    stage.sim.set_controllers(&[refused]).await;
    drop(peer);
    tokio::time::sleep(s(8)).await;
    stage.sim.set_controllers(&[back]).await;
    let began = tokio::time::Instant::now();
    let mut peer = stage.accept().await;
    assert!(peer.ask("connect").await.starts_with("+OK"));
    assert!(began.elapsed() <= ms(1100), "{:?}", began.elapsed());
    handle.hang_up().await;
    let told = story(handle).await;
    let vain = told.happenings.iter().filter(|(_, what)| *what == Happening::NobodyThere).count();
    assert!((6..=8).contains(&vain) && !told.heard_fallback(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn who_only_takes_callers_and_dies_uses_up_their_patience() {
    let stage = Stage::set(patient).await;
    let handle = stage.sim.call(caller()).await;
    let mut taken = 0;
    while let Ok(mut peer) = timeout(s(5), stage.accept()).await {
        peer.ask("connect").await;
        peer.ask("myevents").await;
        taken += 1;
    }
    let told = story(handle).await;
    assert!((9..=11).contains(&taken) && told.heard_fallback(), "{taken}: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn who_was_served_is_waited_for_with_fresh_patience() {
    let mut stage = Stage::set(patient).await;
    let (handle, peer) = stage.waiting(caller()).await;
    drop(peer);
    tokio::time::sleep(s(8)).await;
    let mut taken = 0;
    while let Ok(mut peer) = timeout(s(5), stage.accept()).await {
        peer.ask("connect").await;
        if taken == 0 {
            stage.set_variable(&handle, "dozvon_served", "true").await;
        }
        taken += 1;
    }
    let told = story(handle).await;
    assert!((9..=12).contains(&taken) && told.heard_fallback(), "{taken}: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn given_back_he_is_tried_again_or_falls_back_by_the_reason() {
    for (reason, again) in [("drained", true), ("unknown_node", true), ("not_recorded", false)] {
        let mut stage = Stage::set(patient).await;
        let (handle, peer) = stage.waiting(caller()).await;
        stage.set_variable(&handle, "dozvon_state", reason).await;
        drop(peer);
        assert_eq!(timeout(s(2), stage.accept()).await.is_ok(), again, "{reason}");
        assert_eq!(handle_fell_back(handle).await, !again, "{reason}");
    }
}

/// Hangs up, and returns whether the caller heard the fallback.
async fn handle_fell_back(handle: CallerHandle) -> bool {
    handle.hang_up().await;
    story(handle).await.heard_fallback()
}

#[tokio::test(start_paused = true)]
async fn closed_before_connect_is_fallback_or_silence_for_ever() {
    for (resume, change) in [(true, resumed as fn(&mut SimSettings)), (false, unresumed)] {
        let stage = Stage::set(change).await;
        let handle = stage.sim.call(caller()).await;
        drop(stage.accept().await);
        let told = story(handle).await;
        assert_eq!(told.heard_fallback(), resume, "{told:?}");
        assert_eq!(told.has(|h| *h == Happening::Abandoned), !resume, "{told:?}");
        assert_eq!(told.ended_by, if resume { EndedBy::Switch } else { EndedBy::Caller });
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_controller_is_given_25_seconds() {
    for (resume, change) in [(true, resumed as fn(&mut SimSettings)), (false, unresumed)] {
        let stage = Stage::set(change).await;
        let handle = stage.sim.call(caller()).await;
        let silent = stage.accept().await;
        let notice = silent.rest().await.pop().unwrap();
        assert!(notice.get("Content-Disposition") == Some("disconnect"), "{notice:?}");
        let told = story(handle).await;
        assert_eq!(told.heard_fallback(), resume, "{told:?}");
        assert!(told.lasted >= s(25), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_while_music_plays_is_fallback_or_music_for_ever() {
    for (resume, change) in [(true, resumed as fn(&mut SimSettings)), (false, unresumed)] {
        let stage = Stage::set(change).await;
        let (handle, peer) = stage.waiting(caller()).await;
        drop(peer);
        let told = story(handle).await;
        assert!(told.heard_music());
        assert_eq!(told.heard_fallback(), resume, "{told:?}");
        assert_eq!(told.lasted >= s(120), !resume, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_resume_a_finite_sound_ends_and_then_the_dialplan_goes_on() {
    let stage = Stage::set(unresumed).await;
    let handle = stage.sim.call(caller()).await;
    let mut peer = stage.accept().await;
    peer.ask("connect").await;
    peer.execute("playback", "/welcome.wav", "").await;
    drop(peer);
    let told = story(handle).await;
    assert!(
        told.has(|h| *h == Happening::HeardOut("/welcome.wav".into())) && told.heard_fallback(),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_drop_while_talking_cuts_the_talk_only_with_resume() {
    for resume in [true, false] {
        let mut stage = Stage::set(resumed).await;
        stage.sim.phone("user/1001", Behaviour::answers(s(1)).hanging_up_after(s(20))).await;
        let (handle, peer) = stage.waiting(caller()).await;
        let leg = stage.leg("user/1001").await;
        stage.set_variable(&handle, "socket_resume", if resume { "true" } else { "false" }).await;
        stage.bridge(&handle, &leg).await;
        drop(peer);
        let told = story(handle).await;
        assert_eq!(told.talked_to(), ["user/1001"]);
        assert_eq!(told.heard_fallback(), resume, "a talk that was not cut is the end of the call: {told:?}");
        assert_eq!(told.lasted >= s(20), !resume, "{told:?}");
        assert_eq!(stage.sim.counts().await.talks_cut, u64::from(resume));
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_during_execute_bridge_cuts_the_talk_only_with_resume() {
    for (resume, change) in [(true, resumed as fn(&mut SimSettings)), (false, unresumed)] {
        let mut stage = Stage::set(change).await;
        stage.sim.phone("user/1001", Behaviour::answers(s(1)).hanging_up_after(s(20))).await;
        let handle = stage.sim.call(caller()).await;
        let mut peer = stage.accept().await;
        peer.ask("connect").await;
        peer.execute("bridge", "user/1001", "").await;
        stage.node.event("CHANNEL_BRIDGE").await;
        drop(peer);
        let told = story(handle).await;
        assert_eq!(told.talked_to(), ["user/1001"]);
        assert!(told.heard_fallback(), "{told:?}");
        assert_eq!(told.lasted >= s(20), !resume, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn parked_after_a_bridge_a_drop_leaves_silence_either_way() {
    for (resume, change) in [(true, resumed as fn(&mut SimSettings)), (false, unresumed)] {
        let mut stage = Stage::set(change).await;
        stage.sim.phone("user/1001", Behaviour::answers(s(1)).hanging_up_after(s(5))).await;
        let (handle, mut peer) = stage.waiting(caller()).await;
        let leg = stage.leg("user/1001").await;
        stage.set_variable(&handle, "park_after_bridge", "true").await;
        stage.bridge(&handle, &leg).await;
        peer.event("CHANNEL_UNBRIDGE").await;
        peer.event("CHANNEL_PARK").await;
        drop(peer);
        stage.node.event("CHANNEL_UNBRIDGE").await;
        stage.node.event("CHANNEL_UNPARK").await;
        let told = story(handle).await;
        assert!(told.has(|h| *h == Happening::Abandoned) && !told.heard_fallback(), "{resume}: {told:?}");
        assert_eq!(told.ended_by, EndedBy::Caller);
    }
}

#[tokio::test(start_paused = true)]
async fn the_fallback_does_not_follow_an_ordinary_talk() {
    let mut stage = Stage::set(resumed).await;
    stage.sim.phone("user/1001", Behaviour::answers(s(1)).hanging_up_after(s(5))).await;
    let (handle, _peer) = stage.waiting(caller()).await;
    let leg = stage.leg("user/1001").await;
    stage.set_variable(&handle, "dozvon_state", "talked").await;
    stage.bridge(&handle, &leg).await;
    let told = story(handle).await;
    assert!(!told.heard_fallback(), "{told:?}");
    assert_eq!(told.cause, "NORMAL_CLEARING");
}

#[tokio::test(start_paused = true)]
async fn closing_the_first_socket_knocks_the_second_out() {
    let mut stage = Stage::set(|settings| {
        unresumed(settings);
        settings.queues.insert("7002".to_owned());
    })
    .await;
    let (handle, first) = stage.waiting(caller()).await;
    assert_eq!(stage.node.api(&format!("uuid_transfer {} 7002 XML public", handle.channel())).await, "+OK");
    let mut second = stage.accept().await;
    assert!(second.ask("connect").await.starts_with("+OK"));
    assert_eq!(stage.sim.counts().await.channels_up, 1);
    drop(first);
    let told = story(handle).await;
    assert!(told.heard_fallback() && told.lasted < s(10), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lingering_socket_holds_the_channel_that_nobody_finds() {
    let mut stage = Stage::set(resumed).await;
    let (handle, mut peer) = stage.waiting(caller()).await;
    let uuid = handle.channel().to_string();
    handle.hang_up().await;
    peer.event("CHANNEL_HANGUP_COMPLETE").await;
    assert_eq!(peer.api(&format!("uuid_exists {uuid}")).await, "false");
    assert_eq!(story(handle).await.ended_by, EndedBy::Caller, "the story does not wait for the socket");
    let rest = peer.rest().await;
    let notices: Vec<_> = rest.iter().filter_map(|frame| frame.value("Content-Disposition")).collect();
    assert_eq!(notices, ["linger", "disconnect"], "{rest:?}");
    assert_eq!(rest[0].value("Linger-Time").as_deref(), Some("30"));
    assert_eq!(stage.node.event("CHANNEL_DESTROY").await.value("Unique-ID"), Some(uuid));
}

#[tokio::test(start_paused = true)]
async fn without_linger_the_socket_closes_with_the_channel() {
    let stage = Stage::set(resumed).await;
    let (handle, mut peer) = stage.waiting(caller()).await;
    assert_eq!(peer.ask("nolinger").await, "+OK will not linger");
    handle.hang_up().await;
    let rest = peer.rest().await;
    assert_eq!(rest.last().unwrap().value("Content-Disposition").as_deref(), Some("disconnect"));
    assert!(rest.iter().any(|frame| frame.name() == "CHANNEL_HANGUP_COMPLETE"));
}

#[tokio::test(start_paused = true)]
async fn exit_says_goodbye_and_the_dialplan_goes_on() {
    let stage = Stage::set(resumed).await;
    let (handle, mut peer) = stage.waiting(caller()).await;
    assert_eq!(peer.ask("exit").await, "+OK bye");
    assert!(peer.rest().await.last().unwrap().body.contains("goodbye"));
    assert!(story(handle).await.heard_fallback());
}
