//! A recorder that a test can read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Counters and histogram samples by name and labels.
#[derive(Debug, Default)]
pub(super) struct Recording {
    counters: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<Key, Arc<Samples>>>,
}

#[derive(Debug, Default)]
struct Samples(Mutex<Vec<f64>>);

impl HistogramFn for Samples {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Recording {
    /// The series of a counter, each with its labels.
    pub(super) fn counters(&self, name: &str) -> Vec<(BTreeMap<String, String>, u64)> {
        let counters = self.counters.lock().unwrap();
        let named = counters.iter().filter(|(key, _)| key.name() == name);
        named.map(|(key, count)| (labels(key), count.load(Ordering::Relaxed))).collect()
    }

    /// All samples of a histogram, over its series.
    pub(super) fn samples(&self, name: &str) -> Vec<f64> {
        let histograms = self.histograms.lock().unwrap();
        let named = histograms.iter().filter(|(key, _)| key.name() == name);
        named.flat_map(|(_, samples)| samples.0.lock().unwrap().clone()).collect()
    }
}

fn labels(key: &Key) -> BTreeMap<String, String> {
    key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect()
}

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.counters.lock().unwrap().entry(key.clone()).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.histograms.lock().unwrap().entry(key.clone()).or_default().clone())
    }
}
