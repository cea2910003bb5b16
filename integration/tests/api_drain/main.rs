//! Evictions and deletions by the product's own functions, on a real API server without kubelets:
//! each answer that it gives, and what becomes of the pod.
//!
//! [`place`] is a namespace and a node of a test's own, whose kubelet the test plays; [`webhook`] an
//! admission webhook that the API server reaches; [`wire`] looks at the bytes.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod place;
mod webhook;

#[path = "../api_support/proxy.rs"]
mod proxy;
#[path = "../api_support/tls.rs"]
mod tls;

mod answers;
mod budgets;
mod deletions;

mod admission;
mod throttling;
mod wire;

mod forecasts;
mod whole;
