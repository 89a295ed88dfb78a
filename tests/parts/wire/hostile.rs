//! Peers that attack the controller, or are broken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dozvon::config::switch::Settings;
use dozvon::switch::{CallerEvent, Incoming, Listener, ListenerStats, SwitchError};
use tokio::io::AsyncWriteExt;

use crate::support::switch::{CHANNEL, OK, Peer, channel_data, event, printed, soon, until};

pub fn settings() -> Settings {
    Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() }
}

async fn listen(settings: &Settings) -> (Listener, Arc<ListenerStats>) {
    let listener = Listener::bind(settings).await.unwrap();
    let stats = listener.stats();
    (listener, stats)
}

/// Proves that a well-behaved caller still gets in.
async fn gets_in(listener: &mut Listener) -> (Incoming, Peer) {
    let address = listener.local_addr();
    let (incoming, peer) = tokio::join!(soon(listener.next()), Peer::caller(address));
    (incoming.unwrap(), peer)
}

#[tokio::test]
async fn a_stranger_is_refused_before_anything() {
    let settings = Settings { allow: vec!["10.0.0.0/8".parse().unwrap()], ..settings() };
    let (listener, stats) = listen(&settings).await;
    let mut stranger = Peer::to(listener.local_addr()).await;
    assert_eq!(stranger.command().await, None, "not even a connect is said to the stranger");
    assert_eq!(stats.not_allowed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn silent_peers_time_out_and_hold_up_nobody() {
    let settings =
        Settings { handshake_timeout: Duration::from_millis(300), max_handshakes: 8, ..settings() };
    let (mut listener, stats) = listen(&settings).await;
    let mut silent = Vec::new();
    for _ in 0..7 {
        silent.push(Peer::to(listener.local_addr()).await);
    }
    let (incoming, _peer) = gets_in(&mut listener).await;
    assert_eq!(incoming.facts.dialled, "7001");
    for mut peer in silent {
        assert!(peer.is_closed().await);
    }
    until(&stats.timed_out, 7).await;
    assert_eq!(stats.open.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn limits_refuse_at_once() {
    let settings = Settings { max_handshakes: 2, max_connections: 3, ..settings() };
    let (mut listener, stats) = listen(&settings).await;
    let silent = (Peer::to(listener.local_addr()).await, Peer::to(listener.local_addr()).await);
    until(&stats.accepted, 2).await;
    assert!(Peer::to(listener.local_addr()).await.is_closed().await);
    until(&stats.over_handshakes, 1).await;
    drop(silent);
    until(&stats.closed_early, 2).await;
    let mut here = Vec::new();
    for _ in 0..3 {
        here.push(gets_in(&mut listener).await);
    }
    assert!(Peer::to(listener.local_addr()).await.is_closed().await);
    until(&stats.over_connections, 1).await;
    drop(here);
    soon(async {
        while stats.open.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gets_in(&mut listener).await;
}

#[tokio::test]
async fn malformed_answers_to_connect_are_dropped_and_counted() {
    let (mut listener, stats) = listen(&settings()).await;
    let bad: [&[u8]; 10] = [
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\n\n",
        b"\n\n",
        b"\0\0\0\0\n\n",
        b"\xff\xfe\xfd: \xff\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK\n\n",
        b"Event-Name: CHANNEL_DATA\nContent-Type: command/reply\nSocket-Mode: async\nControl: full\n\n",
        b"Event-Name: CHANNEL_DATA\nUnique-ID: x\nContent-Type: command/reply\nSocket-Mode: async\nControl: full\n\n",
        b"Content-Type: auth/request\n\n",
        b"Content-Length: 99999999999999999999999\n\n",
        b": \n:\n::::\n\n",
    ];
    for (at, bytes) in bad.iter().enumerate() {
        let mut peer = Peer::to(listener.local_addr()).await;
        peer.stream.write_all(bytes).await.unwrap();
        assert!(peer.is_closed().await, "{at}");
    }
    until(&stats.malformed, bad.len() as u64).await;
    let text = channel_data().replace("Socket-Mode: async", "Socket-Mode: static");
    let mut peer = Peer::to(listener.local_addr()).await;
    peer.say(&text).await;
    assert!(peer.is_closed().await);
    until(&stats.wrong_mode, 1).await;
    gets_in(&mut listener).await;
}

#[tokio::test]
async fn a_peer_may_close_at_any_point_of_the_handshake() {
    let (mut listener, stats) = listen(&settings()).await;
    let whole = format!("{}{OK}{OK}{OK}{OK}{OK}{OK}{}", channel_data(), printed("true"));
    let steps: Vec<usize> = (0..whole.len()).step_by(997).chain(whole.len() - 200..whole.len()).collect();
    let points = steps.len() as u64;
    for sent in steps {
        let mut peer = Peer::to(listener.local_addr()).await;
        peer.stream.write_all(&whole.as_bytes()[..sent]).await.unwrap();
        peer.stream.shutdown().await.unwrap();
        drop(peer);
        while let Ok(Some(mut incoming)) =
            tokio::time::timeout(Duration::from_millis(1), listener.next()).await
        {
            assert_eq!(soon(incoming.caller.event()).await, CallerEvent::Lost);
        }
    }
    soon(async {
        loop {
            let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let told = now(&stats.closed_early) + now(&stats.setup_failed) + now(&stats.callers);
            if told == points && now(&stats.open) == 0 {
                return;
            }
            if let Ok(Some(mut incoming)) =
                tokio::time::timeout(Duration::from_millis(1), listener.next()).await
            {
                assert_eq!(soon(incoming.caller.event()).await, CallerEvent::Lost);
            }
        }
    })
    .await;
    gets_in(&mut listener).await;
}

/// Twenty megabytes of header lines that never end, in the handshake and after it.
#[tokio::test]
async fn header_floods_end_with_their_connection_only() {
    let (mut listener, stats) = listen(&settings()).await;
    let (mut bystander, mut bystanders_peer) = gets_in(&mut listener).await;
    let line = format!("X-Flood: {}\n", "y".repeat(4000)).repeat(250);

    let mut early = Peer::to(listener.local_addr()).await;
    for _ in 0..20 {
        if early.stream.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    assert!(early.is_closed().await);
    until(&stats.malformed, 1).await;

    let address = listener.local_addr();
    let (incoming, mut late) =
        tokio::join!(soon(listener.next()), Peer::caller_on(address, "0b5c2d1e-6f6d-4a53-8b0e-2f1b7a6c9d11"));
    let mut incoming = incoming.unwrap();
    let flood = async {
        for _ in 0..40 {
            if late.stream.write_all(line.as_bytes()).await.is_err() {
                break;
            }
        }
        assert!(late.is_closed().await);
    };
    let (last, ()) = tokio::join!(soon(incoming.caller.event()), soon(flood));
    assert_eq!(last, CallerEvent::Lost);

    let hangup = format!(
        "Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: {CHANNEL}\nHangup-Cause: NORMAL_CLEARING\n\n"
    );
    bystanders_peer.say(&event(&hangup)).await;
    let cause = "NORMAL_CLEARING".to_owned();
    assert_eq!(soon(bystander.caller.event()).await, CallerEvent::HungUp { cause });
}

#[tokio::test]
async fn malformed_frames_of_a_caller_end_their_connection() {
    let (mut listener, _) = listen(&settings()).await;
    let bad: [&[u8]; 9] = [
        b"no colon in here\n\n",
        b"Content-Type: text/none-such\n\n",
        b"Content-Length: -5\nContent-Type: text/event-plain\n\n",
        b"Content-Length: 99999999\nContent-Type: text/event-plain\n\n",
        b"Content-Type: auth/request\n\n",
        b"Content-Type: text/rude-rejection\nContent-Length: 3\n\nno\n",
        b"\xff\xff\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK nobody asked\n\n",
        b"\n\n",
    ];
    for (at, bytes) in bad.iter().enumerate() {
        let (mut incoming, mut peer) = gets_in(&mut listener).await;
        peer.stream.write_all(bytes).await.unwrap();
        assert_eq!(soon(incoming.caller.event()).await, CallerEvent::Lost, "{at}");
        assert!(peer.is_closed().await, "{at}");
    }
}

#[tokio::test]
async fn odd_frames_that_are_whole_do_no_harm() {
    let (mut listener, _) = listen(&settings()).await;
    let (mut incoming, mut peer) = gets_in(&mut listener).await;
    let odd = [
        event("Event-Name: NONE_SUCH\n\n"),
        event("Event-Name: CHANNEL_BRIDGE\nBridge-A-Unique-ID: x\nBridge-B-Unique-ID: %FF%FE\n\n"),
        event("Event-Name: CHANNEL_EXECUTE_COMPLETE\nApplication-UUID: %0A\n\n"),
        "Content-Type: text/event-plain\n\n".to_owned(),
        event("no lines of any kind\0\u{fffd}"),
        format!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {CHANNEL}\nContent-Disposition: linger\nContent-Length: 0\n\n"
        ),
    ];
    for frame in &odd {
        peer.say(frame).await;
    }
    peer.say(&event("Event-Name: CHANNEL_HANGUP_COMPLETE\nHangup-Cause: NONE_OF_OURS\n\n")).await;
    let bad = format!(
        "Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: {CHANNEL}\nHangup-Cause: %0D%0Aevil%1B[31m\n\n"
    );
    peer.say(&event(&bad)).await;
    assert_eq!(soon(incoming.caller.event()).await, CallerEvent::HungUp { cause: "UNKNOWN".into() });
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_so() {
    let (listener, _) = listen(&settings()).await;
    let taken = Settings { listen: listener.local_addr(), ..settings() };
    let SwitchError::Listen { address, .. } = Listener::bind(&taken).await.unwrap_err();
    assert_eq!(address, listener.local_addr());
}

#[tokio::test]
async fn a_dropped_listener_takes_nobody() {
    let (mut listener, _) = listen(&settings()).await;
    let (_incoming, _peer) = gets_in(&mut listener).await;
    let address = listener.local_addr();
    drop(listener);
    let refused = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    soon(refused).await;
}

/// Runs the next test in a process that may open few files.
#[test]
fn running_out_of_file_descriptors_is_waited_out() {
    let me = std::env::current_exe().unwrap();
    let script =
        "ulimit -n 40; exec \"$0\" --exact --ignored --nocapture wire::hostile::with_few_file_descriptors";
    let run = std::process::Command::new("sh").arg("-c").arg(script).arg(me).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[tokio::test]
#[ignore = "run by the test above, under a limit"]
async fn with_few_file_descriptors() {
    let (mut listener, stats) = listen(&settings()).await;
    let mut files = Vec::new();
    // the peer's own socket is opened first: connecting needs no descriptor of the listener's
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    let mut peer = Peer::new(socket.connect(listener.local_addr()).await.unwrap());
    until(&stats.accept_failed, 2).await;
    assert_eq!(stats.accepted.load(Ordering::Relaxed), 0);
    drop(files);
    let (incoming, ()) = tokio::join!(soon(listener.next()), peer.set_up());
    assert_eq!(incoming.unwrap().facts.dialled, "7001");
}
