//! SMS by SMPP, with a short message centre that throttles, cuts connections, is silent, and answers in any order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dozvon::config::notify::Settings;
use dozvon::config::notify::{Destination, Kind, SmppTls};
use dozvon::event::EventKind;
use dozvon::language::Language;
use dozvon::secret::Secret;
use dozvon::store::outbox::{self, DeliveryRow};
use rusmpp::values::DataCoding;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use super::smsc::{Answer, Heard, PASSWORD, Smsc, part, text};
use super::support::*;

fn smpp(address: SocketAddr, to: &str) -> Settings {
    let mut one = Destination::new("crm".parse().unwrap(), Kind::Smpp, vec!["*".parse().unwrap()]);
    one.to = vec![to.to_owned()];
    let mut settings = settings(one);
    (settings.smpp.host, settings.smpp.port) = (address.ip().to_string(), address.port());
    (settings.smpp.system_id, settings.smpp.password) = ("dozvon".to_owned(), Secret::from(PASSWORD));
    (settings.smpp.sender, settings.smpp.rate) = ("Dozvon".to_owned(), 10_000);
    settings
}

impl App {
    /// Lets what waits be tried again, and tries it.
    async fn again(&self, row: &DeliveryRow) -> DeliveryRow {
        let (id, now) = (row.id, self.context.clock.now());
        self.context.store.write("test", move |c| outbox::replay(c, id, now)).await.unwrap();
        let (relay, _stop) = self.relay();
        self.tick(&relay).await;
        self.rows().await.into_iter().find(|row| row.id == id).unwrap()
    }
}

fn said(row: &DeliveryRow) -> &str {
    row.last_error.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn a_text_goes_out_in_the_alphabet_that_it_needs() {
    let mut smsc = Smsc::start([]).await;
    let app = App::new(smpp(smsc.address, "caller")).await;
    let row = app.one(hostile()).await;
    assert_eq!((row.state.as_str(), row.last_status.as_deref()), ("done", Some("SMPP id m2")));
    let Heard::Bind(bind) = smsc.heard().await else { panic!("no bind") };
    assert_eq!((bind.system_id.as_str(), u8::from(bind.interface_version)), ("dozvon", 0x34));
    let latin = smsc.message().await;
    assert_eq!(text(&latin), "We are sorry that we missed your call. We will call you back.");
    assert_eq!((latin.data_coding, u8::from(latin.esm_class)), (DataCoding::McSpecific, 0));
    assert_eq!((latin.destination_addr.as_str(), latin.source_addr.as_str()), ("79001112233", "Dozvon"));
    // Nobody holds the line any more.
    smsc.until(CommandId::Unbind).await;

    let mut settings = smpp(smsc.address, "+79005556677");
    settings.destinations[0].language = Language::Ru;
    let app = App::new(settings).await;
    assert_eq!(app.one(hostile()).await.state, "done");
    let russian = smsc.message().await;
    assert_eq!(text(&russian), "Пропущен звонок с +79001112233, sales. Обращение 17.");
    assert_eq!((russian.data_coding, russian.destination_addr.as_str()), (DataCoding::Ucs2, "79005556677"));
}

#[tokio::test]
async fn without_consent_on_file_no_caller_gets_an_sms() {
    let mut smsc = Smsc::start([]).await;
    let app = App::new(smpp(smsc.address, "caller")).await;
    for consent in [json!(null), json!(false), json!("true")] {
        let row = app.one(json!({"number": "+79001112233", "sms_consent": consent})).await;
        assert_eq!(row.state, "skipped");
        assert!(said(&row).contains("sms_consent"), "{row:?}");
    }
    assert!(smsc.rest().is_empty());
}

/// Settings whose text is the event's name.
fn named(address: SocketAddr, folder: &tempfile::TempDir) -> Settings {
    let path = folder.path().join("own.toml");
    std::fs::write(&path, "[\"case.opened\"]\nshort = \"{{ name }}\"\n").unwrap();
    let mut settings = smpp(address, "+79005556677");
    settings.destinations[0].template = Some(path);
    settings
}

#[tokio::test]
async fn a_long_text_goes_in_parts_and_all_of_them_again_under_the_same_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut smsc = Smsc::start([Answer::Status(0), Answer::Status(0x58)]).await;
    let app = App::new(named(smsc.address, &folder)).await;
    let name = "Ж".repeat(70) + &"я".repeat(70);
    let row = app.one(json!({ "name": name })).await;
    assert_eq!(row.state, "waiting");
    assert!(said(&row).contains("part 2 of 3, the ones before it have been sent"), "{row:?}");
    let (first, second) = (smsc.message().await, smsc.message().await);
    let row = app.again(&row).await;
    assert_eq!(row.state, "done");
    let mut whole = String::new();
    let reference = u8::try_from(row.id % 256).unwrap();
    for number in 1..=3 {
        let message = smsc.message().await;
        assert_eq!(part(&message), [reference, 3, number]);
        whole += &text(&message);
    }
    assert_eq!(whole, name);
    assert_eq!((part(&first), part(&second)), ([reference, 3, 1], [reference, 3, 2]));

    let mut short = named(smsc.address, &folder);
    short.smpp.max_parts = 2;
    let row = App::new(short).await.one(json!({ "name": name })).await;
    assert_eq!(row.state, "done");
    assert!(row.last_status.as_ref().unwrap().contains("cut, see max_parts"), "{row:?}");
    assert_eq!(part(&smsc.message().await)[1..], [2, 1]);
    assert_eq!(text(&smsc.message().await), name.chars().skip(67).take(67).collect::<String>());
}

