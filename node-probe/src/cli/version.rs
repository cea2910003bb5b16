//! Which build this is.

use std::sync::LazyLock;

/// The released version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, where the build said so in `UNSTALL_COMMIT`.
pub const COMMIT: &str = match option_env!("UNSTALL_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The processor architecture it was built for.
pub const ARCH: &str = std::env::consts::ARCH;

/// What it can do beside `check`.
pub const FEATURES: &str = if cfg!(feature = "cluster") {
    "cluster"
} else {
    "none"
};

/// All of it on one line, for `--version`.
#[must_use]
pub fn long() -> &'static str {
    static LONG: LazyLock<String> =
        LazyLock::new(|| format!("{VERSION} (commit {COMMIT}, {ARCH}, features: {FEATURES})"));
    &LONG
}
