//! The two hashes: one for our tables, and the one that proxies agree on.
//!
//! # For our tables
//! The names and numbers in our tables come from the configuration; what callers send is only looked up, so
//! they cannot make keys collide. Then a few instructions for each word do, where a hash that withstands
//! attacks, or one for long texts, takes hundreds.
//!
//! One table is an exception: metric series are found by a peer's name, too (`telemetry/series.rs` of
//! mesh-tower). It is capped, so that names that collide cost a walk through as many entries at most.
//!
//! # For keys
//! Envoy hashes keys and host names with xxHash64; a proxy with another hash sends the same user to another
//! endpoint than the Envoy beside it.

use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash64;

/// xxHash64 of `bytes` (LB-5). Keys are hashed with seed 0.
#[must_use]
pub(crate) fn xx_hash(bytes: &[u8], seed: u64) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

/// Makes [`WordHasher`]s; every one the same.
pub type WordHash = BuildHasherDefault<WordHasher>;

/// Mixes word by word: rotate, xor, multiply (as Firefox's `FxHash`), and folds at the end (as wyhash).
#[derive(Clone, Copy, Debug, Default)]
pub struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        // An odd constant from the golden ratio spreads neighbours over the high bits.
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        // Tables look at the low bits for the place and at the high ones for the tag: both halves of a wide
        // product depend on every bit.
        let wide = u128::from(self.0) * 0xa076_1d64_78bd_642f;
        (wide as u64) ^ ((wide >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn lb_5_the_hash_is_xx_hash_64() {
        // Test vectors of the algorithm's own documentation.
        assert_eq!(xx_hash(b"", 0), 0xef46_db37_51d8_e999);
        assert_eq!(xx_hash(b"a", 0), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xx_hash(b"abc", 0), 0x44bc_2cf5_ad77_0999);
    }

    #[test]
    fn names_that_differ_little_spread_over_a_table() {
        let hash = WordHash::default();
        let places = |names: &dyn Fn(u32) -> String| {
            let places = (0..10_000).map(|number| hash.hash_one(names(number).as_str()) & 0x3fff);
            places.collect::<HashSet<_>>().len()
        };
        // Chance leaves 16,384 × (1 − e^(−10,000/16,384)) = 7,483 places taken.
        assert!(places(&|number| format!("service-{number}.default.svc.cluster.local")) > 7_000);
        assert!(places(&|number| format!("{number}")) > 7_000);
        assert!(places(&|number| format!("reviews.team-{number:05}.svc")) > 7_000);
    }
}
