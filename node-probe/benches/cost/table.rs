//! Medians and ratios of paired figures, as rows of a table.

use std::time::Duration;

/// The figures of one side.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<u64>);

impl Figures {
    pub fn add(&mut self, figure: Duration) {
        self.0.push(u64::try_from(figure.as_nanos()).unwrap());
    }

    fn sorted(&self) -> Vec<u64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }

    /// One row: p50, least, p99 and greatest in microseconds.
    pub fn row(&self, name: &str) {
        let sorted = self.sorted();
        let micros = |rank: usize| {
            let nanos = u32::try_from(sorted[rank.min(sorted.len() - 1)]).unwrap_or(u32::MAX);
            f64::from(nanos) / 1_000.0
        };
        println!(
            "{name:<44} n {:>6}  p50 {:>10.2} us  min {:>10.2}  p99 {:>10.2}  max {:>10.2}",
            sorted.len(),
            micros(sorted.len() / 2),
            micros(0),
            micros(sorted.len() * 99 / 100),
            micros(sorted.len()),
        );
    }

    /// One row: `self` over `other`, by medians and over the pairs of one round.
    pub fn ratio(&self, name: &str, other: &Self) {
        let mut ratios: Vec<f64> = std::iter::zip(&self.0, &other.0)
            .map(|(one, other)| ratio(*one, *other))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let (ours, theirs) = (self.sorted(), other.sorted());
        let medians = ratio(ours[ours.len() / 2], theirs[theirs.len() / 2]);
        println!(
            "{name:<44} of medians {medians:.2}; of pairs: median {:.2}, one in ten below {:.2} and above {:.2}",
            ratios[ratios.len() / 2],
            ratios[ratios.len() / 10],
            ratios[ratios.len() * 9 / 10],
        );
    }
}

fn ratio(one: u64, other: u64) -> f64 {
    let whole = |nanos: u64| f64::from(u32::try_from(nanos).unwrap_or(u32::MAX));
    whole(one) / whole(other).max(1.0)
}
