//! How large the fields of one message may be (GW-12).
//!
//! Envoy's limit is of names and values together, for heads and trailers each. HTTP/1.1 parsers enforce it by
//! themselves. The `h2` crate has one setting for all, and two faults behind it: it counts 32 bytes more for each
//! field (RFC 9113 section 6.5.2), and of trailers it drops the excess in silence. So `h2` is given a
//! multiple of the limit, and the fields that it delivers are counted here:
//!
//! ```text
//! 0 ───────── limit ──────────── 3 × limit ─────────────────────── 8 × limit ────────▶ size of the fields
//!   passed on       │ stream reset                                    │ h2 cuts
//!                   └ by `admits`     └ from here on the wire: FrameGuard closes the connection
//! ```
//!
//! Why a cut is always seen: `h2` cuts before the field that reaches 8 × limit. Either what came before is more
//! than `admits` allows, which is never more than 2 × limit as `h2` counts. Or that one field is larger than
//! 6 × limit: it stands in no compression table of 4 KiB, and the shortest code for a byte has five bits, so its
//! block has more than 3 × limit bytes on the wire, and the connection is closed before it is decoded.

use http::HeaderMap;

/// The bytes that RFC 9113 (6.5.2) adds for each field.
const FIELD_OVERHEAD: usize = 32;

/// The limit of `h2` as a multiple of ours.
const READ_AHEAD: u32 = 8;

/// Most fields; the map that holds them ends, and `h2` cuts, somewhat above.
const MAX_FIELDS: usize = 20_000;

/// Most bytes of names and values that one head, or the trailers of one message, may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldLimit(u32);

impl Default for FieldLimit {
    /// 60 KiB, as in Envoy.
    fn default() -> Self {
        Self(60 << 10)
    }
}

impl FieldLimit {
    /// So many KiB; `None` below 8 or above 8192, which is Envoy's range but for its lower end.
    #[must_use]
    pub const fn kib(kib: u32) -> Option<Self> {
        if 8 <= kib && kib <= 8192 { Some(Self(kib << 10)) } else { None }
    }

    /// The limit in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// The limit that `h2` is given.
    #[must_use]
    pub const fn max_list_size(self) -> u32 {
        self.0 * READ_AHEAD
    }

    /// Most bytes of one header block on the wire, compressed. Far above the limit: beyond it all streams of the
    /// connection end, where `admits` ends one.
    #[must_use]
    pub const fn max_block(self) -> u32 {
        self.0 * 3
    }

    /// Whether these fields may pass.
    #[must_use]
    pub fn admits(self, fields: &HeaderMap) -> bool {
        let size = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        self.admits_sum(size, fields.len())
    }

    /// Whether so many fields may pass, with names and values of `size` bytes in all.
    #[must_use]
    pub const fn admits_sum(self, size: usize, fields: usize) -> bool {
        size <= self.bytes() && size + fields * FIELD_OVERHEAD <= 2 * self.bytes() && fields <= MAX_FIELDS
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn gw_12_names_and_values_count_and_so_does_each_field() {
        let limit = FieldLimit::default();
        let one = |size: usize| {
            let value = HeaderValue::try_from("v".repeat(size - 3)).unwrap();
            HeaderMap::from_iter([(HeaderName::from_static("x-a"), value)])
        };
        assert!(limit.admits(&one(60 << 10)));
        assert!(!limit.admits(&one((60 << 10) + 1)));
        assert!(limit.admits_sum(100, 1_900));
        assert!(!limit.admits_sum(100, 3_840), "120 KiB of overhead");
        assert!(!FieldLimit::kib(8192).unwrap().admits_sum(100, MAX_FIELDS + 1));
    }

    #[test]
    fn the_limit_has_a_range() {
        assert_eq!(FieldLimit::kib(60), Some(FieldLimit::default()));
        for wrong in [0, 7, 8193, u32::MAX] {
            assert_eq!(FieldLimit::kib(wrong), None);
        }
        assert!(FieldLimit::kib(8192).is_some_and(|limit| limit.max_list_size() == 64 << 20));
    }

    /// The argument of the module's header about a field that `h2` cuts, for every limit.
    #[test]
    fn a_field_that_is_cut_is_too_large_on_the_wire() {
        for limit in [8, 60, 8192].map(|kib| FieldLimit::kib(kib).unwrap()) {
            let field = limit.max_list_size() as usize - 2 * limit.bytes();
            let spelt_out = field - FIELD_OVERHEAD - 4096;
            assert!(spelt_out * 5 / 8 > limit.max_block() as usize);
        }
    }
}
