//! The API's bounds on texts. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// Characters of a summary.
pub const MAX_SUMMARY: usize = 256;
/// Characters of a message.
pub const MAX_MESSAGE: usize = 256;
/// Characters of a piece of evidence.
pub const MAX_EVIDENCE: usize = 512;

/// At most `max` characters of `text`.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
