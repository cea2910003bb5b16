//! (map) Roll-outs: the triggers `kernel` and `rebootRequired` on their way
//! through the fleet. Not a machine of its own: incidents do the work, this says
//! how far it is and who may go next.

mod progress;

mod stage;

mod canary;

mod worse;

mod halt;

mod pace;

mod forbid;

pub use forbid::{by_earlier, first_on, forbids, not_comparable};
pub use progress::{Rollout, all};
pub use worse::{compare, remember};
