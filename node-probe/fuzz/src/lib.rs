//! The readers' oracles, for the fuzz targets. The stable test
//! `tests/fuzz_corpus` includes the same files.

#[path = "../oracles/mod.rs"]
pub mod oracles;
