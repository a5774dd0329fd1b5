//! A recorder for one thread, whose counters and gauges a test can read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder,
    SharedString, Unit, set_default_local_recorder,
};

/// The counts on this thread since [`Counters::install`].
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<String, Arc<Count>>>);

/// Between labels, whose values may have commas.
const SEPARATOR: &str = "\n";

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// Gauges are kept as whole numbers.
impl GaugeFn for Count {
    fn increment(&self, value: f64) {
        self.0.fetch_add(value as u64, Ordering::Relaxed);
    }

    fn decrement(&self, value: f64) {
        self.0.fetch_sub(value as u64, Ordering::Relaxed);
    }

    fn set(&self, value: f64) {
        self.0.store(value as u64, Ordering::Relaxed);
    }
}

impl Counters {
    fn of(&self, key: &Key) -> Arc<Count> {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}", key.name(), labels.join(SEPARATOR));
        let mut counts = self.0.lock().expect("no panic while counters are listed");
        counts.entry(name).or_default().clone()
    }

    /// Counts until the guard is dropped; tasks that start meanwhile keep its counters.
    pub fn install(&'static self) -> LocalRecorderGuard<'static> {
        set_default_local_recorder(self)
    }

    /// Counters that last as long as the test's process.
    #[must_use]
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// The sum of the counters, or gauges, of this name that have `label`, for example `limit=budget`; of all of them
    /// if it is empty.
    ///
    /// # Panics
    /// If a counting thread panicked.
    #[must_use]
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let counts = self.0.lock().expect("no panic while counters are listed");
        let named = counts.iter().filter(|(key, _)| {
            let Some((known, labels)) = key.split_once('{') else { return false };
            known == name && (label.is_empty() || labels.split(SEPARATOR).any(|one| one == label))
        });
        named.map(|(_, count)| count.0.load(Ordering::Relaxed)).sum()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
