//! The figures of one size.

use mesh_benches::measure::median;
use serde::Serialize;

/// One change of one file.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Edit {
    /// Its kind.
    pub(crate) change: &'static str,
    /// From the replacement of the file to the first answer that shows it, in seconds.
    pub(crate) seconds: f64,
    /// Processor time of the proxy until it was idle again, without our questions, in milliseconds.
    pub(crate) cpu_ms: f64,
}

/// One number of services.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) services: u32,
    pub(crate) files: usize,
    /// Size of all files.
    pub(crate) bytes: usize,
    /// From each start of the process to the first right answer, in seconds.
    pub(crate) starts: Vec<f64>,
    /// Processor time of each start until the proxy was idle, in milliseconds.
    pub(crate) start_cpu_ms: Vec<f64>,
    /// Memory after the last start.
    pub(crate) start_kib: u64,
    /// Memory after all changes.
    pub(crate) end_kib: u64,
    pub(crate) edits: Vec<Edit>,
    /// Share of the machine that was kept busy by processes that don't belong to the run.
    pub(crate) others: f64,
}

impl Size {
    /// Seconds of a start, the median.
    pub(crate) fn start(&self) -> Option<f64> {
        median(self.starts.iter().copied())
    }

    /// Milliseconds of processor time of a start, the median.
    pub(crate) fn start_cpu(&self) -> Option<f64> {
        median(self.start_cpu_ms.iter().copied())
    }

    /// Seconds until a change is in force, the median.
    pub(crate) fn in_force(&self) -> Option<f64> {
        median(self.edits.iter().map(|edit| edit.seconds))
    }

    /// Seconds until the slowest change was in force.
    pub(crate) fn slowest(&self) -> Option<f64> {
        self.edits.iter().map(|edit| edit.seconds).reduce(f64::max)
    }

    /// Milliseconds of processor time that a change takes, the median.
    pub(crate) fn edit_cpu(&self) -> Option<f64> {
        median(self.edits.iter().map(|edit| edit.cpu_ms))
    }

    /// Memory at most, in MiB: after the start or after the changes.
    pub(crate) fn memory(&self) -> f64 {
        mib(self.start_kib.max(self.end_kib))
    }
}

/// MiB of KiB.
pub(crate) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
