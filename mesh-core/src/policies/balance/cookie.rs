//! A cookie as hash key: reading it, and making one for a caller without one (LB-6).

use std::fmt::Write as _;
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookie that is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashCookie {
    /// Its name.
    pub name: String,
    /// Its path, for one that is made.
    pub path: String,
    /// How long one that is made lives; zero is as long as the browser's session. `None`: none is made.
    pub ttl: Option<Duration>,
    /// Further attributes of one that is made; one without a value is a flag.
    pub attributes: Vec<(String, String)>,
}

impl HashCookie {
    /// The value that a request has, without quotes; nothing if it is empty.
    pub(super) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        let crumbs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
        let mut named = crumbs.filter_map(|crumb| {
            let crumb = crumb.trim_ascii_start();
            crumb.strip_prefix(self.name.as_bytes())?.strip_prefix(b"=")
        });
        let value = named.next()?;
        let value = match value {
            [b'"', inner @ .., b'"'] => inner,
            bare => bare,
        };
        (!value.is_empty()).then_some(value)
    }

    /// `Set-Cookie` with this value; `None` if what was written makes no header.
    pub(super) fn make(&self, value: &str) -> Option<HeaderValue> {
        let mut text = format!("{}=\"{value}\"", self.name);
        let age = self.ttl.unwrap_or_default().as_secs();
        if age > 0 {
            write!(text, "; Max-Age={age}").expect("a string takes all");
        }
        if !self.path.is_empty() {
            write!(text, "; Path={}", self.path).expect("a string takes all");
        }
        for (name, value) in &self.attributes {
            text.push_str("; ");
            text.push_str(name);
            if !value.is_empty() {
                text.push('=');
                text.push_str(value);
            }
        }
        text.push_str("; HttpOnly");
        HeaderValue::try_from(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(ttl: Option<u64>, path: &str, attributes: &[(&str, &str)]) -> HashCookie {
        HashCookie {
            name: "user".into(),
            path: path.into(),
            ttl: ttl.map(Duration::from_secs),
            attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    fn read(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        cookie(None, "", &[]).read(&headers).map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn lb_6_the_first_of_the_name_is_read_without_its_quotes() {
        for (lines, expected) in [
            (&["user=a"][..], Some("a")),
            (&["x=1; user=a; user=b"], Some("a")),
            (&["x=1;user=\"a b\"; y=2"], Some("a b")),
            (&["x=1", "user=a=b"], Some("a=b")),
            (&["user=\"a"], Some("\"a")),
            (&["user=a "], Some("a ")),
            (&["username=a; xuser=b; user"], None),
            (&["user=; user=b"], None),
            (&["user=\"\""], None),
            (&[";; "], None),
            (&[], None),
        ] {
            assert_eq!(read(lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn lb_6_set_cookie_has_what_is_written() {
        let made = |ttl, path, attributes: &[(&str, &str)]| {
            cookie(ttl, path, attributes).make("0123").unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(made(Some(0), "", &[]), "user=\"0123\"; HttpOnly");
        assert_eq!(made(Some(60), "/shop", &[]), "user=\"0123\"; Max-Age=60; Path=/shop; HttpOnly");
        assert_eq!(
            made(Some(0), "/", &[("SameSite", "Lax"), ("Secure", "")]),
            "user=\"0123\"; Path=/; SameSite=Lax; Secure; HttpOnly"
        );
        assert_eq!(cookie(Some(1), "/\n", &[]).make("0"), None);
    }
}
