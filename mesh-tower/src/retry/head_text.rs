//! The target and the header fields of a request, kept as text.
//!
//! A clone of a name, a value or a target is a call through a table and a shared counter, which another call
//! undoes; and almost no copy is ever sent. Text that is copied into one piece of memory costs less than half
//! of that, and is read again only when a request really is repeated.

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, uri};

/// Room that suffices for most requests, so that it is made once.
const USUAL: usize = 512;
/// The bit of a length that says that the text is sensitive.
const SENSITIVE: u32 = 1 << 31;

/// Texts one after the other, each behind its length: scheme, authority and path of the target, empty if it has
/// none; then name and value of each field, in the map's order.
pub(super) struct HeadText(Vec<u8>);

impl HeadText {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let mut text = Self(Vec::with_capacity(USUAL));
        let target = request.uri();
        text.push(target.scheme_str().unwrap_or_default().as_bytes(), false);
        text.push(target.authority().map_or("", Authority::as_str).as_bytes(), false);
        text.push(target.path_and_query().map_or("", PathAndQuery::as_str).as_bytes(), false);
        for (name, value) in request.headers() {
            text.push(name.as_str().as_bytes(), false);
            text.push(value.as_bytes(), value.is_sensitive());
        }
        text
    }

    fn push(&mut self, text: &[u8], sensitive: bool) {
        let length = u32::try_from(text.len()).expect("no part of a head is 2 GiB long");
        let length = if sensitive { length | SENSITIVE } else { length };
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(text);
    }

    /// Target and headers as they were.
    pub(super) fn read(&self) -> (Uri, HeaderMap) {
        self.try_read().expect("it is what a head was made of")
    }

    fn try_read(&self) -> Option<(Uri, HeaderMap)> {
        let mut rest = &*self.0;
        let mut part = || next(&mut rest).map(|(text, _)| text).filter(|text| !text.is_empty());
        let mut parts = uri::Parts::default();
        parts.scheme = part().map(|scheme| scheme.try_into()).transpose().ok()?;
        parts.authority = part().map(|authority| authority.try_into()).transpose().ok()?;
        parts.path_and_query = part().map(|path| path.try_into()).transpose().ok()?;
        let mut headers = HeaderMap::new();
        while let Some((name, _)) = next(&mut rest) {
            let (value, sensitive) = next(&mut rest)?;
            let mut value = HeaderValue::from_bytes(value).ok()?;
            value.set_sensitive(sensitive);
            headers.append(HeaderName::from_bytes(name).ok()?, value);
        }
        Some((Uri::from_parts(parts).ok()?, headers))
    }
}

/// The next text, and whether it is sensitive.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], bool)> {
    let length = u32::from_ne_bytes(*rest.split_off(..size_of::<u32>())?.first_chunk()?);
    let text = rest.split_off(..usize::try_from(length & !SENSITIVE).ok()?)?;
    Some((text, length & SENSITIVE != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str, headers: &HeaderMap) -> (Uri, HeaderMap) {
        let mut request = Request::builder().uri(target).body(()).unwrap();
        *request.headers_mut() = headers.clone();
        HeadText::of(&request).read()
    }

    #[test]
    fn every_form_of_a_target_is_kept() {
        for target in
            ["/", "/a?b=c", "*", "a:80", "http://a", "https://[::1]:8443/%20?", "h2c://a/b", "http://u@a/"]
        {
            assert_eq!(read(target, &HeaderMap::new()).0, target, "{target}");
        }
    }

    #[test]
    fn fields_are_kept_in_their_order_with_all_their_values() {
        let mut headers = HeaderMap::new();
        let long = "l".repeat(100_000);
        let fields = ["accept a", "x-own ", "accept b", "cookie c=d", "x-own \u{e4}"];
        for (name, value) in fields.map(|field| field.split_once(' ').unwrap()) {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers.append("x-long", long.parse().unwrap());
        headers.get_mut("cookie").unwrap().set_sensitive(true);
        let again = read("/", &headers).1;
        let fields = |headers: &HeaderMap| {
            let field = |(name, value): (&HeaderName, &HeaderValue)| {
                (name.clone(), value.clone(), value.is_sensitive())
            };
            headers.iter().map(field).collect::<Vec<_>>()
        };
        assert_eq!(fields(&again), fields(&headers));
    }
}
