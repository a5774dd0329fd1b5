//! The aims for the largest size, and whether they are met.

use serde::Serialize;

use crate::figures::Size;

/// The size that aims are for.
const SERVICES: u32 = 5_000;

/// One aim beside its figure.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Aim {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) at_most: f64,
    pub(crate) measured: f64,
    pub(crate) met: bool,
}

/// The aims for the measured sizes; no aims for sizes that were not measured.
pub(crate) fn of(sizes: &[Size]) -> Vec<Aim> {
    let Some(size) = sizes.iter().find(|size| size.services == SERVICES) else { return Vec::new() };
    let growth = || {
        let least = sizes.first().filter(|first| first.services < SERVICES)?;
        Some(size.edit_cpu()? / least.edit_cpu()?)
    };
    let aims = [
        ("start", "s", 1.5, size.start()),
        ("memory, also after the changes", "MiB", 150.0, Some(size.memory())),
        ("a change in force, median", "s", 0.3, size.in_force()),
        ("CPU of a change, to that of the first size", "x", 3.0, growth()),
    ];
    aims.into_iter()
        .filter_map(|(name, unit, at_most, measured)| {
            let measured = measured?;
            Some(Aim { name, unit, at_most, measured, met: measured <= at_most })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Edit;

    fn size(services: u32, cpu_ms: f64) -> Size {
        let edits = vec![Edit { change: "header", seconds: 0.2, cpu_ms }];
        let (starts, start_cpu_ms) = (vec![1.6], vec![1.0]);
        let (start_kib, end_kib) = (100 << 10, 151 << 10);
        Size { services, files: 1, bytes: 1, starts, start_cpu_ms, start_kib, end_kib, edits, others: 0.0 }
    }

    #[test]
    fn an_aim_is_met_up_to_its_bound() {
        let met = |sizes: &[Size]| of(sizes).iter().map(|aim| aim.met).collect::<Vec<_>>();
        assert_eq!(met(&[size(100, 10.0), size(5_000, 30.0)]), [false, false, true, true]);
        assert_eq!(met(&[size(100, 10.0), size(5_000, 31.0)]), [false, false, true, false]);
    }

    #[test]
    fn growth_needs_a_smaller_size_and_all_need_their_own() {
        assert_eq!(of(&[size(5_000, 1.0)]).len(), 3);
        assert!(of(&[size(100, 1.0)]).is_empty());
    }
}
