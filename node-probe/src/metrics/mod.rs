//! (map) What the probe tells Prometheus and the kubelet, over HTTP.
//!
//! [`Metrics`] takes in what the probe learns and renders it; [`serve`] answers
//! `/metrics`, `/healthz` and `/readyz`.

mod families;
mod labels;
mod record;
mod serve;

#[cfg(test)]
mod doc_tests;

pub use record::{Metrics, Moment};
pub use serve::{Address, Page, listen, serve};
