//! Expressions as RE2 reads them, where Rust's syntax differs.
//!
//! A `{` that begins no repetition stands for itself (`/{*}`), and repetitions are not stacked (`a**`).

use super::pattern::PatternError;

/// Most times that RE2 repeats something by a number.
const MAX_REPEAT: u32 = 1_000;

/// The same expression in Rust's syntax.
pub(super) fn translate(text: &str) -> Result<String, PatternError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut repeated = false;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\\' => escape(rest),
            '[' => class(rest),
            // `(?:`, `(?P<name>`, `(?i)`.
            '(' => 1 + usize::from(rest[1..].starts_with('?')),
            '*' | '+' | '?' => 1,
            '{' => match repetition(rest)? {
                Some(length) => length,
                None => {
                    out.push('\\');
                    1
                }
            },
            other => other.len_utf8(),
        };
        let is_repetition = matches!(first, '*' | '+' | '?') || (first == '{' && length > 1);
        if is_repetition && repeated {
            return Err(PatternError::new("a repetition can't be repeated"));
        }
        let lazy = usize::from(is_repetition && rest[length..].starts_with('?'));
        out.push_str(&rest[..length + lazy]);
        rest = &rest[length + lazy..];
        repeated = is_repetition;
    }
    Ok(out)
}

/// Length of `{n}`, `{n,}` or `{n,m}` at the beginning; `None` if it is none of them.
fn repetition(text: &str) -> Result<Option<usize>, PatternError> {
    let Some((inner, _)) = text[1..].split_once('}') else { return Ok(None) };
    let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if least.is_empty() || !digits(least) || !digits(most) {
        return Ok(None);
    }
    let within = |text: &str| text.is_empty() || text.parse::<u32>().is_ok_and(|count| count <= MAX_REPEAT);
    if within(least) && within(most) {
        Ok(Some(inner.len() + 2))
    } else {
        Err(PatternError::new(format!("nothing is repeated more than {MAX_REPEAT} times")))
    }
}

/// Length of an escape at the beginning, with the braces of `\p{Greek}` and `\x{10FFFF}`.
fn escape(text: &str) -> usize {
    let Some(escaped) = text[1..].chars().next() else { return 1 };
    let length = 1 + escaped.len_utf8();
    let braced = matches!(escaped, 'p' | 'P' | 'x') && text[length..].starts_with('{');
    let end = text[length..].find('}').filter(|_| braced);
    end.map_or(length, |end| length + end + 1)
}

/// Length of a class at the beginning, or of its bracket if it has no end.
fn class(text: &str) -> usize {
    let mut at = 1 + usize::from(text[1..].starts_with('^'));
    // As the first of a class, `]` stands for itself.
    at += usize::from(text[at..].starts_with(']'));
    while let Some(next) = text[at..].chars().next() {
        at += match next {
            ']' => return at + 1,
            '\\' => escape(&text[at..]),
            '[' if text[at..].starts_with("[:") => text[at..].find(":]").map_or(1, |end| end + 2),
            other => other.len_utf8(),
        };
    }
    1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn vm_2_braces_that_repeat_nothing_stand_for_themselves() {
        for (written, translated) in [
            ("/{*}", r"/\{*}"),
            ("{id}", r"\{id}"),
            ("a{2}b{1,}c{3,4}?", "a{2}b{1,}c{3,4}?"),
            ("a{,2}", r"a\{,2}"),
            (r"\{x\p{Greek}\x{61}", r"\{x\p{Greek}\x{61}"),
            ("[{]{[]{]", r"[{]\{[]{]"),
            ("(?i)a+?|[[:alpha:]*]+", "(?i)a+?|[[:alpha:]*]+"),
        ] {
            assert_eq!(translate(written).unwrap(), translated, "{written}");
        }
    }

    #[test]
    fn vm_2_repetitions_are_not_stacked() {
        for bad in ["a**", "/{**}", "a{2}{3}", "a+?*", "a{1001}"] {
            assert!(translate(bad).is_err(), "{bad}");
        }
        assert!(translate("a*b*(c*)*").is_ok());
    }

    proptest! {
        #[test]
        fn vm_2_what_was_translated_is_translated_to_itself(text in r"[a{}0-9,*+?()|\[\]\\^:pxé]{0,20}") {
            if let Ok(once) = translate(&text) {
                prop_assert_eq!(translate(&once).unwrap(), once);
            }
        }
    }
}
