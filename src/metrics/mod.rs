//! The metrics for Prometheus. Names and units follow the conventions of Prometheus: seconds, `_total` for counters.
//!
//! Every label value is a constant, or a name from the rules or the configuration. A text that a caller chooses is
//! never a label.

mod alarms;
mod maker;

use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Registry, TextEncoder,
};

use crate::ids::QueueName;
use crate::missed::ending::Ending;
use crate::missed::outgoing::{ContactVerdict, Medium};
use crate::missed::verdict::Verdict;

pub use self::alarms::{HandedBack, Repair, SkippedRow};
use self::maker::Maker;
pub use self::maker::{Described, NODE_COUNTERS};

/// A metric cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// Upper bounds for waits and talks, in seconds.
const WAIT_S: &[f64] =
    &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0];
/// Upper bounds for commits, in seconds.
const COMMIT_S: &[f64] =
    &[0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Upper bounds for times that should be milliseconds, in seconds.
const QUICK_S: &[f64] =
    &[0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Upper bounds for the time until a phone rings, in seconds: milliseconds if an agent is free.
const FIRST_S: &[f64] =
    &[0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Every metric of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    /// Calls by `queue` (`none` if they never reached one) and `ending`.
    pub calls: IntCounterVec,
    /// Callers handed back to the dialplan, by `reason`: a [`HandedBack`], each shown from the start.
    pub handed_back: IntCounterVec,
    /// Callbacks that ended, by `how`: `released`, `refused`, `unreached`, `talked` or `lost`.
    pub callbacks: IntCounterVec,
    /// Customers who are being dialled or talk now, by `trunk`.
    pub trunk_calls: IntGaugeVec,
    /// Calls in progress now.
    pub calls_now: IntGauge,
    /// Callers waiting now, by `queue`.
    pub waiting: IntGaugeVec,
    /// Time from joining a queue to leaving it, by `queue` and `result` (`answered` or `left`).
    pub wait_seconds: HistogramVec,
    /// Agents by `status` and `activity`.
    pub agents: IntGaugeVec,
    /// Offers by `queue` and `outcome`.
    pub offers: IntCounterVec,
    /// How long phones rang, by `queue`.
    pub ring_seconds: HistogramVec,
    /// Time from joining a queue until FreeSWITCH reports that it dials the first phone for the caller.
    pub first_ring_seconds: Histogram,
    /// Time from the proposal of an offer until its `originate` command is handed to the node.
    pub claim_seconds: Histogram,
    /// Time that the dispatcher spent deciding on the board.
    pub board_seconds: Counter,
    /// Messages that the dispatcher has handled.
    pub board_events: IntCounter,
    /// Time from the agent's answer until FreeSWITCH confirms the bridge.
    pub bridge_seconds: Histogram,
    /// Claims that the database refused. The caller is offered to the next agent.
    pub claims_refused: IntCounter,
    /// Missed calls by `reason`; each opened a case or joined one.
    pub missed: IntCounterVec,
    /// Calls, offers, agents and legs that differed from their rows and were repaired, by `kind`: a [`Repair`], each
    /// shown from the start. They should stay 0.
    pub repairs: IntCounterVec,
    /// Rows that failed and are skipped for a while, by `what`: a [`SkippedRow`], each shown from the start. They
    /// should stay 0.
    pub rows_skipped: IntCounterVec,
    /// Cases open now.
    pub cases_open: IntGauge,
    /// Open cases that were opened in a flood of calls and wait for people.
    pub cases_flooded: IntGauge,
    /// Entries that the audit lacks because it refused them. It should stay 0.
    pub audit_gaps: IntGauge,
    /// Schedules whose holidays of a year are missing.
    pub calendars_missing: IntGauge,
    /// 1 while both links are up, by `node`.
    pub link_up: IntGaugeVec,
    /// The counters of [`NODE_COUNTERS`], by `node`.
    pub node_counters: Vec<IntCounterVec>,
    /// Events about legs that wait to be handled, by `node`.
    pub node_queue_depth: IntGaugeVec,
    /// How long FreeSWITCH and the controller take for what takes milliseconds otherwise, by `node`.
    pub node_lag_seconds: GaugeVec,
    /// Legs alive now, by `node`.
    pub node_legs: IntGaugeVec,
    /// Connections on which phones are rung, by `node`.
    pub node_originate_connections: IntGaugeVec,
    /// Connections to the listener, by `result`.
    pub connections: IntCounterVec,
    /// Callers' sockets open now.
    pub connections_open: IntGauge,
    /// Connections that could not be accepted, mostly because file descriptors ran out.
    pub accept_failures: IntCounter,
    /// Commits to the database.
    pub commits: IntCounter,
    /// How long a commit took, its fsync included.
    pub commit_seconds: Histogram,
    /// Transactions by `name` and `result` (`done` or `failed`).
    pub transactions: IntCounterVec,
    /// Time inside transactions, by `name`, without the shared commit.
    pub transaction_seconds: CounterVec,
    /// Transactions waiting for the committing task.
    pub store_queue: IntGauge,
    /// Deliveries that wait in the outbox.
    pub outbox_waiting: IntGauge,
    /// The age of the oldest event with a waiting delivery.
    pub outbox_oldest: Gauge,
    /// Tries to deliver by `destination` and `result` (`done`, `skipped`, `failed`, `dead`, `closed` or `released`).
    pub deliveries: IntCounterVec,
    /// Decisions of the limits for outgoing contacts, by `medium` and `result`: a [`Medium`] and a [`ContactVerdict`], each
    /// shown from the start.
    pub outgoing_contacts: IntCounterVec,
    /// Log lines that were dropped because nobody read earlier lines in time.
    pub log_dropped: IntCounter,
    /// When the process started, in seconds since 1970.
    pub started: Gauge,
}

impl Metrics {
    /// Makes and registers every metric.
    ///
    /// # Errors
    /// If a name is taken or malformed, which a test would show.
    #[expect(clippy::too_many_lines, reason = "a list: each metric with its name and what it counts")]
    pub fn new() -> Result<Self, MetricsError> {
        let make = Maker::new();
        let metrics = Self {
            calls: make.counters("calls_total", "Calls that have ended", &["queue", "ending"])?,
            handed_back: make.counters(
                "handed_back_total",
                "Callers handed back to the dialplan",
                &["reason"],
            )?,
            callbacks: make.counters("callbacks_total", "Callbacks that have ended", &["how"])?,
            trunk_calls: make.gauges("trunk_calls", "Customers being dialled or talking now", &["trunk"])?,
            calls_now: make.gauge("calls_in_progress", "Calls in progress now")?,
            waiting: make.gauges("callers_waiting", "Callers waiting now", &["queue"])?,
            wait_seconds: make.times("wait_seconds", "Time from joining a queue to leaving it", WAIT_S, &["queue", "result"])?,
            agents: make.gauges("agents", "Agents by status and activity", &["status", "activity"])?,
            offers: make.counters("offers_total", "Offers that have ended", &["queue", "outcome"])?,
            ring_seconds: make.times("ring_seconds", "How long phones rang", WAIT_S, &["queue"])?,
            first_ring_seconds: make.time(
                "first_ring_seconds",
                "Time from joining a queue until the first phone is dialled",
                FIRST_S,
            )?,
            claim_seconds: make.time(
                "offer_claim_seconds",
                "Time from an offer's proposal to its originate command",
                QUICK_S,
            )?,
            board_seconds: make.sum("board_seconds_total", "Time that the dispatcher spent deciding")?,
            board_events: make.counter("board_events_total", "Messages that the dispatcher has handled")?,
            bridge_seconds: make.time(
                "offer_bridge_seconds",
                "Time from the agent's answer to the bridge",
                QUICK_S,
            )?,
            claims_refused: make.counter(
                "claims_refused_total",
                "Claims that the database refused; the caller is offered to the next agent",
            )?,
            missed: make.counters(
                "missed_calls_total",
                "Missed calls; each opened a case or joined one",
                &["reason"],
            )?,
            repairs: make.counters(
                "repairs_total",
                "Differences between rows and FreeSWITCH that were repaired; should stay 0",
                &["kind"],
            )?,
            rows_skipped: make.counters(
                "rows_skipped_total",
                "Rows that failed and are skipped for a while; should stay 0",
                &["what"],
            )?,
            cases_open: make.gauge("cases_open", "Cases open now")?,
            cases_flooded: make
                .gauge("cases_flooded", "Open cases that came in a flood of calls and wait for people")?,
            calendars_missing: make.gauge(
                "calendars_missing",
                "Schedules without the holidays of this year or, from November on, of the next; should stay 0",
            )?,
            audit_gaps: make
                .gauge("audit_gaps", "Entries that the audit lacks because it refused them; should stay 0")?,
            link_up: make.gauges("node_link_up", "1 while both links to FreeSWITCH are up", &["node"])?,
            node_counters: make.of_nodes()?,
            node_queue_depth: make.gauges(
                "node_event_queue_depth",
                "Events about legs that wait to be handled",
                &["node"],
            )?,
            node_lag_seconds: make.levels(
                "node_lag_seconds",
                "How long FreeSWITCH and the controller take for what takes milliseconds otherwise",
                &["node"],
            )?,
            node_legs: make.gauges("node_legs", "Legs alive now, and callers who talk", &["node"])?,
            node_originate_connections: make.gauges(
                "node_originate_connections",
                "Connections to FreeSWITCH on which phones are rung",
                &["node"],
            )?,
            connections: make.counters(
                "connections_total",
                "Connections of FreeSWITCH, by result",
                &["result"],
            )?,
            connections_open: make.gauge("connections_open", "Callers' sockets open now")?,
            accept_failures: make.counter("accept_failures_total", "Connections that were not accepted")?,
            commits: make.counter("store_commits_total", "Commits to the database")?,
            commit_seconds: make.time("store_commit_seconds", "Time of a commit", COMMIT_S)?,
            transactions: make.counters("store_transactions_total", "Transactions", &["name", "result"])?,
            transaction_seconds: make.seconds(
                "store_transaction_seconds_total",
                "Time inside transactions, without the shared commit",
                &["name"],
            )?,
            store_queue: make.gauge("store_queue_depth", "Transactions waiting to be committed")?,
            outbox_waiting: make.gauge("outbox_waiting", "Deliveries waiting to be made")?,
            outbox_oldest: make
                .level("outbox_oldest_seconds", "Age of the oldest event with a waiting delivery")?,
            deliveries: make.counters("deliveries_total", "Tries to deliver an event", &["destination", "result"])?,
            outgoing_contacts: make.counters(
                "outgoing_contacts_total",
                "Calls and messages to numbers and addresses from strangers, by the decision of policy and limits",
                &["medium", "result"],
            )?,
            log_dropped: make.counter(
                "log_lines_dropped_total",
                "Log lines that were dropped because nobody read them in time",
            )?,
            started: make.moment("process_start_time_seconds", "When the process started")?,
            registry: make.registry,
            described: make.described.into_inner(),
        };
        metrics.show_alarms();
        Ok(metrics)
    }

    /// Shows the counters of alarms at 0 from the start. If a counter appeared with its first count, Prometheus would
    /// see no increase.
    fn show_alarms(&self) {
        for reason in HandedBack::ALL {
            self.handed_back.with_label_values(&[reason.as_str()]);
        }
        for what in SkippedRow::ALL {
            self.rows_skipped.with_label_values(&[what.as_str()]);
        }
        for kind in Repair::ALL {
            self.repairs.with_label_values(&[kind.as_str()]);
        }
        for (medium, verdict) in Medium::ALL
            .iter()
            .flat_map(|medium| ContactVerdict::ALL.iter().map(move |verdict| (medium, verdict)))
        {
            self.outgoing_contacts.with_label_values(&[medium.as_str(), verdict.as_str()]);
        }
    }

    /// Counts a decision of the limits for outgoing contacts.
    pub fn contact_decided(&self, medium: Medium, verdict: ContactVerdict) {
        self.outgoing_contacts.with_label_values(&[medium.as_str(), verdict.as_str()]).inc();
    }

    /// Counts a decision of the limits about a dial, if they decided it.
    pub fn dial_decided(&self, verdict: Option<ContactVerdict>) {
        verdict.into_iter().for_each(|verdict| self.contact_decided(Medium::Dial, verdict));
    }

    /// Counts a row that failed and is skipped for a while.
    pub fn row_skipped(&self, what: SkippedRow) {
        self.rows_skipped.with_label_values(&[what.as_str()]).inc();
    }

    /// Counts a call that has ended, by its last queue, and a missed call by its reason.
    pub fn call_ended(&self, queue: Option<&QueueName>, ending: Ending, verdict: Verdict) {
        let queue = queue.map_or("none", QueueName::as_str);
        self.calls.with_label_values(&[queue, ending.as_str()]).inc();
        if let Verdict::Case(reason) = verdict {
            self.missed.with_label_values(&[reason.as_str()]).inc();
        }
    }

    /// Describes every metric, in the order in which they were made, including those with labels that have no values
    /// yet.
    #[must_use]
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// If two metrics disagree, which a test would show.
    pub fn text(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_alarm_looks_at_is_there_before_the_first_time() {
        let text = Metrics::new().unwrap().text().unwrap();
        for shown in [
            "dozvon_repairs_total{kind=\"call_without_story\"} 0",
            "dozvon_repairs_total{kind=\"leg_without_offer\"} 0",
            "dozvon_handed_back_total{reason=\"not_recorded\"} 0",
            "dozvon_handed_back_total{reason=\"overloaded\"} 0",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }

    #[test]
    fn every_metric_is_registered_once_and_can_be_read() {
        let metrics = Metrics::new().unwrap();
        metrics.calls.with_label_values(&["sales", "answered"]).inc();
        metrics.wait_seconds.with_label_values(&["sales", "answered"]).observe(3.0);
        let text = metrics.text().unwrap();
        assert!(text.contains("dozvon_calls_total{ending=\"answered\",queue=\"sales\"} 1"), "{text}");
        assert!(
            text.contains("dozvon_wait_seconds_bucket{queue=\"sales\",result=\"answered\",le=\"5\"} 1"),
            "{text}"
        );
    }
}
