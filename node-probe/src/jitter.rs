//! Random numbers that spread reads in time. They guard nothing.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A stream of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A stream that differs between processes: the standard library draws the
    /// keys of its hashers from the kernel.
    #[must_use]
    pub fn seeded() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// The next number.
    pub fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_spread_over_the_whole_range() {
        let mut jitter = Jitter::seeded();
        let mut eighths = [0u32; 8];
        for _ in 0..8_000 {
            eighths[jitter.draw() as usize >> 29] += 1;
        }
        assert!(
            eighths.iter().all(|count| (800..1_200).contains(count)),
            "{eighths:?}"
        );
    }

    #[test]
    fn two_streams_differ() {
        assert_ne!(Jitter::seeded().0, Jitter::seeded().0);
    }
}
