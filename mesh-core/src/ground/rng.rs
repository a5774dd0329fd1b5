//! Where the edges get chance from.
//!
//! Every decision that draws takes an [`Rng`]; with the same seed, configuration and requests the
//! same decisions come out (OU-1).

/// A source of random numbers.
pub trait Rng {
    /// 64 uniformly random bits.
    fn next_u64(&mut self) -> u64;

    /// A uniform number in `0..bound`; 0 if `bound` is 0.
    ///
    /// Lemire's multiply-shift; the bias for a 32-bit bound is below 2⁻³².
    fn below(&mut self, bound: u32) -> u32 {
        let wide = (self.next_u64() >> 32) * u64::from(bound);
        u32::try_from(wide >> 32).expect("a 32-bit product shifted by 32 fits 32 bits")
    }

    /// A uniform number in `0.0..1.0` with 53 bits of precision.
    fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl<R: Rng + ?Sized> Rng for &mut R {
    fn next_u64(&mut self) -> u64 {
        (**self).next_u64()
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): tiny, seedable, good enough for tests.
#[cfg(any(test, feature = "test-util"))]
#[derive(Clone, Debug)]
pub struct SeededRng(u64);

#[cfg(any(test, feature = "test-util"))]
impl SeededRng {
    /// A generator that always yields the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

#[cfg(any(test, feature = "test-util"))]
impl Rng for SeededRng {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
