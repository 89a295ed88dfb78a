//! E-mails, and a mail server that defers and refuses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use dozvon::config::notify::Settings;
use dozvon::config::notify::{Destination, Kind};
use dozvon::event::EventKind;
use dozvon::language::Language;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::support::*;
use crate::support::log_lines::Lines;

/// A mail server that answers each letter's recipient with the next of its answers, then with 250.
async fn server(answers: &'static [&'static str]) -> (Arc<Mutex<Vec<String>>>, SocketAddr) {
    let letters = Arc::new(Mutex::new(Vec::new()));
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (kept, left) = (Arc::clone(&letters), Arc::new(Mutex::new(answers.iter())));
    tokio::spawn(async move {
        while let Ok((peer, _)) = socket.accept().await {
            tokio::spawn(serve(peer, Arc::clone(&kept), Arc::clone(&left)));
        }
    });
    (letters, address)
}

async fn serve(
    mut peer: TcpStream,
    letters: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<std::slice::Iter<'static, &'static str>>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = peer.split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => "250 test".to_owned(),
            "RCPT" => answers.lock().unwrap().next().map_or("250 ok", |answer| answer).to_owned(),
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut letter = Vec::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    letter.push(line);
                }
                letters.lock().unwrap().push(letter.join("\n"));
                "250 taken".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 ok".to_owned(),
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn mail(address: SocketAddr, to: &str) -> Settings {
    let mut one = Destination::new("crm".parse().unwrap(), Kind::Email, vec!["*".parse().unwrap()]);
    one.to = vec![to.to_owned()];
    let mut settings = settings(one);
    settings.mail.port = address.port();
    settings
}

#[tokio::test]
async fn a_letter_that_is_deferred_comes_again_and_one_that_is_refused_does_not() {
    let (letters, address) = server(&["451 greylisted", "250 ok", "550 no such user"]).await;
    let app = App::new(mail(address, "supervisor")).await;
    let row = app.one(hostile()).await;
    assert_eq!(row.state, "waiting");
    assert!(row.last_error.as_ref().unwrap().contains("greylisted"), "{:?}", row.last_error);
    let (id, now) = (row.id, app.context.clock.now());
    app.context.store.write("test", move |c| dozvon::store::outbox::replay(c, id, now)).await.unwrap();
    let (relay, _stop) = app.relay();
    app.tick(&relay).await;
    assert_eq!(app.rows().await[0].state, "done");
    let letter = letters.lock().unwrap()[0].clone();
    let (head, _) = letter.split_once("\n\n").unwrap();
    assert!(head.contains("To: boss@example.ru"), "{head}");
    assert!(head.contains(&format!("Message-ID: <{}.", row.event)), "{head}");
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");

    app.emit(EventKind::CaseClosed, 1, hostile()).await;
    app.tick(&relay).await;
    let row = app.rows().await.pop().unwrap();
    assert_eq!(row.state, "dead");
    assert!(row.last_error.as_ref().unwrap().contains("no such user"), "{:?}", row.last_error);
}

#[tokio::test]
async fn a_caller_gets_the_text_for_callers_in_their_language() {
    let (letters, address) = server(&[]).await;
    let mut settings = mail(address, "caller");
    settings.destinations[0].language = Language::Ru;
    let app = App::new(settings).await;
    assert_eq!(app.one(hostile()).await.state, "done");
    let letter = letters.lock().unwrap()[0].clone();
    assert!(letter.contains("To: ivan@example.ru") && !letter.contains("sales"), "{letter}");
    app.emit(EventKind::CaseEscalated, 1, hostile()).await;
    let (relay, _stop) = app.relay();
    app.tick(&relay).await;
    let row = app.rows().await.pop().unwrap();
    assert_eq!(row.state, "skipped", "callers hear nothing of our troubles");
    assert!(row.last_error.unwrap().contains("no recipient"));
}

/// A stranger types somebody's address, and that person gets the e-mails.
#[tokio::test]
async fn nobody_gets_letters_without_end_because_a_stranger_typed_the_address() {
    let (letters, address) = server(&[]).await;
    let mut settings = mail(address, "caller");
    (settings.callers.emails_per_day, settings.callers.emails_per_hour) = (2, 4);
    let app = App::new(settings).await;
    let mut states = Vec::new();
    for to in [
        "eve@example.ru",
        "Eve@Example.RU",
        "eve@example.ru",
        "adam@example.ru",
        "abel@example.ru",
        "cain@example.ru",
    ] {
        let row = app.one(json!({"number": "+79001112233", "caller": {"email": to}})).await;
        states.push((row.state, row.last_error.unwrap_or_default()));
    }
    let said: Vec<&str> = states.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(said, ["done", "done", "skipped", "done", "done", "waiting"], "{states:?}");
    assert!(
        states[2].1.contains("2 messages in 24 hours") && states[5].1.contains("4 messages an hour"),
        "{states:?}"
    );
    assert_eq!(letters.lock().unwrap().len(), 4);
    // Our own people are no strangers.
    let mut own = mail(address, "supervisor");
    own.callers.emails_per_day = 1;
    let app = App::new(own).await;
    for _ in 0..3 {
        assert_eq!(app.one(hostile()).await.state, "done");
    }
}

#[tokio::test]
async fn what_a_mail_server_says_stands_in_the_row_and_not_in_the_log() {
    let lines = Lines::from(tracing::Level::DEBUG);
    lines.listen();
    let answers: [&'static [&'static str]; 2] =
        [&["550 5.1.1 <ivan4@example.com> user unknown"], &["451 <ivan4@example.com> greylisted"]];
    for answer in answers {
        let (_letters, address) = server(answer).await;
        let row = App::new(mail(address, "supervisor")).await.one(hostile()).await;
        let kept = format!("{:?} {:?}", row.last_status, row.last_error);
        assert!(kept.contains("ivan4@example.com"), "{kept}");
    }
    let said = lines.all();
    assert!(said.contains("given up") && said.contains("trying again"), "{said}");
    assert!(!said.contains("ivan4@example.com"), "{said}");
}

#[tokio::test]
async fn the_file_of_a_message_is_attached_if_it_is_wanted_and_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.wav");
    std::fs::write(&file, b"RIFFmessage").unwrap();
    let about = |file: &std::path::Path| {
        let mut data = hostile();
        data["file"] = json!(file);
        data
    };
    for (wanted, to, file, is_attached) in [
        (true, "supervisor", file.clone(), true),
        (false, "supervisor", file.clone(), false),
        (true, "caller", file.clone(), false),
        (true, "supervisor", folder.path().join("none.wav"), false),
    ] {
        let (letters, address) = server(&[]).await;
        let mut settings = mail(address, to);
        settings.mail.attach_messages = wanted;
        let app = App::new(settings).await;
        app.emit(EventKind::MessageLeft, 1, about(&file)).await;
        let (relay, _stop) = app.relay();
        app.tick(&relay).await;
        let letters = letters.lock().unwrap();
        // A customer is told nothing of their own message.
        assert_eq!(letters.len(), usize::from(to == "supervisor"), "{to}");
        let attached = letters.iter().any(|letter| {
            letter.contains("message.wav")
                && letter.contains("audio/wav")
                && letter.contains("multipart/mixed")
        });
        assert_eq!(attached, is_attached, "{wanted} {to}: {letters:?}");
    }
}
