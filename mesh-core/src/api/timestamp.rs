//! When Kubernetes says an object was created.

/// A point in time, as far as it takes to order objects by age (N-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Reads RFC 3339: `2024-05-01T10:00:00Z`, with fractions and offsets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // `jiff` also reads other forms of ISO 8601, which Kubernetes refuses.
        is_rfc_3339(text.as_bytes()).then(|| text.parse().ok().map(Self))?
    }
}

fn is_rfc_3339(text: &[u8]) -> bool {
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let separated = separators.iter().all(|&(at, separator)| text.get(at) == Some(&separator));
    separated && matches!(text, [.., b'Z' | b'z'] | [.., b'+' | b'-', _, _, b':', _, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_3_timestamps_order_by_time_not_by_text() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(at("1970-01-01T00:00:00Z"), Timestamp(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(at("2024-02-29T12:00:00Z").0.as_second(), 1_709_208_000);
        assert_eq!(at("2024-05-01T12:00:00+02:00"), at("2024-05-01T10:00:00Z"));
        assert!(at("2024-05-01T10:00:00.5Z") > at("2024-05-01T10:00:00.25Z"));
        for bad in ["", "2024", "2024-05-01", "2024-13-01T00:00:00Z", "2024-05-01T00:00:00", "x-y-zT1:2:3Z"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn n_3_only_rfc_3339_is_read_and_only_days_that_there_are() {
        for bad in [
            "2023-02-29T00:00:00Z",
            "20240501T100000Z",
            "2024-05-01T10:00Z",
            "2024-05-01T10Z",
            "2024-05-01T10:00:00+02",
            "2024-05-01T10:00:00+0200",
            "2024-05-01T10:00:00Z[UTC]",
            "2024-05-01T10:00:00+02:00[Europe/Berlin]",
            "+002024-05-01T10:00:00Z",
            "2024-W18-3T10:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
        for good in ["2024-05-01t10:00:00z", "2024-05-01T10:00:00.123456-05:30", "2016-12-31T23:59:60Z"] {
            assert!(Timestamp::parse(good).is_some(), "{good}");
        }
    }
}
