//! The link for events: one task reads FreeSWITCH's frames, hands events to the hub, and sends commands.
//!
//! In: frames, commands. Out: events, by a call that does not wait; answers.
//! *Why not the event socket crate here:* it decodes all of the 200 headers of an event, of which we read ten.
//! **Invariants:** the task waits for nothing but its socket, requests and time; one command at a time; a command that was
//! sent is answered, at the latest when the connection ends; any doubt about the connection ends it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::frames::{Frame, FrameLimits, Frames, SocketError, check_line, outcome};
use super::hub::Hub;
use super::leg_request::{CALLER, LEG_ROLE_HEADER, LegRole};
use super::link_commands::{Command, CommandError, LinkRequest};
use super::login::log_in;
use super::node_stats::count;
use super::talks::USERS;
use super::wire::WireError;
use crate::config::switch::NodeSettings;
use crate::ids::CoreId;
use crate::inbox::Inbox;
use crate::vital::Beat;

/// The results of other programs' jobs come here too, and may be long.
const LIMITS: FrameLimits = FrameLimits { at_a_time: 64 * 1024, frame: 8 * 1024 * 1024 };

/// Wakes FreeSWITCH's listener. It skips the empty line, answers nothing, and sends the events that wait: by itself it
/// looks for them every 20 ms (mod_event_socket.c, `read_packet`).
const WAKE: &str = "\n";

/// A connection that has logged in and subscribed.
pub(super) struct EventLink {
    frames: Frames,
    /// The run of FreeSWITCH, if it answered.
    pub core: Option<CoreId>,
}

impl EventLink {
    /// Connects, logs in, subscribes, and asks for the run of FreeSWITCH. Events that come meanwhile go to the hub.
    pub(super) async fn open(node: &NodeSettings, hub: &Hub) -> Result<Self, WireError> {
        let mut link = Self { frames: log_in(node, LIMITS).await?, core: None };
        link.subscribe(hub, node.command_timeout).await?;
        link.core = match link.ask("api global_getvar core_uuid", hub, node.command_timeout).await {
            Ok(core) => core.trim().parse().ok(),
            Err(SocketError::Refused(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(link)
    }

    /// Subscribes only to events that are used, of our own legs, of callers who talk, and of directory users (who are not
    /// rung while they talk): other applications may use the node too.
    async fn subscribe(&mut self, hub: &Hub, limit: Duration) -> Result<(), SocketError> {
        let roles = LegRole::ALL.iter().map(|role| role.as_str()).chain([CALLER]);
        let legs = roles.map(|role| format!("filter {LEG_ROLE_HEADER} {role}"));
        let users = USERS.iter().map(|user| format!("filter variable_{user} /./"));
        let others = ["BACKGROUND_JOB", "HEARTBEAT"].iter().map(|kind| format!("filter Event-Name {kind}"));
        for filter in legs.chain(users).chain(others) {
            self.ask(&filter, hub, limit).await?;
        }
        let kinds = "CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE BACKGROUND_JOB HEARTBEAT";
        self.ask(&format!("event plain {kinds}"), hub, limit).await.map(drop)
    }

    /// Sends a command and waits for its answer.
    async fn ask(&mut self, command: &str, hub: &Hub, limit: Duration) -> Result<String, SocketError> {
        check_line(command)?;
        timeout(limit, async {
            self.frames.write(&format!("{command}\n\n")).await?;
            loop {
                if let Some(said) = heard(self.frames.next().await?, hub)? {
                    return outcome(said);
                }
            }
        })
        .await?
    }
}

/// Takes in a frame, and returns what it answers, if it is an answer.
fn heard(frame: Frame, hub: &Hub) -> Result<Option<String>, SocketError> {
    match frame {
        Frame::Event(event) => hub.take(&event, Instant::now()),
        Frame::Reply(said) => return Ok(Some(said)),
        Frame::Leave => return Err(SocketError::Closed),
        Frame::Lingers | Frame::LoginWanted | Frame::NotAllowed => {
            return Err(SocketError::Malformed("a frame that does not belong here"));
        }
    }
    Ok(None)
}

/// What serves a link for events until it ends.
pub(super) struct EventService<'a> {
    pub link: EventLink,
    pub node: &'a NodeSettings,
    pub hub: &'a Hub,
    pub requests: &'a mut Inbox<LinkRequest>,
    pub beat: &'a Beat,
    pub stop: &'a CancellationToken,
}

/// The command that was sent, and until when its answer may come.
struct Asked {
    request: LinkRequest,
    until: Instant,
}

impl EventService<'_> {
    /// Serves until the connection ends, and returns why it did.
    pub(super) async fn run(mut self) -> String {
        let mut asked = None;
        let why = self.serve(&mut asked).await;
        if let Some(Asked { request, .. }) = asked {
            let error = match &why {
                End::Broken(error) => WireError::from(error),
                End::Wanted(why) => WireError::Closed((*why).to_owned()),
            };
            answer(request, Err(error));
        }
        self.link.frames.close().await;
        match why {
            End::Broken(error) => WireError::from(&error).to_string(),
            End::Wanted(why) => why.to_owned(),
        }
    }

    async fn serve(&mut self, asked: &mut Option<Asked>) -> End {
        let mut watch = interval(Duration::from_secs(1));
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut poll = interval(self.node.poll_interval.max(Duration::from_millis(1)));
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let polls = !self.node.poll_interval.is_zero();
        let mut last_heard = Instant::now();
        loop {
            let overdue = asked.as_ref().map_or_else(Instant::now, |asked| asked.until);
            let done = tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Wanted("we stop"),
                () = sleep_until(overdue), if asked.is_some() => Err(SocketError::TimedOut),
                now = watch.tick() => self.watch(now, last_heard),
                ask = self.requests.recv(), if asked.is_none() => match ask {
                    Some(request) => self.send(request, asked),
                    None => return End::Wanted("the controller has dropped this node"),
                },
                _ = poll.tick(), if polls && self.hub.awaits_events() => self.link.frames.write_now(WAKE),
                () = self.hub.awaited.begun(), if polls => Ok(()),
                frame = self.link.frames.next() => {
                    last_heard = Instant::now();
                    self.hear(frame, asked)
                }
            };
            if let Err(error) = done {
                return End::Broken(error);
            }
        }
    }

