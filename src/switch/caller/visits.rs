//! The visits of each caller. A caller who was transferred back to us makes another visit on the same channel, while the
//! socket of an earlier visit without a talk stays open (docs/architecture/freeswitch.md, "When the controller goes away").
//!
//! In: a visit begins. Out: the earlier visit is notified, and sends no more commands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

use crate::ids::ChannelId;

/// The latest visit of each caller. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::switch) struct Visits(Arc<Mutex<HashMap<ChannelId, Arc<Shared>>>>);

#[derive(Debug, Default)]
struct Shared {
    /// Cancelled when the next visit begins.
    over: CancellationToken,
    /// Cancelled when the caller goes back to the dialplan: then this visit's socket is closed, too.
    close: CancellationToken,
    /// Locked while commands are sent that must not come after those of the next visit.
    commands: tokio::sync::Mutex<()>,
}

/// One visit; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::switch) struct Visit {
    visits: Visits,
    channel: ChannelId,
    shared: Arc<Shared>,
    before: Option<Arc<Shared>>,
}

impl Visits {
    /// Begins a visit. Returns when the earlier visit sends no more commands.
    pub(in crate::switch) async fn begin(&self, channel: ChannelId) -> Visit {
        let shared = Arc::<Shared>::default();
        let before = self.with(|visits| visits.insert(channel, Arc::clone(&shared)));
        if let Some(before) = &before {
            before.over.cancel();
            drop(before.commands.lock().await);
        }
        Visit { visits: self.clone(), channel, shared, before }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<ChannelId, Arc<Shared>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Visit {
    /// Whether no other visit on this channel is known.
    pub(super) const fn is_first(&self) -> bool {
        self.before.is_none()
    }

    /// Waits until the next visit begins. Cancel-safe.
    pub(super) async fn over(&self) {
        self.shared.over.cancelled().await;
    }

    /// The caller goes back to the dialplan: the sockets of earlier visits close at the same moment. A socket that closed later
    /// would interrupt whatever the caller is in by then.
    pub(super) fn close_before(&self) {
        self.before.iter().for_each(|before| before.close.cancel());
    }

    /// Waits until a later visit closes this one's socket. Cancel-safe.
    pub(super) async fn closes(&self) {
        self.shared.close.cancelled().await;
    }

    /// The right to send commands while it is held; none once the next visit has begun.
    pub(super) async fn commands(&self) -> Option<MutexGuard<'_, ()>> {
        let held = self.shared.commands.lock().await;
        (!self.shared.over.is_cancelled()).then_some(held)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Self { visits, channel, shared, .. } = self;
        visits.with(|visits| {
            if visits.get(channel).is_some_and(|latest| Arc::ptr_eq(latest, shared)) {
                visits.remove(channel);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_visit_ends_the_one_before() {
        let (visits, channel) = (Visits::default(), ChannelId::new());
        let first = visits.begin(channel).await;
        assert!(first.is_first());
        assert!(first.commands().await.is_some());
        let second = visits.begin(channel).await;
        first.over().await;
        assert!(!second.is_first());
        assert!(first.commands().await.is_none());
        drop(first);
        assert!(second.commands().await.is_some(), "the end of the first is not the end of the second");
        drop(second);
        assert!(visits.0.lock().unwrap().is_empty());
        assert!(visits.begin(channel).await.is_first());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_visit_waits_for_commands_under_way() {
        let (visits, channel) = (Visits::default(), ChannelId::new());
        let first = visits.begin(channel).await;
        let commands = first.commands().await.unwrap();
        let begins = visits.begin(channel);
        tokio::pin!(begins);
        let waits = tokio::time::timeout(std::time::Duration::from_secs(1), &mut begins).await;
        assert!(waits.is_err(), "it did not wait");
        drop(commands);
        assert!(!begins.await.is_first());
    }
}
