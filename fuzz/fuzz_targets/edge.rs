#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ringtail_properties::edge::check(bytes));
