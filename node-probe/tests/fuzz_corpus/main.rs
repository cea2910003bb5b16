//! What the fuzzer found and what was thought of, replayed on the stable
//! toolchain: every seed, every minimized find and every former crash of every
//! target in `fuzz/`, and each of them broken in the ways that files break.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../fuzz/oracles/mod.rs"]
mod oracles;

mod breaks;
mod replay;
