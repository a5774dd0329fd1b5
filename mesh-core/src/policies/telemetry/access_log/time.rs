//! Times of the access log: civil time in UTC, computed by `jiff`.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use super::FormatError;
use super::digits::{ascii, fill};

/// The fields that a format may name; Envoy's are those of the C library.
const FIELDS: &str = "YmdeHMSsTFDRZzjaAbBhyIptuwC";

/// Years outside -9999..=9999 become the nearest time inside.
fn timestamp(time: SystemTime) -> Timestamp {
    let nearest = || if time < UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::try_from(time).unwrap_or_else(|_| nearest())
}

/// Appends `2026-11-22T16:49:00.123Z` (AL-3): UTC, with milliseconds.
pub fn write_rfc3339(time: SystemTime, out: &mut String) {
    let civil = Offset::UTC.to_datetime(timestamp(time));
    // Filled in by hand: the printer of `jiff` takes 110 instructions more.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    if civil.year() < 0 {
        out.push('-');
    }
    fill(&mut text[0..4], civil.year().unsigned_abs());
    fill(&mut text[5..7], civil.month().unsigned_abs().into());
    fill(&mut text[8..10], civil.day().unsigned_abs().into());
    fill(&mut text[11..13], civil.hour().unsigned_abs().into());
    fill(&mut text[14..16], civil.minute().unsigned_abs().into());
    fill(&mut text[17..19], civil.second().unsigned_abs().into());
    fill(&mut text[20..23], civil.millisecond().unsigned_abs());
    ascii(out, &text);
}

/// A format in the manner of `strftime`, with Envoy's `%f` and `%3f` for fractions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeFormat(Box<str>);

impl TimeFormat {
    pub(super) fn parse(text: &str) -> Result<Self, FormatError> {
        let unknown = || FormatError::new(format!("START_TIME: {text:?} is not a known time format"));
        let mut format = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            format.push(character);
            if character != '%' {
                continue;
            }
            match characters.next() {
                // Envoy writes all nine digits; a bare `%f` of `jiff` drops trailing zeros.
                Some('f') => format.push_str("9f"),
                Some(width @ '1'..='9') if characters.next() == Some('f') => format.extend([width, 'f']),
                Some(field) if field == '%' || FIELDS.contains(field) => format.push(field),
                _ => return Err(unknown()),
            }
        }
        Ok(Self(format.into()))
    }

    pub(super) fn write(&self, time: SystemTime, out: &mut String) {
        let written = BrokenDownTime::from(timestamp(time)).format(&*self.0, out);
        written.expect("`parse` lets pass only fields that a time in UTC has");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }

    fn rfc3339(time: SystemTime) -> String {
        let mut out = String::new();
        write_rfc3339(time, &mut out);
        out
    }

    #[test]
    fn al_3_start_time_is_rfc_3339_with_milliseconds() {
        assert_eq!(rfc3339(at(0, 0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(at(951_782_400, 1_999_999)), "2000-02-29T00:00:00.001Z");
        assert_eq!(rfc3339(at(1_709_251_199, 999_999_999)), "2024-02-29T23:59:59.999Z");
        assert_eq!(rfc3339(at(4_102_444_800, 0)), "2100-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_millis(1)), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn al_3_strftime_and_fractions() {
        let format = TimeFormat::parse("%Y/%m/%dT%H:%M:%S.%3f|%s|%j|%a %b %e|%I%p|%F %T %Z%%").unwrap();
        let mut out = String::new();
        format.write(at(951_827_696, 123_456_789), &mut out);
        assert_eq!(out, "2000/02/29T12:34:56.123|951827696|060|Tue Feb 29|12PM|2000-02-29 12:34:56 UTC%");
        assert!(TimeFormat::parse("%Q").is_err());
        assert!(TimeFormat::parse("%").is_err());
    }

    #[test]
    fn al_3_every_field_of_the_format() {
        let fields =
            "%Y %m %d %e %H %M %S %s %T %F %D %R %Z %z %j %a %A %b %B %h %y %I %p %t %u %w %C %f %1f %9f";
        let mut out = String::new();
        TimeFormat::parse(fields).unwrap().write(at(1_709_424_005, 60_000_000), &mut out);
        assert_eq!(
            out,
            "2024 03 03  3 00 00 05 1709424005 00:00:05 2024-03-03 03/03/24 00:00 UTC +0000 063 Sun Sunday Mar March \
             Mar 24 12 AM \t 7 0 20 060000000 0 060000000"
        );
    }

    #[test]
    fn times_that_no_calendar_has_are_the_nearest_that_it_has() {
        let far = Duration::from_secs(1 << 40);
        assert_eq!(rfc3339(UNIX_EPOCH + far), "9999-12-30T22:00:00.999Z");
        assert_eq!(rfc3339(UNIX_EPOCH - far), "-9999-01-02T01:59:59.000Z");
    }
}
