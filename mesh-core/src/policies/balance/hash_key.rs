//! The key of one call.

use crate::hash::xx_hash;

/// The key of one call, in place of the one that `consistentHash` names (OU-4).
///
/// ```
/// use mesh_core::balance::HashKey;
///
/// // The endpoint that a proxy picks for a header or cookie of this value.
/// assert_eq!(HashKey::new("alice"), HashKey::new(b"alice"));
/// assert_ne!(HashKey::new("alice"), HashKey::new("bob"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashKey(u64);

impl HashKey {
    /// The key made of these bytes: a user's id, a session, the name of a shard.
    #[must_use]
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        Self(xx_hash(key.as_ref(), 0))
    }

    /// The hash.
    #[must_use]
    pub const fn hash(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ou_4_a_key_is_hashed_as_a_header_is() {
        assert_eq!(HashKey::new("abc").hash(), 0x44bc_2cf5_ad77_0999);
    }
}
