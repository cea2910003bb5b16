//! The handbook's example is understood, and says what the handbook quotes.

use unstall_decide::window::{closed_text, problem};

use crate::read::{time, windows};

#[test]
fn the_handbook_quotes_what_its_example_says() {
    let handbook = include_str!("../../../../docs/windows.md");
    let (_, rest) = handbook.split_once("```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    let windows = windows(yaml);
    assert_eq!(problem(&windows), None);
    for now in ["2026-03-03 12:00", "2026-12-24 18:00", "2026-03-06 18:00"] {
        let said = closed_text(&windows, time(now)).unwrap();
        let is_quoted = handbook.lines().any(|line| line.trim() == said);
        assert!(is_quoted, "docs/windows.md does not quote: {said}");
    }
}
