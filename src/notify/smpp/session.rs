//! A session of SMPP 3.4: binds, sends, matches answers by sequence number, unbinds.
//!
//! In: messages. Out: the answers, in any order. The session ends when the connection breaks, when an answer is
//! overdue, or (with an unbind) when no sender is left. **Invariant:** each message gets an answer, or the reason why
//! there is none.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::SubmitSm;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::Framed;
use tokio_util::sync::CancellationToken;

use super::connect::{self, Stream};
use super::frame::Frames;
use super::{pdu, status};
use crate::config::notify::Smpp;
use crate::inbox::Inbox;
use crate::notify::Trouble;

/// How long the other side has to answer the unbind.
const UNBIND_LIMIT: Duration = Duration::from_secs(1);
/// The bit that makes a command an answer.
const ANSWER: u32 = 0x8000_0000;
/// Sequence numbers go from 1 to this, then again from 1 (SMPP 3.4, 3.2).
const LAST_SEQUENCE: u32 = 0x7fff_ffff;

/// Where an answer goes.
type Reply = oneshot::Sender<Result<String, Trouble>>;

/// A message, and where its answer goes.
#[derive(Debug)]
pub(super) struct Job {
    pub message: SubmitSm,
    pub reply: Reply,
}

/// The connection is lost: messages without an answer may or may not have been sent.
pub(super) fn broken(why: impl Display) -> Trouble {
    Trouble::passing(format!("the connection to the short message centre was lost: {why}"))
}

/// Runs a session from connecting to its end; `gone` is cancelled with the client.
pub(super) async fn run(settings: Arc<Smpp>, mut jobs: Inbox<Job>, gone: CancellationToken) {
    let limit = settings.timeout;
    let opening = timeout(limit, Box::pin(Session::open(Arc::clone(&settings))));
    let Some(opened) = gone.run_until_cancelled(opening).await else { return };
    let opened = opened.unwrap_or_else(|_| {
        Err(Trouble::passing(format!("the short message centre did not answer the bind within {limit:?}")))
    });
    let ended = match opened {
        Ok(mut session) => session.serve(&mut jobs).await.err(),
        Err(trouble) => Some(trouble),
    };
    let Some(ended) = ended else { return };
    tracing::debug!(
        host = settings.host,
        port = settings.port,
        class = ended.class(),
        "the SMPP session has ended"
    );
    jobs.close();
    while let Some(job) = jobs.recv().await {
        drop(job.reply.send(Err(ended.clone())));
    }
}

/// A request without an answer yet.
struct Asked {
    until: Instant,
    /// Where the answer goes; none for an enquiry.
    reply: Option<Reply>,
}

struct Session {
    framed: Framed<Stream, Frames>,
    settings: Arc<Smpp>,
    asked: BTreeMap<u32, Asked>,
    sequence: u32,
    heard: Instant,
}

impl Session {
    /// Connects and binds.
    async fn open(settings: Arc<Smpp>) -> Result<Self, Trouble> {
        let bind = pdu::bind(&settings)?;
        let stream = connect::connect(&settings).await.map_err(Trouble::passing)?;
        let framed = Framed::new(stream, Frames);
        let mut session =
            Self { framed, settings, asked: BTreeMap::new(), sequence: 0, heard: Instant::now() };
        let sequence = session.next();
        session.send(Command::new(CommandStatus::EsmeRok, sequence, bind)).await?;
        loop {
            let answer = session.hear().await?;
            match answer.id() {
                CommandId::BindTransmitterResp | CommandId::GenericNack => {
                    return match answer.status() {
                        CommandStatus::EsmeRok if answer.id() == CommandId::BindTransmitterResp => {
                            Ok(session)
                        }
                        status => Err(status::of_bind(status)),
                    };
                }
                _ => session.handle(answer).await?,
            }
        }
    }

    /// Works until no sender is left, then unbinds; or until the connection fails.
    async fn serve(&mut self, jobs: &mut Inbox<Job>) -> Result<(), Trouble> {
        let ended = self.work(jobs).await;
        let why = ended.clone().err().unwrap_or_else(|| broken("the process stops"));
        for reply in std::mem::take(&mut self.asked).into_values().filter_map(|asked| asked.reply) {
            drop(reply.send(Err(why.clone())));
        }
        ended
    }

    async fn work(&mut self, jobs: &mut Inbox<Job>) -> Result<(), Trouble> {
        loop {
            let room = self.asked.len() < self.settings.window.max(1);
            let due = self.due();
            tokio::select! {
                command = self.framed.next() => {
                    let command = read(command)?;
                    self.handle(command).await?;
                }
                job = jobs.recv(), if room => match job {
                    Some(job) => self.submit(job).await?,
                    None => return self.leave().await,
                },
                () = sleep_until(due) => self.keep_alive().await?,
            }
        }
    }

