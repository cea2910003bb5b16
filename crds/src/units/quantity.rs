//! (pure) A number with the unit of a signal.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::GoDuration;
use crate::string_enum::string_enum;

string_enum! {
    /// The unit of a signal.
    pub enum Unit {
        /// A time, such as `100ms`.
        Duration,
        /// A number of things, such as `20000`.
        Count,
        /// A number of things per hour, such as `500/h`.
        PerHour,
        /// A share of the time, such as `20%`.
        Ratio,
    }
}

/// The longest time that the text form can hold: 999,999.999999 s.
const LONGEST_MICROS: u64 = 999_999_999_999;

/// A number with its unit, and its text form.
///
/// The text keeps microseconds and hundredths of a percent; what is finer is
/// cut off, so that a value and its text are never on different sides of a
/// threshold.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// A time, kept in microseconds.
    Duration {
        /// Microseconds.
        micros: u64,
    },
    /// A number of things.
    Count(u64),
    /// A number of things per hour.
    PerHour(u64),
    /// A share, kept in hundredths of a percent: 10,000 is the whole.
    Ratio {
        /// Hundredths of a percent.
        hundredths: u32,
    },
}

/// A text that is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} has no known unit: write a duration (100ms), a count (20000), a rate per hour (500/h) or a ratio (20%)"
)]
pub struct InvalidQuantity {
    text: String,
}

impl Quantity {
    /// The quantity of a measured time; more than 11 days count as 11 days.
    #[must_use]
    pub fn of(duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self::Duration {
            micros: micros.min(LONGEST_MICROS),
        }
    }

    /// The quantity of a share; what is outside of 0 to 1 is cut to that range,
    /// and a share that is not a number is none.
    #[must_use]
    pub fn share(part: f64) -> Option<Self> {
        if part.is_nan() {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=10000 before"
        )]
        let hundredths = (part * 10_000.0).clamp(0.0, 10_000.0) as u32;
        Some(Self::Ratio { hundredths })
    }

    /// The unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Duration { .. } => Unit::Duration,
            Self::Count(_) => Unit::Count,
            Self::PerHour(_) => Unit::PerHour,
            Self::Ratio { .. } => Unit::Ratio,
        }
    }

    /// The bare number: microseconds, things, things per hour, or hundredths
    /// of a percent.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Duration { micros } => micros,
            Self::Count(n) | Self::PerHour(n) => n,
            Self::Ratio { hundredths } => hundredths as u64,
        }
    }
}

/// Quantities of different units have no order.
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.unit() == other.unit()).then(|| self.number().cmp(&other.number()))
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = if let Some(share) = text.strip_suffix('%') {
            parse_percent(share).map(|hundredths| Self::Ratio { hundredths })
        } else if let Some(count) = text.strip_suffix("/h") {
            parse_count(count).map(Self::PerHour)
        } else if let Some(count) = parse_count(text) {
            Some(Self::Count(count))
        } else {
            text.parse::<GoDuration>().ok().map(|d| Self::of(d.get()))
        };
        parsed.ok_or_else(|| InvalidQuantity {
            text: text.chars().take(64).collect(),
        })
    }
}

fn parse_count(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn parse_percent(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !(1..=2).contains(&fraction.len()) {
        return None;
    }
    let tenfold = if fraction.len() == 1 { 10 } else { 1 };
    let hundredths = parse_count(whole)?
        .checked_mul(100)?
        .checked_add(parse_count(fraction)? * tenfold)?;
    u32::try_from(hundredths).ok().filter(|h| *h <= 10_000)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Duration { micros } if micros >= 1_000_000 => {
                write!(f, "{}s", decimal(micros, 6))
            }
            Self::Duration { micros } if micros >= 1_000 => write!(f, "{}ms", decimal(micros, 3)),
            Self::Duration { micros } => write!(f, "{micros}us"),
            Self::Count(n) => write!(f, "{n}"),
            Self::PerHour(n) => write!(f, "{n}/h"),
            Self::Ratio { hundredths } => write!(f, "{}%", decimal(hundredths.into(), 2)),
        }
    }
}

/// Writes `value / 10^places` without trailing zeros.
fn decimal(value: u64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let width = places as usize;
    let text = format!("{}.{:0width$}", value / scale, value % scale);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn each_unit_has_its_own_text() {
        assert_eq!(parse("100ms"), Quantity::Duration { micros: 100_000 });
        assert_eq!(parse("20000"), Quantity::Count(20_000));
        assert_eq!(parse("500/h"), Quantity::PerHour(500));
        assert_eq!(parse("20%"), Quantity::Ratio { hundredths: 2_000 });
        assert_eq!(parse("0.5%"), Quantity::Ratio { hundredths: 50 });
        assert_eq!(parse("0.05%"), Quantity::Ratio { hundredths: 5 });
        assert_eq!(parse("100%"), Quantity::Ratio { hundredths: 10_000 });
    }

    #[test]
    fn what_has_no_unit_is_refused() {
        for text in [
            "", "%", "/h", "101%", "100.01%", "1.%", ".5%", "1.234%", "-1", "+1", "1/m", "5 %",
            "0x10",
        ] {
            let error = text.parse::<Quantity>().unwrap_err();
            assert!(
                error.to_string().contains("write a duration (100ms)"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn people_read_short_texts() {
        assert_eq!(
            Quantity::of(Duration::from_nanos(46_900)).to_string(),
            "46us"
        );
        assert_eq!(
            Quantity::of(Duration::from_micros(153_200)).to_string(),
            "153.2ms"
        );
        assert_eq!(Quantity::of(Duration::from_millis(3_000)).to_string(), "3s");
        assert_eq!(Quantity::share(0.123_45).unwrap().to_string(), "12.34%");
        assert_eq!(Quantity::share(7.0).unwrap().to_string(), "100%");
        assert_eq!(Quantity::share(f64::NAN), None);
    }

    #[test]
    fn different_units_have_no_order() {
        assert_eq!(parse("100ms").partial_cmp(&parse("100")), None);
        assert!(parse("20ms") < parse("0.1s"));
        assert!(parse("9%") < parse("10%"));
    }

    proptest! {
        #[test]
        fn the_text_of_a_quantity_means_the_same_quantity(
            micros in 0_u64..600_000_000, count: u32, rate: u32, hundredths in 0_u32..=10_000,
        ) {
            for quantity in [
                Quantity::Duration { micros },
                Quantity::Count(count.into()),
                Quantity::PerHour(rate.into()),
                Quantity::Ratio { hundredths },
            ] {
                prop_assert_eq!(parse(&quantity.to_string()), quantity);
            }
        }
    }
}
