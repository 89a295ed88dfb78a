//! Which call has which identity at Bitrix24.
//!
//! Bitrix24 takes a call of the same number, type and user for the one that is registered already, for half an hour or
//! until that is finished, whatever our own identity of it says (github.com/bitrix-tools/b24-rest-docs issue 175); and the
//! identity that it gives is made of these and of the second. So one call of these is told at a time, and an identity
//! that another call has had is not used again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::UnixMs;
use crate::notify::Trouble;

/// After so long a call that was never finished is another one for Bitrix24.
const FORGOTTEN: Duration = Duration::from_mins(30);

/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(2);

/// So many identities are remembered. They differ after a second: a portal takes fewer calls in that time.
const REMEMBERED: usize = 1000;

/// What Bitrix24 tells calls apart by: number, type and user.
pub(super) type Key = (String, u8, String);

#[derive(Debug, Default)]
pub(super) struct Registered(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Who was registered last under a key and is not finished, and since when.
    open: BTreeMap<Key, (Uuid, UnixMs)>,
    /// The identities of calls that are finished, and whose they were.
    used: VecDeque<(String, Uuid)>,
}

impl Registered {
    /// Takes the key for a call before it is registered.
    ///
    /// # Errors
    /// Passing while another call has it.
    pub(super) fn enter(&self, key: &Key, contact: Uuid, now: UnixMs) -> Result<(), Trouble> {
        let mut state = self.lock();
        state.open.retain(|_, (_, since)| now.since(*since) < FORGOTTEN);
        match state.open.get(key) {
            Some((other, _)) if *other != contact => Err(wait("another call of this number is being told")),
            _ => {
                state.open.insert(key.clone(), (contact, now));
                Ok(())
            }
        }
    }

    /// Refuses an identity that another call has had.
    ///
    /// # Errors
    /// Passing: a second later it is another one.
    pub(super) fn is_new(&self, call: &str, contact: Uuid) -> Result<(), Trouble> {
        let taken = self.lock().used.iter().any(|(used, by)| used == call && *by != contact);
        if taken { Err(wait("the portal gave the identity of the call before")) } else { Ok(()) }
    }

    /// Gives the key free when the call is finished, or known to be.
    pub(super) fn leave(&self, key: &Key, contact: Uuid, call: Option<&str>) {
        let mut state = self.lock();
        if state.open.get(key).is_some_and(|(holder, _)| *holder == contact) {
            state.open.remove(key);
        }
        state.used.extend(call.map(|call| (call.to_owned(), contact)));
        if state.used.len() > REMEMBERED {
            state.used.pop_front();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(reason: &str) -> Trouble {
    Trouble::Passing { reason: reason.to_owned(), wait: Some(TURN) }
}
