//! The readers and `node-probe check` on trees of kernel files: one for each
//! kind of host, and broken copies of them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod tree;

mod formats;
mod readers;

mod check;
