//! The Prometheus recorder of this process.

use std::sync::OnceLock;

use mesh_tower::telemetry::names::{BUCKETS, HISTOGRAMS};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The recorder, installed by the first proxy of the process.
///
/// If the program that runs this proxy installed its own recorder, metrics go there, and this page is empty.
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
