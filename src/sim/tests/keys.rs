//! Keys that a caller presses (docs/architecture/freeswitch.md, "Keys").

use super::*;

const KEYS: &str = "event plain CHANNEL_EXECUTE_COMPLETE DTMF";

async fn parked(script: CallerScript) -> (Stage, CallerHandle, Link) {
    let stage = Stage::set(|settings| settings.sound = s(4)).await;
    let handle = stage.sim.call(script).await;
    let mut peer = stage.accept().await;
    peer.ask("connect").await;
    peer.ask(KEYS).await;
    peer.ask(&format!("filter Unique-ID {}", handle.channel())).await;
    peer.ask("filter Application -answer").await;
    peer.execute("answer", "", "").await;
    (stage, handle, peer)
}

async fn digit(peer: &mut Link) -> String {
    let event = peer.event("DTMF").await;
    assert_eq!(event.value("DTMF-Source").as_deref(), Some("RTP"));
    event.value("DTMF-Digit").unwrap()
}

#[tokio::test(start_paused = true)]
async fn keys_are_reported_in_order_whatever_is_played() {
    let mut script = caller();
    script.keys = vec![(ms(500), '1'), (ms(600), '#'), (s(10), '*')];
    let (_stage, _caller, mut peer) = parked(script).await;
    assert_eq!(
        peer.api(&format!("uuid_setvar {} playback_terminators none", _caller.channel())).await,
        "+OK"
    );
    peer.execute("playback", "/a", "event-lock: true").await;
    assert_eq!((digit(&mut peer).await, digit(&mut peer).await), ("1".to_owned(), "#".to_owned()));
    let begun = tokio::time::Instant::now();
    peer.event("CHANNEL_EXECUTE_COMPLETE").await;
    assert!(begun.elapsed() > s(3), "a key has ended the sound");
    assert_eq!(digit(&mut peer).await, "*", "of a parked caller");
}

#[tokio::test(start_paused = true)]
async fn a_star_ends_a_sound_unless_the_controller_forbids_it() {
    let mut script = caller();
    script.keys = vec![(s(1), '5'), (s(2), '*')];
    let (_stage, _caller, mut peer) = parked(script).await;
    let begun = tokio::time::Instant::now();
    peer.execute("playback", "/a", "event-lock: true").await;
    assert_eq!(
        peer.event("CHANNEL_EXECUTE_COMPLETE").await.value("Application-Response").as_deref(),
        Some("FILE PLAYED")
    );
    assert!((s(1)..s(3)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_stand_in_knows_how_long_a_caller_heard_nothing() {
    let (_stage, caller, mut peer) = parked(caller().patient_for(s(20))).await;
    peer.execute("playback", "/a", "event-lock: true").await;
    peer.execute("playback", "silence_stream://3000", "event-lock: true").await;
    peer.event("CHANNEL_EXECUTE_COMPLETE").await;
    peer.event("CHANNEL_EXECUTE_COMPLETE").await;
    tokio::time::sleep(s(2)).await;
    peer.execute("playback", "local_stream://moh", "loops: -1").await;
    let silence = caller.story().await.unwrap().longest_silence;
    assert!((s(2)..ms(2100)).contains(&silence), "{silence:?}");
}
