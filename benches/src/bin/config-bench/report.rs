//! Shows the figures as a table and as JSON.

use std::fmt;

use mesh_benches::measure::machine;
use mesh_benches::report::{NOISY, shown};
use serde_json::{Value, json};

use crate::aims::{self, Aim};
use crate::figures::{Size, mib};

/// All figures of one invocation.
#[derive(Debug)]
pub(crate) struct Report {
    /// The version that the proxy says it is.
    pub(crate) version: String,
    pub(crate) sizes: Vec<Size>,
}

impl Report {
    /// The aims, if their size was measured.
    pub(crate) fn aims(&self) -> Vec<Aim> {
        aims::of(&self.sizes)
    }

    /// Every figure.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "machine": machine(), "version": self.version, "sizes": self.sizes, "aims": self.aims() })
    }

    /// A figure, and its ratio to that of the first size.
    fn ratio(&self, size: &Size, digits: usize, figure: impl Fn(&Size) -> Option<f64>) -> (String, String) {
        let (value, first) = (figure(size), self.sizes.first().and_then(&figure));
        let ratio = value.zip(first).map(|(value, first)| value / first);
        (shown(value, digits), shown(ratio, 1))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, gateway; ratios are to the first row\n", self.version)?;
        let ratio = "ratio";
        writeln!(
            f,
            "{:>8} {:>5} {:>5} | {:>7} {ratio:>5} | {:>10} {ratio:>5} | {:>8} {:>9} {ratio:>5} | {:>8} {:>7} {ratio:>5} | {:>10} {ratio:>5} | {:>6}",
            "services",
            "files",
            "MiB",
            "start s",
            "its CPU ms",
            "RSS MiB",
            "after all",
            "change s",
            "slowest",
            "its CPU ms",
            "others"
        )?;
        for size in &self.sizes {
            let (start, starts) = self.ratio(size, 3, Size::start);
            let (start_cpu, start_cpus) = self.ratio(size, 0, Size::start_cpu);
            let (end, ends) = self.ratio(size, 1, |size| Some(mib(size.end_kib)));
            let (change, changes) = self.ratio(size, 3, Size::in_force);
            let (cpu, cpus) = self.ratio(size, 1, Size::edit_cpu);
            writeln!(
                f,
                "{:>8} {:>5} {:>5.1} | {start:>7} {starts:>5} | {start_cpu:>10} {start_cpus:>5} | {:>8.1} {end:>9} {ends:>5} | {change:>8} {:>7} {changes:>5} | {cpu:>10} {cpus:>5} | {:>5.0}%",
                size.services,
                size.files,
                size.bytes as f64 / f64::from(1 << 20),
                mib(size.start_kib),
                shown(size.slowest(), 3),
                size.others * 100.0,
            )?;
        }
        if self.sizes.iter().any(|size| size.others > NOISY) {
            let percent = NOISY * 100.0;
            writeln!(f, "\nNOISY: other processes took over {percent:.0}% of the machine")?;
        }
        for (index, aim) in self.aims().iter().enumerate() {
            let Aim { name, unit, at_most, measured, met } = aim;
            let verdict = if *met { "met" } else { "MISSED" };
            let gap = if index == 0 { "\n" } else { "" };
            writeln!(f, "{gap}aim: {name}: {measured:.2} {unit}, at most {at_most} {unit}: {verdict}")?;
        }
        Ok(())
    }
}
