//! Which call has which id at Bitrix24.
//!
//! For half an hour, or until a call is finished, Bitrix24 takes another call of the same number, type and user for
//! the same one, even if its external id differs (github.com/bitrix-tools/b24-rest-docs issue 175). The id that it
//! returns is made from these three and the current second. So calls with the same number, type and user are written
//! one at a time, and an id that another call has had is not used.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::UnixMs;
use crate::notify::Trouble;

/// How long Bitrix24 remembers a call that was never finished.
const FORGOTTEN: Duration = Duration::from_mins(30);

/// How long a call waits before it is tried again.
const TURN: Duration = Duration::from_secs(2);

/// How many ids are remembered. Two calls get the same id only within one second, and no portal takes so many calls in a
/// second.
const REMEMBERED: usize = 1000;

/// Bitrix24 tells calls apart by number, type and user.
pub(super) type Key = (String, u8, String);

#[derive(Debug, Default)]
pub(super) struct Registered(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The calls that are registered and not finished, each with the time of its registration.
    open: BTreeMap<Key, (Uuid, UnixMs)>,
    /// The ids of finished calls, with the contact of each.
    used: VecDeque<(String, Uuid)>,
}

impl Registered {
    /// Reserves the key for a call before it is registered.
    ///
    /// # Errors
    /// Passing while another call has it.
    pub(super) fn enter(&self, key: &Key, contact: Uuid, now: UnixMs) -> Result<(), Trouble> {
        let mut state = self.lock();
        state.open.retain(|_, (_, since)| now.since(*since) < FORGOTTEN);
        match state.open.get(key) {
            Some((other, _)) if *other != contact => {
                Err(wait("another call of this number is being written"))
            }
            _ => {
                state.open.insert(key.clone(), (contact, now));
                Ok(())
            }
        }
    }

    /// Refuses an id that another call has had.
    ///
    /// # Errors
    /// Passing: a second later Bitrix24 gives another id.
    pub(super) fn is_new(&self, call: &str, contact: Uuid) -> Result<(), Trouble> {
        let taken = self.lock().used.iter().any(|(used, by)| used == call && *by != contact);
        if taken { Err(wait("the portal returned the id of an earlier call")) } else { Ok(()) }
    }

    /// Releases the key when the call is known to be finished.
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
