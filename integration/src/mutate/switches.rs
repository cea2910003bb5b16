//! Switches in a source file: text is only put in, never taken out or moved to
//! another line, so that switches can lie within one another.

use std::ops::Range;

use proc_macro2::Span;

/// The environment variable whose value is the id of what is taken away.
pub const VARIABLE: &str = "UNSTALL_MUTANT";

/// Something that can be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// The value of [`VARIABLE`] that takes it away.
    pub id: String,
    /// File and line, and the code in short.
    pub what: String,
}

/// A source file and the switches put into it.
#[derive(Debug)]
pub struct Switches<'a> {
    name: &'a str,
    text: &'a str,
    pieces: Vec<Piece>,
    /// With the line in which each is.
    mutants: Vec<(usize, Mutant)>,
}

#[derive(Debug)]
struct Piece {
    at: usize,
    /// What closes comes before what opens at the same place; of what opens
    /// the first, which is the outer one; of what closes the last.
    order: (bool, isize),
    text: String,
}

impl<'a> Switches<'a> {
    /// No switch yet in the file `name` with this text.
    #[must_use]
    pub const fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            pieces: Vec::new(),
            mutants: Vec::new(),
        }
    }

    /// The source at `place`.
    #[must_use]
    pub fn source(&self, place: Range<usize>) -> &'a str {
        self.text.get(place).unwrap_or_default()
    }

    /// Puts `before` and `after` around the code at `place`; `$off` in them
    /// becomes the condition that holds while the code is taken away. `what` is
    /// the code for people, and `line` where it is.
    pub fn add(&mut self, place: Range<usize>, before: &str, after: &str, line: Line<'_>) {
        let id = format!("{}-{}", self.name, self.mutants.len() + 1);
        let off = format!("::std::env::var_os({VARIABLE:?}).is_some_and(|off| off == {id:?})");
        let nth = isize::try_from(self.mutants.len()).unwrap_or(isize::MAX);
        for (at, order, text) in [
            (place.start, (true, nth), before),
            (place.end, (false, -nth), after),
        ] {
            let text = text.replace("$off", &off);
            self.pieces.push(Piece { at, order, text });
        }
        let what = format!("{}:{} {}", self.name, line.number, short(line.what));
        self.mutants.push((line.number, Mutant { id, what }));
    }

    /// The text with its switches, and what they take away, from top to bottom.
    #[must_use]
    pub fn finish(mut self) -> (String, Vec<Mutant>) {
        self.pieces.sort_by_key(|piece| (piece.at, piece.order));
        let mut text = String::with_capacity(self.text.len() * 2);
        let mut done = 0;
        for piece in &self.pieces {
            text.push_str(self.source(done..piece.at));
            text.push_str(&piece.text);
            done = piece.at;
        }
        text.push_str(self.source(done..self.text.len()));
        self.mutants.sort_by_key(|(line, _)| *line);
        let mutants = self.mutants.into_iter().map(|(_, mutant)| mutant);
        (text, mutants.collect())
    }

    /// How many switches there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.mutants.len()
    }
}

/// A line of the source, for people.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its number.
    pub number: usize,
    /// The code.
    pub what: &'a str,
}

impl<'a> Line<'a> {
    /// The line in which `span` begins.
    #[must_use]
    pub fn of(span: Span, what: &'a str) -> Self {
        Self {
            number: span.start().line,
            what,
        }
    }
}

/// The code on one line, its beginning at least.
fn short(code: &str) -> String {
    const MAX: usize = 64;
    let line = code.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line<'_> = Line {
        number: 7,
        what: "a\n    check",
    };

    #[test]
    fn switches_lie_within_one_another() {
        let mut switches = Switches::new("f.rs", "ab");
        switches.add(0..2, "(", ")", LINE);
        switches.add(0..1, "[", "]", LINE);
        switches.add(1..2, "{", "}", LINE);
        let (text, mutants) = switches.finish();
        assert_eq!(text, "([a]{b})");
        assert_eq!(mutants[2].id, "f.rs-3");
        assert_eq!(mutants[2].what, "f.rs:7 a check");
    }

    #[test]
    fn a_switch_asks_the_environment() {
        let mut switches = Switches::new("f.rs", "check();");
        switches.add(0..8, "if !$off { ", " }", LINE);
        let (text, _) = switches.finish();
        assert_eq!(
            text,
            "if !::std::env::var_os(\"UNSTALL_MUTANT\").is_some_and(|off| off == \"f.rs-1\") { check(); }"
        );
    }
}
