//! How we talk to FreeSWITCH; knows nothing of queues, routes or cases.
//!
//! In: one TCP connection per caller from the dialplan's `socket` application, and two links that we open to each node.
//! Out: [`Caller`] with its [`ChannelFacts`], [`Leg`] from originate to hangup, typed events.
//!
//! - `listener` accepts, `handshake` gets the channel's data, `facts` parses them, `caller` controls the caller's channel
//! - `node` is one FreeSWITCH, `link` one connection to it, `leg` one originated leg and `leg_state` its pure state; `hub`
//!   is what they share, and `load` knows how far they are behind
//! - `channels` asks for channels, `talks` and `recount` know which directory users are in other calls, `probe` is for
//!   `dozvon check`
//! - `dial` is the only maker of dial strings, `text` cleans what peers send
//! - `socket` speaks to one caller, `event_link` and `wire` to a node, the one for events and jobs, the other for queries;
//!   `frames` and `event` are what FreeSWITCH sends; `wire` is the only file that names the event socket crate
//!
//! **Invariants:** the task that takes events from a socket never waits for anything else (a stalled reader freezes the
//! whole FreeSWITCH); a command's future is never dropped half-way (replies carry no identity); any doubt about a connection
//! ends it; every list, queue and wait has a limit; no text of a peer is logged or passed on unchecked.

mod caller;
mod channel_event;
mod channels;
pub mod dial;
pub mod dialplan_files;
mod event;
mod event_link;
mod facts;
mod frames;
mod handshake;
mod hub;
mod leg;
mod leg_event;
mod leg_request;
mod leg_state;
mod link;
mod link_commands;
mod listener;
mod listener_stats;
mod load;
mod login;
mod node;
mod node_stats;
mod nodes;
mod originate_pool;
mod probe;
mod recount;
mod socket;
mod talks;
mod text;
mod variable;
mod wire;

pub use caller::{
    AfterTalk, Caller, CallerError, CallerEvent, DigitSource, Loops, PlayId, RecordEnd, Recording,
};
pub use channels::FoundLeg;
pub use dial::dial_string;
pub use facts::ChannelFacts;
pub use leg::{Answer, Cancel, Leg, RingLimits, Rung, Unanswered, hang_up, until_answered};
pub use leg_event::LegEvent;
pub use leg_request::{Confirm, LegInTalk, LegRequest, LegRole};
pub use listener::{Incoming, Listener, SwitchError};
pub use listener_stats::ListenerStats;
pub use load::Load;
pub use node::{Node, NodeDown, QueryError};
pub use node_stats::NodeStats;
pub use nodes::Nodes;
pub use probe::{Probe, ProbeError};
pub use talks::DirectoryUser;
pub use text::Shown;
pub use variable::Variable;
