//! Counters that a test can read: a recorder for one thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder, SharedString,
    Unit, set_default_local_recorder,
};

/// What was counted on this thread since [`Counters::install`].
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<String, Arc<Count>>>);

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

impl Counters {
    /// Counts until the guard is dropped; what is started meanwhile keeps its counters.
    pub fn install(&'static self) -> LocalRecorderGuard<'static> {
        set_default_local_recorder(self)
    }

    /// Counters that last: a test's.
    #[must_use]
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// The sum of the counters of this name whose labels hold `label`, such as `limit=budget`.
    ///
    /// # Panics
    /// If a counting thread panicked.
    #[must_use]
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let counts = self.0.lock().expect("no panic while counters are listed");
        let named = counts.iter().filter(|(key, _)| {
            key.split_once('{').is_some_and(|(known, labels)| known == name && labels.contains(label))
        });
        named.map(|(_, count)| count.0.load(Ordering::Relaxed)).sum()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}", key.name(), labels.join(","));
        let mut counts = self.0.lock().expect("no panic while counters are listed");
        Counter::from_arc(counts.entry(name).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
