//! Follows what changes while the controller runs: the links to the nodes, other calls on the nodes, the rules and the
//! agents.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Settings;
use crate::context::App;
use crate::rules::Rules;
use crate::store::{self, Database, StoreError};
use crate::switch::Node;

/// Watches each node: its links, and calls that the controller did not make.
pub(super) fn follow_nodes(app: &Arc<App>, tasks: &TaskTracker, stop: &CancellationToken) {
    let vital = &app.vital;
    for node in app.nodes.all() {
        vital.run("nodes", tasks, follow_node(Arc::clone(app), node.clone(), stop.clone()));
        vital.run("other calls", tasks, follow_talks(Arc::clone(app), node.clone(), stop.clone()));
    }
}

/// Tells the dispatcher which directory users of a node are in calls that the controller did not make, until told to
/// stop.
async fn follow_talks(app: Arc<App>, node: Node, stop: CancellationToken) {
    let mut changed = node.talks_changed();
    let truth = node.keep_talks_true();
    tokio::pin!(truth);
    let (mut told, mut told_domain) = (false, None);
    loop {
        // The users are sent before the flag that they are known.
        let counted = node.talks_are_counted();
        let (users, domain) = (node.take_talk_changes(), node.usual_domain());
        if !users.is_empty() || domain != told_domain {
            app.dispatcher.elsewhere(node.name().clone(), domain.clone(), users).await;
            told_domain = domain;
        }
        if counted != told {
            app.dispatcher.counted(node.name().clone(), counted).await;
            told = counted;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = &mut truth => return,
            // The sender lives as long as the node, and this task holds the node.
            _ = changed.changed() => {}
        }
    }
}

/// Tells the dispatcher whenever the link to a node comes up or goes down.
async fn follow_node(app: Arc<App>, node: Node, stop: CancellationToken) {
    let mut up = node.up();
    loop {
        let now = *up.borrow_and_update();
        app.dispatcher.node(node.name().clone(), now).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = up.changed() => if changed.is_err() { return },
        }
    }
}

/// Reads rules and agents again whenever another process has changed the database.
pub(super) async fn follow_rules(
    app: Arc<App>,
    rules_now: watch::Sender<Arc<Rules>>,
    stop: CancellationToken,
) {
    let mut changes = app.store.changes();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
        match app.store.recall("rules", read_rules).await {
            Ok((rules, agents)) => {
                let are_new = rules != *rules_now.borrow();
                if are_new {
                    warn_of(&app.settings, &rules);
                }
                app.dispatcher.reload(Arc::clone(&rules), agents).await;
                rules_now.send_replace(rules);
                if are_new {
                    tracing::info!("the new rules are in force");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the changed rules cannot be read; the old rules stay in force. Apply the rules file again")
            }
        }
    }
}

pub(super) fn read_rules(c: &mut Database) -> Result<(Arc<Rules>, Vec<store::agents::AgentRow>), StoreError> {
    Ok((Arc::new(store::rules::load(c)?), store::agents::all(c)?))
}

/// Warns of settings and rules that are valid but do not fit together.
pub(super) fn warn_of(settings: &Settings, rules: &Rules) {
    for line in &settings.outdated {
        tracing::warn!("{line}; the next release reads the new name only");
    }
    if let Some((host, sslmode)) = settings.database.in_clear(std::env::var("PGSSLMODE").ok().as_deref()) {
        tracing::warn!(
            host,
            sslmode,
            "the connection to the database may be unencrypted: see `dozvon check`"
        );
    }
    if let Some((detail, remedy)) = settings.callback.nobody_calls_back(rules) {
        tracing::warn!(remedy, "{detail}");
    }
}
