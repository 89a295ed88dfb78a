//! Sound over RTP: one part listens, tells tones apart and keeps a list of them; the other part plays a tone.
//!
//! In: the tone to play, the peer's address. Out: the tone that is heard now, and each tone heard before, with its
//! times.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::tone::{Tone, from_mulaw};
use crate::wait::within;

/// How much sound is looked at: 100 ms.
const WINDOW: usize = 800;
/// Without a packet for this long it is silent.
const SILENT_AFTER: Duration = Duration::from_millis(150);

/// A stretch of time in which the same was heard.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// What; nothing in silence and while one tone changes to another.
    pub tone: Option<Tone>,
    /// From when.
    pub since: Instant,
}

/// One end of a call's sound.
pub struct Media {
    port: u16,
    peer: watch::Sender<Option<SocketAddr>>,
    keys: mpsc::Sender<u8>,
    diary: watch::Receiver<Vec<Heard>>,
    reactions: watch::Receiver<Vec<Duration>>,
    task: Option<JoinHandle<()>>,
}

impl Media {
    /// An end that listens, and speaks `voice` once it knows its peer.
    pub async fn open(voice: Option<Tone>) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let port = socket.local_addr()?.port();
        let (peer, peer_seen) = watch::channel(None);
        let (written, diary) = watch::channel(vec![Heard { tone: None, since: Instant::now() }]);
        let (keys, pressed) = mpsc::channel(8);
        let mouth = Mouth::new(voice, pressed);
        let (reacted, reactions) = watch::channel(Vec::new());
        let task = tokio::spawn(listen_and_speak(socket, mouth, peer_seen, (written, reacted)));
        Ok(Self { port, peer, keys, diary, reactions, task: Some(task) })
    }

    /// An end that neither listens nor speaks, at a port shared by all of its kind: costs nothing.
    pub fn deaf() -> Result<Self> {
        static SINK: OnceLock<Option<std::net::UdpSocket>> = OnceLock::new();
        let sink = SINK.get_or_init(|| std::net::UdpSocket::bind("127.0.0.1:0").ok());
        let port = sink.as_ref().context("no port for unheard sound")?.local_addr()?.port();
        let (peer, _) = watch::channel(None);
        let (_, diary) = watch::channel(Vec::new());
        let (_, reactions) = watch::channel(Vec::new());
        let (keys, _) = mpsc::channel(1);
        Ok(Self { port, peer, keys, diary, reactions, task: None })
    }

    /// The port for its session description.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Tells where to speak to.
    pub fn speak_to(&self, peer: SocketAddr) {
        self.peer.send_replace(Some(peer));
    }

    /// Presses the key of this digit.
    pub fn press(&self, digit: u8) -> Result<()> {
        self.keys.try_send(digit).context("nobody sends the keys of this call")
    }

    /// An ear on it that outlives the call.
    pub fn ear(&self) -> Ear {
        Ear { diary: self.diary.clone(), reactions: self.reactions.clone() }
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Hears what a [`Media`] hears.
#[derive(Debug, Clone)]
pub struct Ear {
    diary: watch::Receiver<Vec<Heard>>,
    reactions: watch::Receiver<Vec<Duration>>,
}

impl Ear {
    /// Waits until this tone is being heard.
    pub async fn hears(&self, tone: Tone, limit: Duration) -> Result<()> {
        let mut diary = self.diary.clone();
        let now_heard = diary.wait_for(|diary| diary.last().is_some_and(|last| last.tone == Some(tone)));
        let heard = within(limit, format!("to hear {tone:?}"), now_heard).await;
        match heard {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => anyhow::bail!("the call ended before {tone:?} was heard: {:?}", self.tones()),
            Err(late) => Err(late.context(format!("heard instead: {:?}", self.tones()))),
        }
    }

    /// Waits until this tone, which is or was heard, has ended in silence.
    pub async fn heard_out(&self, tone: Tone, limit: Duration) -> Result<()> {
        let mut diary = self.diary.clone();
        let over =
            |diary: &Vec<Heard>| diary.iter().rev().map(|heard| heard.tone).take(2).eq([None, Some(tone)]);
        within(limit, format!("{tone:?} ends"), diary.wait_for(over)).await??;
        Ok(())
    }

    /// How long after the end of each key another tone began. A packet has 20 ms of sound.
    pub fn reactions(&self) -> Vec<Duration> {
        self.reactions.borrow().clone()
    }

    /// Every tone heard, in order, repeats left out.
    pub fn tones(&self) -> Vec<Tone> {
        let mut tones: Vec<Tone> = self.diary.borrow().iter().filter_map(|heard| heard.tone).collect();
        tones.dedup();
        tones
    }

    /// When each of [`Ear::tones`] began.
    pub fn began(&self) -> Vec<Instant> {
        let diary = self.diary.borrow();
        let mut tones: Vec<Heard> = diary.iter().filter(|heard| heard.tone.is_some()).copied().collect();
        tones.dedup_by_key(|heard| heard.tone);
        tones.iter().map(|heard| heard.since).collect()
    }

    /// Fails if between the first time it was heard and `end` the tone was gone for longer than `gap`.
    pub fn heard_throughout(&self, tone: Tone, end: Instant, gap: Duration) -> Result<()> {
        let diary = self.diary.borrow();
        let first = diary.iter().position(|heard| heard.tone == Some(tone)).context("it was never heard")?;
        for (index, heard) in diary.iter().enumerate().skip(first) {
            let until = diary.get(index + 1).map_or(end, |next| next.since).min(end);
            let away = until.saturating_duration_since(heard.since);
            ensure!(heard.tone == Some(tone) || away <= gap, "{tone:?} was gone for {away:?}");
        }
        Ok(())
    }

    /// Fails if since then the tone was gone for longer than `gap`.
    pub fn heard_since(&self, tone: Tone, since: Instant, gap: Duration) -> Result<()> {
        let diary = self.diary.borrow();
        let ends = diary.iter().skip(1).map(|next| next.since).chain([Instant::now()]);
        for (heard, end) in diary.iter().zip(ends) {
            let away = end.saturating_duration_since(heard.since.max(since));
            ensure!(heard.tone == Some(tone) || away <= gap, "{tone:?} was gone for {away:?}");
        }
        Ok(())
    }
}

async fn listen_and_speak(
    socket: UdpSocket,
    mut mouth: Mouth,
    peer: watch::Receiver<Option<SocketAddr>>,
    (diary, reactions): (watch::Sender<Vec<Heard>>, watch::Sender<Vec<Duration>>),
) {
    let mut packet = [0; 2048];
    let mut window: Vec<f64> = Vec::with_capacity(2 * WINDOW);
    let mut tick = interval(Duration::from_millis(20));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last_packet = Instant::now();
    loop {
        tokio::select! {
            biased;
            received = socket.recv_from(&mut packet) => {
                let Ok((length, _)) = received else { continue };
                last_packet = Instant::now();
                if let Some(took) = mouth.reaction(packet.get(12..length).unwrap_or_default()) {
                    reactions.send_modify(|reactions| reactions.push(took));
                }
                window.extend(packet.get(12..length).unwrap_or_default().iter().map(|byte| from_mulaw(*byte)));
                window.drain(..window.len().saturating_sub(WINDOW));
                note(&diary, Tone::heard_in(&window));
            }
            _ = tick.tick() => {
                if last_packet.elapsed() > SILENT_AFTER {
                    window.clear();
                    note(&diary, None);
                }
                let to = *peer.borrow();
                let releases = mouth.pressed.is_some_and(|key| key.packets == KEY_PACKETS.0);
                if let (Some(to), Some(sound)) = (to, mouth.packet()) {
                    let _unheard = socket.send_to(&sound, to).await;
                }
                if releases {
                    mouth.released = Some((Instant::now(), diary.borrow().last().and_then(|last| last.tone)));
                }
            }
        }
    }
}

fn note(diary: &watch::Sender<Vec<Heard>>, tone: Option<Tone>) {
    diary.send_if_modified(|diary| {
        let changed = diary.last().is_none_or(|last| last.tone != tone);
        if changed {
            diary.push(Heard { tone, since: Instant::now() });
        }
        changed
    });
}

/// Makes RTP packets (RFC 3550) of a tone, and of keys (RFC 4733).
struct Mouth {
    voice: Option<Vec<u8>>,
    keys: mpsc::Receiver<u8>,
    pressed: Option<Key>,
    sequence: u16,
    sample: u32,
    /// When the last key was released, and what was heard then; none once something else is heard.
    released: Option<(Instant, Option<Tone>)>,
}

/// A key that is pressed, since when, and how many packets have told so.
#[derive(Clone, Copy)]
struct Key {
    digit: u8,
    since: u32,
    packets: u16,
}

/// How many packets tell that a key is pressed, and how many that it is not any more.
const KEY_PACKETS: (u16, u16) = (5, 3);

impl Mouth {
    fn new(voice: Option<Tone>, keys: mpsc::Receiver<u8>) -> Self {
        Self { voice: voice.map(Tone::spoken), keys, pressed: None, sequence: 1, sample: 0, released: None }
    }

    /// If this packet is the first with another tone since a key was released: how long that took.
    fn reaction(&mut self, sound: &[u8]) -> Option<Duration> {
        let (since, before) = self.released?;
        let samples: Vec<f64> = sound.iter().map(|byte| from_mulaw(*byte)).collect();
        Tone::heard_in(&samples).filter(|tone| Some(*tone) != before)?;
        self.released = None;
        Some(since.elapsed())
    }

    fn packet(&mut self) -> Option<Vec<u8>> {
        let key = || Key { digit: 0, since: self.sample, packets: 0 };
        if self.pressed.is_none() {
            self.pressed = self.keys.try_recv().ok().map(|digit| Key { digit, ..key() });
        }
        let (kind, at, payload) = match self.pressed {
            Some(key) => (101, key.since, key.payload()),
            None => {
                let from = usize::try_from(self.sample % 8000).ok()?;
                (0, self.sample, self.voice.as_ref()?.get(from..from + 160)?.to_vec())
            }
        };
        self.pressed = self.pressed.and_then(Key::next);
        let mut packet = vec![0x80, kind];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(at.to_be_bytes());
        packet.extend(0x0d02_0d02_u32.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.sample = self.sample.wrapping_add(160);
        Some(packet)
    }
}

impl Key {
    /// What the next packet tells: the digit, whether it is over, how long it has lasted.
    fn payload(self) -> Vec<u8> {
        let (pressed, _) = KEY_PACKETS;
        let over = if self.packets >= pressed { 0x80 } else { 0 };
        let lasted = 160 * (self.packets + 1).min(pressed);
        [[self.digit, over | 10], lasted.to_be_bytes()].concat()
    }

    fn next(self) -> Option<Self> {
        let (pressed, over) = KEY_PACKETS;
        (self.packets + 1 < pressed + over).then_some(Self { packets: self.packets + 1, ..self })
    }
}
