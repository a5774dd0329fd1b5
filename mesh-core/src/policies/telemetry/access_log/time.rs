//! Civil time without a clock, a time zone or a dependency.
//!
//! Days become dates by Howard Hinnant's `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>): count years from March, so that the leap
//! day is the last of its year, in eras of 400 years.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::FormatError;
use super::digits::{ascii, write as digits};

const FIELDS: &str = "YmdeHMSsTFDRZzjaAbBhyIptuwC";
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A point in time in UTC, taken apart.
#[derive(Clone, Copy, Debug)]
struct Civil {
    seconds: i64,
    nanos: u32,
    year: i64,
    month: u32,
    day: u32,
    second_of_day: u32,
    days: i64,
}

impl Civil {
    fn new(time: SystemTime) -> Self {
        let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX / 2), after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let seconds = -i64::try_from(before.as_secs()).unwrap_or(i64::MAX / 2);
                match before.subsec_nanos() {
                    0 => (seconds, 0),
                    nanos => (seconds - 1, 1_000_000_000 - nanos),
                }
            }
        };
        let days = seconds.div_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        let second_of_day = u32::try_from(seconds.rem_euclid(86_400)).expect("below 86400");
        Self { seconds, nanos, year, month, day, second_of_day, days }
    }

    const fn hour(&self) -> u32 {
        self.second_of_day / 3600
    }

    const fn minute(&self) -> u32 {
        self.second_of_day / 60 % 60
    }

    const fn second(&self) -> u32 {
        self.second_of_day % 60
    }

    fn weekday(&self) -> usize {
        usize::try_from((self.days + 4).rem_euclid(7)).expect("below 7")
    }

    fn day_of_year(&self) -> i64 {
        self.days - days_from_civil(self.year, 1, 1) + 1
    }
}

/// Year, month and day of a count of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).expect("1 to 12"), u32::try_from(day).expect("1 to 31"))
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Appends `2026-11-22T16:49:00.123Z` (AL-3).
pub fn write_rfc3339(time: SystemTime, out: &mut String) {
    let civil = Civil::new(time);
    let Some(year) = u32::try_from(civil.year).ok().filter(|&year| year <= 9999) else {
        let _ = write!(out, "{:+}-{:02}-{:02}T", civil.year, civil.month, civil.day);
        clock(out, &civil);
        out.push('Z');
        return;
    };
    let mut text = *b"0000-00-00T00:00:00.000Z";
    fill(&mut text[0..4], year);
    fill(&mut text[5..7], civil.month);
    fill(&mut text[8..10], civil.day);
    fill(&mut text[11..13], civil.hour());
    fill(&mut text[14..16], civil.minute());
    fill(&mut text[17..19], civil.second());
    fill(&mut text[20..23], civil.nanos / 1_000_000);
    ascii(out, &text);
}

fn fill(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn clock(out: &mut String, civil: &Civil) {
    digits(out, civil.hour().into(), 2);
    out.push(':');
    digits(out, civil.minute().into(), 2);
    out.push(':');
    digits(out, civil.second().into(), 2);
}

/// A format in the manner of `strftime`, with Envoy's `%f` and `%3f` for fractions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeFormat(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Field(char),
    /// So many digits of the fraction of a second.
    Fraction(u32),
}

impl TimeFormat {
    pub(super) fn parse(text: &str) -> Result<Self, FormatError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                literal.push(character);
                continue;
            }
            let part = match characters.next() {
                Some('%') => {
                    literal.push('%');
                    continue;
                }
                Some(width @ '1'..='9') if characters.next() == Some('f') => {
                    Part::Fraction(width.to_digit(10).expect("a digit"))
                }
                Some('f') => Part::Fraction(9),
                Some(field) if FIELDS.contains(field) => Part::Field(field),
                _ => {
                    return Err(FormatError::new(format!("START_TIME: {text:?} is not a known time format")));
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal).into()));
            }
            parts.push(part);
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        Ok(Self(parts))
    }

    pub(super) fn write(&self, time: SystemTime, out: &mut String) {
        let civil = Civil::new(time);
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Fraction(width) => {
                    digits(out, u64::from(civil.nanos / 10_u32.pow(9 - width)), *width as usize);
                }
                Part::Field(field) => civil.field(*field, out),
            }
        }
    }
}

impl Civil {
    fn field(&self, field: char, out: &mut String) {
        let month = self.month as usize - 1;
        let two = |out: &mut String, number: u32| digits(out, number.into(), 2);
        match field {
            'Y' => drop(write!(out, "{}", self.year)),
            'C' => digits(out, self.year.unsigned_abs() / 100, 2),
            'y' => digits(out, self.year.unsigned_abs() % 100, 2),
            'm' => two(out, self.month),
            'd' => two(out, self.day),
            'e' => drop(write!(out, "{:2}", self.day)),
            'H' => two(out, self.hour()),
            'I' => two(out, (self.hour() + 11) % 12 + 1),
            'M' => two(out, self.minute()),
            'S' => two(out, self.second()),
            'p' => out.push_str(if self.hour() < 12 { "AM" } else { "PM" }),
            's' => drop(write!(out, "{}", self.seconds)),
            'T' => clock(out, self),
            'R' => {
                two(out, self.hour());
                out.push(':');
                two(out, self.minute());
            }
            'F' => drop(write!(out, "{}-{:02}-{:02}", self.year, self.month, self.day)),
            'D' => drop(write!(out, "{:02}/{:02}/{:02}", self.month, self.day, self.year % 100)),
            'Z' => out.push_str("UTC"),
            'z' => out.push_str("+0000"),
            'j' => drop(write!(out, "{:03}", self.day_of_year())),
            'a' => out.push_str(&DAYS[self.weekday()][..3]),
            'A' => out.push_str(DAYS[self.weekday()]),
            'b' | 'h' => out.push_str(&MONTHS[month][..3]),
            'B' => out.push_str(MONTHS[month]),
            'u' => drop(write!(out, "{}", (self.weekday() + 6) % 7 + 1)),
            'w' => drop(write!(out, "{}", self.weekday())),
            't' => out.push('\t'),
            _ => {}
        }
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
    fn days_and_dates_are_inverse() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
