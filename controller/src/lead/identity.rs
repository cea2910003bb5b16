//! Names of processes.

use crate::machine;

/// The most characters of a name: with the suffix it fits where the ledger shows it.
const NAME: usize = 200;

/// A name that no other process has, this one's next start included: a lease that
/// was taken under an earlier name is not taken for one's own.
#[must_use]
pub fn unique(name: &str) -> String {
    let name: String = name.chars().take(NAME).collect();
    format!("{name}_{:016x}", machine::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_one_and_tells_whose_it_is() {
        let first = unique("unstall-controller-7d4b9");
        assert!(first.starts_with("unstall-controller-7d4b9_"), "{first}");
        assert_ne!(first, unique("unstall-controller-7d4b9"));
        assert!(unique(&"x".repeat(300)).len() < 253);
    }
}
