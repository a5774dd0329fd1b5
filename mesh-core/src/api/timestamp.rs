//! When Kubernetes says an object was created.

/// A point in time, as far as it takes to order objects by age (N-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// Reads RFC 3339: `2024-05-01T10:00:00Z`, with fractions and offsets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(['T', 't', ' '])?;
        let (year, month, day) = three(date, '-')?;
        let zone = time.find(['Z', 'z', '+', '-'])?;
        let (clock, zone) = time.split_at(zone);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let (hour, minute, second) = three(clock, ':')?;
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second);
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
        valid.then_some(Self { seconds, nanos: nanos(fraction)? })
    }
}

fn three(text: &str, separator: char) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(separator).map(digits);
    let all = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(all)
}

fn digits(text: &str) -> Option<i64> {
    let all = (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

fn nanos(fraction: &str) -> Option<u32> {
    let padded = format!("{:0<9}", fraction.chars().take(9).collect::<String>());
    digits(&padded).and_then(|nanos| u32::try_from(nanos).ok())
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    Some(sign * (digits(hours)? * 3_600 + digits(minutes)? * 60))
}

/// Days since 1970-01-01 in the Gregorian calendar, with years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_3_timestamps_order_by_time_not_by_text() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(at("1970-01-01T00:00:00Z"), Timestamp { seconds: 0, nanos: 0 });
        assert_eq!(at("2024-02-29T12:00:00Z").seconds, 1_709_208_000);
        assert_eq!(at("2024-05-01T12:00:00+02:00"), at("2024-05-01T10:00:00Z"));
        assert!(at("2024-05-01T10:00:00.5Z") > at("2024-05-01T10:00:00.25Z"));
        for bad in ["", "2024", "2024-05-01", "2024-13-01T00:00:00Z", "2024-05-01T00:00:00", "x-y-zT1:2:3Z"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }
}
