//! From a host to what was declared for it, at a cost that does not grow with the hosts (H-3, H-7).
//!
//! Exact names stand in one hash map. Wildcards stand in a hash map by their fixed text, beside the
//! list of lengths that occur, longest first: a lookup asks once a length, not once a host. A name
//! that is lower-case already is looked up without being copied.

use std::collections::HashMap;

use crate::hash::WordHash;

type Names = HashMap<Box<str>, usize, WordHash>;

/// Indices found by host name: exact, longest `*suffix`, longest `prefix*`, `*`.
#[derive(Clone, Debug, Default)]
pub struct HostMap {
    exact: Names,
    /// Whether an exact name carries a port.
    ported: bool,
    leading: Wildcards,
    trailing: Wildcards,
    any: Option<usize>,
}

/// Wildcards of one kind: their fixed text, and the lengths that occur, longest first.
#[derive(Clone, Debug, Default)]
struct Wildcards {
    texts: Names,
    lengths: Vec<usize>,
}

impl HostMap {
    /// Declares `domain`, which may carry `:port` (H-6).
    ///
    /// # Errors
    /// The index that the same domain was declared for before.
    pub fn insert(&mut self, domain: &str, index: usize) -> Result<(), usize> {
        let domain = domain.to_ascii_lowercase();
        let bare = host_of(&domain);
        if domain == "*" {
            return match self.any.replace(index) {
                Some(before) if before != index => Err(before),
                _ => Ok(()),
            };
        }
        if let Some(suffix) = bare.strip_prefix('*') {
            return self.leading.insert(suffix, index);
        }
        if let Some(prefix) = bare.strip_suffix('*') {
            return self.trailing.insert(prefix, index);
        }
        self.ported |= bare.len() != domain.len();
        put(&mut self.exact, &domain, index)
    }

    /// Lets a name with a port be found by any port, where nothing else was declared for the name.
    pub(super) fn insert_bare(&mut self, domain: &str, index: usize) {
        let domain = domain.to_ascii_lowercase();
        let bare = host_of(&domain);
        if bare.len() != domain.len() && !bare.is_empty() && !bare.contains('*') {
            self.exact.entry(bare.into()).or_insert(index);
        }
    }

    /// The declaration for `authority`; its port and case are ignored (H-7).
    #[must_use]
    pub fn get(&self, authority: &str) -> Option<usize> {
        // Nearly every authority is a known name in lower case: case is looked at only after a miss.
        self.get_exact(authority).or_else(|| {
            if authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
                let authority = authority.to_ascii_lowercase();
                self.get_exact(&authority).or_else(|| self.get_wildcard(host_of(&authority)))
            } else {
                self.get_wildcard(host_of(authority))
            }
        })
    }

    fn get_exact(&self, authority: &str) -> Option<usize> {
        let host = host_of(authority);
        let with_port =
            if self.ported && host.len() != authority.len() { self.exact.get(authority) } else { None };
        with_port.or_else(|| self.exact.get(host)).copied()
    }

    fn get_wildcard(&self, host: &str) -> Option<usize> {
        if host.is_empty() {
            return None;
        }
        let bytes = host.len();
        let leading = |length| host.get(bytes - length..);
        let trailing = |length| host.get(..length);
        self.leading.longest(bytes, leading).or_else(|| self.trailing.longest(bytes, trailing)).or(self.any)
    }
}

impl Wildcards {
    fn insert(&mut self, text: &str, index: usize) -> Result<(), usize> {
        put(&mut self.texts, text, index)?;
        if let Err(at) = self.lengths.binary_search_by(|length| text.len().cmp(length)) {
            self.lengths.insert(at, text.len());
        }
        Ok(())
    }

    fn longest<'a>(&self, bytes: usize, part: impl Fn(usize) -> Option<&'a str>) -> Option<usize> {
        let fitting = self.lengths.iter().filter(|&&length| length <= bytes);
        fitting.filter_map(|&length| part(length)).find_map(|text| self.texts.get(text).copied())
    }
}

fn put(names: &mut Names, text: &str, index: usize) -> Result<(), usize> {
    match names.insert(text.into(), index) {
        Some(before) if before != index => Err(before),
        _ => Ok(()),
    }
}

/// The host of an authority: without port, an IPv6 address with its brackets.
#[must_use]
pub fn host_of(authority: &str) -> &str {
    let bytes = authority.as_bytes();
    let mut end = bytes.len();
    while end > 0 && bytes[end - 1].is_ascii_digit() {
        end -= 1;
    }
    if end == 0 || bytes[end - 1] != b':' {
        return authority;
    }
    let host = &bytes[..end - 1];
    // `::1` without brackets is all host.
    if host.first() != Some(&b'[') && host.contains(&b':') {
        return authority;
    }
    &authority[..end - 1]
}
