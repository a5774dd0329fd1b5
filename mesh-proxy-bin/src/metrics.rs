//! The Prometheus recorder of this process.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of histograms, in milliseconds or bytes (ME-5).
const BUCKETS: [f64; 19] = [
    0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6,
    3.6e6,
];

const HISTOGRAMS: [&str; 3] =
    ["istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"];

/// The recorder, installed by the first proxy of the process.
///
/// If the program that runs this proxy has installed one of its own, that one counts, and this page is
/// empty.
pub(crate) fn install() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = HISTOGRAMS.into_iter().fold(PrometheusBuilder::new(), |builder, name| {
            let matcher = Matcher::Full(name.to_owned());
            builder.set_buckets_for_metric(matcher, &BUCKETS).expect("there are bounds")
        });
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("the program has a metrics recorder of its own: /stats/prometheus stays empty");
        }
        handle
    })
}
