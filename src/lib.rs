//! dozvon gets callers through to people, and turns every call that nobody took into a case.
//!
//! Each room answers one question. A room imports rooms of the rows below it only; a test (`tests/pure/layers.rs`) reads
//! this table and holds every import to it.
//!
//! | rooms, from the top | what they answer |
//! |---|---|
//! | [`cli`] | how do people see and steer it? |
//! | [`demo`] | what does a busy day look like? |
//! | [`app`] | how are the parts put together? The only wiring |
//! | [`reconcile`], [`callback`], [`web`] | is what the rows say true? · how is an open case called back? · pages and API |
//! | [`call`] | what happens to this caller? |
//! | [`context`] | what does every call, callback and page work with? |
//! | [`dispatch`] | who acts on the board, and carries out an offer? |
//! | [`audit_head`], [`notify`], [`retention`], [`switch`] | where else is the audit's head kept? · who must be told? · which rows are too old? · how do we talk to FreeSWITCH? |
//! | [`recordings`], [`store`] | what have callers recorded? · what must not be lost? |
//! | [`config`] | what is the process told at its start? |
//! | [`metrics`], [`prompts`], [`sim`] | what is counted? · which sounds are there? · how does FreeSWITCH behave, where there is none? |
//! | [`missed`], [`queue`], [`routing`] | **pure decisions:** what do we owe the caller, and when? · who rings for whom? · where should this call go? |
//! | [`rules`] | what has the administrator decided? |
//! | [`spoken`] | how is it said to a caller? |
//! | [`audit`], [`calendar`], [`cause`], [`event`], [`render`], [`signature`] | what was done, in a chain · when is somebody there? · why do calls end? · what happened, to be told · how are answers shown? · who has sent this? |
//! | [`clock`], [`document`], [`duration`], [`egress`], [`ids`], [`inbox`], [`language`], [`loopback`], [`phone`], [`secret`], [`skipped`], [`sound`], [`telemetry`], [`ticks`], [`vital`] | types that cannot hold a bad value, and tools |
//! | [`mod@vocabulary`] | how is a closed vocabulary declared? |
//! | [`mod@column`] | how are values kept in columns? |
//!
//! # The life of a call
//!
//! 1. The dialplan runs `socket`, and FreeSWITCH connects. `switch::listener` accepts the connection,
//!    `switch::handshake` asks for the caller's data, and `switch::facts` parses the data into types.
//! 2. [`call::story`] begins, one task for this caller, read from top to bottom. [`store::calls`] commits the arrival
//!    before the caller hears anything.
//! 3. [`routing::plan`] decides where the call goes, and why.
//! 4. The story carries out the plan, verb by verb, as each leads to the next: [`call::wait`] in a queue, [`call::menu`],
//!    [`call::forward`] to a contact, [`call::message`], [`call::callback`], [`call::extension`], [`call::hang_up`].
//! 5. [`dispatch::task`] knows who waits and who is free. [`queue::board`] proposes who rings for whom.
//!    [`dispatch::offer`] claims the agent in the database, then rings the phones (`switch::leg`).
//! 6. The agent answers, and [`call::talk`] connects the two: the one place where a talk begins and ends.
//! 7. A hangup, a broken socket, a stop of the controller or a transfer by somebody else becomes an error, which ends
//!    the story. [`call::record`] records the end: the call's row, the [`missed::verdict`] and the case, in one
//!    transaction.
//! 8. If the controller dies in between, [`reconcile`] compares the open rows with FreeSWITCH at the next start.
//!
//! # The life of a callback
//!
//! 1. The transaction that ends a missed call opens a case, or joins the open case of the number:
//!    [`store::case_opening`]. [`missed::case`] defines which stage may follow which.
//! 2. [`callback::tick`] moves due cases to their next stage, and leases cases that may be called.
//!    [`missed::regulation`] checks every guard.
//! 3. [`callback::story`] rings an agent, with the same [`dispatch::offer`] as for a caller. If `[callback]
//!    customer_first` is set, `callback::customer_first` rings the customer before.
//! 4. The transaction that reserves the attempt checks the guards again: [`store::callbacks`].
//! 5. [`dispatch::trunks`] chooses the trunk. If the trunk refuses the dial, `callback::redial` takes the next one.
//! 6. [`call::talk`] connects the two. [`call::attempt`] records how the attempt ended, and what follows for the case.
//! 7. A call that an agent dials by hand goes the same way from step 4 on: [`call::manual_dial`].
//!
//! # The life of an event
//!
//! 1. The transaction in which something happens writes the [`event`]: `store::notes`, [`store::outbox`].
//! 2. [`notify::relay`] makes a delivery for each destination and recipient that wants the event, and leases due
//!    deliveries.
//! 3. [`notify::strangers`] decides whether dozvon may write to somebody whom a stranger named.
//! 4. A channel delivers: [`notify::webhook`], [`notify::mail`], [`notify::gateway`], [`notify::smpp`], [`notify::crm`].
//! 5. [`store::outbox`] keeps the result: done, to be tried again, or given up.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests fail by panicking"
    )
)]

pub mod cli;

pub mod demo;

pub mod app;

pub mod callback;
pub mod reconcile;
pub mod web;

pub mod call;

pub mod context;

pub mod dispatch;

pub mod audit_head;
pub mod notify;
pub mod retention;
pub mod switch;

pub mod recordings;
pub mod store;

pub mod config;

pub mod metrics;
pub mod prompts;
pub mod sim;

pub mod missed;
pub mod queue;
pub mod routing;

pub mod rules;

pub mod spoken;

pub mod audit;
pub mod calendar;
pub mod cause;
pub mod event;
pub mod render;
pub mod signature;

pub mod clock;
pub mod document;
pub mod duration;
pub mod egress;
pub mod ids;
pub mod inbox;
pub mod language;
pub mod loopback;
pub mod phone;
pub mod secret;
pub mod skipped;
pub mod sound;
pub mod telemetry;
pub mod ticks;
pub mod vital;

pub mod vocabulary;

pub mod column;
