//! The headers that a format names, copied while they pass.
//!
//! A line is written when the response has ended, and by then the headers are gone. Copying all of
//! them would cost more than the line; so a format knows the few it names, and only those are kept.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The names that a format asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) request: Vec<HeaderName>,
    pub(super) response: Vec<HeaderName>,
    pub(super) trailers: Vec<HeaderName>,
}

impl Wanted {
    pub(super) fn add(to: &mut Vec<HeaderName>, name: &HeaderName) {
        if !to.contains(name) {
            to.push(name.clone());
        }
    }
}

/// Copies of the headers that a [`Format`](super::Format) names; see
/// [`Format::capture_request`](super::Format::capture_request) and its kin.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    pub(super) request: Vec<(HeaderName, HeaderValue)>,
    pub(super) response: Vec<(HeaderName, HeaderValue)>,
    pub(super) trailers: Vec<(HeaderName, HeaderValue)>,
}

impl Captured {
    /// Replaces a request header that the proxy made or changed after the capture.
    pub fn set_request(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.request.retain(|(captured, _)| captured != name);
        self.request.push((name.clone(), value.clone()));
    }
}

/// Copies what is wanted.
pub(super) fn copy(wanted: &[HeaderName], from: &HeaderMap, to: &mut Vec<(HeaderName, HeaderValue)>) {
    to.clear();
    if wanted.is_empty() || from.is_empty() {
        return;
    }
    to.reserve_exact(wanted.len());
    for name in wanted {
        to.extend(from.get_all(name).iter().map(|value| (name.clone(), value.clone())));
    }
}
