//! The difference of two texts, for people.

/// Lines that are equal around a difference.
const CONTEXT: usize = 3;

/// The lines that differ, with `-` where they are in `expected` and `+` where
/// they are in `found`, and a few lines around them.
pub fn diff(expected: &str, found: &str) -> String {
    let expected: Vec<&str> = expected.lines().collect();
    let found: Vec<&str> = found.lines().collect();
    let lines = edits(&expected, &found);
    let near = |at: usize| {
        let from = at.saturating_sub(CONTEXT);
        let to = (at + CONTEXT + 1).min(lines.len());
        lines[from..to].iter().any(|(mark, _)| *mark != ' ')
    };
    let shown = lines.iter().enumerate().filter(|(at, _)| near(*at));
    shown
        .map(|(_, (mark, line))| format!("{mark} {line}\n"))
        .collect()
}

/// Every line of both, by the longest common subsequence.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    lines
}

#[test]
fn a_difference_is_shown_with_what_is_around_it() {
    let text = "a\nb\nc\nd\ne\nf\ng\nh\n";
    assert_eq!(diff(text, text), "");
    assert_eq!(
        diff(text, "a\nb\nc\nd\ne\nF\ng\n"),
        "  c\n  d\n  e\n- f\n+ F\n  g\n- h\n"
    );
}
