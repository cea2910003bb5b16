//! How kernels of a version read `memory.stat`: words for an explanation. (pure)
//!
//! Distributions carry changes back, so nothing is decided by it. Versions and
//! commits are those of `kernel.md` section 2.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// What upstream's code of a version does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelClass {
    /// Before 5.2: every read walks every memory cgroup, dead ones included.
    WalksEveryCgroup,
    /// 5.2 to 5.12 (42a300353577): totals are kept as they change.
    KeepsTotals,
    /// 5.13 to 6.7 (2d146aa3aa84): a read flushes what changed in the whole tree.
    FlushesTree,
    /// 6.8 to 7.0 (7d7ef0a4686a): a read flushes what changed below its cgroup.
    FlushesSubtree,
    /// From 7.1: as before, and most dead cgroups are released.
    ReleasesDead,
}

impl KernelClass {
    /// The class of `release`, as `uname -r` prints it; `None` if it does not
    /// begin with two numbers.
    #[must_use]
    pub fn of(release: &str) -> Option<Self> {
        let mut parts = release.split('.');
        let major: u32 = parts.next()?.parse().ok()?;
        let minor = parts.next()?;
        let digits = minor.bytes().take_while(u8::is_ascii_digit).count();
        let minor: u32 = minor.get(..digits)?.parse().ok()?;
        let until = [
            ((5, 2), Self::WalksEveryCgroup),
            ((5, 13), Self::KeepsTotals),
            ((6, 8), Self::FlushesTree),
            ((7, 1), Self::FlushesSubtree),
        ];
        let class = until.iter().find(|(end, _)| (major, minor) < *end);
        Some(class.map_or(Self::ReleasesDead, |(_, class)| *class))
    }

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WalksEveryCgroup => "WalksEveryCgroup",
            Self::KeepsTotals => "KeepsTotals",
            Self::FlushesTree => "FlushesTree",
            Self::FlushesSubtree => "FlushesSubtree",
            Self::ReleasesDead => "ReleasesDead",
        }
    }

    /// What a read does there, to follow "of this version".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::WalksEveryCgroup => "walks every memory cgroup at each read, dead ones included",
            Self::KeepsTotals => "keeps totals, so that a read does not depend on dead cgroups",
            Self::FlushesTree => "flushes at a read what changed anywhere in the tree",
            Self::FlushesSubtree => "flushes at a read what changed below the cgroup",
            Self::ReleasesDead => {
                "releases most dead cgroups and flushes at a read what changed below the cgroup"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_classed_by_its_first_two_numbers() {
        use KernelClass as K;
        let cases = [
            ("4.9.0-12-amd64", K::WalksEveryCgroup),
            ("5.1.21", K::WalksEveryCgroup),
            ("5.2-rc1", K::KeepsTotals),
            ("5.12.19", K::KeepsTotals),
            ("5.13.0", K::FlushesTree),
            ("6.1.0-40-amd64", K::FlushesTree),
            ("6.8.0-45-generic", K::FlushesSubtree),
            ("6.18.44-fc-v509", K::FlushesSubtree),
            ("7.0.1", K::FlushesSubtree),
            ("7.1.0", K::ReleasesDead),
            ("12.3", K::ReleasesDead),
        ];
        for (release, class) in cases {
            assert_eq!(KernelClass::of(release), Some(class), "{release}");
        }
        for bad in ["", "6", "6.", "six.one", "6.x", "99999999999.1"] {
            assert_eq!(KernelClass::of(bad), None, "{bad}");
        }
    }
}
