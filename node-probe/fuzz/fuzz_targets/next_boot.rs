#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_probe_fuzz::oracles::next_boot::check(bytes));
