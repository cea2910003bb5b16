//! What would be done about a captured cluster, and every reason.

mod read;
pub use read::read;

mod action;
mod incident;
mod policy;
mod text;
pub use text::text;

mod json;
pub use json::json;
