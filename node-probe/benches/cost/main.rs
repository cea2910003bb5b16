//! What the probe costs, beside what it could cost at the least: pairs taken in
//! turn within one run, medians and ratios. Nothing is asserted; the figures of
//! one machine are in `docs/performance.md`.
//!
//! `cargo bench -p node-probe --bench cost -- cycle walk`, or `make bench`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod cycle;
mod pace;
mod program;
mod resident;
mod share;
mod table;
mod tree;
mod walk;

/// Name, what it tells, and the bench.
const BENCHES: [(&str, &str, fn()); 5] = [
    (
        "cycle",
        "one cycle without a walk against its bare system calls",
        cycle::run,
    ),
    (
        "walk",
        "the walk over 10,000 live v1 cgroups against one in C (root)",
        walk::run,
    ),
    ("pace", "duty at 1, 50 and 230 ms a read (5 min)", pace::run),
    (
        "resident",
        "memory over 10,000 cycles with publishing (5 min)",
        resident::run,
    ),
    (
        "share",
        "CPU at the default interval beside 1,000 cgroups (root, 6 min)",
        share::run,
    ),
];

fn main() {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .peekable();
    if words.peek().is_some_and(|word| word == resident::AS_PROBE) {
        return resident::as_probe(words);
    }
    let wanted: Vec<String> = words.collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|word| !BENCHES.iter().any(|(name, ..)| name == word))
    {
        let names = BENCHES.map(|(name, ..)| name).join(", ");
        eprintln!("{unknown} is no bench; there are {names}");
        std::process::exit(2);
    }
    for (name, about, run) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            println!("\n## {name}: {about}");
            run();
        }
    }
}
