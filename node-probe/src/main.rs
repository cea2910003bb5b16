//! node-probe
fn main() {}
