//! (pure) Go-style durations: `90s`, `5m`, `1h30m`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest text, in characters; the same as the schema's `maxLength`.
const MAX_LENGTH: usize = 16;

/// The most digits before and after a decimal point, as in the schema's rules:
/// no text of 16 characters overflows 64-bit nanoseconds then.
const MAX_DIGITS: usize = 6;

/// A Go-style duration that keeps its text, so that what a user wrote (`45m`)
/// is never rewritten (`2700s`).
///
/// The grammar is one or more of a number with at most 6 digits, optionally a
/// fraction of at most 6, and a unit of `us`, `ms`, `s`, `m` or `h`. There is
/// no sign: nothing in this API lasts a negative time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GoDuration {
    text: String,
    value: Duration,
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a duration: write a number and a unit of us, ms, s, m or h, such as 90s, 5m or 1h30m"
)]
pub struct InvalidDuration {
    text: String,
}

impl GoDuration {
    /// The duration.
    #[must_use]
    pub const fn get(&self) -> Duration {
        self.value
    }

    /// The duration as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A duration of whole seconds, written in the largest unit that divides it.
    #[must_use]
    pub fn from_secs(seconds: u32) -> Self {
        let text = match seconds {
            s if s > 0 && s % 3600 == 0 => format!("{}h", s / 3600),
            s if s > 0 && s % 60 == 0 => format!("{}m", s / 60),
            s => format!("{s}s"),
        };
        Self {
            text,
            value: Duration::from_secs(seconds.into()),
        }
    }
}

impl FromStr for GoDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDuration {
            text: text.chars().take(64).collect(),
        };
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(invalid());
        }
        let mut value = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let (part, after) = first_part(rest).ok_or_else(invalid)?;
            value = value.checked_add(part).ok_or_else(invalid)?;
            rest = after;
        }
        Ok(Self {
            text: text.to_owned(),
            value,
        })
    }
}

/// Parses one number with its unit; returns what follows it.
fn first_part(text: &str) -> Option<(Duration, &str)> {
    let (whole, rest) = digits(text)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest)?,
        None => ("0", rest),
    };
    let (unit, rest) = [
        ("us", Duration::from_micros(1)),
        ("ms", Duration::from_millis(1)),
        ("s", Duration::from_secs(1)),
        ("m", Duration::from_secs(60)),
        ("h", Duration::from_secs(3600)),
    ]
    .into_iter()
    .find_map(|(name, unit)| rest.strip_prefix(name).map(|rest| (unit, rest)))?;
    let whole = unit.checked_mul(whole.parse().ok()?)?;
    let scale = 10_u32.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = unit.checked_mul(fraction.parse().ok()?)? / scale;
    Some((whole.checked_add(fraction)?, rest))
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (1..=MAX_DIGITS).contains(&end).then(|| text.split_at(end))
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for GoDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "maxLength": MAX_LENGTH })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_mean_what_go_means() {
        for (text, micros) in [
            ("0s", 0),
            ("500us", 500),
            ("100ms", 100_000),
            ("90s", 90_000_000),
            ("5m", 300_000_000),
            ("1h30m", 5_400_000_000),
            ("1.5h", 5_400_000_000),
            ("0.25s", 250_000),
            ("999999h", 3_599_996_400_000_000),
        ] {
            let parsed: GoDuration = text.parse().unwrap();
            assert_eq!(parsed.get(), Duration::from_micros(micros), "{text}");
            assert_eq!(parsed.as_str(), text);
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for text in [
            "",
            "5",
            "0",
            "m",
            "-5m",
            "+5m",
            "5 m",
            "5min",
            "1d",
            ".5s",
            "1.s",
            "1,5s",
            "5m ",
            "5M",
            "1000000h",
            "0.1234567s",
            "1m1m1m1m1m1m1m1m1m",
            "5ns",
            "inf",
            "5m30",
        ] {
            let error = text.parse::<GoDuration>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{text:?} is not a duration")),
                "{error}"
            );
        }
    }

    #[test]
    fn whole_seconds_are_written_in_the_largest_unit() {
        for (seconds, text) in [(0, "0s"), (90, "90s"), (300, "5m"), (7200, "2h")] {
            let duration = GoDuration::from_secs(seconds);
            assert_eq!(duration.as_str(), text);
            assert_eq!(text.parse::<GoDuration>().unwrap(), duration);
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_text(text in "[0-9.usmh]{0,18}") {
            if let Ok(parsed) = text.parse::<GoDuration>() {
                prop_assert_eq!(parsed.as_str(), text);
                prop_assert!(u64::try_from(parsed.get().as_nanos()).is_ok());
            }
        }

        #[test]
        fn parts_add_up(hours in 0_u64..100, minutes in 0_u64..100, seconds in 0_u64..100) {
            let parsed: GoDuration = format!("{hours}h{minutes}m{seconds}s").parse().unwrap();
            prop_assert_eq!(parsed.get(), Duration::from_secs(hours * 3600 + minutes * 60 + seconds));
        }
    }
}
