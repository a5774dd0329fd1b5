//! Making paths comparable before they are matched and forwarded (AZ-15).
//!
//! Rules compare text. If `/admin`, `/%61dmin` and `/x/../admin` reach the same handler, a rule about
//! `/admin` must see one text for all three; so the path is normalised once, before any rule, and the
//! normalised path is what goes on. A path that is clean already costs one scan and no copy.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{Method, Uri};

/// Longest method that is taken; the longest that is registered has 17 letters.
pub const MAX_METHOD: usize = 32;

/// How far paths are normalised: `meshConfig.pathNormalization`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathNormalization {
    /// Not at all.
    None,
    /// Dot segments resolved, `\` to `/`, unreserved `%XX` decoded.
    #[default]
    Base,
    /// Also `//` to `/`.
    MergeSlashes,
    /// Also `%2F` and `%5C` decoded first.
    DecodeAndMergeSlashes,
}

/// Why a request is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// `%00` in the path.
    #[error("the path holds an encoded NUL")]
    NulInPath,
    /// The result is no path.
    #[error("the path cannot be normalised")]
    InvalidPath,
    /// A method with lower-case letters.
    #[error("the method is not upper-case")]
    LowerCaseMethod,
    /// A method of more than [`MAX_METHOD`] letters.
    #[error("the method is longer than any")]
    LongMethod,
    /// The target is a host alone, or `*` for a method that is about a resource.
    #[error("the target names no path")]
    NoPath,
}

impl Rejected {
    /// Response code details.
    #[must_use]
    pub const fn details(self) -> &'static str {
        match self {
            Self::NulInPath | Self::InvalidPath => "path_normalization_failed",
            Self::LowerCaseMethod | Self::LongMethod => "invalid_method",
            Self::NoPath => "http1.invalid_url",
        }
    }
}

/// Normalises a path without query; borrowed if nothing changes.
///
/// One pass: what decoding brings to light (`%252e`) is not decoded again.
///
/// # Errors
/// If the path holds `%00`.
pub fn path(level: PathNormalization, path: &str) -> Result<Cow<'_, str>, Rejected> {
    if level == PathNormalization::None || !path.starts_with('/') || is_clean(level, path) {
        return Ok(Cow::Borrowed(path));
    }
    let resolved = resolve(&decode(level, path)?);
    let normalised = if level >= PathNormalization::MergeSlashes { merge(&resolved) } else { resolved };
    Ok(if normalised == path { Cow::Borrowed(path) } else { Cow::Owned(normalised) })
}

/// Normalises the path of a request target and keeps its query; `None` if nothing changes.
///
/// # Errors
/// If the path holds `%00`.
pub fn target(level: PathNormalization, target: &PathAndQuery) -> Result<Option<PathAndQuery>, Rejected> {
    let Cow::Owned(mut text) = path(level, target.path())? else { return Ok(None) };
    if let Some(query) = target.query() {
        text.push('?');
        text.push_str(query);
    }
    PathAndQuery::try_from(text).map(Some).map_err(|_| Rejected::InvalidPath)
}

/// Refuses targets that name no path: a host alone is for `CONNECT`, and `*` for `OPTIONS` (RFC 9112 section 3.2).
///
/// # Errors
/// If there is no path.
pub fn form<'a>(method: &Method, uri: &'a Uri) -> Result<&'a PathAndQuery, Rejected> {
    match uri.path_and_query() {
        Some(target) if target.path().starts_with('/') || *method == Method::OPTIONS => Ok(target),
        _ => Err(Rejected::NoPath),
    }
}

/// Refuses methods with lower-case letters: `get` would slip past a rule about `GET`. And those that are longer than
/// any: each goes into logs and labels.
///
/// # Errors
/// If it is one of them.
pub fn method(method: &str) -> Result<(), Rejected> {
    if method.len() > MAX_METHOD {
        return Err(Rejected::LongMethod);
    }
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) { Err(Rejected::LowerCaseMethod) } else { Ok(()) }
}

/// The kinds of bytes of a path for the rules of a level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Slash,
    Dot,
    /// `%` or `\`.
    Coded,
}

/// The class of every byte: one look for each, in place of a comparison with each that matters.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    classes[b'/' as usize] = Class::Slash;
    classes[b'.' as usize] = Class::Dot;
    classes[b'%' as usize] = Class::Coded;
    classes[b'\\' as usize] = Class::Coded;
    classes
};

/// Whether no rule of this level can apply.
fn is_clean(level: PathNormalization, path: &str) -> bool {
    let merge = level >= PathNormalization::MergeSlashes;
    let mut before = Class::Plain;
    for byte in path.bytes() {
        let class = CLASSES[usize::from(byte)];
        match class {
            Class::Plain => {}
            Class::Coded => return false,
            Class::Dot if before == Class::Slash => return false,
            Class::Slash if before == Class::Slash && merge => return false,
            Class::Dot | Class::Slash => {}
        }
        before = class;
    }
    true
}

