//! The parts of a request that are hashed (LB-5, LB-6).
//!
//! A route may lead to several destinations, each with a key of its own. As Envoy does it for Istio,
//! all keys of the route count, whatever destination is drawn: the hashes are combined, each time the
//! one so far is rotated by one bit and xored with the next. Two subsets of one service have the same
//! key twice, which is another hash than the key alone; proxies do it so, and so the same user lands on
//! the same endpoint.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{HashCookie, HashKey};
use crate::hash::xx_hash;
use crate::request::{RequestKey, RequestView};

/// The source of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashSource {
    /// A header; several values count in any order.
    Header(HashHeader),
    /// A cookie.
    Cookie(HashCookie),
    /// The address of the caller, without its port.
    SourceIp,
    /// The first value of a query parameter, not decoded.
    QueryParameter(String),
}

/// A header as key; the parts of the request line count as headers, and `host` is `:authority`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashHeader(RequestKey);

/// The keys of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashPolicy {
    sources: Vec<HashSource>,
}

/// The hash of a request, and the cookie that its caller has to get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashed {
    /// The hash, which endpoints are picked by; `None` if the request has no key.
    pub hash: Option<u64>,
    /// The hash of the first key alone, which destinations are chosen by: it does not change when a
    /// destination is added.
    pub first: Option<u64>,
    /// `Set-Cookie` for the response, where a cookie was made.
    pub set_cookies: Vec<HeaderValue>,
}

impl From<HashKey> for Hashed {
    fn from(key: HashKey) -> Self {
        let hash = Some(key.hash());
        Self { hash, first: hash, set_cookies: Vec::new() }
    }
}

impl HashHeader {
    /// The header of this name; `None` if it is none.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let name = if name.eq_ignore_ascii_case("host") { ":authority" } else { name };
        RequestKey::new(name).map(Self)
    }

    fn hash(&self, request: &RequestView<'_>) -> Option<u64> {
        match self.0.of(request) {
            Ok(part) => (!part.is_empty()).then(|| xx_hash(part.as_bytes(), 0)),
            Err(name) => hash_field(request.headers, name),
        }
    }
}

impl HashPolicy {
    /// The policy of a route whose destinations have these keys, in their order.
    #[must_use]
    pub const fn new(sources: Vec<HashSource>) -> Self {
        Self { sources }
    }

    /// The keys.
    #[cfg(test)]
    pub(crate) fn sources(&self) -> &[HashSource] {
        &self.sources
    }

    /// Hashes a request. `source` gives the caller's address, if it has one; `draw` gives 64 random bits
    /// for the value of a cookie that has to be made.
    #[must_use]
    pub fn hash(
        &self,
        request: &RequestView<'_>,
        source: impl Fn() -> Option<IpAddr>,
        draw: impl Fn() -> u64,
    ) -> Hashed {
        let mut hashed = Hashed::default();
        // One value, whatever the number of cookies.
        let mut drawn: Option<String> = None;
        for source_of_key in &self.sources {
            let hash = match source_of_key {
                HashSource::Header(header) => header.hash(request),
                HashSource::SourceIp => source().map(hash_address),
                HashSource::QueryParameter(name) => {
                    request.query_param(name).map(|value| xx_hash(value.as_bytes(), 0))
                }
                HashSource::Cookie(cookie) => match cookie.read(request.headers) {
                    Some(value) => Some(xx_hash(value, 0)),
                    None if cookie.ttl.is_some() => {
                        let value = &*drawn.get_or_insert_with(|| format!("{:016x}", draw()));
                        if let Some(header) = cookie.make(value)
                            && !hashed.set_cookies.contains(&header)
                        {
                            hashed.set_cookies.push(header);
                        }
                        Some(xx_hash(value.as_bytes(), 0))
                    }
                    None => None,
                },
            };
            if let Some(hash) = hash {
                hashed.hash = Some(combine(hashed.hash.unwrap_or_default(), hash));
                hashed.first = hashed.first.or(Some(hash));
            }
        }
        hashed
    }

    /// The hash of a request whose keys all have this value: what a call's own key stands for. Without
    /// keys it is the key's own.
    #[must_use]
    pub fn hash_of(&self, key: HashKey) -> Hashed {
        if self.sources.is_empty() {
            return key.into();
        }
        let hash = self.sources.iter().fold(0, |hash, _| combine(hash, key.hash()));
        Hashed { hash: Some(hash), ..Hashed::from(key) }
    }
}

const fn combine(so_far: u64, next: u64) -> u64 {
    so_far.rotate_left(1) ^ next
}

/// The values of a header, sorted: the first with seed 0, each next with the hash so far as seed.
fn hash_field(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = values.next()?;
    let Some(second) = values.next() else { return Some(xx_hash(first, 0)) };
    let mut all: Vec<_> = [first, second].into_iter().chain(values).collect();
    all.sort_unstable();
    Some(all.into_iter().fold(0, |seed, value| xx_hash(value, seed)))
}

fn hash_address(address: IpAddr) -> u64 {
    // A caller of IPv4 on a socket of both families has the text of IPv4.
    xx_hash(address.to_canonical().to_string().as_bytes(), 0)
}

#[cfg(test)]
mod tests;
