//! The figures of one proxy in one round.

use serde::Serialize;

use crate::load::Served;

/// One proxy in one round of one scenario.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Run {
    /// Processor time of the proxy for one request, in microseconds.
    pub(crate) cpu_us: f64,
    /// Processor time over wall-clock time: 1 is one core kept busy.
    pub(crate) busy: f64,
    /// Share of the machine that was kept busy by processes that don't belong to the run.
    pub(crate) others: f64,
    /// The load generator's report.
    pub(crate) served: Served,
}

/// One proxy in one round of the idle scenario.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Footprint {
    /// Memory after the first request.
    pub(crate) start_kib: u64,
    /// Growth for each idle connection.
    pub(crate) connection_kib: f64,
}
