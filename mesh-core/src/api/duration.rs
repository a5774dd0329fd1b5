//! Durations as Istio reads them (Y-5).
//!
//! Proto-JSON writes decimal seconds (`1.5s`); Go writes units in a row (`1m30s`, `100ms`). Both are accepted
//! everywhere. A bare number is not a duration: the unit of `10` is not known.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// It does not follow the grammar.
    #[error("must be a duration such as 1.5s, 100ms or 1m30s")]
    Malformed,
    /// It is a number without a unit.
    #[error("a duration needs a unit")]
    NoUnit,
    /// It is less than zero.
    #[error("a duration must not be negative")]
    Negative,
    /// It is longer than a duration can be.
    #[error("the duration is too long")]
    TooLong,
}

/// Go's limit, by which Istio's are read: about 292 years.
const LONGEST: u128 = i64::MAX as u128;

/// Reads a duration.
///
/// # Errors
/// If it is malformed, has no unit, is negative or longer than 292 years.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() {
        return Err(DurationError::Malformed);
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let unit_start = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(DurationError::NoUnit)?;
        let (number, after) = rest.split_at(unit_start);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        nanos = nanos.checked_add(amount(number, unit_nanos(unit)?)?).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    if negative && nanos > 0 {
        return Err(DurationError::Negative);
    }
    if nanos > LONGEST {
        return Err(DurationError::TooLong);
    }
    let second = 1_000_000_000;
    let seconds = u64::try_from(nanos / second).map_err(|_| DurationError::TooLong)?;
    let below = u32::try_from(nanos % second).map_err(|_| DurationError::TooLong)?;
    Ok(Duration::new(seconds, below))
}

fn unit_nanos(unit: &str) -> Result<u128, DurationError> {
    Ok(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::Malformed),
    })
}

/// `12.5` of a unit, digits below a nanosecond cut off.
fn amount(number: &str, unit: u128) -> Result<u128, DurationError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(DurationError::Malformed);
    }
    let parse = |digits: &str| match digits {
        "" => Ok(0),
        digits => digits.parse::<u128>().map_err(|_| DurationError::TooLong),
    };
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| DurationError::Malformed)?);
    let whole = parse(whole)?.checked_mul(unit).ok_or(DurationError::TooLong)?;
    let below = parse(fraction)?.checked_mul(unit).ok_or(DurationError::TooLong)? / scale;
    whole.checked_add(below).ok_or(DurationError::TooLong)
}

/// Reads a duration of the Gateway API: one to four amounts of up to five digits, each with its unit
/// `h`, `m`, `s` or `ms` (Y-5).
#[must_use]
pub fn parse_gateway_api(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    for _ in 0..4 {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount: u64 = rest.get(..digits).filter(|_| (1..=5).contains(&digits))?.parse().ok()?;
        let after = &rest[digits..];
        let units = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let (unit, millis) = units.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        total += Duration::from_millis(amount * millis);
        rest = &after[unit.len()..];
        if rest.is_empty() {
            return Some(total);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::standard_duration;

    #[test]
    fn y_5_proto_and_go_forms() {
        for (text, nanos) in [
            ("1.5s", 1_500_000_000),
            ("0.025s", 25_000_000),
            ("100ms", 100_000_000),
            ("1m30s", 90_000_000_000),
            ("1h", 3_600_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+1s", 1_000_000_000),
            ("0s", 0),
            ("-0s", 0),
            ("1h1m1s1ms1us1ns", 3_661_001_001_001),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for (text, error) in [
            ("10", DurationError::NoUnit),
            ("1.5", DurationError::NoUnit),
            ("1s5", DurationError::NoUnit),
            ("", DurationError::Malformed),
            ("s", DurationError::Malformed),
            (".s", DurationError::Malformed),
            ("1.2.3s", DurationError::Malformed),
            ("1d", DurationError::Malformed),
            ("1 s", DurationError::Malformed),
            ("ten seconds", DurationError::Malformed),
            ("-1s", DurationError::Negative),
            ("2562048h", DurationError::TooLong),
            ("99999999999999999999999999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn y_6_standard_durations_are_whole_milliseconds() {
        for (text, standard) in
            [("1ms", true), ("0s", false), ("500us", false), ("1.0005s", false), ("2h", true)]
        {
            assert_eq!(standard_duration(parse(text).unwrap()).is_ok(), standard, "{text}");
        }
    }

    #[test]
    fn y_5_gateway_api_durations_are_whole_amounts() {
        for (text, millis) in [
            ("0s", Some(0)),
            ("100ms", Some(100)),
            ("1h2m3s4ms", Some(3_723_004)),
            ("99999s", Some(99_999_000)),
            ("1m1m", Some(120_000)),
            ("1.5s", None),
            ("100000s", None),
            ("1h1h1h1h1h", None),
            ("10", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1us", None),
            ("1 s", None),
            ("1m30", None),
        ] {
            assert_eq!(parse_gateway_api(text), millis.map(Duration::from_millis), "{text}");
        }
    }

    proptest! {
        #[test]
        fn y_5_never_panics(text in "[-+]?[0-9.hmsuµn ]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn y_5_milliseconds_round_trip(ms in 0_u64..10_000_000_000) {
            let expected = Ok(Duration::from_millis(ms));
            prop_assert_eq!(parse(&format!("{ms}ms")), expected);
            prop_assert_eq!(parse(&format!("{}.{:03}s", ms / 1000, ms % 1000)), expected);
        }
    }
}
