//! The mesh's own account of a run, read from the Prometheus text that every proxy and every in-process mesh serves.
//!
//! The load sees only the user's view. Only the proxies and clients know how often a call was retried, delayed or
//! aborted, and which endpoints were left out for a while.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts of one member of the mesh, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Deeds {
    pub(super) retries: u64,
    pub(super) retries_refused: u64,
    pub(super) delays: u64,
    pub(super) aborts: u64,
    pub(super) ejections: u64,
    pub(super) ejections_refused: u64,
}

impl Deeds {
    /// Reads one page of metrics.
    pub(super) fn read(page: &str) -> Self {
        let mut deeds = Self::default();
        for sample in page.lines().filter_map(Sample::parse) {
            let count = match sample.name {
                "envoy_cluster_upstream_rq_retry" => &mut deeds.retries,
                "envoy_cluster_upstream_rq_retry_overflow" => &mut deeds.retries_refused,
                "envoy_cluster_outlier_detection_ejections_enforced_total" => &mut deeds.ejections,
                "envoy_cluster_outlier_detection_ejections_overflow" => &mut deeds.ejections_refused,
                "istio_requests_total" if sample.is("reporter", "source") => {
                    let flags = sample.labels.get("response_flags").map(String::as_str).unwrap_or_default();
                    for flag in flags.split(',') {
                        match flag {
                            "DI" => deeds.delays += sample.value,
                            "FI" => deeds.aborts += sample.value,
                            _ => {}
                        }
                    }
                    continue;
                }
                _ => continue,
            };
            *count += sample.value;
        }
        deeds
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            retries: self.retries + other.retries,
            retries_refused: self.retries_refused + other.retries_refused,
            delays: self.delays + other.delays,
            aborts: self.aborts + other.aborts,
            ejections: self.ejections + other.ejections,
            ejections_refused: self.ejections_refused + other.ejections_refused,
        }
    }
}

/// The number of the plan that this member goes by.
pub(super) fn generation(page: &str) -> Option<u64> {
    let mut samples = page.lines().filter_map(Sample::parse);
    samples.find(|sample| sample.name == "mesh_config_generation").map(|sample| sample.value)
}

/// One line of Prometheus text.
#[derive(Debug)]
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<&'a str, String>,
    value: u64,
}

impl<'a> Sample<'a> {
    /// `None` for comments, and for lines that are no count.
    fn parse(line: &'a str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, quoted) = rest.trim_start_matches(',').split_once("=\"")?;
                let (value, after) = unquote(quoted)?;
                labels.insert(label, value);
                rest = after;
            }
            rest = &rest[1..];
        }
        let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counters are whole and not negative"
        )]
        let value = if value.is_finite() && value >= 0.0 { value as u64 } else { return None };
        Some(Self { name, labels, value })
    }

    fn is(&self, label: &str, value: &str) -> bool {
        self.labels.get(label).is_some_and(|found| found == value)
    }
}

/// Splits text behind an opening quote into the value and the text behind its closing quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# TYPE istio_requests_total counter
istio_requests_total{reporter="source",response_code="200",response_flags="-"} 90
istio_requests_total{reporter="source",response_code="200",response_flags="DI"} 4
istio_requests_total{reporter="source",response_code="503",response_flags="DI,FI"} 2
istio_requests_total{reporter="destination",response_code="503",response_flags="FI"} 7
envoy_cluster_upstream_rq_retry{cluster_name="outbound|5000|v1|a \"b\" \\"} 5
envoy_cluster_upstream_rq_retry{cluster_name="outbound|5000|v2|x"} 1
envoy_cluster_upstream_rq_retry_overflow{limit="budget"} 3
envoy_cluster_outlier_detection_ejections_enforced_total 1
istio_request_duration_milliseconds_bucket{le="+Inf"} 99
process_start_time_seconds 1.7e9
mesh_config_generation 12
broken{label="no end
"#;

    #[test]
    fn counts_are_summed_over_clusters_and_flags() {
        let expected = Deeds {
            retries: 6,
            retries_refused: 3,
            delays: 6,
            aborts: 2,
            ejections: 1,
            ejections_refused: 0,
        };
        assert_eq!(Deeds::read(PAGE), expected);
        assert_eq!((expected.plus(expected).delays, generation(PAGE)), (12, Some(12)));
    }
}
