//! Durations and counts as people read them. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

/// A duration with two or three significant digits and the unit that suits it:
/// `850 ns`, `2.7 us`, `153 ms`, `3.1 s`.
#[must_use]
pub fn duration(value: Duration) -> String {
    let nanos = value.as_nanos();
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..999_500 => scaled(nanos, 1_000, "us"),
        999_500..999_500_000 => scaled(nanos, 1_000_000, "ms"),
        _ => scaled(nanos, 1_000_000_000, "s"),
    }
}

/// `value / unit`, with one decimal below ten.
fn scaled(value: u128, unit: u128, name: &str) -> String {
    let tenths = (value * 10 + unit / 2) / unit;
    if tenths < 100 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", (value + unit / 2) / unit)
    }
}

/// A count with its thousands separated: `48,211`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_suits_them() {
        let cases = [
            (0, "0 ns"),
            (850, "850 ns"),
            (1_000, "1.0 us"),
            (2_740, "2.7 us"),
            (9_960, "10 us"),
            (38_400, "38 us"),
            (999_499, "999 us"),
            (999_500, "1.0 ms"),
            (4_949_000, "4.9 ms"),
            (153_000_000, "153 ms"),
            (999_500_000, "1.0 s"),
            (3_140_000_000, "3.1 s"),
            (600_000_000_000, "600 s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(duration(Duration::from_nanos(nanos)), text, "{nanos} ns");
        }
    }

    #[test]
    fn counts_separate_thousands() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (48_211, "48,211"),
            (1_234_567, "1,234,567"),
        ];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
    }
}
