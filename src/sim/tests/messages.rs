//! `sendmsg`: nesting, locks, breaks, loops (docs/architecture/freeswitch.md, "Messages to a channel").

use super::*;

async fn parked(change: impl FnOnce(&mut SimSettings)) -> (Stage, CallerHandle, Link) {
    let stage = Stage::set(change).await;
    let handle = stage.sim.call(caller()).await;
    let mut peer = stage.accept().await;
    peer.ask("connect").await;
    peer.ask("event plain CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_PROGRESS_MEDIA")
        .await;
    peer.ask(&format!("filter Unique-ID {}", handle.channel())).await;
    peer.execute("answer", "", "").await;
    peer.names(ms(10)).await;
    (stage, handle, peer)
}

#[tokio::test(start_paused = true)]
async fn without_a_lock_the_second_runs_inside_the_first() {
    let (_stage, _caller, mut peer) = parked(|_| {}).await;
    peer.execute("playback", "/a", "").await;
    peer.execute("sleep", "1000", "").await;
    let names = peer.names(s(10)).await;
    assert_eq!(
        names,
        ["EXECUTE playback", "EXECUTE sleep", "EXECUTE_COMPLETE sleep", "EXECUTE_COMPLETE playback"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_interrupted_goes_on_where_it_was() {
    let (_stage, _caller, mut peer) = parked(|settings| settings.sound = s(4)).await;
    let begun = tokio::time::Instant::now();
    peer.execute("playback", "/a", "Event-UUID: outer-1").await;
    tokio::time::sleep(s(1)).await;
    peer.execute("sleep", "10000", "").await;
    let done = loop {
        let event = peer.event("CHANNEL_EXECUTE_COMPLETE").await;
        if event.value("Application-UUID").as_deref() == Some("outer-1") {
            break event;
        }
    };
    let took = begun.elapsed();
    assert!((s(14)..s(15)).contains(&took), "{took:?}");
    assert_eq!(done.value("Application-Response").as_deref(), Some("FILE PLAYED"));
}

#[tokio::test(start_paused = true)]
async fn with_a_lock_they_run_one_after_the_other() {
    let (_stage, _caller, mut peer) = parked(|_| {}).await;
    peer.execute("playback", "/a", "event-lock: true").await;
    peer.execute("sleep", "1000", "event-lock: true").await;
    let names = peer.names(s(10)).await;
    assert_eq!(
        names,
        ["EXECUTE playback", "EXECUTE_COMPLETE playback", "EXECUTE sleep", "EXECUTE_COMPLETE sleep"]
    );
}

#[tokio::test(start_paused = true)]
async fn behind_a_locked_endless_sound_nothing_runs_and_a_break_flushes_it() {
    let (_stage, caller, mut peer) = parked(|_| {}).await;
    peer.execute("playback", "local_stream://moh", "event-lock: true").await;
    assert_eq!(peer.ask("sendmsg\ncall-command: hangup").await, "+OK");
    assert_eq!(peer.names(s(60)).await, ["EXECUTE playback"]);
    assert_eq!(peer.api(&format!("uuid_break {} all", caller.channel())).await, "+OK");
    assert_eq!(peer.names(s(5)).await, ["EXECUTE_COMPLETE playback"], "the queued hangup is gone");
}

#[tokio::test(start_paused = true)]
async fn a_break_ends_all_that_messages_stacked_up() {
    let (_stage, caller, mut peer) = parked(|_| {}).await;
    peer.execute("playback", "local_stream://moh", "").await;
    peer.execute("playback", "/a", "").await;
    peer.names(ms(10)).await;
    peer.api(&format!("uuid_break {}", caller.channel())).await;
    assert_eq!(peer.names(s(5)).await, ["EXECUTE_COMPLETE playback", "EXECUTE_COMPLETE playback"]);
}

/// `uuid_broadcast` locks (switch_ivr_async.c, `switch_ivr_broadcast`; seen on a real one).
#[tokio::test(start_paused = true)]
async fn a_second_broadcast_waits_for_the_first_unless_that_is_broken_off() {
    let (_stage, caller, mut peer) = parked(|_| {}).await;
    let channel = caller.channel();
    peer.api(&format!("uuid_broadcast {channel} local_stream://moh aleg")).await;
    peer.api(&format!("uuid_broadcast {channel} /a aleg")).await;
    assert_eq!(peer.names(s(60)).await, ["EXECUTE playback"]);
    peer.api(&format!("uuid_break {channel} all")).await;
    peer.api(&format!("uuid_broadcast {channel} /b aleg")).await;
    let names = peer.names(s(10)).await;
    assert_eq!(names, ["EXECUTE_COMPLETE playback", "EXECUTE playback", "EXECUTE_COMPLETE playback"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_application_hangs_the_caller_up() {
    let (_stage, caller, mut peer) = parked(|_| {}).await;
    assert_eq!(peer.execute("playbock", "/a", "").await, "+OK", "it only means: queued");
    let hangup = peer.event("CHANNEL_HANGUP").await;
    assert_eq!(hangup.value("Hangup-Cause").as_deref(), Some("DESTINATION_OUT_OF_ORDER"));
    assert_eq!(caller.story().await.unwrap().cause, "DESTINATION_OUT_OF_ORDER");
}

#[tokio::test(start_paused = true)]
async fn loops_repeat_unless_one_pass_was_too_quick() {
    let (_stage, _caller, mut peer) = parked(|settings| {
        settings.sounds.insert("/short".into(), ms(300));
        settings.missing_sounds.insert("/missing".into());
    })
    .await;
    peer.execute("playback", "/a", "loops: 3").await;
    assert_eq!(peer.names(s(20)).await.len(), 6);
    peer.execute("playback", "/short", "loops: 3").await;
    assert_eq!(peer.names(s(20)).await.len(), 2);
    peer.execute("playback", "/missing", "loops: -1").await;
    let done = peer.event("CHANNEL_EXECUTE_COMPLETE").await;
    assert_eq!(done.value("Application-Response").as_deref(), Some("FILE NOT FOUND"));
    assert_eq!(peer.names(s(5)).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_sound_before_the_answer_pre_answers() {
    let stage = Stage::set(|_| {}).await;
    let _caller = stage.sim.call(caller()).await;
    let mut peer = stage.accept().await;
    peer.ask("connect").await;
    peer.ask("myevents").await;
    peer.execute("playback", "/a", "").await;
    let event = peer.event("CHANNEL_PROGRESS_MEDIA").await;
    assert_eq!(event.value("Answer-State").as_deref(), Some("early"));
}

#[tokio::test(start_paused = true)]
async fn an_argument_may_be_the_body_and_what_would_expand_is_counted() {
    let (stage, _caller, mut peer) = parked(|_| {}).await;
    peer.send(
        "sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-type: text/plain\ncontent-length: 13\n\n\
         x=${nonsense}",
    )
    .await;
    let event = peer.event("CHANNEL_EXECUTE").await;
    assert_eq!(event.value("Application-Data").as_deref(), Some("x="));
    assert_eq!(stage.sim.counts().await.expansions, 1);
}

#[tokio::test(start_paused = true)]
async fn the_queue_of_a_session_has_an_end() {
    let (_stage, _caller, mut peer) = parked(|_| {}).await;
    peer.execute("playback", "local_stream://moh", "event-lock: true").await;
    for _ in 0..256 {
        assert_eq!(peer.execute("sleep", "1", "").await, "+OK");
    }
    assert_eq!(peer.execute("sleep", "1", "").await, "-ERR memory error");
}