/// Decodes what the level decodes, and turns `\` into `/`.
fn decode(level: PathNormalization, path: &str) -> Result<String, Rejected> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(['%', '\\']) {
        out.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'\\' {
            out.push('/');
            rest = &rest[at + 1..];
            continue;
        }
        let code = rest.get(at + 1..at + 3).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) else {
            out.push('%');
            rest = &rest[at + 1..];
            continue;
        };
        match byte {
            0 => return Err(Rejected::NulInPath),
            b'/' | b'\\' if level == PathNormalization::DecodeAndMergeSlashes => out.push('/'),
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&rest[at..at + 3]),
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Resolves `.` and `..` (RFC 3986, 5.2.4); there is nothing above `/`.
fn resolve(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    out.truncate(out.rfind('/').unwrap_or(0));
                }
                if last {
                    out.push('/');
                }
            }
            _ => {
                out.push('/');
                out.push_str(segment);
            }
        }
    }
    out
}

fn merge(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !out.ends_with('/') {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None as Off};
    use super::*;

    fn normal(level: PathNormalization, text: &str) -> String {
        path(level, text).unwrap().into_owned()
    }

    #[test]
    fn az_15_base_resolves_and_decodes_once() {
        let cases = [
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../../b", "/b"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/..", "/"),
            ("/a//../b", "/a/b"),
            ("/a\\b", "/a/b"),
            ("/a\\..\\b", "/b"),
            ("/%61dmin", "/admin"),
            ("/a/%2e%2E/b", "/b"),
            ("/%252e%252e/b", "/%252e%252e/b"),
            ("/a%2Fb%5cc%20", "/a%2Fb%5cc%20"),
            ("/a//b", "/a//b"),
            ("/%zz%", "/%zz%"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/", "/"),
            ("*", "*"),
        ];
        for (from, to) in cases {
            assert_eq!(normal(Base, from), to, "{from}");
            assert_eq!(normal(Off, from), from);
        }
    }

    #[test]
    fn az_15_higher_levels_merge_and_decode_slashes() {
        assert_eq!(normal(MergeSlashes, "//a///b/"), "/a/b/");
        assert_eq!(normal(MergeSlashes, "/a%2Fb"), "/a%2Fb");
        assert_eq!(normal(DecodeAndMergeSlashes, "/a%2F%5cb%2f..%2Fc"), "/a/c");
    }

    #[test]
    fn az_15_nul_and_lower_case_methods_are_refused() {
        assert_eq!(path(Base, "/a%00"), Err(Rejected::NulInPath));
        assert_eq!(method("get"), Err(Rejected::LowerCaseMethod));
        assert_eq!(method("M-SEARCH"), Ok(()));
    }

    #[test]
    fn a_method_longer_than_any_is_refused() {
        assert_eq!(method("UPDATEREDIRECTREF"), Ok(()));
        assert_eq!(method(&"A".repeat(MAX_METHOD)), Ok(()));
        assert_eq!(method(&"A".repeat(MAX_METHOD + 1)), Err(Rejected::LongMethod));
    }

    #[test]
    fn rfc_9112_3_2_a_target_names_a_path() {
        let of = |method: Method, uri: &'static str| {
            form(&method, &Uri::from_static(uri)).map(PathAndQuery::path).map(str::to_owned)
        };
        for (uri, path) in [("/a?b", "/a"), ("http://a", "/"), ("http://a?b", "/"), ("http://a/b", "/b")] {
            assert_eq!(of(Method::GET, uri), Ok(path.to_owned()), "{uri}");
        }
        for method in [Method::GET, Method::HEAD, Method::POST] {
            assert_eq!(of(method.clone(), "*"), Err(Rejected::NoPath));
            assert_eq!(of(method, "a:80"), Err(Rejected::NoPath));
        }
        assert_eq!(of(Method::OPTIONS, "*"), Ok("*".to_owned()));
        assert_eq!(of(Method::OPTIONS, "a"), Err(Rejected::NoPath));
    }

    #[test]
    fn az_15_clean_paths_are_not_copied_and_queries_are_kept() {
        assert!(matches!(path(MergeSlashes, "/a/b.c/d-e_f~"), Ok(Cow::Borrowed(_))));
        assert!(matches!(path(Base, "/a%20b"), Ok(Cow::Borrowed(_))));
        let dirty = PathAndQuery::from_static("/a/../b?c=/../d");
        assert_eq!(target(Base, &dirty).unwrap().unwrap(), "/b?c=/../d");
        assert_eq!(target(Base, &PathAndQuery::from_static("/b?c")), Ok(None));
    }

    proptest! {
        #[test]
        fn az_15_no_dot_segment_survives(text in "/([a.%2eEfF/\\\\]|%2[eEfF]|%5[cC]){0,24}") {
            for level in [Base, MergeSlashes, DecodeAndMergeSlashes] {
                let once = normal(level, &text);
                prop_assert!(once.starts_with('/'));
                prop_assert!(!once.contains('\\'));
                prop_assert!(once.split('/').all(|segment| segment != "." && segment != ".."));
                if level >= MergeSlashes {
                    prop_assert!(!once.contains("//"));
                }
            }
        }
    }
}
