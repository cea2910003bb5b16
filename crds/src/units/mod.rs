//! (map) Values with a unit that keep the text they were written in.

mod duration;
mod kernel;
mod percent;
mod quantity;
mod threshold;

pub use duration::{GoDuration, InvalidDuration};
pub use kernel::{InvalidKernelVersion, KernelVersion};
pub use percent::{IntOrPercent, InvalidPercent, Percent};
pub use quantity::{InvalidQuantity, Quantity, Unit};
pub use threshold::{Reading, Threshold};
