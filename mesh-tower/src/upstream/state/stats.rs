//! Envoy's cluster counters (ME-7).

use std::sync::Arc;

use metrics::{Counter, Label, counter};

/// Handles, looked up once: when a request first uses the cluster. Most clusters of a large configuration are never
/// called, and each handle costs a row of the recorder.
///
/// The gauges of ME-7 are not kept but read from the cluster's own state when metrics are rendered:
/// [`Cluster::publish`](super::Cluster::publish).
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are Envoy's, documented there")]
pub struct Stats {
    pub upstream_rq_total: Counter,
    pub upstream_rq_retry: Counter,
    pub upstream_rq_retry_success: Counter,
    pub upstream_rq_retry_overflow_budget: Counter,
    pub upstream_rq_retry_overflow_concurrency: Counter,
    pub upstream_rq_retry_limit_exceeded: Counter,
    pub upstream_rq_timeout: Counter,
    pub upstream_rq_per_try_timeout: Counter,
    pub upstream_rq_pending_overflow: Counter,
    pub upstream_reuse_race: Counter,
    pub upstream_cx_total: Counter,
    pub upstream_cx_overflow: Counter,
    pub upstream_cx_connect_fail: Counter,
    pub outlier_detection_ejections_enforced_total: Counter,
    pub outlier_detection_ejections_overflow: Counter,
    pub lb_healthy_panic: Counter,
}

impl Stats {
    pub(super) fn new(cluster: &Arc<str>) -> Self {
        let name = || Label::new("cluster_name", cluster.clone());
        let retry_overflow = |limit| {
            counter!(
                "envoy_cluster_upstream_rq_retry_overflow",
                vec![name(), Label::from_static_parts("limit", limit)]
            )
        };
        macro_rules! plain {
            ($name:literal) => {
                counter!(concat!("envoy_cluster_", $name), vec![name()])
            };
        }
        Self {
            upstream_rq_total: plain!("upstream_rq_total"),
            upstream_rq_retry: plain!("upstream_rq_retry"),
            upstream_rq_retry_success: plain!("upstream_rq_retry_success"),
            upstream_rq_retry_overflow_budget: retry_overflow("budget"),
            upstream_rq_retry_overflow_concurrency: retry_overflow("concurrency"),
            upstream_rq_retry_limit_exceeded: plain!("upstream_rq_retry_limit_exceeded"),
            upstream_rq_timeout: plain!("upstream_rq_timeout"),
            upstream_rq_per_try_timeout: plain!("upstream_rq_per_try_timeout"),
            upstream_rq_pending_overflow: plain!("upstream_rq_pending_overflow"),
            upstream_reuse_race: plain!("upstream_reuse_race"),
            upstream_cx_total: plain!("upstream_cx_total"),
            upstream_cx_overflow: plain!("upstream_cx_overflow"),
            upstream_cx_connect_fail: plain!("upstream_cx_connect_fail"),
            outlier_detection_ejections_enforced_total: plain!("outlier_detection_ejections_enforced_total"),
            outlier_detection_ejections_overflow: plain!("outlier_detection_ejections_overflow"),
            lb_healthy_panic: plain!("lb_healthy_panic"),
        }
    }
}