    /// When the session must act although nothing arrives.
    fn due(&self) -> Instant {
        let overdue = self.asked.values().map(|asked| asked.until).min();
        let enquiry = self.heard + self.settings.enquire_link_interval;
        overdue.map_or(enquiry, |overdue| overdue.min(enquiry))
    }

    /// Sends an enquiry after a silence. An overdue answer ends the session.
    async fn keep_alive(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.asked.values().any(|asked| asked.until <= now) {
            return Err(broken(format!("no answer within {:?}", self.settings.timeout)));
        }
        if self.heard + self.settings.enquire_link_interval <= now {
            self.heard = now;
            self.ask(Pdu::EnquireLink, None).await?;
        }
        Ok(())
    }

    async fn submit(&mut self, job: Job) -> Result<(), Trouble> {
        if job.reply.is_closed() {
            return Ok(()); // The sender has given up, and will try again.
        }
        self.ask(Pdu::from(job.message), Some(job.reply)).await
    }

    async fn ask(&mut self, what: Pdu, reply: Option<Reply>) -> Result<(), Trouble> {
        let sequence = self.next();
        self.asked.insert(sequence, Asked { until: Instant::now() + self.settings.timeout, reply });
        self.send(Command::new(CommandStatus::EsmeRok, sequence, what)).await
    }

    /// Handles a command of the other side: an answer, or a request.
    async fn handle(&mut self, command: Command) -> Result<(), Trouble> {
        self.heard = Instant::now();
        let (id, sequence) = (command.id(), command.sequence_number());
        match id {
            CommandId::EnquireLink => {
                self.answer(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp).await
            }
            CommandId::Unbind => {
                self.answer(CommandStatus::EsmeRok, sequence, Pdu::UnbindResp).await?;
                Err(broken("the other side sent an unbind"))
            }
            id if u32::from(id) & ANSWER != 0 => self.take_answer(&command),
            // A transmitter takes no other requests.
            _ => self.answer(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack).await,
        }
    }

    fn take_answer(&mut self, answer: &Command) -> Result<(), Trouble> {
        // Answers to unknown or forgotten requests are ignored.
        let Some(asked) = self.asked.remove(&answer.sequence_number()) else { return Ok(()) };
        let Some(reply) = asked.reply else { return Ok(()) };
        let said = match (answer.id(), answer.status(), answer.pdu()) {
            (CommandId::SubmitSmResp, CommandStatus::EsmeRok, Some(Pdu::SubmitSmResp(taken))) => {
                Ok(taken.message_id().as_str().chars().filter(|c| !c.is_control()).collect())
            }
            (CommandId::SubmitSmResp, CommandStatus::EsmeRok, _) => Ok(String::new()),
            (CommandId::SubmitSmResp | CommandId::GenericNack, status, _) => Err(status::of_message(status)),
            (..) => Err(broken("the answer is to another command")),
        };
        // The sender has given up: the message will be sent again.
        drop(reply.send(said));
        match answer.status() {
            CommandStatus::EsmeRinvbndsts => Err(broken("the other side has forgotten the bind")),
            _ => Ok(()),
        }
    }

    /// Unbinds, and waits a little for the answer.
    async fn leave(&mut self) -> Result<(), Trouble> {
        let sequence = self.next();
        self.send(Command::new(CommandStatus::EsmeRok, sequence, Pdu::Unbind)).await?;
        let heard = async { while self.hear().await.is_ok_and(|said| said.id() != CommandId::UnbindResp) {} };
        // Without an answer the session ends all the same.
        drop(timeout(UNBIND_LIMIT, heard).await);
        Ok(())
    }

    fn next(&mut self) -> u32 {
        self.sequence = self.sequence % LAST_SEQUENCE + 1;
        self.sequence
    }

    async fn hear(&mut self) -> Result<Command, Trouble> {
        read(self.framed.next().await)
    }

    async fn answer(&mut self, status: CommandStatus, sequence: u32, what: Pdu) -> Result<(), Trouble> {
        self.send(Command::new(status, sequence, what)).await
    }

    async fn send(&mut self, command: Command) -> Result<(), Trouble> {
        let limit = self.settings.timeout;
        match timeout(limit, self.framed.send(command)).await {
            Ok(sent) => sent.map_err(broken),
            Err(_) => Err(broken(format!("the other side has accepted no data for {limit:?}"))),
        }
    }
}

/// Returns the command, or why the connection is lost.
fn read<E: Display>(came: Option<Result<Command, E>>) -> Result<Command, Trouble> {
    match came {
        Some(Ok(command)) => Ok(command),
        Some(Err(error)) => Err(broken(error)),
        None => Err(broken("the other side closed the connection")),
    }
}
