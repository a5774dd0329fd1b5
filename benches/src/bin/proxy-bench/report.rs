//! Gathers the rounds, and shows them as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use mesh_benches::measure::{machine, median};
use mesh_benches::report::{NOISY, shown};
use serde_json::{Value, json};

use crate::cli::Options;
use crate::figures::{Footprint, Run};
use crate::name::Name;
use crate::scenario::Scenario;

/// All figures of one invocation.
#[derive(Debug)]
pub(crate) struct Report {
    parameters: Value,
    versions: Vec<(Name, String)>,
    absent: Vec<(Name, String)>,
    cells: Vec<Cell>,
}

/// The proxies that ratios are to. One alone says little: its own time moves with the machine.
const REFERENCES: [Name; 3] = [Name::Envoy, Name::Haproxy, Name::Hyper];

/// One proxy in one scenario.
#[derive(Debug)]
struct Cell {
    scenario: Scenario,
    name: Name,
    runs: Vec<Run>,
    footprints: Vec<Footprint>,
    failures: Vec<String>,
}

impl Cell {
    fn middle(&self, value: impl Fn(&Run) -> f64) -> Option<f64> {
        median(self.runs.iter().map(value))
    }

    fn cpu_us(&self) -> Option<f64> {
        self.middle(|run| run.cpu_us)
    }

    /// Distance of the outermost rounds, as a share of the middle one.
    fn spread(&self) -> Option<f64> {
        let low = self.runs.iter().map(|run| run.cpu_us).reduce(f64::min)?;
        let high = self.runs.iter().map(|run| run.cpu_us).reduce(f64::max)?;
        Some((high - low) / self.cpu_us()?)
    }
}

impl Report {
    /// Nothing measured yet: the proxies that are present with their versions, the others with the reason.
    pub(crate) fn new(options: &Options, versions: Vec<(Name, String)>, absent: Vec<(Name, String)>) -> Self {
        let Options { requests, rounds, connections, .. } = options;
        let parameters = json!({ "requests": requests, "rounds": rounds, "idle_connections": connections });
        Self { parameters, versions, absent, cells: Vec::new() }
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, scenario: Scenario, name: Name, run: Run) {
        self.cell(scenario, name).runs.push(run);
    }

    /// Adds a round of the idle scenario.
    pub(crate) fn add_footprint(&mut self, name: Name, footprint: Footprint) {
        self.cell(Scenario::Idle, name).footprints.push(footprint);
    }

    /// Adds a round that gave no figures.
    pub(crate) fn add_failure(&mut self, scenario: Scenario, name: Name, error: &anyhow::Error) {
        self.cell(scenario, name).failures.push(format!("{error:#}"));
    }

    /// Rounds that gave no figures.
    pub(crate) fn failures(&self) -> usize {
        self.cells.iter().map(|cell| cell.failures.len()).sum()
    }

    fn cell(&mut self, scenario: Scenario, name: Name) -> &mut Cell {
        let found = self.cells.iter().position(|cell| cell.scenario == scenario && cell.name == name);
        let index = found.unwrap_or_else(|| {
            let (runs, footprints, failures) = Default::default();
            self.cells.push(Cell { scenario, name, runs, footprints, failures });
            self.cells.len() - 1
        });
        &mut self.cells[index]
    }

    fn ratio(&self, cell: &Cell, reference: Name) -> Option<f64> {
        let same = |other: &&Cell| other.scenario == cell.scenario && other.name == reference;
        Some(cell.cpu_us()? / self.cells.iter().find(same)?.cpu_us()?)
    }

    /// Each round of each proxy, with medians, ratios and a description of the machine.
    pub(crate) fn to_json(&self) -> Value {
        let by_name = |list: &[(Name, String)]| -> BTreeMap<_, _> {
            list.iter().map(|(name, text)| (name.as_str(), text.clone())).collect()
        };
        let cells: Vec<_> = self.cells.iter().map(|cell| self.cell_json(cell)).collect();
        json!({
            "machine": machine(),
            "parameters": self.parameters,
            "versions": by_name(&self.versions),
            "absent": by_name(&self.absent),
            "results": cells,
        })
    }

