//! What the controller sends to a caller's socket, and how it reads what the socket sends.

use std::time::Duration;

use dozvon::cause::HangupCause;
use dozvon::ids::ChannelId;
use dozvon::sound::Sound;
use dozvon::switch::{AfterTalk, CallerError, CallerEvent, DigitSource, Incoming, Listener, Loops, Variable};

use tokio::io::AsyncWriteExt;

use crate::support::switch::{CHANNEL, OK, Peer, event, printed, soon};
use crate::wire::hostile::settings;

async fn call() -> (Incoming, Peer, Listener) {
    let mut listener = Listener::bind(&settings()).await.unwrap();
    let address = listener.local_addr();
    let (incoming, peer) = tokio::join!(soon(listener.next()), Peer::caller(address));
    (incoming.unwrap(), peer, listener)
}

fn channel_event(kind: &str, more: &str) -> String {
    event(&format!("Event-Name: {kind}\nUnique-ID: {CHANNEL}\n{more}\n"))
}

/// The value of a header of a command; names are alike in any case, as FreeSWITCH has it.
fn header<'a>(command: &'a str, name: &str) -> Option<&'a str> {
    command
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}

fn sound(source: &str) -> Sound {
    source.parse().unwrap()
}

#[tokio::test]
async fn a_caller_is_answered_and_hears_music() {
    let (incoming, mut peer, _listener) = call().await;
    let serve = async {
        let answer = peer.command().await.unwrap();
        assert!(answer.starts_with("sendmsg\n"));
        assert_eq!(
            (header(&answer, "call-command"), header(&answer, "execute-app-name")),
            (Some("execute"), Some("answer"))
        );
        peer.say(OK).await;
        let play = peer.command().await.unwrap();
        assert_eq!(header(&play, "execute-app-name"), Some("playback"));
        assert_eq!(header(&play, "execute-app-arg"), Some("local_stream://moh"));
        assert_eq!((header(&play, "loops"), header(&play, "event-lock")), (Some("-1"), None));
        peer.say(OK).await;
    };
    let story = async {
        incoming.caller.answer().await.unwrap();
        incoming.caller.play(&sound("local_stream://moh"), Loops::Forever).await.unwrap();
    };
    tokio::join!(story, serve);
}

#[tokio::test]
async fn the_end_of_a_sound_is_told() {
    let (mut incoming, mut peer, _listener) = call().await;
    let serve = async {
        for response in ["FILE PLAYED", "FILE NOT FOUND"] {
            let play = peer.command().await.unwrap();
            assert_eq!((header(&play, "loops"), header(&play, "event-lock")), (None, Some("true")));
            let id = header(&play, "Event-UUID").unwrap();
            peer.say(OK).await;
            let other = "Application: playback\nApplication-UUID: 00000000-0000-4000-8000-000000000000\n";
            peer.say(&channel_event("CHANNEL_EXECUTE_COMPLETE", other)).await;
            let done =
                format!("Application: playback\nApplication-Response: {response}\nApplication-UUID: {id}\n");
            peer.say(&channel_event("CHANNEL_EXECUTE_COMPLETE", &done)).await;
        }
    };
    let story = async {
        let id = incoming.caller.play(&sound("ivr/hello.wav"), Loops::Once).await.unwrap();
        assert_eq!(incoming.caller.event().await, CallerEvent::Played { id, ok: true });
        let id = incoming.caller.play(&sound("ivr/none.wav"), Loops::Once).await.unwrap();
        assert_eq!(incoming.caller.event().await, CallerEvent::Played { id, ok: false });
    };
    soon(async { tokio::join!(story, serve) }).await;
}

