//! (pure) Shares of a fleet: `20%`, or a number of nodes.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::{int_or_string, rule, text};

/// The longest text that is looked at, in characters; longer than the four of
/// `100%`, so that our own rule answers what is almost right.
const MAX_LENGTH: u32 = 16;

/// The most nodes that a number may name; more than any cluster has.
const MAX_NODES: u32 = 100_000;

/// A percentage from `1%` to `100%`, in whole percents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

/// A number of nodes (`3`) or a percentage of them (`10%`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntOrPercent {
    /// A number of nodes, at least 1.
    Nodes(u32),
    /// A share of the nodes that the policy covers.
    Share(Percent),
}

/// A text or number that is neither a percentage nor a number of nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not allowed: write a percentage from 1% to 100%, or, where a number may stand, one from 1 to 100000"
)]
pub struct InvalidPercent {
    text: String,
}

impl InvalidPercent {
    fn new(text: &str) -> Self {
        Self {
            text: text.chars().take(64).collect(),
        }
    }
}

impl Percent {
    /// `10%`.
    pub const TEN: Self = Self(10);

    /// `20%`.
    pub const TWENTY: Self = Self(20);

    /// The percentage, from 1 to 100.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The share of `total`, rounded down.
    #[must_use]
    pub fn floor_of(self, total: u32) -> u32 {
        self.scale(u64::from(total) * u64::from(self.0))
    }

    /// The share of `total`, rounded up.
    #[must_use]
    pub fn ceil_of(self, total: u32) -> u32 {
        self.scale(u64::from(total) * u64::from(self.0) + 99)
    }

    fn scale(self, hundredfold: u64) -> u32 {
        u32::try_from(hundredfold / 100).unwrap_or(u32::MAX)
    }
}

impl IntOrPercent {
    /// How many of `total` nodes this allows: a percentage rounds down, but to
    /// no less than 1, because a small fleet would never be repaired otherwise.
    #[must_use]
    pub fn nodes_of(self, total: u32) -> u32 {
        match self {
            Self::Nodes(nodes) => nodes,
            Self::Share(percent) => percent.floor_of(total).max(1),
        }
    }

    /// The rule that bounds the value of `field`.
    pub(crate) fn bounds(field: &str) -> impl FnMut(&mut Schema) + use<> {
        rule(
            &format!(
                "type(self) == int ? self >= 1 && self <= {MAX_NODES} \
                 : self.matches('^([1-9][0-9]?|100)%$')"
            ),
            &format!(
                "{field}: write a number of nodes from 1 (such as 3) or a percentage from 1% to 100% (such as 10%)"
            ),
        )
    }
}

impl FromStr for Percent {
    type Err = InvalidPercent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_suffix('%')
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'))
            .and_then(|digits| digits.parse().ok())
            .filter(|percent| (1..=100).contains(percent))
            .map(Self)
            .ok_or_else(|| InvalidPercent::new(text))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl fmt::Display for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(nodes) => write!(f, "{nodes}"),
            Self::Share(percent) => write!(f, "{percent}"),
        }
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for IntOrPercent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nodes(nodes) => serializer.serialize_u32(*nodes),
            Self::Share(percent) => percent.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrPercent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(u32),
            Text(String),
        }
        let parsed = match Raw::deserialize(deserializer)? {
            Raw::Number(nodes) if (1..=MAX_NODES).contains(&nodes) => Ok(Self::Nodes(nodes)),
            Raw::Number(nodes) => Err(InvalidPercent::new(&nodes.to_string())),
            Raw::Text(text) => text.parse().map(Self::Share),
        };
        parsed.map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        text(MAX_LENGTH)
    }
}

impl JsonSchema for IntOrPercent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "IntOrPercent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        int_or_string(MAX_LENGTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(value: serde_json::Value) -> Result<IntOrPercent, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_percentage_rounds_down_but_allows_one_node() {
        let tenth = parse(json!("10%")).unwrap();
        assert_eq!(
            [0, 5, 19, 20, 1000].map(|n| tenth.nodes_of(n)),
            [1, 1, 1, 2, 100]
        );
        assert_eq!(parse(json!(3)).unwrap().nodes_of(1), 3);
        assert_eq!(parse(json!("100%")).unwrap().nodes_of(u32::MAX), u32::MAX);
    }

    #[test]
    fn the_breakers_share_rounds_up() {
        let fifth: Percent = "20%".parse().unwrap();
        assert_eq!([0, 1, 5, 6, 10].map(|n| fifth.ceil_of(n)), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn nothing_outside_of_one_to_a_hundred_percent() {
        for value in [
            json!(0),
            json!(-1),
            json!(100_001),
            json!(1.5),
            json!("0%"),
            json!("101%"),
            json!("-5%"),
            json!("5"),
            json!("%"),
            json!("05%"),
            json!("+5%"),
            json!("5.5%"),
            json!("256%"),
            json!(null),
        ] {
            assert!(parse(value.clone()).is_err(), "{value}");
        }
        assert!(
            parse(json!("0%"))
                .unwrap_err()
                .to_string()
                .contains("from 1% to 100%")
        );
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_written_as_it_was(percent in 1_u8..=100, nodes in 1..=MAX_NODES) {
            for value in [json!(format!("{percent}%")), json!(nodes)] {
                prop_assert_eq!(serde_json::to_value(parse(value.clone()).unwrap()).unwrap(), value);
            }
        }

        #[test]
        fn down_is_at_most_one_below_up(percent in 1_u8..=100, total: u32) {
            let (down, up) = (Percent(percent).floor_of(total), Percent(percent).ceil_of(total));
            prop_assert!(down <= up && up - down <= 1 && up <= total);
        }
    }
}
