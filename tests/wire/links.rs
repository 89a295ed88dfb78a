//! Links to a node that hangs, babbles or falls silent.

use std::time::{Duration, Instant};

use dozvon::switch::{Node, NodeSettings};

use crate::legs::{settings, up};
use crate::peer::{Switch, until};

/// One that lets us in and then does not answer is left alone for longer and longer, as if it had not let us in.
#[tokio::test]
async fn to_be_let_in_is_not_to_be_served() {
    let limit = Duration::from_millis(50);
    let switch = Switch::start().await;
    switch.mute(Some("api global_getvar core_uuid"));
    let begun = Instant::now();
    let node = Node::start(NodeSettings {
        command_timeout: limit,
        reconnect_max: Duration::from_secs(10),
        ..settings(&switch)
    });
    until(&node.stats().connect_failures, 5).await;
    let waits = settings(&switch).reconnect_min.mul_f64(0.5) * (1 + 2 + 4 + 8);
    assert!(begun.elapsed() >= limit * 5 + waits, "{:?}", begun.elapsed());
    assert!(!*node.up().borrow());
    until(switch.closed(), 5).await;
    switch.mute(None);
    up(&node, true).await;
}
