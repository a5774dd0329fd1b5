//! Changing path and authority before the request goes on (VA-7).
//!
//! What `rewrite.uri` replaces depends on how the rule matched, so it is settled when the rule is
//! compiled: [`PathRewrite`] says which. The query is always kept.

use http::uri::{Authority, PathAndQuery};
use regex::bytes::Regex;

use crate::pattern::{PatternError, compile};

/// The rewrite of a path.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PathRewrite {
    /// The matched prefix is replaced; without a uri condition the prefix is `/`.
    Prefix {
        /// Length of the matched prefix in bytes.
        matched: usize,
        /// The replacement.
        to: Box<str>,
    },
    /// As `Prefix`, joined with exactly one `/` (GA-8).
    Segments {
        /// Length of the matched prefix, without trailing slash.
        matched: usize,
        /// The replacement.
        to: Box<str>,
    },
    /// The whole path is replaced: exact and regex matches.
    Whole(Box<str>),
    /// Every match of an expression is replaced.
    Regex(Box<Substitution>),
}

/// An expression and what its matches become, with `\1`…`\9` for groups and `\0` for the match.
#[derive(Clone, Debug)]
pub struct Substitution {
    regex: Regex,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Group(usize),
}

/// A rewrite, compiled.
#[derive(Clone, Debug, Default)]
pub struct Rewrite {
    /// The rewrite of the path; `None` keeps it.
    pub path: Option<PathRewrite>,
    /// The new authority; `None` keeps the old.
    pub authority: Option<Authority>,
}

/// Why a rewrite was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The expression does not compile.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The replacement is no path, or its `\` escapes are wrong.
    #[error("{0}")]
    Replacement(String),
}

impl PathRewrite {
    /// Compiles `uriRegexRewrite`.
    ///
    /// # Errors
    /// If the expression does not compile, or the replacement names a group that it does not have.
    pub fn regex(pattern: &str, replacement: &str) -> Result<Self, RewriteError> {
        let regex = compile(pattern)?;
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut characters = replacement.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.next() {
                Some('\\') => text.push('\\'),
                Some(digit @ '0'..='9') => {
                    let group = digit as usize - '0' as usize;
                    if group >= regex.captures_len() {
                        return Err(RewriteError::Replacement(format!(
                            "{replacement:?} names group {group}, but {pattern:?} has {}",
                            regex.captures_len() - 1
                        )));
                    }
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text).into()));
                    }
                    parts.push(Part::Group(group));
                }
                _ => {
                    return Err(RewriteError::Replacement(format!(
                        "{replacement:?}: `\\` must be followed by a digit or by another `\\`"
                    )));
                }
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok(Self::Regex(Box::new(Substitution { regex, parts })))
    }

    /// The new path and query; `None` if what came out is no path.
    #[must_use]
    pub fn apply(&self, path: &str, query: Option<&str>) -> Option<PathAndQuery> {
        let mut target = String::with_capacity(path.len() + query.map_or(0, str::len) + 32);
        match self {
            Self::Prefix { matched, to } => prefix(&mut target, path, *matched, to),
            Self::Segments { matched, to } => segments(&mut target, path, *matched, to),
            Self::Whole(to) => target.push_str(to),
            Self::Regex(substitution) => substitution.push(&mut target, path),
        }
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        if let Some(query) = query {
            target.push('?');
            target.push_str(query);
        }
        PathAndQuery::try_from(target).ok()
    }
}

impl Substitution {
    fn push(&self, target: &mut String, path: &str) {
        let bytes = path.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut end = 0;
        for captures in self.regex.captures_iter(bytes) {
            let whole = captures.get(0).expect("group 0 is the match");
            out.extend_from_slice(&bytes[end..whole.start()]);
            for part in &self.parts {
                match part {
                    Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                    Part::Group(group) => {
                        out.extend_from_slice(captures.get(*group).map_or(b"", |group| group.as_bytes()));
                    }
                }
            }
            end = whole.end();
        }
        out.extend_from_slice(&bytes[end..]);
        target.push_str(&String::from_utf8_lossy(&out));
    }
}

/// `to` in place of the first `matched` bytes.
pub(super) fn prefix(target: &mut String, path: &str, matched: usize, to: &str) {
    target.push_str(to);
    target.push_str(path.get(matched..).unwrap_or_default());
}

/// `to` in place of the first `matched` bytes, with exactly one `/` between (GA-8).
pub(super) fn segments(target: &mut String, path: &str, matched: usize, to: &str) {
    let rest = path.get(matched..).unwrap_or_default();
    let start = target.len();
    if rest.is_empty() {
        target.push_str(to);
    } else {
        target.push_str(to.trim_end_matches('/'));
        target.push_str(rest);
    }
    if target.len() == start {
        target.push('/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rewrite: &PathRewrite, path: &str, query: Option<&str>) -> String {
        rewrite.apply(path, query).unwrap().as_str().to_owned()
    }

    fn prefix_of(matched: usize, to: &str) -> PathRewrite {
        PathRewrite::Prefix { matched, to: to.into() }
    }

    #[test]
    fn va_7_prefix_and_whole_path_keep_the_query() {
        assert_eq!(applied(&prefix_of(4, "/new"), "/old/a", Some("q=1")), "/new/a?q=1");
        assert_eq!(applied(&prefix_of(1, "/new"), "/a", None), "/newa");
        assert_eq!(applied(&prefix_of(4, ""), "/old", None), "/");
        assert_eq!(applied(&prefix_of(4, ""), "/old/a", None), "/a");
        assert_eq!(applied(&PathRewrite::Whole("/new".into()), "/old/a", Some("q")), "/new?q");
    }

    #[test]
    fn va_7_regex_replaces_every_match() {
        let swap = PathRewrite::regex("/([a-z]+)/([0-9]+)", r"/\2/\1").unwrap();
        assert_eq!(applied(&swap, "/a/1/b/2", Some("x")), "/1/a/2/b?x");
        assert_eq!(applied(&swap, "/A", None), "/A");
        let whole = PathRewrite::regex("b+", r"[\0\\]").unwrap();
        assert_eq!(applied(&whole, "/abba", None), r"/a[bb\]a");
        let optional = PathRewrite::regex("/x(y)?", r"/z\1").unwrap();
        assert_eq!(applied(&optional, "/x", None), "/z");
    }

    #[test]
    fn va_7_bad_replacements_are_refused() {
        assert!(PathRewrite::regex("(a)", r"\2").is_err());
        assert!(PathRewrite::regex("(a)", r"\x").is_err());
        assert!(PathRewrite::regex("(a)", "\\").is_err());
        assert!(PathRewrite::regex("(a", "b").is_err());
        let space = PathRewrite::regex("a", " ").unwrap();
        assert_eq!(space.apply("/a", None), None);
    }

    #[test]
    fn ga_8_segments_are_joined_with_one_slash() {
        for (path, matched, to, want) in [
            ("/foo/bar", 4, "/xyz", "/xyz/bar"),
            ("/foo/bar", 4, "/xyz/", "/xyz/bar"),
            ("/foo", 4, "/xyz", "/xyz"),
            ("/foo/", 4, "/xyz", "/xyz/"),
            ("/foo/bar", 4, "", "/bar"),
            ("/foo/", 4, "", "/"),
            ("/foo", 4, "", "/"),
            ("/foo/", 4, "/", "/"),
            ("/foo", 4, "/", "/"),
            ("/foo", 0, "/xyz", "/xyz/foo"),
        ] {
            let rewrite = PathRewrite::Segments { matched, to: to.into() };
            assert_eq!(applied(&rewrite, path, None), want, "{path} {to}");
        }
    }
}