#[tokio::test]
async fn what_the_answer_means_decides_whether_it_comes_again() {
    for (status, state, word) in [
        (0x58, "waiting", "RTHROTTLED (0x00000058)"),
        (0x14, "waiting", "RMSGQFUL"),
        (0x08, "waiting", "RSYSERR"),
        (0x04, "waiting", "RINVBNDSTS"),
        (0x455, "waiting", "status 0x00000455"),
        (0x0b, "dead", "RINVDSTADR"),
        (0x0a, "dead", "RINVSRCADR"),
    ] {
        let mut smsc = Smsc::start([Answer::Status(status)]).await;
        let app = App::new(smpp(smsc.address, "caller")).await;
        let row = app.one(hostile()).await;
        assert_eq!(row.state, state, "{row:?}");
        assert!(said(&row).contains(word), "{row:?}");
        let first = smsc.message().await;
        assert_eq!(app.again(&row).await.state, "done");
        assert_eq!(smsc.message().await, first);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let mut smsc = Smsc::start([]).await;
    let mut settings = smpp(smsc.address, "caller");
    settings.smpp.password = Secret::from("wr0ng-pw");
    assert!(!format!("{settings:?}").contains("wr0ng-pw"));
    let app = App::new(settings).await;
    let row = app.one(hostile()).await;
    assert_eq!(row.state, "dead");
    assert!(said(&row).contains("RINVPASWD") && said(&row).contains("[notify.smpp]"), "{row:?}");
    assert!(!format!("{row:?}").contains("wr0ng-pw"));
    assert!(!smsc.rest().iter().any(|heard| matches!(heard, Heard::Message(_))));
}

#[tokio::test]
async fn a_line_that_breaks_is_opened_anew_for_the_next_try() {
    let noise = vec![0xff; 64];
    let short = vec![0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2];
    for answer in [Answer::Cut, Answer::Garbage(noise), Answer::Garbage(short)] {
        let mut smsc = Smsc::start([answer.clone()]).await;
        let app = App::new(smpp(smsc.address, "caller")).await;
        let row = app.one(hostile()).await;
        assert_eq!(row.state, "waiting", "{answer:?}");
        assert!(said(&row).contains("the connection to the short message centre was lost"), "{row:?}");
        assert_eq!(app.again(&row).await.state, "done");
        let binds = smsc.rest().iter().filter(|heard| matches!(heard, Heard::Bind(_))).count();
        assert_eq!(binds, 2, "{answer:?}");
    }
    // What was taken has come, whatever else the answer says: here that an option is longer than the answer.
    let odd = vec![0, 0, 0, 22, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 4, 0x24, 0xff, 0xff, 1];
    let smsc = Smsc::start([Answer::Garbage(odd)]).await;
    let row = App::new(smpp(smsc.address, "caller")).await.one(hostile()).await;
    assert_eq!(row.state, "done", "{row:?}");
}

#[tokio::test]
async fn a_line_that_breaks_is_opened_anew_by_the_same_relay() {
    let mut smsc = Smsc::start([]).await;
    let app = App::new(smpp(smsc.address, "caller")).await;
    let (relay, _stop) = app.relay();
    for case in 1..3 {
        app.emit(EventKind::CaseOpened, case, hostile()).await;
        app.tick(&relay).await;
        smsc.message().await;
        smsc.say.send(Command::new(CommandStatus::EsmeRok, 1, Pdu::Unbind)).unwrap();
        smsc.until(CommandId::UnbindResp).await;
        smsc.end().await;
    }
    assert!(app.rows().await.iter().all(|row| row.state == "done"));
}

#[tokio::test]
async fn one_line_serves_all_destinations_and_stays_open() {
    let mut smsc = Smsc::start([]).await;
    let mut settings = smpp(smsc.address, "caller");
    let mut duty = settings.destinations[0].clone();
    (duty.name, duty.to) = ("duty".parse().unwrap(), vec!["+79005556677".to_owned()]);
    settings.destinations.push(duty);
    let app = App::new(settings).await;
    let (relay, _stop) = app.relay();
    for case in 1..4 {
        app.emit(EventKind::CaseOpened, case, hostile()).await;
        app.tick(&relay).await;
    }
    let heard = smsc.rest();
    assert_eq!(heard.iter().filter(|heard| matches!(heard, Heard::Message(_))).count(), 6);
    assert_eq!(heard.iter().filter(|heard| matches!(heard, Heard::Bind(_))).count(), 1);
    drop(relay);
    smsc.until(CommandId::Unbind).await;
    smsc.end().await;
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_the_line() {
    let mut smsc = Smsc::start([Answer::Nothing]).await;
    let mut settings = smpp(smsc.address, "caller");
    settings.smpp.timeout = Duration::from_secs(1);
    let app = App::new(settings).await;
    let row = app.one(hostile()).await;
    assert_eq!(row.state, "waiting");
    assert!(said(&row).contains("no answer within 1s"), "{row:?}");
    smsc.end().await;
    assert_eq!(app.again(&row).await.state, "done");

    // It takes the connection, and says nothing at all.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = smpp(silent.local_addr().unwrap(), "caller");
    settings.smpp.timeout = Duration::from_secs(1);
    let row = App::new(settings).await.one(hostile()).await;
    assert_eq!(row.state, "waiting");
    assert!(said(&row).contains("did not answer the bind within 1s"), "{row:?}");

    // Nobody waits for it any more when we stop.
    let mut settings = smpp(silent.local_addr().unwrap(), "caller");
    settings.smpp.timeout = 4 * LIMIT;
    settings.destinations[0].timeout = Some(Duration::from_millis(100));
    drop(silent.accept().await.unwrap());
    assert_eq!(App::new(settings).await.one(hostile()).await.state, "waiting");
    let (mut peer, _) = silent.accept().await.unwrap();
    let mut bind = Vec::new();
    tokio::time::timeout(LIMIT, peer.read_to_end(&mut bind)).await.unwrap().unwrap();

    // Nobody is there.
    let address = silent.local_addr().unwrap();
    drop(silent);
    let row = App::new(smpp(address, "caller")).await.one(hostile()).await;
    assert_eq!(row.state, "waiting");
    assert!(said(&row).contains(&format!("cannot connect to 127.0.0.1 port {}", address.port())), "{row:?}");
}

#[tokio::test]
async fn answers_in_any_order_reach_those_who_asked() {
    let answers = [Answer::Later(0x0b), Answer::Later(0), Answer::Status(0)];
    let mut smsc = Smsc::start(answers).await;
    let app = App::new(smpp(smsc.address, "+79005556677")).await;
    let (relay, _stop) = app.relay();
    for case in 1..4 {
        app.emit(EventKind::CaseOpened, case, json!({"case": case, "number": "+79001112233"})).await;
    }
    app.tick(&relay).await;
    // The first that came was refused, and nobody else.
    let refused = text(&smsc.message().await);
    for row in app.rows().await {
        let case = row.aggregate.replace("case:", "Case ");
        let expected = if refused.contains(&case) { "dead" } else { "done" };
        assert_eq!(row.state, expected, "{row:?}");
    }
    assert_eq!(smsc.answers_left(), 0);
}

#[tokio::test]
async fn no_more_wait_for_an_answer_than_the_window_has_room_for() {
    // Each answers the one before it as well: with a window of 1 nobody would ever come after the first.
    let mut smsc = Smsc::start([Answer::Later(0)]).await;
    let mut settings = smpp(smsc.address, "+79005556677");
    (settings.smpp.window, settings.smpp.timeout) = (1, Duration::from_secs(1));
    let app = App::new(settings).await;
    let (relay, _stop) = app.relay();
    for case in 1..3 {
        app.emit(EventKind::CaseOpened, case, hostile()).await;
    }
    app.tick(&relay).await;
    assert!(app.rows().await.iter().all(|row| row.state == "waiting"));
    smsc.message().await;
    assert!(!smsc.rest().iter().any(|heard| matches!(heard, Heard::Message(_))));
}

#[tokio::test]
async fn each_side_is_asked_whether_it_is_there() {
    let mut smsc = Smsc::start([]).await;
    let mut settings = smpp(smsc.address, "caller");
    settings.smpp.enquire_link_interval = Duration::from_millis(100);
    let app = App::new(settings).await;
    let (relay, _stop) = app.relay();
    app.emit(EventKind::CaseOpened, 1, hostile()).await;
    app.tick(&relay).await;
    for _ in 0..3 {
        smsc.until(CommandId::EnquireLink).await;
    }
    smsc.say.send(Command::new(CommandStatus::EsmeRok, 77, Pdu::EnquireLink)).unwrap();
    assert_eq!(smsc.until(CommandId::EnquireLinkResp).await, (CommandStatus::EsmeRok, 77));
    // What we have not is refused, and the line stays.
    let other = Pdu::from(rusmpp::pdus::DeliverSm::default());
    smsc.say.send(Command::new(CommandStatus::EsmeRok, 78, other)).unwrap();
    assert_eq!(smsc.until(CommandId::GenericNack).await, (CommandStatus::EsmeRinvcmdid, 78));
    app.emit(EventKind::CaseOpened, 2, hostile()).await;
    app.tick(&relay).await;
    assert!(app.rows().await.iter().all(|row| row.state == "done"));
    assert!(!smsc.rest().iter().any(|heard| matches!(heard, Heard::Bind(_) | Heard::End)));
}

#[tokio::test]
async fn a_request_that_must_wait_for_long_is_not_sent() {
    let mut smsc = Smsc::start([]).await;
    let mut settings = smpp(smsc.address, "caller");
    (settings.smpp.rate, settings.smpp.timeout) = (1, Duration::from_secs(1));
    let app = App::new(settings).await;
    let (relay, _stop) = app.relay();
    for case in 1..4 {
        app.emit(EventKind::CaseOpened, case, hostile()).await;
    }
    app.tick(&relay).await;
    let rows = app.rows().await;
    assert_eq!(rows.iter().filter(|row| row.state == "done").count(), 1, "{rows:?}");
    for row in rows.iter().filter(|row| row.state != "done") {
        assert_eq!(row.state, "waiting");
        assert!(said(row).contains("`rate` in [notify.smpp]"), "{row:?}");
    }
    let heard = smsc.rest();
    assert_eq!(heard.iter().filter(|heard| matches!(heard, Heard::Message(_))).count(), 1);
}

#[tokio::test]
async fn what_was_given_up_before_it_was_sent_is_not_sent() {
    let mut smsc = Smsc::start([]).await;
    let closed = Arc::clone(&smsc.door).acquire_owned().await.unwrap();
    let mut settings = smpp(smsc.address, "+79005556677");
    settings.destinations[0].timeout = Some(Duration::from_millis(100));
    let app = App::new(settings).await;
    let (relay, _stop) = app.relay();
    app.emit(EventKind::CaseOpened, 1, json!({"case": 1, "number": "+79001112233"})).await;
    app.tick(&relay).await;
    assert!(said(&app.rows().await[0]).contains("no answer within 100ms"));
    assert!(matches!(smsc.heard().await, Heard::Bind(_)));
    drop(closed);
    // Those that come while it is still signing in are given up as well.
    for case in 2..100 {
        app.emit(EventKind::CaseOpened, case, json!({"case": case, "number": "+79001112233"})).await;
        app.tick(&relay).await;
        if app.rows().await.iter().any(|row| row.state == "done") {
            break;
        }
    }
    let done = app.rows().await.into_iter().find(|row| row.state == "done").unwrap();
    let case = done.aggregate.replace("case:", "Case ");
    assert!(text(&smsc.message().await).ends_with(&format!("{case}.")));
}

#[tokio::test]
async fn with_tls_nothing_is_said_in_clear() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = smpp(socket.local_addr().unwrap(), "caller");
    settings.smpp.encryption = SmppTls::Tls;
    let heard = tokio::spawn(async move {
        let (mut peer, _) = socket.accept().await.unwrap();
        let mut first = vec![0; 3];
        peer.read_exact(&mut first).await.unwrap();
        first
    });
    let row = App::new(settings).await.one(hostile()).await;
    // A handshake of TLS (RFC 8446, 5.1).
    assert_eq!(heard.await.unwrap(), [0x16, 3, 1]);
    assert_eq!(row.state, "waiting");
    assert!(said(&row).contains("cannot connect"), "{row:?}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_that_is_logged_holds_the_password() {
    let log = Log::default();
    let lines = log.clone();
    let collect = || tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    // Where there is only one collector, tracing asks the thread that comes first, a test without one, whether a line is
    // wanted at all.
    let _other = tracing::Dispatch::new(collect().with_writer(std::io::sink).finish());
    let _guard = tracing::subscriber::set_default(collect().with_writer(move || lines.clone()).finish());
    let smsc = Smsc::start([Answer::Status(0), Answer::Garbage(PASSWORD.repeat(8).into_bytes())]).await;
    let app = App::new(smpp(smsc.address, "caller")).await;
    assert_eq!(app.one(hostile()).await.state, "done");
    assert_eq!(app.one(hostile()).await.state, "waiting");
    let mut wrong = smpp(smsc.address, "caller");
    wrong.smpp.password = Secret::from("wr0ng-pw");
    let app = App::new(wrong).await;
    assert_eq!(app.one(hostile()).await.state, "dead");
    let (relay, _stop) = app.relay();
    let shown = format!("{relay:?} {:?}", app.rows().await);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the SMPP session has ended"), "{log}");
    for secret in [PASSWORD, "wr0ng-pw"] {
        let octets = format!("{:?}", secret.as_bytes());
        for hidden in [secret, octets.trim_matches(['[', ']'])] {
            assert!(!log.contains(hidden) && !shown.contains(hidden), "{hidden}");
        }
    }
}