    fn cell_json(&self, cell: &Cell) -> Value {
        json!({
            "scenario": cell.scenario.name(),
            "proxy": cell.name.as_str(),
            "cpu_us_per_request": cell.cpu_us(),
            "ratio_to_envoy": self.ratio(cell, Name::Envoy),
            "ratio_to_haproxy": self.ratio(cell, Name::Haproxy),
            "ratio_to_hyper": self.ratio(cell, Name::Hyper),
            "start_kib": median(cell.footprints.iter().map(|it| it.start_kib as f64)),
            "connection_kib": median(cell.footprints.iter().map(|it| it.connection_kib)),
            "rounds": cell.runs,
            "footprints": cell.footprints,
            "failures": cell.failures,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, version) in &self.versions {
            writeln!(f, "{:<8} {version}", name.as_str())?;
        }
        for (name, reason) in &self.absent {
            writeln!(f, "{:<8} ABSENT: {reason}", name.as_str())?;
        }
        for scenario in Scenario::ALL {
            let mut cells: Vec<_> = self.cells.iter().filter(|cell| cell.scenario == scenario).collect();
            if cells.is_empty() {
                continue;
            }
            cells.sort_by_key(|cell| Name::ALL.iter().position(|name| *name == cell.name));
            writeln!(f)?;
            if scenario == Scenario::Idle {
                footprints(f, &cells)?
            } else {
                self.figures(f, scenario, &cells)?
            }
        }
        let noisy = self.cells.iter().flat_map(|cell| &cell.runs).filter(|run| run.others > NOISY).count();
        if noisy > 0 {
            let percent = NOISY * 100.0;
            writeln!(f, "\nNOISY: in {noisy} runs other processes took over {percent:.0}% of the machine")?;
        }
        Ok(())
    }
}

impl Report {
    fn figures(&self, f: &mut fmt::Formatter<'_>, scenario: Scenario, cells: &[&Cell]) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:>11} {:>9} {:>9} {:>9} {:>7} {:>6} {:>7} {:>9} {:>8} {:>8}",
            scenario.name(),
            "CPU us/req",
            "/ envoy",
            "/ haproxy",
            "/ hyper",
            "spread",
            "busy",
            "others",
            "req/s",
            "p50 us",
            "p99 us"
        )?;
        for cell in cells {
            write!(f, "  {:<8} ", cell.name.as_str())?;
            let rate = |run: &Run| run.served.requests as f64 / run.served.seconds;
            write!(f, "{:>11} ", shown(cell.cpu_us(), 2))?;
            for reference in REFERENCES {
                write!(f, "{:>9} ", shown(self.ratio(cell, reference), 2))?;
            }
            write!(f, "{:>6}% ", shown(cell.spread().map(|share| share * 100.0), 0))?;
            write!(f, "{:>5}% ", shown(cell.middle(|run| run.busy * 100.0), 0))?;
            write!(f, "{:>6}% ", shown(cell.middle(|run| run.others * 100.0), 0))?;
            write!(f, "{:>9} ", shown(cell.middle(rate), 0))?;
            write!(f, "{:>8} ", shown(cell.middle(|run| run.served.p50_us as f64), 0))?;
            write!(f, "{:>8}", shown(cell.middle(|run| run.served.p99_us as f64), 0))?;
            failures(f, cell)?;
        }
        Ok(())
    }
}

fn footprints(f: &mut fmt::Formatter<'_>, cells: &[&Cell]) -> fmt::Result {
    writeln!(f, "{:<10} {:>11} {:>20}", "idle", "start MiB", "KiB per connection")?;
    for cell in cells {
        let start = median(cell.footprints.iter().map(|it| it.start_kib as f64 / 1024.0));
        let connection = median(cell.footprints.iter().map(|it| it.connection_kib));
        write!(f, "  {:<8} {:>11} {:>20}", cell.name.as_str(), shown(start, 1), shown(connection, 1))?;
        failures(f, cell)?;
    }
    Ok(())
}

fn failures(f: &mut fmt::Formatter<'_>, cell: &Cell) -> fmt::Result {
    match cell.failures.len() {
        0 => writeln!(f),
        failed => writeln!(f, "   {failed} rounds FAILED"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::load::Served;

    #[test]
    fn each_row_has_a_ratio_to_every_peer() {
        let options = Cli::parse_from(["proxy-bench"]).options;
        let versions = Name::ALL.map(|name| (name, "1".to_owned())).into();
        let mut report = Report::new(&options, versions, Vec::new());
        let served = Served { requests: 1000, seconds: 1.0, p50_us: 1, p99_us: 2 };
        for (name, cpu_us) in Name::ALL.into_iter().zip([30.0, 60.0, 20.0, 15.0]) {
            report.add(Scenario::H1, name, Run { cpu_us, busy: 1.0, others: 0.0, served });
        }
        let table = report.to_string();
        let row = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(&format!("  {name} "))).unwrap();
            line.split_whitespace().skip(1).take(4).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("ours"), ["30.00", "0.50", "1.50", "2.00"], "{table}");
        assert_eq!(row("haproxy"), ["20.00", "0.33", "1.00", "1.33"], "{table}");
        assert_eq!(report.to_json()["results"][0]["ratio_to_haproxy"], 1.5);
    }

    #[test]
    fn an_absent_peer_is_named_with_the_reason() {
        let options = Cli::parse_from(["proxy-bench"]).options;
        let absent = vec![(Name::Haproxy, "no haproxy in the search path".to_owned())];
        let report = Report::new(&options, vec![(Name::Ours, "1".to_owned())], absent);
        assert!(report.to_string().contains("haproxy  ABSENT: no haproxy"), "{report}");
        assert_eq!(report.to_json()["absent"]["haproxy"], "no haproxy in the search path");
    }
}
