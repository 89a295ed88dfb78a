//! A short message centre that answers as the test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{BindTransmitter, BindTransmitterResp, SubmitSm, SubmitSmResp};
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::COctetString;
use rusmpp::values::DataCoding;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::codec::Framed;

use super::support::LIMIT;

/// The password that it takes.
pub const PASSWORD: &str = "pw-43x1z";

/// What becomes of a message.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Taken, or not.
    Status(u32),
    /// Answered when the next one is, after it.
    Later(u32),
    /// Nothing is said, for ever.
    Nothing,
    /// The connection is cut before an answer.
    Cut,
    /// This is said instead.
    Garbage(Vec<u8>),
}

/// What it heard.
#[derive(Debug)]
pub enum Heard {
    Bind(BindTransmitter),
    Message(SubmitSm),
    Other(CommandId, CommandStatus, u32),
    End,
}

/// The short message centre.
pub struct Smsc {
    pub address: SocketAddr,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    heard: UnboundedReceiver<Heard>,
    /// Who has its permit may sign in.
    pub door: Arc<Semaphore>,
    /// Commands for it to say on the connection that is open.
    pub say: tokio::sync::broadcast::Sender<Command>,
}

impl Smsc {
    /// One that gives these answers, in order, on whatever connections; then it takes everything.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let (hear, heard) = unbounded_channel();
        let (say, _) = tokio::sync::broadcast::channel(16);
        let door = Arc::new(Semaphore::new(1));
        let (left, said, open) = (Arc::clone(&answers), say.clone(), Arc::clone(&door));
        tokio::spawn(async move {
            while let Ok((peer, _)) = socket.accept().await {
                let connection = Connection {
                    framed: Framed::new(peer, CommandCodec::new()),
                    answers: Arc::clone(&left),
                    hear: hear.clone(),
                    door: Arc::clone(&open),
                    later: Vec::new(),
                };
                tokio::spawn(connection.serve(said.subscribe()));
            }
        });
        Self { address, answers, heard, door, say }
    }

    /// What it hears next.
    pub async fn heard(&mut self) -> Heard {
        self.first(Some).await
    }

    /// The first that is wanted, past everything else.
    async fn first<T>(&mut self, wanted: impl Fn(Heard) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.heard.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        tokio::time::timeout(LIMIT, found).await.expect("it is not heard")
    }

    /// Waits for a command: its status and its sequence number.
    pub async fn until(&mut self, wanted: CommandId) -> (CommandStatus, u32) {
        let this = |heard| match heard {
            Heard::Other(id, status, sequence) if id == wanted => Some((status, sequence)),
            _ => None,
        };
        self.first(this).await
    }

    /// The next message.
    pub async fn message(&mut self) -> SubmitSm {
        self.first(|heard| if let Heard::Message(message) = heard { Some(message) } else { None }).await
    }

    /// Waits for the end of a connection.
    pub async fn end(&mut self) {
        self.first(|heard| matches!(heard, Heard::End).then_some(())).await;
    }

    /// Whether it was told what to answer to more than came.
    pub fn answers_left(&self) -> usize {
        self.answers.lock().unwrap().len()
    }

    /// What it has heard and nobody asked for yet.
    pub fn rest(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

/// The text of a message without its header, as a phone shows it.
pub fn text(message: &SubmitSm) -> String {
    let octets = message.short_message().as_ref();
    let octets = if u8::from(message.esm_class) == 0x40 { &octets[6..] } else { octets };
    match message.data_coding {
        DataCoding::Ucs2 => {
            let units: Vec<u16> = octets.chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
            String::from_utf16(&units).unwrap()
        }
        _ => String::from_utf8(octets.to_vec()).unwrap(),
    }
}

/// The reference, the count and the number of a part.
pub fn part(message: &SubmitSm) -> [u8; 3] {
    let octets = message.short_message().as_ref();
    assert_eq!((u8::from(message.esm_class), &octets[..3]), (0x40, &[5, 0, 3][..]));
    [octets[3], octets[4], octets[5]]
}

struct Connection {
    framed: Framed<TcpStream, CommandCodec>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    hear: UnboundedSender<Heard>,
    door: Arc<Semaphore>,
    later: Vec<Command>,
}

impl Connection {
    async fn serve(mut self, mut said: tokio::sync::broadcast::Receiver<Command>) {
        loop {
            tokio::select! {
                Ok(command) = said.recv() => self.framed.send(command).await.unwrap(),
                came = self.framed.next() => {
                    let Some(Ok(command)) = came else { break };
                    if !self.take(command).await {
                        break;
                    }
                }
            }
        }
        drop(self.hear.send(Heard::End));
    }

    /// Whether the connection stays.
    async fn take(&mut self, command: Command) -> bool {
        let (id, status, sequence) = (command.id(), command.status(), command.sequence_number());
        match command.pdu().cloned() {
            Some(Pdu::BindTransmitter(bind)) => {
                let status = if bind.password.as_str() == PASSWORD { 0 } else { 0x0e };
                drop(self.hear.send(Heard::Bind(bind)));
                drop(self.door.acquire().await.unwrap());
                self.say(status, sequence, BindTransmitterResp::default()).await;
            }
            Some(Pdu::SubmitSm(message)) => {
                drop(self.hear.send(Heard::Message(message)));
                return self.message(sequence).await;
            }
            _ => {
                drop(self.hear.send(Heard::Other(id, status, sequence)));
                match id {
                    CommandId::EnquireLink => self.say(0, sequence, Pdu::EnquireLinkResp).await,
                    CommandId::Unbind => self.say(0, sequence, Pdu::UnbindResp).await,
                    _ => {}
                }
            }
        }
        true
    }

    async fn message(&mut self, sequence: u32) -> bool {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(0));
        let name = COctetString::from_string(format!("m{sequence}")).unwrap();
        let taken = SubmitSmResp::new(name, Vec::new());
        match answer {
            Answer::Status(status) => {
                self.say(status, sequence, taken).await;
                for command in std::mem::take(&mut self.later) {
                    self.framed.send(command).await.unwrap();
                }
            }
            Answer::Later(status) => {
                self.later.push(Command::new(CommandStatus::from(status), sequence, taken));
            }
            Answer::Nothing => {}
            Answer::Cut => return false,
            Answer::Garbage(octets) => self.framed.get_mut().write_all(&octets).await.unwrap(),
        }
        true
    }

    async fn say(&mut self, status: u32, sequence: u32, what: impl Into<Pdu>) {
        let command = Command::new(CommandStatus::from(status), sequence, what);
        // Who hangs up at once does not hear it.
        drop(self.framed.send(command).await);
    }
}