    /// Sends a command.
    fn send(&self, request: LinkRequest, asked: &mut Option<Asked>) -> Result<(), SocketError> {
        count(&self.hub.stats.commands);
        let text = match &request.command {
            Command::Api(command) => ("api", command),
            Command::BgApi(command) => ("bgapi", command),
        };
        if let Err(error) = check_line(text.1) {
            answer(request, Err(error.into()));
            return Ok(());
        }
        let sent = self.link.frames.write_now(&format!("{} {}\n\n", text.0, text.1));
        *asked = Some(Asked { request, until: Instant::now() + self.node.command_timeout });
        sent
    }

    fn hear(&self, frame: Result<Frame, SocketError>, asked: &mut Option<Asked>) -> Result<(), SocketError> {
        self.beat.works();
        let said = heard(frame?, self.hub);
        self.beat.rests();
        let Some(said) = said? else { return Ok(()) };
        let Some(Asked { request, .. }) = asked.take() else {
            return Err(SocketError::Malformed("an answer that nobody asked for"));
        };
        answer(request, outcome(said).map_err(WireError::from));
        Ok(())
    }

    /// Checks that FreeSWITCH is alive, once a second.
    fn watch(&self, now: Instant, last_heard: Instant) -> Result<(), SocketError> {
        self.hub.check_heartbeat(now, self.node.heartbeat_timeout);
        if now.saturating_duration_since(last_heard) > self.node.link_timeout {
            return Err(SocketError::Silent);
        }
        Ok(())
    }
}

/// Why a link ends.
enum End {
    Broken(SocketError),
    Wanted(&'static str),
}

fn answer(request: LinkRequest, said: Result<String, WireError>) {
    // Nobody waits for the answer if the sender has gone on.
    let _ = request.done.send(said.map_err(CommandError::Wire));
}