#[tokio::test]
async fn endless_sound_that_ends_by_itself_is_told() {
    let (mut incoming, mut peer, _listener) = call().await;
    let ended = |id: &str, response: &str, more: &str| {
        let lines = format!(
            "Application: playback\nApplication-UUID: {id}\nApplication-Response: {response}\n{more}"
        );
        channel_event("CHANNEL_EXECUTE_COMPLETE", &lines)
    };
    let serve = async {
        let first = peer.command().await.unwrap();
        let id = header(&first, "Event-UUID").unwrap();
        peer.say(OK).await;
        peer.say(&ended(id, "FILE NOT FOUND", "Answer-State: answered\n")).await;
        let second = peer.command().await.unwrap();
        peer.say(OK).await;
        peer.expect_api(&format!("uuid_break {CHANNEL} all"), "+OK\n").await;
        let third = peer.command().await.unwrap();
        assert_eq!(header(&third, "execute-app-arg"), Some("silence_stream://-1"));
        peer.say(&ended(header(&second, "Event-UUID").unwrap(), "FILE PLAYED", "")).await;
        peer.say(OK).await;
        peer.say(&ended(header(&third, "Event-UUID").unwrap(), "PLAYBACK ERROR", "Answer-State: hangup\n"))
            .await;
        peer.say(&channel_event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: NORMAL_CLEARING\n")).await;
    };
    let story = async {
        let id = incoming.caller.play(&sound("local_stream://none"), Loops::Forever).await.unwrap();
        assert_eq!(incoming.caller.event().await, CallerEvent::Played { id, ok: false });
        incoming.caller.play(&sound("local_stream://moh"), Loops::Forever).await.unwrap();
        incoming.caller.play(&sound("local_stream://moh"), Loops::Forever).await.unwrap();
        incoming.caller.play(&sound("silence_stream://-1"), Loops::Forever).await.unwrap();
        assert!(
            matches!(incoming.caller.event().await, CallerEvent::HungUp { .. }),
            "nothing that was replaced or cut"
        );
    };
    soon(async { tokio::join!(story, serve) }).await;
}

#[tokio::test]
async fn what_is_no_value_is_never_sent() {
    let (incoming, _peer, _listener) = call().await;
    let long = "x".repeat(300);
    for bad in ["", "a b", "a;b", "${x}", "a\nb", long.as_str()] {
        assert!(incoming.caller.set(Variable::State, bad).await.is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn a_bridge_is_safe_before_it_begins() {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let serve = async {
        peer.expect_api(&format!("uuid_setvar {CHANNEL} socket_resume false"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} hangup_after_bridge true"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} dozvon_state talked"), "+OK\n").await;
        peer.expect_api(&format!("uuid_bridge {CHANNEL} {leg}"), &format!("+OK {leg}\n")).await;
        let sides = format!("Bridge-A-Unique-ID: {CHANNEL}\nBridge-B-Unique-ID: {leg}\n");
        peer.say(&channel_event("CHANNEL_BRIDGE", &sides)).await;
        let turned = format!(
            "Event-Name: CHANNEL_BRIDGE\nUnique-ID: {leg}\nBridge-A-Unique-ID: {leg}\nBridge-B-Unique-ID: {CHANNEL}\n\n"
        );
        peer.say(&event(&turned)).await;
        peer.say(&channel_event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: NORMAL_CLEARING\n")).await;
        assert!(peer.is_closed().await);
    };
    let story = async {
        incoming.caller.bridge(leg, AfterTalk::HangUp).await.unwrap();
        assert_eq!(incoming.caller.event().await, CallerEvent::Bridged { other: leg });
        assert_eq!(incoming.caller.event().await, CallerEvent::Bridged { other: leg }, "turned round");
        let over = CallerEvent::HungUp { cause: "NORMAL_CLEARING".into() };
        assert_eq!(incoming.caller.event().await, over);
        assert_eq!(incoming.caller.event().await, over, "the last event stays");
        assert_eq!(incoming.caller.answer().await, Err(CallerError::Gone));
    };
    soon(async { tokio::join!(story, serve) }).await;
}

#[tokio::test]
async fn the_end_of_a_call_tells_of_a_bridge_whose_news_is_late() {
    the_end_tells(1_795_427_518_150_003).await;
}

#[tokio::test]
async fn the_end_of_a_call_tells_that_a_bridge_did_not_come_about() {
    the_end_tells(0).await;
}

async fn the_end_tells(since_us: u64) {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let serve = async {
        peer.expect_api(&format!("uuid_setvar {CHANNEL} socket_resume false"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} hangup_after_bridge true"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} dozvon_state talked"), "+OK\n").await;
        peer.expect_api(&format!("uuid_bridge {CHANNEL} {leg}"), &format!("+OK {leg}\n")).await;
        let end = format!(
            "Hangup-Cause: NORMAL_CLEARING\nvariable_last_bridge_to: {leg}\nCaller-Channel-Bridged-Time: {since_us}\n"
        );
        peer.say(&channel_event("CHANNEL_HANGUP_COMPLETE", &end)).await;
    };
    let story = async {
        incoming.caller.bridge(leg, AfterTalk::HangUp).await.unwrap();
        if since_us > 0 {
            assert_eq!(incoming.caller.event().await, CallerEvent::Bridged { other: leg });
        }
        assert_eq!(incoming.caller.event().await, CallerEvent::HungUp { cause: "NORMAL_CLEARING".into() });
    };
    tokio::join!(story, serve);
}

#[tokio::test]
async fn a_refused_bridge_gives_the_dialplan_its_right_back() {
    let (incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let serve = async {
        peer.expect_api(&format!("uuid_setvar {CHANNEL} socket_resume false"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} hangup_after_bridge true"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} dozvon_state talked"), "+OK\n").await;
        peer.expect_api(&format!("uuid_bridge {CHANNEL} {leg}"), "-ERR Invalid uuid\n").await;
        let mut said = Vec::new();
        while said.last() != Some(&format!("api uuid_kill {CHANNEL} NORMAL_CLEARING")) {
            let command = peer.command().await.unwrap();
            peer.say(&printed("+OK\n")).await;
            if !command.starts_with("api uuid_exists ") {
                said.push(command);
            }
        }
        let right = ["dozvon_state", "socket_resume true", "hangup_after_bridge false"];
        let given = right.map(|variable| format!("api uuid_setvar {CHANNEL} {variable}"));
        assert_eq!(said[..said.len() - 1], [given.clone(), given].concat());
    };
    let story = async {
        let refused = incoming.caller.bridge(leg, AfterTalk::HangUp).await;
        let why = "-ERR Invalid uuid".to_owned();
        assert_eq!(refused, Err(CallerError::Refused { what: "bridge", why }));
        incoming.caller.unbridge_failed().await;
        incoming.caller.hangup(HangupCause::NormalClearing).await;
    };
    soon(async { tokio::join!(story, serve) }).await;
}

/// The caller may be gone, and the event of it lost: no phone may ring for a caller that is gone.
#[tokio::test]
async fn after_a_bridge_that_failed_the_caller_is_asked_after() {
    for answer in ["-ERR Invalid uuid\n", "+OK\n"] {
        let (mut incoming, mut peer, _listener) = call().await;
        let serve = async {
            for _ in 0..3 {
                assert!(peer.command().await.unwrap().starts_with("api uuid_setvar "));
                peer.say(&printed("-ERR No such channel!\n")).await;
            }
            assert!(peer.command().await.unwrap().starts_with("api uuid_bridge "));
            peer.say(&printed(answer)).await;
            for _ in 0..3 {
                assert!(peer.command().await.unwrap().starts_with("api uuid_setvar "));
                peer.say(&printed("-ERR No such channel!\n")).await;
            }
            peer.expect_api(&format!("uuid_exists {CHANNEL}"), "false").await;
            peer
        };
        let story = async {
            if incoming.caller.bridge(ChannelId::new(), AfterTalk::HangUp).await.is_ok() {
                incoming.caller.unbridge_failed().await;
            }
            assert_eq!(incoming.caller.event().await, CallerEvent::HungUp { cause: "UNKNOWN".into() });
        };
        soon(async { tokio::join!(story, serve) }).await;
    }
}

/// FreeSWITCH takes what is set before a bridge, and says that it has begun with the bridge.
async fn a_bridge_begins(peer: &mut Peer, leg: ChannelId) {
    for _ in 0..3 {
        assert!(peer.command().await.unwrap().starts_with("api uuid_setvar "));
        peer.say(&printed("+OK\n")).await;
    }
    peer.expect_api(&format!("uuid_bridge {CHANNEL} {leg}"), &format!("+OK {leg}\n")).await;
}

/// What FreeSWITCH asks and is answered when a bridge has begun, `socket` has ended, and no bridge was seen in time.
async fn a_bridge_goes_astray(peer: &mut Peer, leg: ChannelId, source: &str) {
    a_bridge_begins(peer, leg).await;
    peer.say(&channel_event("CHANNEL_EXECUTE_COMPLETE", "Application: socket\n")).await;
    peer.expect_api(&format!("uuid_getvar {CHANNEL} transfer_source"), source).await;
}

/// FreeSWITCH was slow: the caller is brought back by the dialplan, and is not somebody else's.
#[tokio::test]
async fn a_bridge_that_comes_about_too_late_leaves_the_caller_to_the_dialplan() {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let serve = async {
        a_bridge_goes_astray(&mut peer, leg, &format!("1795427540:{CHANNEL}:uuid_br:{leg}")).await;
        let right = ["dozvon_state", "socket_resume true", "hangup_after_bridge false"];
        for variable in right {
            peer.expect_api(&format!("uuid_setvar {CHANNEL} {variable}"), "+OK\n").await;
        }
        // Its end would take the caller out of the bridge that comes about at last.
        assert_eq!(peer.command().await.unwrap(), "noevents", "the socket stays open");
        peer
    };
    let story = async {
        incoming.caller.bridge(leg, AfterTalk::HangUp).await.unwrap();
        incoming.caller.unbridge_failed().await;
        assert_eq!(incoming.caller.event().await, CallerEvent::Lost);
    };
    soon(async { tokio::join!(story, serve) }).await;
}

/// Somebody transferred the caller in the same moment: nothing of ours goes into that channel any more.
#[tokio::test]
async fn a_caller_who_is_transferred_while_we_connect_them_was_taken() {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let serve = async {
        a_bridge_goes_astray(&mut peer, leg, &format!("1795427540:{CHANNEL}:bl_xfer:9005/public/XML")).await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} socket_resume false"), "+OK\n").await;
        assert_eq!(peer.command().await.unwrap(), "noevents", "the socket stays open");
        peer
    };
    let story = async {
        incoming.caller.bridge(leg, AfterTalk::HangUp).await.unwrap();
        incoming.caller.unbridge_failed().await;
        assert_eq!(incoming.caller.event().await, CallerEvent::Taken);
    };
    soon(async { tokio::join!(story, serve) }).await;
}

/// The bridge was given up before FreeSWITCH had even begun with it.
#[tokio::test]
async fn a_bridge_that_was_given_up_and_comes_about_is_no_taking() {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let serve = async {
        a_bridge_begins(&mut peer, leg).await;
        for _ in 0..3 {
            assert!(peer.command().await.unwrap().starts_with("api uuid_setvar "));
            peer.say(&printed("+OK\n")).await;
        }
        peer.expect_api(&format!("uuid_exists {CHANNEL}"), "true").await;
        let sides = format!("Bridge-A-Unique-ID: {CHANNEL}\nBridge-B-Unique-ID: {leg}\n");
        peer.say(&channel_event("CHANNEL_BRIDGE", &sides)).await;
        assert_eq!(peer.command().await.unwrap(), "noevents", "nothing more is set on the channel");
        peer
    };
    let story = async {
        incoming.caller.bridge(leg, AfterTalk::HangUp).await.unwrap();
        incoming.caller.unbridge_failed().await;
        assert_eq!(incoming.caller.event().await, CallerEvent::Lost);
    };
    soon(async { tokio::join!(story, serve) }).await;
}

#[tokio::test]
async fn a_caller_handed_back_is_the_dialplans() {
    let (incoming, mut peer, _listener) = call().await;
    let serve = async {
        peer.expect_api(&format!("uuid_setvar {CHANNEL} dozvon_state draining"), "+OK\n").await;
        peer.expect_api(&format!("uuid_setvar {CHANNEL} socket_resume true"), "+OK\n").await;
        assert_eq!(peer.command().await, None, "what the dialplan set for its own bridges is left alone");
    };
    soon(async { tokio::join!(incoming.caller.hand_back("draining"), serve) }).await;
}

#[tokio::test]
async fn only_a_caller_whom_we_had_for_a_while_counts_as_served() {
    let (incoming, mut peer, _listener) = call().await;
    let commands = tokio::time::timeout(Duration::from_millis(200), peer.command());
    assert!(commands.await.is_err(), "to take the caller is no service");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    peer.expect_api(&format!("uuid_setvar {CHANNEL} dozvon_served true"), "+OK\n").await;
    drop(incoming);
    assert_eq!(peer.command().await, None, "it is said once");
}

#[tokio::test]
async fn a_caller_let_go_of_is_closed_at_once() {
    let (incoming, mut peer, _listener) = call().await;
    drop(incoming);
    assert_eq!(peer.command().await, None);
}

#[tokio::test]
async fn a_dropped_future_of_the_story_cuts_no_command_in_two() {
    let (incoming, mut peer, _listener) = call().await;
    {
        let asked = incoming.caller.set(Variable::State, "sales");
        tokio::pin!(asked);
        assert!(futures_poll(&mut asked).await.is_none());
    }
    assert_eq!(peer.command().await, Some(format!("api uuid_setvar {CHANNEL} dozvon_state sales")));
    let story = incoming.caller.bridge(ChannelId::new(), AfterTalk::HangUp);
    let serve = async {
        peer.say(&printed("+OK\n")).await;
        for _ in 0..7 {
            assert!(peer.command().await.unwrap().starts_with("api uuid_"));
            peer.say(&printed("-ERR No such channel!\n")).await;
        }
    };
    let (bridged, ()) = tokio::join!(story, serve);
    assert!(matches!(bridged, Err(CallerError::Refused { .. })), "its own answer, not the one before");
}

/// Lets a future begin, and drops it if it is not ready.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = tokio::task::yield_now() => None,
    }
}

