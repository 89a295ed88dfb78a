//! The metrics for Prometheus. Names and units follow its conventions: seconds, `_total` for counters.
//!
//! Every label value is a constant or a name from the rules or the configuration: nothing that a caller chooses
//! becomes a label.

use std::cell::RefCell;

use prometheus::proto::MetricType;
use prometheus::{
    Counter, CounterVec, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::ids::QueueName;
use crate::missed::ending::Ending;
use crate::missed::outgoing::{Medium, Said};
use crate::missed::verdict::Verdict;

/// A metric that could not be made or read.
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

/// The counters of a node with their help texts, in the order of [`crate::switch::NodeStats::counts`].
pub const NODE_COUNTERS: [(&str, &str); 8] = [
    ("events", "Events taken from FreeSWITCH"),
    ("events_dropped", "Events lost because they were not taken fast enough"),
    ("mailbox_full", "Events that found a leg's mailbox full"),
    ("commands", "Commands sent to FreeSWITCH"),
    ("connects", "Links that came up"),
    ("connect_failures", "Links that did not come up"),
    ("heartbeat_gaps", "Heartbeats of FreeSWITCH that did not come in time"),
    ("restarts", "Restarts of FreeSWITCH that were noticed"),
];

crate::vocabulary! {
    /// Why a caller was handed back to the dialplan.
    "reason to hand back" pub enum HandedBack {
        /// The call's FreeSWITCH is not among `[[switch.nodes]]`.
        UnknownNode = "unknown_node",
        /// There are as many callers as `[calls] max_calls` allows.
        Overloaded = "overloaded",
        /// The database did not record the arrival in time.
        NotRecorded = "not_recorded",
        /// The controller stops.
        Drained = "drained",
    }
}

crate::vocabulary! {
    /// A row that fails, and is skipped for a while.
    "skipped row" pub enum SkippedRow {
        /// A case that cannot be changed or leased.
        Case = "case",
        /// An attempt that cannot be closed.
        Attempt = "attempt",
        /// An event that cannot be turned into deliveries.
        Event = "event",
    }
}

crate::vocabulary! {
    /// A difference that the self-check repaired.
    "repair" pub enum Repair {
        /// A call was open in the rows, and no task had it.
        CallWithoutStory = "call_without_story",
        /// An offer was open in the rows, and no task had it.
        OfferWithoutRing = "offer_without_ring",
        /// An agent was claimed by an offer that had ended.
        AgentWithoutOffer = "agent_without_offer",
        /// An agent was kept from calls longer than the rules say.
        AgentRestsTooLong = "agent_rests_too_long",
        /// A leg of the controller belonged to no offer.
        LegWithoutOffer = "leg_without_offer",
    }
}

/// The description of a metric, for the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The name with the prefix.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The labels.
    pub labels: Vec<String>,
    /// The help text.
    pub help: String,
}

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
    /// Callers that the controller has now.
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
    /// From joining a queue to FreeSWITCH's event that it dials the first phone for the caller.
    pub first_ring_seconds: Histogram,
    /// From the proposal of an offer to its `originate` command handed to the node.
    pub claim_seconds: Histogram,
    /// Time that the dispatcher spent on the board.
    pub board_seconds: Counter,
    /// Messages that the dispatcher has heard.
    pub board_events: IntCounter,
    /// From the agent's answer to FreeSWITCH's confirmation of the bridge.
    pub bridge_seconds: Histogram,
    /// Claims that the database refused; they cost the caller a moment.
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
    /// Entries that the audit refused and lacks. It should stay 0.
    pub audit_gaps: IntGauge,
    /// 1 while both links are up, by `node`.
    pub link_up: IntGaugeVec,
    /// The counters of [`NODE_COUNTERS`], by `node`.
    pub node_counters: Vec<IntCounterVec>,
    /// Events about legs that wait to be handled, by `node`.
    pub node_queue_depth: IntGaugeVec,
    /// Legs alive now, by `node`.
    pub node_legs: IntGaugeVec,
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
    /// Time inside transactions, by `name`; the commit is shared and not in it.
    pub transaction_seconds: CounterVec,
    /// Transactions waiting for the committing task.
    pub store_queue: IntGauge,
    /// Deliveries that wait in the outbox.
    pub outbox_waiting: IntGauge,
    /// The age of the oldest event with a delivery waiting.
    pub outbox_oldest: Gauge,
    /// Tries to deliver by `destination` and `result` (`done`, `skipped`, `failed`, `dead`, `closed` or `released`).
    pub deliveries: IntCounterVec,
    /// Decisions of the limits for outgoing contacts, by `medium` and `result`: a [`Medium`] and a [`Said`], each
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
        let make = Maker { registry: Registry::new(), described: RefCell::default() };
        let metrics = Self {
            calls: make.counters("calls_total", "Calls that have ended", &["queue", "ending"])?,
            handed_back: make.counters(
                "handed_back_total",
                "Callers given back to the dialplan",
                &["reason"],
            )?,
            callbacks: make.counters("callbacks_total", "Callbacks that have ended", &["how"])?,
            trunk_calls: make.gauges("trunk_calls", "Customers being dialled or talking now", &["trunk"])?,
            calls_now: make.gauge("calls_in_progress", "Calls in progress now")?,
            waiting: make.gauges("callers_waiting", "Callers waiting now", &["queue"])?,
            wait_seconds: make.times("wait_seconds", "Time in a queue", WAIT_S, &["queue", "result"])?,
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
                "Differences between rows and FreeSWITCH that were put right; should stay 0",
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
            audit_gaps: make
                .gauge("audit_gaps", "Acts that the audit lacks because it refused them; should stay 0")?,
            link_up: make.gauges("node_link_up", "1 while both links to FreeSWITCH are up", &["node"])?,
            node_counters: make.of_nodes()?,
            node_queue_depth: make.gauges(
                "node_event_queue_depth",
                "Events about legs that wait to be handled",
                &["node"],
            )?,
            node_legs: make.gauges("node_legs", "Legs alive now", &["node"])?,
            connections: make.counters(
                "connections_total",
                "Connections of FreeSWITCH, by what became of them",
                &["result"],
            )?,
            connections_open: make.gauge("connections_open", "Callers' sockets open now")?,
            accept_failures: make.counter("accept_failures_total", "Connections that were not accepted")?,
            commits: make.counter("store_commits_total", "Commits to the database")?,
            commit_seconds: make.time("store_commit_seconds", "Time of a commit", COMMIT_S)?,
            transactions: make.counters("store_transactions_total", "Transactions", &["name", "result"])?,
            transaction_seconds: make.seconds(
                "store_transaction_seconds_total",
                "Time inside transactions; the commit is shared and not in it",
                &["name"],
            )?,
            store_queue: make.gauge("store_queue_depth", "Transactions waiting to be committed")?,
            outbox_waiting: make.gauge("outbox_waiting", "Deliveries that wait")?,
            outbox_oldest: make
                .level("outbox_oldest_seconds", "Age of the oldest event with a delivery waiting")?,
            deliveries: make.counters("deliveries_total", "Tries to deliver", &["destination", "result"])?,
            outgoing_contacts: make.counters(
                "outgoing_contacts_total",
                "Calls and messages to numbers and addresses that strangers named, by the policy's decision",
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

    /// Shows counters of alarms at 0: Prometheus sees no increase of a counter that appears with its first count.
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
        for (medium, said) in
            Medium::ALL.iter().flat_map(|medium| Said::ALL.iter().map(move |said| (medium, said)))
        {
            self.outgoing_contacts.with_label_values(&[medium.as_str(), said.as_str()]);
        }
    }

    /// Counts a decision of the limits for outgoing contacts.
    pub fn contact_said(&self, medium: Medium, said: Said) {
        self.outgoing_contacts.with_label_values(&[medium.as_str(), said.as_str()]).inc();
    }

    /// Counts a decision of the limits about a dial, if they decided it.
    pub fn dial_said(&self, said: Option<Said>) {
        said.into_iter().for_each(|said| self.contact_said(Medium::Dial, said));
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

/// Makes metrics with the prefix and registers them.
struct Maker {
    registry: Registry,
    described: RefCell<Vec<Described>>,
}

impl Maker {
    fn keep<T: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: T,
    ) -> Result<T, prometheus::Error> {
        self.registry.register(Box::new(metric.clone()))?;
        let kinds = metric.collect();
        let described = metric.desc().into_iter().zip(&kinds).map(|(desc, family)| Described {
            name: desc.fq_name.clone(),
            kind: kind_word(family.get_field_type()),
            labels: desc.variable_labels.clone(),
            help: desc.help.clone(),
        });
        self.described.borrow_mut().extend(described);
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::with_opts(opts(name, help))?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(opts(name, help), labels)?)
    }

    /// A counter for each of [`NODE_COUNTERS`].
    fn of_nodes(&self) -> Result<Vec<IntCounterVec>, prometheus::Error> {
        let counter =
            |(what, help): &(&str, &str)| self.counters(&format!("node_{what}_total"), help, &["node"]);
        NODE_COUNTERS.iter().map(counter).collect()
    }

    fn sum(&self, name: &str, help: &str) -> Result<Counter, prometheus::Error> {
        self.keep(Counter::with_opts(opts(name, help))?)
    }

    fn seconds(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec, prometheus::Error> {
        self.keep(CounterVec::new(opts(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::with_opts(opts(name, help))?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(opts(name, help), labels)?)
    }

    fn level(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::with_opts(opts(name, help))?)
    }

    fn moment(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::with_opts(Opts::new(name, help))?)
    }

    fn time(&self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram, prometheus::Error> {
        self.keep(Histogram::with_opts(buckets(name, help, bounds))?)
    }

    fn times(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.keep(HistogramVec::new(buckets(name, help, bounds), labels)?)
    }
}

const fn kind_word(kind: MetricType) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY => "summary",
        MetricType::UNTYPED => "untyped",
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("dozvon")
}

fn buckets(name: &str, help: &str, bounds: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).namespace("dozvon").buckets(bounds.to_vec())
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
