//! The summary as text.

use std::fmt::{self, Display, Write};

use super::report::{Latency, Report};

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = &self.requests;
        writeln!(
            f,
            "\n{} requests in {:.1} s; {} failed, of those {} GET",
            requests.total, self.seconds, requests.failed, requests.failed_get
        )?;
        if requests.skipped > 0 {
            writeln!(f, "{} were due while too many were open, and not sent", requests.skipped)?;
        }
        writeln!(f)?;
        self.rows(f)?;
        self.shares(f)?;
        self.mesh(f)?;
        if !self.events.is_empty() {
            writeln!(f, "\nDuring the run")?;
            for event in &self.events {
                writeln!(f, "  {:>6.1} s  {}", event.second, event.what)?;
            }
        }
        writeln!(f)?;
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))
    }
}

impl Report {
    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head =
            ["service", "method", "version", "requests", "failed", "p50 ms", "p99 ms", "max ms", "answers"];
        let mut table = Table::new(&head, 3, 5);
        for row in &self.by {
            let answers = row.outcomes.iter().map(|(status, count)| format!("{status}: {count}"));
            table.row([
                row.service.to_owned(),
                row.method.to_owned(),
                row.version.clone(),
                row.requests.to_string(),
                row.failures.to_string(),
                ms(row.latency_ms.p50),
                ms(row.latency_ms.p99),
                ms(row.latency_ms.max),
                answers.collect::<Vec<_>>().join(", "),
            ]);
        }
        let Latency { p50, p99, max, .. } = self.latency_ms;
        let (total, failed) = (self.requests.total.to_string(), self.requests.failed.to_string());
        table.row([
            "all".into(),
            String::new(),
            String::new(),
            total,
            failed,
            ms(p50),
            ms(p99),
            ms(max),
            String::new(),
        ]);
        write!(f, "{table}")
    }

    fn shares(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weights.is_empty() {
            return Ok(());
        }
        let head =
            ["weights of", "version", "from s", "weight", "configured %", "observed %", "of requests", ""];
        let mut table = Table::new(&head, 2, 5);
        for share in &self.weights {
            table.row([
                share.virtual_service.to_owned(),
                share.version.clone(),
                format!("{:.1}", share.from_second),
                share.weight.to_string(),
                format!("{:.1}", share.configured),
                format!("{:.1}", share.observed),
                share.requests.to_string(),
                match share.within {
                    Some(true) => "as configured".to_owned(),
                    Some(false) => format!("off by more than {:.1}", share.tolerance),
                    None => "too few to tell".to_owned(),
                },
            ]);
        }
        write!(f, "\n{table}")
    }

    fn mesh(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["mesh member", "retries", "refused", "delays", "aborts", "ejections", "refused"];
        let mut table = Table::new(&head, 1, 6);
        let members = self.mesh.by_member.iter().map(|(name, deeds)| (name.as_str(), deeds));
        for (name, deeds) in members.chain([("all", &self.mesh.total)]) {
            let counts = [
                deeds.retries,
                deeds.retries_refused,
                deeds.delays,
                deeds.aborts,
                deeds.ejections,
                deeds.ejections_refused,
            ];
            let [a, b, c, d, e, g] = counts.map(|count| count.to_string());
            table.row([name.to_owned(), a, b, c, d, e, g]);
        }
        write!(f, "\n{table}\n")?;
        for fault in &self.faults {
            writeln!(
                f,
                "{} of {}: configured {:.1} %, injected {:.1} % ({} of {})",
                fault.kind, fault.method, fault.configured, fault.observed, fault.injected, fault.requests
            )?;
        }
        let signups = &self.signups;
        writeln!(
            f,
            "sign-ups: {} acknowledged, {} stored, {} stored twice",
            signups.acknowledged, signups.stored, signups.stored_twice
        )
    }
}

fn ms(value: f64) -> String {
    format!("{value:.1}")
}

/// Columns as wide as their widest cell: `left` of them flush left, the next `right` flush right, the rest as they are.
struct Table {
    rows: Vec<Vec<String>>,
    left: usize,
    right: usize,
}

impl Table {
    fn new(head: &[&str], left: usize, right: usize) -> Self {
        Self { rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()], left, right }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                if column < self.left {
                    write!(line, "{gap}{cell:<width$}")?;
                } else if column < self.left + self.right {
                    write!(line, "{gap}{cell:>width$}")?;
                } else {
                    write!(line, "{gap}{cell}")?;
                }
            }
            writeln!(f, "{}", line.trim_end())?;
            if number == 0 {
                writeln!(f, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1)))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", "n", "note"], 1, 1);
        table.row(["a".into(), "1000".into(), String::new()]);
        table.row(["longer".into(), "7".into(), "x".into()]);
        assert_eq!(
            table.to_string(),
            "name       n  note\n------------------\na       1000\nlonger     7  x\n"
        );
    }
}
