//! (pure) Quantities in the API: what a policy compares with, and what a probe
//! measured.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{InvalidQuantity, Quantity, Unit};
use crate::schema::int_or_string;

/// The longest text that is looked at, in characters; longer than any that is
/// accepted, so that our own rule answers what is almost right.
const MAX_LENGTH: u32 = 24;

/// What every accepted reading looks like: a count or rate of at most 19 digits,
/// a ratio, or a duration of one part.
const READING: &str = "^([0-9]{1,19}(/h)?|([0-9]{1,2}([.][0-9]{1,2})?|100([.]0{1,2})?)%|[0-9]{1,6}([.][0-9]{1,6})?(us|ms|s|m|h))$";

/// A quantity that a signal is compared with, as a user wrote it: `100ms`,
/// `20000`, `500/h` or `20%`.
///
/// A count may be written as a number or as a string, and stays what it was.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Threshold {
    quantity: Quantity,
    written: Written,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Written {
    Number,
    Text(String),
}

impl Threshold {
    /// The quantity.
    #[must_use]
    pub const fn get(&self) -> Quantity {
        self.quantity
    }

    /// The unit, which must be that of the signal.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.quantity.unit()
    }
}

impl From<Quantity> for Threshold {
    fn from(quantity: Quantity) -> Self {
        let written = match quantity {
            Quantity::Count(_) => Written::Number,
            other => Written::Text(other.to_string()),
        };
        Self { quantity, written }
    }
}

impl FromStr for Threshold {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self {
            quantity: text.parse()?,
            written: Written::Text(text.to_owned()),
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Written::Number => write!(f, "{}", self.quantity),
            Written::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.written {
            Written::Number => serializer.serialize_u64(self.quantity.number()),
            Written::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(u64),
            Text(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Number(count) => Ok(Self {
                quantity: Quantity::Count(count),
                written: Written::Number,
            }),
            Raw::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for Threshold {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        int_or_string(MAX_LENGTH)
    }
}

/// A quantity that was measured, always written as a string with its unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd)]
pub struct Reading(pub Quantity);

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<Quantity> for Reading {
    fn from(quantity: Quantity) -> Self {
        Self(quantity)
    }
}

impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Reading {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Reading".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "maxLength": MAX_LENGTH, "pattern": READING })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_threshold_stays_what_the_user_wrote() {
        for written in [
            json!(20000),
            json!("20000"),
            json!("0.1s"),
            json!("500/h"),
            json!("20.0%"),
        ] {
            let threshold: Threshold = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&threshold).unwrap(), written);
        }
        let threshold: Threshold = serde_json::from_value(json!("0.1s")).unwrap();
        assert_eq!(threshold.get(), Quantity::Duration { micros: 100_000 });
        assert_eq!(threshold.unit(), Unit::Duration);
    }

    #[test]
    fn negative_numbers_and_fractions_are_refused() {
        for written in [json!(-1), json!(1.5), json!(true), json!("fast")] {
            assert!(
                serde_json::from_value::<Threshold>(written.clone()).is_err(),
                "{written}"
            );
        }
    }

    #[test]
    fn a_count_becomes_a_number_and_a_reading_always_a_string() {
        let count = Quantity::Count(48_211);
        assert_eq!(
            serde_json::to_value(Threshold::from(count)).unwrap(),
            json!(48_211)
        );
        assert_eq!(
            serde_json::to_value(Reading(count)).unwrap(),
            json!("48211")
        );
        assert_eq!(
            serde_json::from_value::<Reading>(json!("48211")).unwrap(),
            Reading(count)
        );
    }

    proptest! {
        #[test]
        fn what_the_schema_accepts_is_accepted(text in READING.trim_matches(['^', '$'])) {
            prop_assert!(text.len() <= MAX_LENGTH as usize);
            prop_assert!(text.parse::<Quantity>().is_ok(), "{text}");
        }

        #[test]
        fn what_is_measured_fits_the_schema(
            micros: u64, count in 0_u64..10_u64.pow(19), hundredths in 0_u32..=10_000,
        ) {
            for quantity in [
                Quantity::of(Duration::from_micros(micros)),
                Quantity::Count(count),
                Quantity::PerHour(count),
                Quantity::Ratio { hundredths },
            ] {
                let text = Reading(quantity).to_string();
                prop_assert!(fits(&text), "{text}");
                prop_assert_eq!(text.parse::<Quantity>().unwrap(), quantity);
            }
        }
    }

    /// [`READING`], followed by hand: this crate needs no regular expressions.
    fn fits(text: &str) -> bool {
        let digits =
            |t: &str, max| (1..=max).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
        let decimal = |t: &str, whole, part| match t.split_once('.') {
            Some((w, p)) => digits(w, whole) && digits(p, part),
            None => digits(t, whole),
        };
        let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        match &text[number.len()..] {
            "" | "/h" => digits(number, 19),
            "%" => number == "100" || decimal(number, 2, 2),
            "us" | "ms" | "s" => decimal(number, 6, 6),
            _ => false,
        }
    }
}
