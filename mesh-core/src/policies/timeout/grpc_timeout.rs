//! The `grpc-timeout` header: at most eight digits and a unit (RT-4, gRPC over HTTP/2).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header's name.
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Units, finest first: name and length in nanoseconds.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

const MOST: u128 = 99_999_999;

/// Reads the header from `headers`; a malformed one is as good as none.
#[must_use]
pub fn of(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(GRPC_TIMEOUT)?.as_bytes())
}

/// Reads a value such as `100m`. `None` if it is malformed; the specification wants a positive
/// number, so that zero is malformed too.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0_u64, |amount, digit| amount * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'n' => Duration::from_nanos(amount),
        b'u' => Duration::from_micros(amount),
        b'm' => Duration::from_millis(amount),
        b'S' => Duration::from_secs(amount),
        b'M' => Duration::from_secs(amount * 60),
        b'H' => Duration::from_secs(amount * 3_600),
        _ => return None,
    };
    (!timeout.is_zero()).then_some(timeout)
}

/// Writes a timeout in the finest unit that fits eight digits, rounded down so that the peer
/// never waits longer than we do; what is shorter than `1n` becomes that.
#[must_use]
pub fn format(timeout: Duration) -> HeaderValue {
    let nanos = timeout.as_nanos();
    let (unit, length) =
        UNITS.into_iter().find(|(_, length)| nanos / length <= MOST).unwrap_or(UNITS[UNITS.len() - 1]);
    header((nanos / length).clamp(1, MOST), unit)
}

fn header(mut amount: u128, unit: u8) -> HeaderValue {
    let mut text = [unit; 9];
    let mut start = 8;
    while amount > 0 {
        start -= 1;
        text[start] = b"0123456789"[(amount % 10) as usize];
        amount /= 10;
    }
    HeaderValue::from_bytes(&text[start..]).expect("digits and a letter are a valid header value")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rt_4_units() {
        let cases = [
            ("1H", Duration::from_secs(3_600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("100m", Duration::from_millis(100)),
            ("100u", Duration::from_micros(100)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("99999999H", Duration::from_secs(99_999_999 * 3_600)),
        ];
        for (text, timeout) in cases {
            assert_eq!(parse(text.as_bytes()), Some(timeout), "{text}");
        }
    }

    #[test]
    fn rt_4_malformed_is_ignored() {
        for text in ["", "m", "100", "100s", "123456789m", "-1m", "1.5S", " 1S", "1S ", "0S", "1 S", "+1S"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        let headers = HeaderMap::from_iter([(GRPC_TIMEOUT, HeaderValue::from_static("soon"))]);
        assert_eq!(of(&headers), None);
    }

    #[test]
    fn rt_4_written_in_the_finest_unit_that_fits() {
        let cases = [
            (Duration::ZERO, "1n"),
            (Duration::from_millis(99), "99000000n"),
            (Duration::from_millis(100), "100000u"),
            (Duration::from_millis(1_500), "1500000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::MAX, "99999999H"),
        ];
        for (timeout, text) in cases {
            assert_eq!(format(timeout), text, "{timeout:?}");
        }
    }

    proptest! {
        #[test]
        fn rt_4_round_trip_loses_less_than_a_millionth_and_never_grows(nanos in 1_u64..u64::MAX / 4) {
            let timeout = Duration::from_nanos(nanos);
            let read = parse(format(timeout).as_bytes()).unwrap();
            prop_assert!(read <= timeout);
            prop_assert!((timeout - read).as_nanos() * 1_000_000 / 1_000 <= timeout.as_nanos());
        }
    }
}
