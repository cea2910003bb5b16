//! (pure) Which level of `drop_caches` to write next, judged by the count of memory cgroups.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde::{Deserialize, Serialize};
use unstall_crds::command::DropLevel;

/// How many times the caches are dropped for one command. A pass leaves what was mapped or under
/// write-back at that moment (seen: 20,000 -> 13,800 -> 5,919 -> 9). The first costs every process
/// on the node its cache, the next ones cost little, but there is an end to it.
pub const MAX_PASSES: usize = 3;

/// A fall below this many cgroups is the coming and going of live ones (2 to 60 at rest).
pub(super) const NOISE_FLOOR: u64 = 64;

/// The value written to `/proc/sys/vm/drop_caches`: a [`DropLevel`] that is no longer `Auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caches {
    /// `1`: clean page cache.
    PageCache,
    /// `2`: reclaimable slab objects, dentries and inodes among them.
    Slab,
    /// `3`: both.
    All,
}

impl Caches {
    /// The bytes that the kernel reads.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::PageCache => b"1\n",
            Self::Slab => b"2\n",
            Self::All => b"3\n",
        }
    }
}

impl From<Caches> for DropLevel {
    fn from(caches: Caches) -> Self {
        match caches {
            Caches::PageCache => Self::PageCache,
            Caches::Slab => Self::Slab,
            Caches::All => Self::All,
        }
    }
}

/// The levels to try, gentlest first; the last one is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    levels: Vec<Caches>,
    begins_gently: bool,
}

impl Ladder {
    /// The ladder of a command's level: a level that was named is repeated while it helps.
    #[must_use]
    pub fn new(level: DropLevel, kernel_release: &str) -> Self {
        let levels = match level {
            DropLevel::Auto => Self::auto(kernel_release),
            DropLevel::PageCache => vec![Caches::PageCache],
            DropLevel::Slab => vec![Caches::Slab],
            DropLevel::All => vec![Caches::All],
        };
        Self {
            levels,
            begins_gently: level == DropLevel::Auto,
        }
    }

    /// Whether `memory.reclaim` may come before the first level: whoever named a level wants that.
    #[must_use]
    pub fn begins_gently(&self) -> bool {
        self.begins_gently
    }

    /// The order for a kernel release such as `6.1.0-40-amd64`.
    ///
    /// Before 5.9 slab objects pin dead memory cgroups, from 5.9 page cache does (measured there:
    /// level 2 frees at most 3 %, level 1 all). A release that cannot be read gets every level in
    /// turn: the release gives the order, the count says whether it helped.
    fn auto(kernel_release: &str) -> Vec<Caches> {
        match major_minor(kernel_release) {
            Some(version) if version >= (5, 9) => vec![Caches::PageCache],
            Some(_) => vec![Caches::Slab, Caches::All],
            None => vec![Caches::PageCache, Caches::Slab, Caches::All],
        }
    }

    /// The next level to write after `done` passes, or `None` when it is time to stop.
    ///
    /// Each rung is written at least once; the last one again where any pass helped, also after one
    /// that did not: it may have met every page in use (seen: 19,930 -> 6,540 -> 6,521). So may the
    /// very first: where none helped yet, the last rung is tried once more. Without a count
    /// (`has_helped` is `None`) nothing is repeated: page cache falls at every drop and says nothing
    /// of cgroups, so there is no other sign to go by.
    #[must_use]
    pub fn next(&self, done: usize, has_helped: Option<bool>) -> Option<Caches> {
        if done >= MAX_PASSES {
            return None;
        }
        if let Some(level) = self.levels.get(done) {
            return Some(*level);
        }
        let is_repeated = match has_helped {
            Some(true) => true,
            Some(false) => done == self.levels.len(),
            None => false,
        };
        self.levels.last().copied().filter(|_| is_repeated)
    }
}

/// Memory cgroups, live and dead together, around one pass. Only the difference means anything:
/// live ones cannot be told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupCount {
    /// Before the drop.
    pub before: u64,
    /// After the count settled.
    pub after: u64,
}

impl CgroupCount {
    /// Whether the pass freed more than noise.
    #[must_use]
    pub fn fell(self) -> bool {
        self.before.saturating_sub(self.after) > NOISE_FLOOR
    }
}

fn major_minor(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(release: &str) -> Ladder {
        Ladder::new(DropLevel::Auto, release)
    }

    /// The levels written when the first pass helps, when none does, and when that cannot be told.
    fn written(ladder: &Ladder, helps: impl Into<Option<bool>>) -> Vec<Caches> {
        let helps = helps.into();
        let mut levels = Vec::new();
        while let Some(level) = ladder.next(levels.len(), helps.map(|it| it && !levels.is_empty()))
        {
            levels.push(level);
        }
        levels
    }

    #[test]
    fn modern_kernels_drop_page_cache_again_where_it_helped_and_once_where_it_did_not() {
        use Caches::PageCache;
        let ladder = auto("6.18.44-cloud");
        assert_eq!(written(&ladder, true), [PageCache, PageCache, PageCache]);
        assert_eq!(written(&ladder, false), [PageCache, PageCache]);
        assert_eq!(auto("5.9.0"), ladder);
    }

    #[test]
    fn old_kernels_drop_slab_then_both() {
        use Caches::{All, Slab};
        let ladder = auto("5.8.18-arch");
        assert_eq!(written(&ladder, true), [Slab, All, All]);
        assert_eq!(written(&ladder, false), [Slab, All, All]);
        assert_eq!(auto("4.9.0-19-amd64"), ladder);
    }

    #[test]
    fn without_a_count_nothing_is_repeated() {
        assert_eq!(written(&auto("6.1.0"), None), [Caches::PageCache]);
        assert_eq!(
            written(&Ladder::new(DropLevel::All, "6.1.0"), None),
            [Caches::All]
        );
    }

    #[test]
    fn an_unreadable_release_tries_every_level() {
        for release in ["", "mainline", "6", "next-20240101"] {
            assert_eq!(written(&auto(release), false).len(), 3, "{release:?}");
        }
    }

    #[test]
    fn only_auto_begins_gently() {
        assert!(auto("6.1.0").begins_gently());
        assert!(!Ladder::new(DropLevel::PageCache, "6.1.0").begins_gently());
    }

    #[test]
    fn a_rising_count_is_no_fall() {
        assert!(
            !CgroupCount {
                before: 10,
                after: 5_000
            }
            .fell()
        );
        assert!(
            !CgroupCount {
                before: 164,
                after: 100
            }
            .fell()
        );
        assert!(
            CgroupCount {
                before: 165,
                after: 100
            }
            .fell()
        );
    }
}
