//! Recordings of a caller (docs/architecture/freeswitch.md, "Recordings").

use super::*;

async fn recorded(script: CallerScript, args: &str) -> (Stage, CallerHandle, Link, tempfile::TempDir) {
    let stage = Stage::set(|_| {}).await;
    let handle = stage.sim.call(script).await;
    let mut peer = stage.accept().await;
    peer.ask("connect").await;
    peer.ask("event plain CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE").await;
    peer.ask(&format!("filter Unique-ID {}", handle.channel())).await;
    peer.ask("filter Application -answer").await;
    peer.execute("answer", "", "").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wav");
    peer.execute("record", &format!("{} {args}", file.display()), "event-lock: true").await;
    (stage, handle, peer, folder)
}

/// What the end of the recording says: milliseconds, silence, key.
async fn end(peer: &mut Link) -> (u64, bool, String) {
    let event = peer.event("CHANNEL_EXECUTE_COMPLETE").await;
    let variable = |name: &str| event.value(&format!("variable_{name}")).unwrap_or_default();
    let ms = variable("record_ms").parse().unwrap();
    (ms, variable("silence_hits_exhausted") == "true", variable("playback_terminator_used"))
}

fn bytes(folder: &tempfile::TempDir) -> u64 {
    std::fs::metadata(folder.path().join("a.wav")).unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn silence_a_key_the_limit_and_the_caller_end_a_recording() {
    let mut quiet = caller();
    quiet.speech = vec![s(4)];
    let (_stage, _caller, mut peer, folder) = recorded(quiet, "60 200 3").await;
    let (ms, by_silence, key) = end(&mut peer).await;
    assert_eq!((ms / 100, by_silence, key.as_str()), (70, true, ""), "silence counts");
    assert_eq!(bytes(&folder), 44 + ms / 20 * 320);

    let mut presses = caller();
    presses.keys = vec![(s(2), '5'), (s(3), '*')];
    let (_stage, _caller, mut peer, _folder) = recorded(presses, "60 200 3").await;
    let (ms, by_silence, key) = end(&mut peer).await;
    assert_eq!((ms / 1000, by_silence, key.as_str()), (2, false, "*"), "only a star ends it, from the start");

    let (_stage, _caller, mut peer, _folder) = recorded(caller(), "5 200 3").await;
    let (ms, by_silence, _) = end(&mut peer).await;
    assert_eq!((ms / 100, by_silence), (60, false), "a second over the limit");

    let leaves = caller().patient_for(s(4));
    let (_stage, _caller, mut peer, folder) = recorded(leaves, "60 200 3").await;
    let (ms, ..) = end(&mut peer).await;
    assert!((3900..4000).contains(&ms) && bytes(&folder) > 60_000, "{ms}: before the hangup is told");
    peer.event("CHANNEL_HANGUP_COMPLETE").await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_made_and_a_broken_socket_hang_the_caller_up() {
    let (_stage, handle, peer, folder) = recorded(caller(), "60 200 3").await;
    drop(peer);
    let told = handle.story().await.unwrap();
    assert_eq!(told.cause, "DESTINATION_OUT_OF_ORDER", "{told:?}");
    assert!(bytes(&folder) >= 44);
    drop(folder);
    let (_stage, handle, mut peer, _folder) = recorded(caller(), "60 200 3").await;
    peer.api(&format!("uuid_break {} all", handle.channel())).await;
    end(&mut peer).await;
    peer.execute("record", "/nowhere/a.wav 60 200 3", "event-lock: true").await;
    assert_eq!(handle.story().await.unwrap().cause, "DESTINATION_OUT_OF_ORDER");
}
