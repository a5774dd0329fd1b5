//! Classes: `[a-z_]`, `[^[:space:]]`.

use super::super::PatternError;
use super::escape;

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Writes the class at the beginning; returns its length.
///
/// All that means nothing to RE2 here (`[`, `&&`, `--`, `~~`) would be an operator in Rust's syntax, so each
/// character is written as one that stands for itself.
pub(super) fn translate(text: &str, out: &mut String) -> Result<usize, PatternError> {
    let mut rest = &text[1..];
    out.push('[');
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    // As the first of a class, `]` stands for itself.
    let mut first = true;
    while !rest.is_empty() && (first || !rest.starts_with(']')) {
        first = false;
        if let Some((name, behind)) = rest.strip_prefix("[:").and_then(|inside| inside.split_once(":]")) {
            if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(PatternError::new(format!("RE2 knows no class [:{name}:]")));
            }
            out.push_str(&rest[..rest.len() - behind.len()]);
            rest = behind;
        } else if rest.starts_with(r"\p") || rest.starts_with(r"\P") {
            let length = escape::unicode(rest, out)?;
            rest = &rest[length..];
        } else if escape::perl(rest, out) {
            rest = &rest[2..];
        } else {
            rest = range(rest, out)?;
        }
    }
    if rest.is_empty() {
        return Err(PatternError::new("a class lacks its `]`"));
    }
    out.push(']');
    Ok(text.len() - rest.len() + 1)
}

/// Writes the character or range at the beginning; returns what stands behind it.
fn range<'t>(text: &'t str, out: &mut String) -> Result<&'t str, PatternError> {
    let (low, behind) = character(text)?;
    escape::push(out, low);
    // Before the end of the class, `-` stands for itself.
    let to = behind.strip_prefix('-').filter(|to| !to.is_empty() && !to.starts_with(']'));
    let Some(to) = to else { return Ok(behind) };
    let (high, behind) = character(to)?;
    if high < low {
        return Err(PatternError::new(format!("no character is between {low:?} and {high:?}")));
    }
    out.push('-');
    escape::push(out, high);
    Ok(behind)
}

fn character(text: &str) -> Result<(char, &str), PatternError> {
    let (character, length) = match text.chars().next() {
        Some('\\') => escape::character(text)?,
        Some(other) => (other, other.len_utf8()),
        None => return Err(PatternError::new("a class lacks its `]`")),
    };
    Ok((character, &text[length..]))
}
