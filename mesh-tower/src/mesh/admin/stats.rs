//! `/stats`: the metrics as plain lines.

use std::fmt::Write;

/// `name{labels}: value` for each sample whose line contains `filter`, sorted by name.
pub(super) fn text(prometheus: &str, filter: &str) -> String {
    let mut lines: Vec<_> = prometheus
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && line.contains(filter))
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    lines.sort_unstable();
    let mut out = String::new();
    for (name, value) in lines {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{name}: {value}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_3_samples_are_listed_and_filtered() {
        let page = "# TYPE b counter\nb{x=\"1 2\"} 3\n\na 1\n";
        assert_eq!(text(page, ""), "a: 1\nb{x=\"1 2\"}: 3\n");
        assert_eq!(text(page, "x="), "b{x=\"1 2\"}: 3\n");
    }
}
