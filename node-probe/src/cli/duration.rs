//! Durations as Go and Kubernetes write them: `90s`, `1m30s`, `500ms`.

use std::time::Duration;

/// Parses one duration.
///
/// # Errors
/// A message that says what is accepted.
pub fn parse(text: &str) -> Result<Duration, String> {
    let parsed = whole(text).filter(|duration| !duration.is_zero());
    parsed
        .ok_or_else(|| format!("{text:?} is not a duration above zero such as 90s, 1m30s or 500ms"))
}

fn whole(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let nanos: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(nanos)?;
        total = total.checked_add(Duration::from_nanos(part))?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_as_in_kubernetes() {
        let cases = [
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1h", 3_600_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("7us5ns"), Ok(Duration::from_nanos(7_005)));
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "5 s",
            "1d",
            "0s",
            "99999999999999h",
            "5S",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("such as 90s"), "{error}");
        }
    }
}
