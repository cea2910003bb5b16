//! Pods in sentences.

/// As many are named; the others are counted.
const NAMED: usize = 3;

/// "pod a/x", "pods a/x and a/y", "pods a/x, a/y, a/z and 5 more".
#[must_use]
pub fn pods(paths: &[String]) -> String {
    let named = paths.get(..NAMED).unwrap_or(paths);
    match (named, paths.len().saturating_sub(NAMED)) {
        ([], _) => "no pod".to_owned(),
        ([one], _) => format!("pod {one}"),
        ([first @ .., last], 0) => format!("pods {} and {last}", first.join(", ")),
        (named, more) => format!("pods {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_are_named_and_the_others_counted() {
        let all: Vec<String> = (1..=8).map(|n| format!("a/x{n}")).collect();
        for (count, text) in [
            (0, "no pod"),
            (1, "pod a/x1"),
            (2, "pods a/x1 and a/x2"),
            (3, "pods a/x1, a/x2 and a/x3"),
            (4, "pods a/x1, a/x2, a/x3 and 1 more"),
            (8, "pods a/x1, a/x2, a/x3 and 5 more"),
        ] {
            assert_eq!(pods(&all[..count]), text);
        }
    }
}
