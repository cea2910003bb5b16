//! The table: what was taken away, and the test that turned red.

use std::time::Instant;

use anyhow::{Result, bail};

/// The rows told so far.
#[derive(Debug)]
pub struct Report {
    killed: usize,
    survived: Vec<String>,
    started: Instant,
}

impl Report {
    /// No row yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            killed: 0,
            survived: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Tells one row: `what` was taken away, and these tests turned red, or why
    /// it is not known whether any does.
    pub fn row(&mut self, what: &str, red: &Result<Vec<String>>) {
        match red.as_ref().map(|red| (red.first(), red.len())) {
            Ok((Some(first), count)) => {
                self.killed += 1;
                let more = match count {
                    1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                println!("{what:<88} -> {first}{more}");
            }
            Ok((None, _)) => {
                println!("{what:<88} -> NO TEST TURNED RED");
                self.survived.push(what.to_owned());
            }
            Err(error) => {
                println!("{what:<88} -> NOT KNOWN: {error:#}");
                self.survived.push(format!("{what}: {error:#}"));
            }
        }
    }

    /// Tells the totals.
    ///
    /// # Errors
    /// When something can be taken away and no test turns red.
    pub fn end(self) -> Result<()> {
        println!();
        if !self.survived.is_empty() {
            println!("no test turned red without:");
        }
        for what in &self.survived {
            println!("  {what}");
        }
        println!("all of it took {} s", self.started.elapsed().as_secs());
        println!("{} passed, {} failed", self.killed, self.survived.len());
        if !self.survived.is_empty() {
            bail!("write a test for each of these, or take it out of the product");
        }
        Ok(())
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_red_test_counts_as_passed() {
        let mut report = Report::new();
        report.row("a", &Ok(vec!["one".to_owned(), "two".to_owned()]));
        assert!(report.survived.is_empty());
        report.row("b", &Ok(Vec::new()));
        report.row("c", &Err(anyhow::anyhow!("too slow")));
        assert_eq!(report.killed, 1);
        assert_eq!(report.survived, ["b", "c: too slow"]);
        assert!(report.end().is_err());
    }
}
