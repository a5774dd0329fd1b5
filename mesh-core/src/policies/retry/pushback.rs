//! A gRPC server's own word on retries: `grpc-retry-pushback-ms` (RT-16, gRPC proposal A6).
//!
//! Honoured by clients made with the tonic layer; the proxy leaves it to the application's client.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The server's answer about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushback {
    /// Retry after exactly this long, in place of the back-off.
    After(Duration),
    /// Do not retry: the value was negative or unreadable.
    Never,
}

impl Pushback {
    /// Reads it from a failed response's headers or trailers; `None` if there is none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(PUSHBACK)?;
        let millis = value.to_str().ok().and_then(|text| text.parse::<u32>().ok());
        Some(millis.map_or(Self::Never, |millis| Self::After(Duration::from_millis(millis.into()))))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn rt_16_pushback() {
        let read = |text| Pushback::of(&HeaderMap::from_iter([(PUSHBACK, HeaderValue::from_static(text))]));
        assert_eq!(Pushback::of(&HeaderMap::new()), None);
        assert_eq!(read("250"), Some(Pushback::After(Duration::from_millis(250))));
        assert_eq!(read("0"), Some(Pushback::After(Duration::ZERO)));
        assert_eq!(read("-1"), Some(Pushback::Never));
        assert_eq!(read("soon"), Some(Pushback::Never));
    }
}
