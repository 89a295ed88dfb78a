//! Updates metrics that other parts count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::IntCounter;
use tokio_util::sync::CancellationToken;

use crate::context::App;
use crate::metrics::Metrics;
use crate::switch::ListenerStats;
use crate::{store, telemetry};

/// How often these metrics are updated.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Updates the metrics until told to stop.
pub(super) async fn sample(app: Arc<App>, listener: Arc<ListenerStats>, stop: CancellationToken) {
    let mut every = tokio::time::interval(SAMPLE_EVERY);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        show_nodes(&app);
        show_trunks(&app);
        show_calendars(&app);
        show_store(&app);
        grow(&app.metrics.log_dropped, telemetry::dropped_lines());
        show_listener(&app.metrics, &listener);
        match app.store.read("gauges", store::reports::gauges).await {
            Ok(gauges) => show(&app.metrics, &gauges),
            Err(error) => {
                tracing::error!(%error, "the metrics of the database cannot be read; trying again later")
            }
        }
    }
}

/// Updates the store's metrics.
fn show_store(app: &App) {
    let (metrics, stats) = (&app.metrics, app.store.take_stats());
    metrics.store_queue.set(i64::try_from(stats.waiting).unwrap_or(i64::MAX));
    grow(&metrics.commits, stats.commits);
    for took in &stats.commit_times {
        metrics.commit_seconds.observe(took.as_secs_f64());
    }
    for (name, transactions) in &stats.transactions {
        grow(&metrics.transactions.with_label_values(&[name, "done"]), transactions.done);
        grow(&metrics.transactions.with_label_values(&[name, "failed"]), transactions.failed);
        let time = metrics.transaction_seconds.with_label_values(&[name]);
        time.inc_by((transactions.time.as_secs_f64() - time.get()).max(0.0));
    }
}

/// Updates the nodes' metrics.
fn show_nodes(app: &App) {
    for node in app.nodes.all() {
        let name = node.name().as_str();
        let metrics = &app.metrics;
        metrics.link_up.with_label_values(&[name]).set(i64::from(*node.up().borrow()));
        let stats = node.stats();
        for (counter, count) in metrics.node_counters.iter().zip(stats.counts()) {
            grow(&counter.with_label_values(&[name]), count);
        }
        metrics.node_queue_depth.with_label_values(&[name]).set(level(&stats.queue_depth));
        metrics.node_lag_seconds.with_label_values(&[name]).set(node.load().lag().as_secs_f64());
        metrics.node_legs.with_label_values(&[name]).set(level(&stats.legs));
        let connections = i64::try_from(node.originate_connections()).unwrap_or(i64::MAX);
        metrics.node_originate_connections.with_label_values(&[name]).set(connections);
    }
}

/// Updates the metric of calendars that end too soon.
fn show_calendars(app: &App) {
    let (rules, now) = (app.rules(), app.clock.now());
    let missing = rules.schedules.values().filter(|schedule| schedule.missing_year(now).is_some()).count();
    app.metrics.calendars_missing.set(i64::try_from(missing).unwrap_or(i64::MAX));
}

/// Updates the trunks' metrics.
fn show_trunks(app: &App) {
    for (trunk, calls) in app.trunks.calls() {
        let calls = i64::try_from(calls).unwrap_or(i64::MAX);
        app.metrics.trunk_calls.with_label_values(&[trunk.name()]).set(calls);
    }
}

/// Updates the listener's metrics.
fn show_listener(metrics: &Metrics, listener: &ListenerStats) {
    for (result, count) in listener.results() {
        grow(&metrics.connections.with_label_values(&[result]), count);
    }
    metrics.connections_open.set(level(&listener.open));
    grow(&metrics.accept_failures, listener.accept_failed.load(Ordering::Relaxed));
}

/// Raises a counter to a count that another part keeps.
fn grow(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

fn level(now: &AtomicU64) -> i64 {
    i64::try_from(now.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
}

fn show(metrics: &Metrics, gauges: &store::reports::Gauges) {
    metrics.cases_open.set(gauges.cases_open);
    metrics.cases_flooded.set(gauges.cases_flooded);
    metrics.audit_gaps.set(gauges.audit_gaps);
    metrics.agents.reset();
    for (status, activity, count) in &gauges.agents {
        metrics.agents.with_label_values(&[status.as_str(), activity.as_str()]).set(*count);
    }
}
