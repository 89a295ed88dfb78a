//! Bounded channels for requests that somebody waits on: no request is left behind when the receiver goes.
//!
//! In: a capacity. Out: a sender of tokio, and an [`Inbox`].
//! **Invariant:** every message that was sent is received or dropped, even if a sender still exists.
//!
//! A receiver of tokio drops the messages that it holds when it is dropped. A message that is being sent in that same
//! moment, by a sender that had its place already, comes after that and stays in the channel as long as any sender
//! exists. If the message holds the place for a reply, and the sender waits for the reply, it waits for ever.

use std::ops::{Deref, DerefMut};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// A receiver that drops every message that is sent, however late. Needs a tokio runtime where it is shut or dropped.
#[derive(Debug)]
pub struct Inbox<T: Send + 'static>(mpsc::Receiver<T>);

/// Makes a channel with room for `capacity` messages, at least one.
#[must_use]
pub fn channel<T: Send + 'static>(capacity: usize) -> (mpsc::Sender<T>, Inbox<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (sender, Inbox(receiver))
}

impl<T: Send + 'static> Deref for Inbox<T> {
    type Target = mpsc::Receiver<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: Send + 'static> DerefMut for Inbox<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T: Send + 'static> Inbox<T> {
    /// Takes no more messages. What was sent and not received is dropped, and nothing is received any more.
    pub fn shut(&mut self) {
        self.0.close();
        let being_sent = loop {
            match self.0.try_recv() {
                Ok(message) => drop(message),
                Err(TryRecvError::Empty) => break true,
                Err(TryRecvError::Disconnected) => break false,
            }
        };
        if let (true, Ok(runtime)) = (being_sent, Handle::try_current()) {
            let (_, nothing) = mpsc::channel(1);
            let mut receiver = std::mem::replace(&mut self.0, nothing);
            // Ends when every sender that had a place has used it or given it back.
            runtime.spawn(async move { while receiver.recv().await.is_some() {} });
        }
    }
}

impl<T: Send + 'static> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.shut();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    /// A sender that had its place when the receiver went learns that nobody replies, though senders still exist.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_sent_while_the_receiver_goes_is_not_left_behind() {
        let (sender, inbox) = channel::<oneshot::Sender<()>>(4);
        let place = sender.reserve().await.unwrap();
        drop(inbox);
        let (reply, answer) = oneshot::channel();
        place.send(reply);
        let dropped =
            tokio::time::timeout(Duration::from_secs(1), answer).await.expect("nobody ever replies");
        assert!(dropped.is_err());
        assert!(sender.is_closed());
    }

    /// The same if the receiver only takes no more: its owner may go on for long.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_sent_while_the_receiver_shuts_is_not_left_behind() {
        let (sender, mut inbox) = channel::<oneshot::Sender<()>>(4);
        let place = sender.reserve().await.unwrap();
        inbox.shut();
        let (reply, answer) = oneshot::channel();
        place.send(reply);
        let dropped =
            tokio::time::timeout(Duration::from_secs(1), answer).await.expect("nobody ever replies");
        assert!(dropped.is_err());
        assert!(inbox.recv().await.is_none() && sender.is_closed());
    }

    #[tokio::test]
    async fn requests_that_nobody_took_are_dropped_at_once() {
        let (sender, inbox) = channel::<oneshot::Sender<()>>(4);
        let (reply, mut answer) = oneshot::channel();
        sender.try_send(reply).unwrap();
        drop(inbox);
        assert_eq!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(sender.try_send(oneshot::channel().0).is_err());
    }
}
