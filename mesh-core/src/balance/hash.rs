//! xxHash64, and the key of one call.
//!
//! Envoy hashes keys and host names with xxHash64; whoever hashes otherwise sends the same user to
//! another endpoint than the proxy next door.

use twox_hash::XxHash64;

/// The hash of `bytes` (LB-5). Keys are hashed with seed 0.
#[must_use]
pub(crate) fn xx_hash(bytes: &[u8], seed: u64) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

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
    fn lb_5_the_hash_is_xx_hash_64() {
        // Test vectors of the algorithm's own documentation.
        assert_eq!(xx_hash(b"", 0), 0xef46_db37_51d8_e999);
        assert_eq!(xx_hash(b"a", 0), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xx_hash(b"abc", 0), 0x44bc_2cf5_ad77_0999);
        assert_eq!(HashKey::new("abc").hash(), 0x44bc_2cf5_ad77_0999);
    }
}
