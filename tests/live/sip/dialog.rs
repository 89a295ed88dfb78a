//! One call as a SIP dialog (RFC 3261 §12): its two sides, and the requests without an answer.

use std::net::SocketAddr;

use super::message::{Message, ending, mark, session};
use super::{Dial, Login, Stage};
use crate::media::Media;

/// A call's two sides and the requests under way.
pub struct Dialog {
    /// `Call-ID`.
    pub id: String,
    /// Where it is.
    pub stage: Stage,
    /// Its sound.
    pub media: Media,
    /// Where the other side takes datagrams.
    pub peer: SocketAddr,
    /// Our side as `From` or `To` names it, with our tag.
    ours: Vec<u8>,
    /// Our tag.
    pub tag: String,
    /// The other side as `From` or `To` names it.
    theirs: String,
    /// The URI that the other side wants requests for.
    target: String,
    /// The INVITE that came in; none if we called.
    pub invite: Option<Message>,
    /// The branch of the INVITE that went out.
    branch: String,
    sequence: u32,
    me: SocketAddr,
    /// What must be sent again until it is answered.
    pub unanswered: Option<Vec<u8>>,
    /// Whether we gave it up before an answer.
    pub given_up: bool,
    /// With what we answer the question who we are; once.
    login: Option<Login>,
}

impl Dialog {
    /// A call that we make.
    pub fn outgoing(dial: &Dial, me: SocketAddr, media: Media) -> Self {
        let tag = mark();
        let mut ours = dial.from.clone();
        ours.extend(format!(";tag={tag}").into_bytes());
        let target = format!("sip:{}@{}", dial.number, dial.to);
        Self {
            id: dial.id.clone(),
            stage: Stage::Calling,
            media,
            peer: dial.to,
            ours,
            tag,
            theirs: format!("<{target}>"),
            target,
            invite: None,
            branch: mark(),
            sequence: 1,
            me,
            unanswered: None,
            given_up: false,
            login: dial.login.clone(),
        }
    }

    /// A call that comes in.
    pub fn incoming(invite: Message, peer: SocketAddr, me: SocketAddr, media: Media) -> Self {
        let tag = mark();
        let target = invite.contact().unwrap_or_default();
        Self {
            id: invite.get("Call-ID").to_owned(),
            stage: Stage::Ringing,
            media,
            peer,
            ours: format!("{};tag={tag}", invite.get("To")).into_bytes(),
            tag,
            theirs: invite.get("From").to_owned(),
            target,
            invite: Some(invite),
            branch: mark(),
            sequence: 0,
            me,
            unanswered: None,
            given_up: false,
            login: None,
        }
    }

    /// The INVITE that opens it.
    pub fn invite(&self, extra: &[(&'static str, String)]) -> Vec<u8> {
        self.request("INVITE", self.sequence, &self.branch, extra, &session(self.media.port()))
    }

    /// The INVITE once more, saying who we are, if `answer` asks for that and it has not been said yet.
    pub fn introduce(&mut self, answer: &Message) -> Option<Vec<u8>> {
        let login = self.login.take_if(|_| answer.status() == Some(407))?;
        let said = login.answer(answer.get("Proxy-Authenticate"), "INVITE", &self.target);
        self.theirs = format!("<{}>", self.target);
        self.sequence += 1;
        self.branch = mark();
        Some(self.invite(&[("Proxy-Authorization", said)]))
    }

    /// The CANCEL of our INVITE.
    pub fn cancel(&self) -> Vec<u8> {
        self.request("CANCEL", self.sequence, &self.branch, &[], "")
    }

    /// The ACK of a final answer to our INVITE.
    pub fn ack(&self, answer: &Message) -> Vec<u8> {
        let accepted = answer.status().is_some_and(|status| status < 300);
        let branch = if accepted { mark() } else { self.branch.clone() };
        self.request("ACK", answer.sequence(), &branch, &[], "")
    }

    /// A new request inside it.
    pub fn next(&mut self, method: &str, extra: &[(&'static str, String)]) -> Vec<u8> {
        self.sequence += 1;
        self.request(method, self.sequence, &mark(), extra, "")
    }

    /// A key by SIP INFO.
    pub fn info(&mut self, key: char) -> Vec<u8> {
        self.sequence += 1;
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        self.request("INFO", self.sequence, &mark(), &[], &body)
    }

    /// The 200 that answers the INVITE which came in.
    pub fn accept(&self) -> Option<Vec<u8>> {
        let contact = vec![("Contact", format!("<sip:phone@{}>", self.me))];
        Some(self.invite.as_ref()?.answer(200, &self.tag, &contact, &session(self.media.port())))
    }

    /// How a `Replaces` in a URI names it to the other side.
    pub fn replaced(&self) -> String {
        let theirs = self.theirs.split_once(";tag=").map_or("", |(_, tag)| tag);
        format!("{}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{}", self.id, self.tag)
    }

    /// Takes over what an answer to our INVITE tells of the other side.
    pub fn learn(&mut self, answer: &Message) {
        self.theirs = answer.get("To").to_owned();
        if let Some(contact) = answer.contact() {
            self.target = contact;
        }
        if let Some(address) = answer.sound_address() {
            self.media.speak_to(address);
        }
    }

    fn request(
        &self,
        method: &str,
        sequence: u32,
        branch: &str,
        extra: &[(&'static str, String)],
        body: &str,
    ) -> Vec<u8> {
        let (me, target) = (self.me, &self.target);
        let mut bytes = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: "
        )
        .into_bytes();
        bytes.extend(&self.ours);
        let (theirs, id) = (&self.theirs, &self.id);
        let rest = format!(
            "\r\nTo: {theirs}\r\nCall-ID: {id}\r\nCSeq: {sequence} {method}\r\nContact: <sip:end@{me}>\r\n"
        );
        bytes.extend(rest.into_bytes());
        bytes.extend(ending(extra, body).into_bytes());
        bytes
    }
}
