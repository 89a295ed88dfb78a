//! The task behind a SIP end: it takes orders and datagrams, sends datagrams, and reports the state of its calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::dialog::Dialog;
use super::message::{Message, ending, mark, session};
use super::{Behaviour, Dial, End, Order, Seen, Stage, Talk};
use crate::media::Media;
use crate::tone::Tone;

/// An unanswered message is sent again after this long, then after twice as long, and so on.
const T1: Duration = Duration::from_millis(500);
/// How often it is sent again.
const REPEATS: u32 = 5;

/// A SIP end's inside.
pub struct UserAgent {
    socket: UdpSocket,
    me: SocketAddr,
    voice: Option<Tone>,
    behaviour: watch::Receiver<Behaviour>,
    seen: watch::Sender<Seen>,
    orders: mpsc::WeakSender<Order>,
    dialogs: BTreeMap<String, Dialog>,
}

impl UserAgent {
    /// One that owns this socket.
    pub fn new(
        socket: UdpSocket,
        me: SocketAddr,
        voice: Option<Tone>,
        behaviour: watch::Receiver<Behaviour>,
        seen: watch::Sender<Seen>,
        orders: mpsc::WeakSender<Order>,
    ) -> Self {
        Self { socket, me, voice, behaviour, seen, orders, dialogs: BTreeMap::new() }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut datagram = vec![0; 65_536];
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                received = self.socket.recv_from(&mut datagram) => {
                    let Ok((length, from)) = received else { continue };
                    if let Some(message) = datagram.get(..length).and_then(Message::parse) {
                        self.receive(message, from).await;
                    }
                }
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Dial(dial) => self.dial(&dial).await,
            Order::Answer(id) => self.accept(&id).await,
            Order::Refuse(id, status) => self.refuse(&id, status).await,
            Order::HangUp(id) => self.hang_up(&id).await,
            Order::Transfer(id, number) => self.transfer(&id, &number).await,
            Order::Press(id, digit) => self.press(&id, digit),
            Order::Inform(id, key) => self.inform(&id, key).await,
            Order::Join(id, other) => self.join(&id, &other).await,
            Order::Register(user, registrar) => self.register(&user, registrar).await,
            Order::SendAgain(id, times) => self.send_again(&id, times).await,
        }
    }

    async fn receive(&mut self, message: Message, from: SocketAddr) {
        match message.status() {
            Some(status) => self.answered(&message, status).await,
            None => self.asked(message, from).await,
        }
    }

    // What others ask of us.

    async fn asked(&mut self, request: Message, from: SocketAddr) {
        let id = request.get("Call-ID").to_owned();
        let known = self.dialogs.contains_key(&id);
        match request.method() {
            "INVITE" if !known => self.rings(request, from).await,
            "INVITE" => self.invited_again(&id, &request).await,
            "ACK" => self.confirmed(&id),
            "CANCEL" => self.cancelled(&id, &request, from).await,
            "BYE" if !known => self.send(&request.answer(481, &mark(), &[], ""), from).await,
            "BYE" => self.other_hung_up(&id, &request, from).await,
            "NOTIFY" => self.notified(&id, &request, from).await,
            _ => self.send(&request.answer(200, &mark(), &[], ""), from).await,
        }
    }

    async fn rings(&mut self, invite: Message, from: SocketAddr) {
        let Some(media) = self.media().await else { return };
        let id = invite.get("Call-ID").to_owned();
        let talk = Talk::new(id.clone(), invite.get("From").to_owned(), Stage::Ringing, &media);
        if let Some(address) = invite.sound_address() {
            media.speak_to(address);
        }
        let dialog = Dialog::incoming(invite.clone(), from, self.me, media);
        let contact = [("Contact", format!("<sip:phone@{}>", self.me))];
        let ringing = invite.answer(180, &dialog.tag, &contact, "");
        self.dialogs.insert(id.clone(), dialog);
        self.seen.send_modify(|seen| seen.talks.push(talk));
        let behaviour = *self.behaviour.borrow();
        if let Behaviour::RefuseAtOnce { status } = behaviour {
            return self.refuse(&id, status).await;
        }
        self.send(&ringing, from).await;
        match behaviour {
            Behaviour::Answer { after, .. } => self.later(after, Order::Answer(id)),
            Behaviour::Refuse { after, status } => self.later(after, Order::Refuse(id, status)),
            Behaviour::Redirect { .. } => self.refuse(&id, 302).await,
            Behaviour::RefuseAtOnce { .. } | Behaviour::Ring | Behaviour::AnswerWhenCancelled => {}
        }
    }

    /// A repeated INVITE gets the last answer again, one within the call is accepted.
    async fn invited_again(&mut self, id: &str, request: &Message) {
        let Some(dialog) = self.dialogs.get(id) else { return };
        let repeated = dialog.invite.as_ref().is_some_and(|invite| invite.sequence() == request.sequence());
        let answer = if repeated {
            dialog.unanswered.clone()
        } else {
            let contact = [("Contact", format!("<sip:phone@{}>", self.me))];
            Some(request.answer(200, &dialog.tag, &contact, &session(dialog.media.port())))
        };
        let peer = dialog.peer;
        if let Some(answer) = answer {
            self.send(&answer, peer).await;
        }
    }

    fn confirmed(&mut self, id: &str) {
        if let Some(dialog) = self.dialogs.get_mut(id) {
            dialog.unanswered = None;
        }
    }

    async fn cancelled(&mut self, id: &str, request: &Message, from: SocketAddr) {
        let ringing = self.dialogs.get(id).is_some_and(|dialog| dialog.stage == Stage::Ringing);
        let late = matches!(*self.behaviour.borrow(), Behaviour::AnswerWhenCancelled);
        if ringing && late {
            self.accept(id).await;
        }
        let tag = self.dialogs.get(id).map(|dialog| dialog.tag.clone()).unwrap_or_default();
        self.send(&request.answer(200, &tag, &[], ""), from).await;
        if ringing && !late {
            self.answer_finally(id, 487, Stage::Ended(End::Cancelled)).await;
        }
    }

    async fn other_hung_up(&mut self, id: &str, request: &Message, from: SocketAddr) {
        self.send(&request.answer(200, "", &[], ""), from).await;
        self.moves(id, Stage::Ended(End::TheyHungUp));
    }

    async fn notified(&mut self, id: &str, request: &Message, from: SocketAddr) {
        self.send(&request.answer(200, "", &[], ""), from).await;
        self.seen.send_modify(|seen| {
            for talk in seen.talks.iter_mut().filter(|talk| talk.id == id) {
                talk.notified.push(request.body.trim().to_owned());
            }
        });
    }

    // What others answer to us.

    async fn answered(&mut self, answer: &Message, status: u16) {
        let id = answer.get("Call-ID").to_owned();
        match answer.method() {
            "REGISTER" => self.seen.send_modify(|seen| seen.registered = status == 200),
            "INVITE" if status >= 300 => self.refused(&id, answer, status).await,
            "INVITE" if status >= 200 => self.accepted(&id, answer).await,
            "INVITE" => self.progresses(&id, answer, status),
            "BYE" => {
                self.confirmed(&id);
                self.moves(&id, Stage::Ended(End::WeHungUp));
            }
            _ => self.confirmed(&id),
        }
    }

    fn progresses(&mut self, id: &str, answer: &Message, status: u16) {
        self.confirmed(id);
        if status == 100 {
            return;
        }
        if let Some(dialog) = self.dialogs.get_mut(id) {
            dialog.learn(answer);
        }
        self.moves(id, Stage::Ringing);
    }

    async fn accepted(&mut self, id: &str, answer: &Message) {
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        dialog.unanswered = None;
        dialog.learn(answer);
        let (ack, peer, given_up) = (dialog.ack(answer), dialog.peer, dialog.given_up);
        self.send(&ack, peer).await;
        self.moves(id, Stage::Talking);
        if given_up {
            self.hang_up(id).await;
        }
    }

    async fn refused(&mut self, id: &str, answer: &Message, status: u16) {
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        dialog.unanswered = None;
        dialog.learn(answer);
        let (ack, peer) = (dialog.ack(answer), dialog.peer);
        if let Some(invite) = dialog.introduce(answer) {
            self.send(&ack, peer).await;
            return self.ask(id, invite).await;
        }
        let end = if dialog.given_up { End::Cancelled } else { End::Refused(status) };
        self.send(&ack, peer).await;
        self.moves(id, Stage::Ended(end));
    }

    // What we are told to do.

    async fn dial(&mut self, dial: &Dial) {
        let Some(media) = self.media().await else { return };
        let from = String::from_utf8_lossy(&dial.from).into_owned();
        let talk = Talk::new(dial.id.clone(), from, Stage::Calling, &media);
        let dialog = Dialog::outgoing(dial, self.me, media);
        let invite = dialog.invite(&dial.extra);
        self.dialogs.insert(dial.id.clone(), dialog);
        self.seen.send_modify(|seen| seen.talks.push(talk));
        self.ask(&dial.id, invite).await;
    }

    async fn accept(&mut self, id: &str) {
        let Some(dialog) = self.dialogs.get(id).filter(|dialog| dialog.stage == Stage::Ringing) else {
            return;
        };
        let Some(answer) = dialog.accept() else { return };
        self.ask(id, answer).await;
        self.moves(id, Stage::Talking);
        let behaviour = *self.behaviour.borrow();
        if let Behaviour::Answer { talk: Some(talk), .. } = behaviour {
            self.later(talk, Order::HangUp(id.to_owned()));
        }
    }

    async fn refuse(&mut self, id: &str, status: u16) {
        if self.dialogs.get(id).is_some_and(|dialog| dialog.stage == Stage::Ringing) {
            self.answer_finally(id, status, Stage::Ended(End::Refused(status))).await;
        }
    }

    async fn answer_finally(&mut self, id: &str, status: u16, stage: Stage) {
        let Some(dialog) = self.dialogs.get(id) else { return };
        let elsewhere = match *self.behaviour.borrow() {
            Behaviour::Redirect { port } if status == 302 => {
                vec![("Contact", format!("<sip:elsewhere@127.0.0.1:{port}>"))]
            }
            _ => Vec::new(),
        };
        let answer = dialog.invite.as_ref().map(|invite| invite.answer(status, &dialog.tag, &elsewhere, ""));
        if let Some(answer) = answer {
            self.ask(id, answer).await;
        }
        self.moves(id, stage);
    }

    async fn hang_up(&mut self, id: &str) {
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        let request = match dialog.stage {
            Stage::Talking => dialog.next("BYE", &[]),
            Stage::Calling | Stage::Ringing => {
                dialog.given_up = true;
                dialog.cancel()
            }
            Stage::Ended(_) => return,
        };
        self.ask(id, request).await;
    }

    fn press(&self, id: &str, digit: u8) {
        if let Some(dialog) = self.dialogs.get(id) {
            let _unheard_like_any_key = dialog.media.press(digit);
        }
    }

    async fn inform(&mut self, id: &str, key: char) {
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        let request = dialog.info(key);
        self.ask(id, request).await;
    }

    async fn join(&mut self, id: &str, other: &str) {
        let replaced = self.dialogs.get(other).map(Dialog::replaced);
        if let Some(replaced) = replaced {
            self.refer(id, &format!("<sip:other@127.0.0.1?Replaces={replaced}>")).await;
        }
    }

    async fn transfer(&mut self, id: &str, number: &str) {
        self.refer(id, &format!("<sip:{number}@127.0.0.1>")).await;
    }

    async fn refer(&mut self, id: &str, to: &str) {
        let me = self.me;
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        let extra = [("Refer-To", to.to_owned()), ("Referred-By", format!("<sip:phone@{me}>"))];
        let request = dialog.next("REFER", &extra);
        self.ask(id, request).await;
    }

    async fn register(&mut self, user: &str, registrar: SocketAddr) {
        let (me, branch, tag, id) = (self.me, mark(), mark(), mark());
        let head = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@127.0.0.1>;tag={tag}\r\nTo: <sip:{user}@127.0.0.1>\r\n\
             Call-ID: {id}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@{me}>\r\nExpires: 600\r\n"
        );
        self.send((head + &ending(&[], "")).as_bytes(), registrar).await;
    }

    // Ways and means.

    /// Sends what must be answered, and sends it again until it is.
    async fn ask(&mut self, id: &str, message: Vec<u8>) {
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        dialog.unanswered = Some(message.clone());
        let peer = dialog.peer;
        self.send(&message, peer).await;
        self.later(T1, Order::SendAgain(id.to_owned(), 1));
    }

    async fn send_again(&mut self, id: &str, times: u32) {
        let Some(dialog) = self.dialogs.get(id) else { return };
        let Some(message) = dialog.unanswered.clone() else { return };
        let peer = dialog.peer;
        self.send(&message, peer).await;
        if times < REPEATS {
            self.later(T1 * 2_u32.pow(times), Order::SendAgain(id.to_owned(), times + 1));
        }
    }

    async fn send(&self, message: &[u8], to: SocketAddr) {
        let _lost_like_any_datagram = self.socket.send_to(message, to).await;
    }

    async fn media(&self) -> Option<Media> {
        match self.voice {
            Some(voice) => Media::open(Some(voice)).await.ok(),
            None => Media::deaf().ok(),
        }
    }

    /// Notes a call's new stage; what is over stays over.
    fn moves(&mut self, id: &str, stage: Stage) {
        let Some(dialog) = self.dialogs.get_mut(id) else { return };
        if dialog.stage == stage || matches!(dialog.stage, Stage::Ended(_)) {
            return;
        }
        dialog.stage = stage;
        self.seen.send_modify(|seen| {
            for talk in seen.talks.iter_mut().filter(|talk| talk.id == id) {
                talk.stage = stage;
                talk.history.push((stage, Instant::now()));
            }
        });
    }

    fn later(&self, after: Duration, order: Order) {
        let orders = self.orders.clone();
        tokio::spawn(async move {
            sleep(after).await;
            if let Some(orders) = orders.upgrade() {
                let _ended = orders.send(order).await;
            }
        });
    }
}
