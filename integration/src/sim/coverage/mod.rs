//! (map) What a world came across: a fault that never occurs proves nothing.

mod counts;
pub use counts::Coverage;

mod marks;
pub use marks::Marks;

mod rows;
pub use rows::{ROWS, missing};
