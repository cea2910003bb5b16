//! (map) What the API tests share.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod api;
pub mod existing;

pub mod table;

pub mod answer;

pub mod json;
