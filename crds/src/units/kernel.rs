//! (pure) Kernel versions, compared by their numbers.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::rule;

/// The most numbers that are compared; distributions use up to seven.
const MAX_PARTS: usize = 8;

/// The longest text, in characters; `uname` has 64 with its end mark.
const MAX_LENGTH: u32 = 64;

/// What every accepted text looks like.
const PATTERN: &str = "^[0-9]{1,18}([^0-9].*)?$";

/// A kernel version such as `6.1.0-40` or `5.14.0-503.el9.x86_64`, compared by
/// its numbers from left to right.
///
/// The numbers are those before the first part that does not begin with a
/// digit; `.`, `-`, `_`, `~` and `+` separate parts. A missing number is 0, so
/// `5.13` equals `5.13.0`. A release candidate (`6.12.0-rc3`) equals its release.
#[derive(Clone)]
pub struct KernelVersion {
    text: String,
    parts: [u64; MAX_PARTS],
}

/// A text that does not begin with a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a kernel version: write numbers such as 5.13 or 6.1.0-40")]
pub struct InvalidKernelVersion {
    text: String,
}

impl KernelVersion {
    /// The version as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The rule for a version that a user writes: numbers only, because the
    /// rest (`-amd64`) is not compared and would suggest that it is. It takes the
    /// place of the pattern, which would answer beside it and advises nothing.
    pub(crate) fn numbers_only(field: &str) -> impl FnMut(&mut Schema) + use<> {
        let mut rule = rule(
            "self.matches('^[0-9]{1,9}([.-][0-9]{1,9}){1,7}$')",
            &format!(
                "{field}: write the numbers of a kernel version only, such as 5.13 or 6.1.0-40, in quotes"
            ),
        );
        move |schema| {
            schema.remove("pattern");
            rule(schema);
        }
    }
}

impl FromStr for KernelVersion {
    type Err = InvalidKernelVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = [0; MAX_PARTS];
        let mut count = 0;
        for (slot, token) in parts.iter_mut().zip(text.split(['.', '-', '_', '~', '+'])) {
            let digits = token.len() - token.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let Ok(number) = token[..digits].parse() else {
                break;
            };
            *slot = number;
            count += 1;
            if digits < token.len() {
                break;
            }
        }
        if count == 0 || text.chars().count() > MAX_LENGTH as usize {
            return Err(InvalidKernelVersion {
                text: text.chars().take(80).collect(),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

impl Ord for KernelVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl PartialOrd for KernelVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Versions are equal when their numbers are, whatever follows them.
impl PartialEq for KernelVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for KernelVersion {}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for KernelVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for KernelVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for KernelVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KernelVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "maxLength": MAX_LENGTH, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> KernelVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered_by_number_not_by_text() {
        for (older, newer) in [
            ("5.9.16", "5.10"),
            ("6.1.0-9-amd64", "6.1.0-40-amd64"),
            ("5.4.0-216-generic", "5.15.0-1064-azure"),
            ("4.18.0-513.el8.x86_64", "4.18.0-553.5.1.el8_10.x86_64"),
            ("6.1.0-0.deb11.7-amd64", "6.1.0-1"),
            ("5.10.262-walk", "5.11"),
            (
                "6.6.87.1-microsoft-standard-WSL2",
                "6.6.87.2-microsoft-standard-WSL2",
            ),
        ] {
            assert!(version(older) < version(newer), "{older} < {newer}");
            assert!(version(newer) > version(older), "{newer} > {older}");
        }
    }

    #[test]
    fn what_follows_the_numbers_is_not_compared() {
        for (one, other) in [
            ("5.13", "5.13.0"),
            ("6.1.0-40", "6.1.0-40-amd64"),
            ("6.1.0-40-amd64", "6.1.0-40-cloud-amd64"),
            ("5.4.0+", "5.4"),
            ("6.12.0-rc3", "6.12"),
            ("5.14.0-503.el9.x86_64", "5.14.0-503"),
        ] {
            assert_eq!(version(one), version(other));
        }
    }

    #[test]
    fn what_begins_with_no_number_is_refused() {
        for text in [
            "",
            "v6.1",
            "linux",
            "-1",
            &"1".repeat(65),
            "99999999999999999999999.1",
        ] {
            let error = text.parse::<KernelVersion>().unwrap_err();
            assert!(error.to_string().contains("such as 5.13"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_kept_or_refused(text in "\\PC{0,70}") {
            if let Ok(parsed) = text.parse::<KernelVersion>() {
                prop_assert_eq!(parsed.as_str(), text);
            }
        }

        #[test]
        fn what_the_schema_accepts_is_accepted(text in PATTERN.trim_matches(['^', '$'])) {
            prop_assume!(text.chars().count() <= MAX_LENGTH as usize);
            let parsed = version(&text);
            prop_assert_eq!(parsed.as_str(), text);
        }

        #[test]
        fn numbers_compare_as_lists_do(a in prop::array::uniform3(0_u32..200), b in prop::array::uniform3(0_u32..200)) {
            let text = |p: [u32; 3]| format!("{}.{}.{}-{}-amd64", p[0], p[1], p[2], 7);
            prop_assert_eq!(version(&text(a)).cmp(&version(&text(b))), a.cmp(&b));
        }
    }
}
