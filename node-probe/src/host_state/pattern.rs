//! Patterns of `loader.conf`, as far as people write them: `*` and `?`. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// Whether this is a pattern that [`matches`] understands.
pub fn is_simple(pattern: &str) -> bool {
    !pattern.contains(['[', ']', '\\'])
}

/// Whether `pattern` matches the whole of `text`. It takes time by the product of
/// their lengths, whatever the pattern.
pub fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Whether what was read of the pattern so far matches the first n letters.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; fits.len()];
        for at in 0..fits.len() {
            next[at] = match wanted {
                '*' => fits[at] || (at > 0 && next[at - 1]),
                _ => at > 0 && fits[at - 1] && (wanted == '?' || wanted == text[at - 1]),
            };
        }
        fits = next;
    }
    fits[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbc"),
            ("0123-*", "0123-6.1.0-40.conf"),
            ("*.conf", "x.conf"),
            ("a?c*", "abc"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("a", "ab"),
            ("?", ""),
            ("a*c", "abd"),
            ("b*", "ab"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        let hard = "a*".repeat(500) + "b";
        assert!(!matches(&hard, &"a".repeat(2_000)));
    }

    #[test]
    fn sets_are_not_understood() {
        assert!(is_simple("debian-*-?.conf") && !is_simple("[ab]*") && !is_simple("a\\*"));
    }
}
