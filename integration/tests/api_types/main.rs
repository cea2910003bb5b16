//! The API types on a real API server, spoken to with the real kubectl: what is
//! refused and how, what is accepted and becomes of it, and what people see.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod refused;

mod accepted;

mod explained;

mod table;

mod existing;

mod api;

mod answer;

mod json;
