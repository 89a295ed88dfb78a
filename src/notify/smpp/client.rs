//! A client of a short message centre: its session is opened for the first message, and kept.
//!
//! In: messages. Out: the answer to each. Nothing is retried here; the first message after the end of a session opens
//! the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusmpp::pdus::SubmitSm;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::session::{self, Job, broken};
use crate::config::notify::Smpp;
use crate::inbox;
use crate::notify::Trouble;
use crate::notify::bucket::Bucket;

/// The client that all channels share.
#[derive(Debug)]
pub struct Client {
    settings: Arc<Smpp>,
    bucket: Bucket,
    tasks: TaskTracker,
    session: Mutex<Option<mpsc::Sender<Job>>>,
    /// Cancelled with the client, so that a bind under way ends too.
    gone: CancellationToken,
    _held: DropGuard,
}

impl Client {
    /// Makes a client that is not connected yet; its sessions run in `tasks`.
    #[must_use]
    pub fn new(settings: &Smpp, tasks: &TaskTracker) -> Self {
        let gone = CancellationToken::new();
        Self {
            settings: Arc::new(settings.clone()),
            bucket: Bucket::new(settings.rate, 1),
            tasks: tasks.clone(),
            session: Mutex::default(),
            _held: gone.clone().drop_guard(),
            gone,
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Smpp {
        &self.settings
    }

    /// Waits until the rate allows one more message.
    ///
    /// # Errors
    /// Passing if that would take longer than `patience`.
    pub async fn turn(&self, patience: Duration) -> Result<(), Trouble> {
        self.bucket.turn(patience).await.map_err(|wait| Trouble::Passing {
            reason: format!(
                "more messages are waiting than `rate` in [notify.smpp] allows: the next turn is in {wait:?}"
            ),
            wait: Some(wait),
        })
    }

    /// Sends a message and returns its id at the other side. If the future is dropped before the message was sent, the
    /// message is not sent.
    ///
    /// # Errors
    /// The other side's status, or the network's error.
    pub async fn submit(&self, message: SubmitSm) -> Result<String, Trouble> {
        let (reply, answer) = oneshot::channel();
        let mut job = Job { message, reply };
        // A session may end just as it is given a message; then the next session gets it.
        for _ in 0..2 {
            match self.session().send(job).await {
                Ok(()) => return answer.await.unwrap_or_else(|_| Err(broken("the session was ended"))),
                Err(mpsc::error::SendError(unsent)) => job = unsent,
            }
        }
        Err(broken("the session was ended"))
    }

    /// Returns the open session, or starts one.
    fn session(&self) -> mpsc::Sender<Job> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match session.as_ref().filter(|jobs| !jobs.is_closed()) {
            Some(jobs) => jobs.clone(),
            None => {
                let (jobs, taken) = inbox::channel(self.settings.window);
                self.tasks.spawn(session::run(Arc::clone(&self.settings), taken, self.gone.clone()));
                session.insert(jobs).clone()
            }
        }
    }
}
