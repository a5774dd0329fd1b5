//! What an unquoted scalar means under YAML 1.2's core schema (Y-10).
//!
//! `yes`, `on` and `12:30` are text; `0777` is the number 777; `1e3` is 1000.

/// The meaning of an unquoted scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a point or exponent, or one too large for [`Plain::Int`].
    Float(f64),
    /// Anything else.
    Text,
}

/// Says what an unquoted scalar means.
#[must_use]
pub fn classify(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Plain::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Plain::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or(Plain::Text),
    }
}

fn number(text: &str) -> Option<Plain> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let int = text.strip_prefix('+').unwrap_or(text).parse().map(Plain::Int);
        return int.ok().or_else(|| text.parse().ok().map(Plain::Float));
    }
    is_float(unsigned).then(|| text.parse().ok().map(Plain::Float))?
}

fn radix(digits: &str, radix: u32) -> Option<Plain> {
    let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    all.then(|| i128::from_str_radix(digits, radix).ok().map(Plain::Int))?
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_fits && digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y_10_scalars_keep_their_yaml_1_2_meaning() {
        for (text, plain) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("true", Plain::Bool(true)),
            ("yes", Plain::Text),
            ("on", Plain::Text),
            ("off", Plain::Text),
            ("12:30", Plain::Text),
            ("0777", Plain::Int(777)),
            ("0o17", Plain::Int(15)),
            ("0x1f", Plain::Int(31)),
            ("-3", Plain::Int(-3)),
            ("+3", Plain::Int(3)),
            ("1e3", Plain::Float(1000.0)),
            (".5", Plain::Float(0.5)),
            ("1.", Plain::Float(1.0)),
            ("1.2.3", Plain::Text),
            (".", Plain::Text),
            ("e3", Plain::Text),
            ("inf", Plain::Text),
            ("1_000", Plain::Text),
            ("10s", Plain::Text),
        ] {
            assert_eq!(classify(text), plain, "{text}");
        }
    }
}