#[tokio::test]
async fn a_hangup_before_we_listened_is_found_out() {
    let mut listener = Listener::bind(&settings()).await.unwrap();
    let address = listener.local_addr();
    let serve = async {
        let mut peer = Peer::to(address).await;
        assert_eq!(peer.command().await.unwrap(), "connect");
        peer.say(&crate::support::switch::channel_data()).await;
        peer.subscribe().await;
        peer.expect_api(&format!("uuid_exists {CHANNEL}"), "false").await;
        assert!(peer.is_closed().await);
    };
    let story = async {
        let mut incoming = listener.next().await.unwrap();
        assert_eq!(incoming.caller.event().await, CallerEvent::HungUp { cause: "UNKNOWN".into() });
    };
    soon(async { tokio::join!(story, serve) }).await;
}

#[tokio::test]
async fn the_news_of_such_a_hangup_may_still_come() {
    let (mut incoming, mut peer, _listener) = {
        let mut listener = Listener::bind(&settings()).await.unwrap();
        let address = listener.local_addr();
        let serve = async {
            let mut peer = Peer::to(address).await;
            peer.command().await.unwrap();
            peer.say(&crate::support::switch::channel_data()).await;
            peer.subscribe().await;
            peer.expect_api(&format!("uuid_exists {CHANNEL}"), "false").await;
            peer
        };
        let (incoming, peer) = tokio::join!(listener.next(), serve);
        (incoming.unwrap(), peer, listener)
    };
    peer.say(&channel_event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: ORIGINATOR_CANCEL\n")).await;
    let cause = "ORIGINATOR_CANCEL".to_owned();
    assert_eq!(soon(incoming.caller.event()).await, CallerEvent::HungUp { cause });
}

#[tokio::test]
async fn a_freeswitch_that_does_not_answer_loses_the_caller() {
    let impatient = dozvon::config::switch::Settings {
        command_timeout: std::time::Duration::from_millis(200),
        ..settings()
    };
    let mut listener = Listener::bind(&impatient).await.unwrap();
    let address = listener.local_addr();
    let (incoming, mut peer) = tokio::join!(soon(listener.next()), Peer::caller(address));
    let mut incoming = incoming.unwrap();
    assert_eq!(incoming.caller.answer().await, Err(CallerError::Gone));
    assert_eq!(soon(incoming.caller.event()).await, CallerEvent::Lost);
    assert!(peer.is_closed().await);
}

/// A story that is busy elsewhere: the caller's socket is read on, or FreeSWITCH would have to wait for us.
#[tokio::test]
async fn events_nobody_takes_hold_up_nothing() {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg = ChannelId::new();
    let answers = async {
        for _ in 0..4 {
            peer.command().await.unwrap();
            peer.say(&printed("+OK")).await;
        }
    };
    tokio::join!(incoming.caller.bridge(leg, AfterTalk::HangUp), answers).0.unwrap();
    let sides = format!("Bridge-A-Unique-ID: {CHANNEL}\nBridge-B-Unique-ID: {leg}\n");
    let flood = channel_event("CHANNEL_BRIDGE", &sides).repeat(5000);
    soon(peer.stream.write_all(flood.as_bytes())).await.unwrap();
    peer.say(&channel_event("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: NORMAL_CLEARING\n")).await;
    assert!(peer.is_closed().await, "all of it was read");
    let mut taken = 0;
    while soon(incoming.caller.event()).await == (CallerEvent::Bridged { other: leg }) {
        taken += 1;
    }
    assert!((64..=128).contains(&taken), "{taken} were kept");
    let cause = "NORMAL_CLEARING".to_owned();
    assert_eq!(incoming.caller.event().await, CallerEvent::HungUp { cause });
}

/// The whole of a recorded call, as the caller's socket told it.
#[tokio::test]
async fn a_recorded_call_is_understood() {
    let (mut incoming, mut peer, _listener) = call().await;
    let leg: ChannelId = "413748d3-092b-4bc3-834a-03343ec14f5e".parse().unwrap();
    let answers = async {
        for _ in 0..4 {
            peer.command().await.unwrap();
            peer.say(&printed("+OK")).await;
        }
    };
    tokio::join!(incoming.caller.bridge(leg, AfterTalk::HangUp), answers).0.unwrap();
    for frame in recorded_frames(include_str!("../../transcripts/answered.esl")) {
        peer.say(&frame).await;
    }
    assert_eq!(soon(incoming.caller.event()).await, CallerEvent::Bridged { other: leg });
    let cause = "NORMAL_CLEARING".to_owned();
    assert_eq!(soon(incoming.caller.event()).await, CallerEvent::HungUp { cause });
}

/// The events of the caller's socket in a recording.
fn recorded_frames(recording: &str) -> Vec<String> {
    recording
        .split("\n@ ")
        .filter(|frame| frame.split('\n').next().is_some_and(|head| head.ends_with("call <")))
        .filter_map(|frame| frame.split_once('\n')?.1.split_once("Content-Type: text/event-plain\n\n"))
        .map(|(_, body)| event(&format!("{}\n\n", body.trim_end())))
        .collect()
}

#[tokio::test]
async fn keys_come_in_order_and_only_those_of_a_phone() {
    let (mut incoming, mut peer, _listener) = call().await;
    for (digit, source) in
        [("1", "RTP"), ("%23", "ENDPOINT"), ("x", "RTP"), ("", "RTP"), ("*", "odd"), ("D", "INBAND_AUDIO")]
    {
        peer.say(&channel_event("DTMF", &format!("DTMF-Digit: {digit}\nDTMF-Source: {source}\n"))).await;
    }
    let of_another = "Event-Name: DTMF\nUnique-ID: 00000000-0000-4000-8000-000000000000\nDTMF-Digit: 9\n\n";
    peer.say(&event(of_another)).await;
    peer.say(&channel_event("DTMF", "DTMF-Digit: 2\nDTMF-Source: APP\n")).await;
    let expected = [
        ('1', DigitSource::Rtp),
        ('#', DigitSource::Endpoint),
        ('*', DigitSource::Unknown),
        ('D', DigitSource::Audio),
        ('2', DigitSource::App),
    ];
    for (digit, from) in expected {
        assert_eq!(soon(incoming.caller.event()).await, CallerEvent::Digit { digit, from });
    }
}

#[tokio::test]
async fn what_is_stopped_is_forgotten_and_nothing_is_stopped_twice() {
    let (mut incoming, mut peer, _listener) = call().await;
    let serve = async {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let play = peer.command().await.unwrap();
            ids.push(header(&play, "Event-UUID").unwrap().to_owned());
            peer.say(OK).await;
        }
        assert_eq!(peer.command().await.unwrap().trim(), format!("api uuid_break {CHANNEL} all"));
        peer.say(&printed("+OK\n")).await;
        for id in ids {
            let done =
                format!("Application: playback\nApplication-Response: FILE PLAYED\nApplication-UUID: {id}\n");
            peer.say(&channel_event("CHANNEL_EXECUTE_COMPLETE", &done)).await;
        }
        let listen = peer.command().await.unwrap();
        assert_eq!(listen.trim(), format!("api uuid_setvar {CHANNEL} playback_terminators any"));
        peer.say(&printed("+OK\n")).await;
        assert_eq!(header(&peer.command().await.unwrap(), "execute-app-name"), Some("start_dtmf"));
        peer.say(OK).await;
        peer.say(&channel_event("DTMF", "DTMF-Digit: 7\nDTMF-Source: RTP\n")).await;
    };
    let story = async {
        incoming.caller.play(&sound("a.wav"), Loops::Once).await.unwrap();
        incoming.caller.play(&sound("b.wav"), Loops::Once).await.unwrap();
        incoming.caller.stop().await.unwrap();
        incoming.caller.stop().await.unwrap();
        incoming.caller.listen(true, true).await.unwrap();
        incoming.caller.listen(true, true).await.unwrap();
        let heard = soon(incoming.caller.event()).await;
        assert_eq!(heard, CallerEvent::Digit { digit: '7', from: DigitSource::Rtp });
    };
    tokio::join!(story, serve);
}
