//! Virtual time for tests that use sockets.
//!
//! tokio's paused clock jumps to the next timer whenever all tasks wait, also when they wait for bytes that are on
//! their way through the loopback interface: a peer's answer then comes "too late" by minutes. A task that never
//! waits keeps the clock from jumping; it lets bytes arrive, then moves time on by a little, over and over.

use std::time::Duration;

/// Polls for bytes between two steps of time: about so many hops through sockets fit into one step.
const POLLS: usize = 24;

/// Moves paused time on, in steps of a millisecond, until it is dropped.
pub struct Pacer(tokio::task::JoinHandle<()>);

impl Pacer {
    /// Starts the flow of time. The runtime must be paused and single-threaded.
    pub fn start() -> Self {
        Self(tokio::spawn(async {
            loop {
                for _ in 0..POLLS {
                    tokio::task::yield_now().await;
                }
                tokio::time::advance(Duration::from_millis(1)).await;
            }
        }))
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
