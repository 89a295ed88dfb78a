//! Makes metrics. Each has the prefix, is registered, and is described for the reference.

use std::cell::RefCell;

use prometheus::proto::MetricType;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry,
};

/// The counters of a node with their help texts, in the order of [`crate::switch::NodeStats::counts`].
pub const NODE_COUNTERS: [(&str, &str); 7] = [
    ("events", "Events taken from FreeSWITCH"),
    ("mailbox_full", "Events that found a leg's mailbox full"),
    ("commands", "Commands sent to FreeSWITCH"),
    ("connects", "Links that came up"),
    ("connect_failures", "Links that did not come up"),
    ("heartbeat_gaps", "Heartbeats of FreeSWITCH that did not come in time"),
    ("restarts", "Restarts of FreeSWITCH that were noticed"),
];

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

/// Makes metrics with the prefix and registers them.
pub(super) struct Maker {
    pub registry: Registry,
    pub described: RefCell<Vec<Described>>,
}

impl Maker {
    pub(super) fn new() -> Self {
        Self { registry: Registry::new(), described: RefCell::default() }
    }

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

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::with_opts(opts(name, help))?)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(opts(name, help), labels)?)
    }

    /// A counter for each of [`NODE_COUNTERS`].
    pub(super) fn of_nodes(&self) -> Result<Vec<IntCounterVec>, prometheus::Error> {
        let counter =
            |(what, help): &(&str, &str)| self.counters(&format!("node_{what}_total"), help, &["node"]);
        NODE_COUNTERS.iter().map(counter).collect()
    }

    pub(super) fn sum(&self, name: &str, help: &str) -> Result<Counter, prometheus::Error> {
        self.keep(Counter::with_opts(opts(name, help))?)
    }

    pub(super) fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<CounterVec, prometheus::Error> {
        self.keep(CounterVec::new(opts(name, help), labels)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::with_opts(opts(name, help))?)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(opts(name, help), labels)?)
    }

    pub(super) fn level(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::with_opts(opts(name, help))?)
    }

    pub(super) fn levels(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        self.keep(GaugeVec::new(opts(name, help), labels)?)
    }

    pub(super) fn moment(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.keep(Gauge::with_opts(Opts::new(name, help))?)
    }

    pub(super) fn time(
        &self,
        name: &str,
        help: &str,
        bounds: &[f64],
    ) -> Result<Histogram, prometheus::Error> {
        self.keep(Histogram::with_opts(buckets(name, help, bounds))?)
    }

    pub(super) fn times(
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
