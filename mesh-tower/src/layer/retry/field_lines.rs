//! The header fields of a request, kept as text.
//!
//! A clone of a name or of a value is a call through a table and a shared counter, which another call undoes; and
//! almost no copy is ever sent. Text is copied into one piece of memory, and becomes headers again only when a
//! request really is repeated; `docs/performance.md` tells what that saves.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Room that suffices for most requests, so that it is made once.
const USUAL: usize = 512;
/// The bit of a length that says that the text is sensitive.
const SENSITIVE: u32 = 1 << 31;

/// Name and value of each field, in the map's order, behind their lengths.
pub(super) struct FieldLines(Vec<u8>);

impl FieldLines {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut lines = Self(Vec::with_capacity(USUAL));
        for (name, value) in headers {
            lines.push(name.as_str().as_bytes(), value.as_bytes(), value.is_sensitive());
        }
        lines
    }

    fn push(&mut self, name: &[u8], value: &[u8], sensitive: bool) {
        let length = |text: &[u8]| u32::try_from(text.len()).expect("no part of a head is 2 GiB long");
        let sensitive = if sensitive { SENSITIVE } else { 0 };
        let lengths = [length(name).to_ne_bytes(), (length(value) | sensitive).to_ne_bytes()];
        self.0.extend_from_slice(lengths.as_flattened());
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(value);
    }

    /// The headers as they were. `None` would mean that `http` does not take back what it gave: such a request is
    /// not repeated.
    pub(super) fn headers(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        let mut rest = &*self.0;
        while !rest.is_empty() {
            let (name, value) = (length(&mut rest)?, length(&mut rest)?);
            let sensitive = value & SENSITIVE != 0;
            let (name, value) = (text(&mut rest, name)?, text(&mut rest, value & !SENSITIVE)?);
            let mut value = HeaderValue::from_bytes(value).ok()?;
            value.set_sensitive(sensitive);
            // HTTP/2 allows characters in a name that HTTP/1.1 does not.
            headers.append(HeaderName::from_lowercase(name).ok()?, value);
        }
        Some(headers)
    }
}

fn length(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*rest.split_off(..size_of::<u32>())?.first_chunk()?))
}

fn text<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    rest.split_off(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue, bool)> {
        let field =
            |(name, value): (&HeaderName, &HeaderValue)| (name.clone(), value.clone(), value.is_sensitive());
        headers.iter().map(field).collect()
    }

    #[test]
    fn fields_are_kept_in_their_order_with_all_their_values() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("accept", "a"), ("x-own", ""), ("accept", "b"), ("cookie", "c"), ("x-own", "ä")]
        {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers.append("x-long", "l".repeat(100_000).parse().unwrap());
        headers.get_mut("cookie").unwrap().set_sensitive(true);
        assert_eq!(fields(&FieldLines::of(&headers).headers().unwrap()), fields(&headers));
    }

    /// Whatever a peer may send, in names of HTTP/2 and in values of HTTP/1.1: both are judged byte by byte.
    #[test]
    fn what_can_be_received_can_be_sent_again() {
        let mut seen = 0;
        for byte in 0..=u8::MAX {
            let mut headers = HeaderMap::new();
            if let Ok(name) = HeaderName::from_lowercase(&[b'x', byte]) {
                headers.append(name, HeaderValue::from_static("named"));
            }
            if let Ok(value) = HeaderValue::from_bytes(&[byte]) {
                headers.append("x-value", value);
            }
            let again = FieldLines::of(&headers).headers().expect("they were headers before");
            assert_eq!(fields(&again), fields(&headers), "{byte}");
            seen += headers.len();
        }
        assert!(seen > 200);
    }
}
