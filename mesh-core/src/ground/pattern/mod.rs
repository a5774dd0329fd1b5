//! How a text is compared: exactly, by prefix, or by a regular expression (VM-2).

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use self::re2::translate;

mod re2;

/// Most memory that one compiled expression may take.
const MAX_COMPILED: usize = 1 << 20;
/// How deep groups may stand in each other, as in RE2.
const MAX_NESTED: u32 = 1_000;

/// A regular expression that must match the whole text, as Envoy matches (VM-2).
///
/// Classes such as `\d` and `\w` are ASCII, as in RE2; an expression that asks for more (`\pL`, a
/// non-ASCII class) is compiled with Unicode tables.
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    regex: Regex,
}

impl Pattern {
    /// Longest regular expression that is accepted, in bytes (VM-2).
    pub const MAX: usize = 1024;

    /// Compiles an expression.
    ///
    /// # Errors
    /// If it is empty, too long, too big once compiled, or not a regular expression.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::new("a regex may not be empty"));
        }
        if text.len() > Self::MAX {
            return Err(PatternError::new(format!("a regex may have at most {} bytes", Self::MAX)));
        }
        let translated = translate(text)?;
        // The error describes the expression as written, without the anchors.
        let regex = build(&format!(r"\A(?:{translated})\z"))
            .map_err(|error| build(&translated).err().unwrap_or(error))?;
        Ok(Self { text: text.into(), regex })
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, value: impl AsRef<[u8]>) -> bool {
        self.regex.is_match(value.as_ref())
    }

    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Compiles an expression that may match anywhere, with RE2's ASCII classes where possible.
pub(crate) fn compile(text: &str) -> Result<Regex, PatternError> {
    build(&translate(text)?)
}

fn build(translated: &str) -> Result<Regex, PatternError> {
    let build = |unicode| {
        RegexBuilder::new(translated).unicode(unicode).size_limit(MAX_COMPILED).nest_limit(MAX_NESTED).build()
    };
    // A character outside ASCII is a character and has two cases, as `\x{e9}` is.
    let built = if translated.is_ascii() { build(false).or_else(|_| build(true)) } else { build(true) };
    built.map_err(|error| PatternError::new(error.to_string()))
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// Why a string match was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl PatternError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// One condition on a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StringMatch {
    /// The text is this.
    Exact(Box<str>),
    /// The text begins with this.
    Prefix(Box<str>),
    /// The whole text matches this.
    Regex(Pattern),
}

impl StringMatch {
    /// The text is `value`.
    #[must_use]
    pub fn exact(value: &str) -> Self {
        Self::Exact(value.into())
    }

    /// The text begins with `value`; whether empty is allowed is the field's affair (VM-2).
    #[must_use]
    pub fn prefix(value: &str) -> Self {
        Self::Prefix(value.into())
    }

    /// The whole text matches `pattern`.
    ///
    /// # Errors
    /// If `pattern` is refused by [`Pattern::new`].
    pub fn regex(pattern: &str) -> Result<Self, PatternError> {
        Pattern::new(pattern).map(Self::Regex)
    }

    /// Whether `value` fits.
    #[must_use]
    pub fn matches(&self, value: impl AsRef<[u8]>) -> bool {
        let value = value.as_ref();
        match self {
            Self::Exact(want) => value == want.as_bytes(),
            Self::Prefix(want) => value.starts_with(want.as_bytes()),
            Self::Regex(pattern) => pattern.matches(value),
        }
    }
}

impl fmt::Display for StringMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "exact {text:?}"),
            Self::Prefix(text) => write!(f, "prefix {text:?}"),
            Self::Regex(pattern) => write!(f, "regex {:?}", pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vm_2_regex_matches_the_whole_text() {
        let pattern = Pattern::new("a|ab").unwrap();
        assert!(pattern.matches("ab"));
        assert!(!pattern.matches("abc"));
        assert!(!pattern.matches("xa"));
        assert!(!Pattern::new("a").unwrap().matches("a\n"));
        assert!(!Pattern::new("(?m)a$").unwrap().matches("a\nb"));
    }

    #[test]
    fn vm_2_regex_is_checked() {
        assert!(Pattern::new("").is_err());
        assert!(Pattern::new("a)|(?:b").is_err());
        assert!(Pattern::new(&"a".repeat(1024)).is_ok());
        assert!(Pattern::new(&"a".repeat(1025)).is_err());
        assert!(Pattern::new("((((a{99}){99}){99}){99}){99}").is_err());
        assert!(Pattern::new("(?=look)").is_err());
    }

    #[test]
    fn vm_2_classes_are_ascii_as_in_re2() {
        assert!(Pattern::new(r"\d+").unwrap().matches("123"));
        assert!(!Pattern::new(r"\d+").unwrap().matches("\u{0663}"));
        assert!(Pattern::new(r"\pL+").unwrap().matches("é"));
    }

    #[test]
    fn patterns_are_equal_if_they_are_written_alike() {
        assert_eq!(Pattern::new("a+").unwrap(), Pattern::new("a+").unwrap());
        assert_ne!(Pattern::new("a+").unwrap(), Pattern::new("a*").unwrap());
    }

    #[test]
    fn vm_2_exact_and_prefix() {
        assert!(StringMatch::exact("a").matches("a"));
        assert!(!StringMatch::exact("a").matches("A"));
        assert!(StringMatch::prefix("/foo").matches("/foobar"));
        assert!(!StringMatch::prefix("/foo").matches("/fo"));
    }
}
