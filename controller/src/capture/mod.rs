//! The bug report: the cluster as the controller sees it, without what is nobody's
//! business, in a form that `simulate` reads.

mod redact;
pub use redact::redact;

mod document;
pub use document::document;
