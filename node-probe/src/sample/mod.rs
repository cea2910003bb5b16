//! Kernel files to values. Every root path is injected, and every value may be
//! missing with a reason.
//!
//! An [`Observer`] keeps the files open and yields one [`Observation`] per
//! cycle.

mod error;
mod roots;

mod clock;
mod file;
mod rows;

mod host;
mod leaf;

mod process_stat;
mod schedstat;

mod pressure;
mod softirqd;
mod softnet;

mod again;
mod processes;

mod background;
mod directories;
mod interference;
mod observe;
mod stall;
mod zombies;

pub use again::{CALM, SLOW_READ};
pub use background::{Background, Surroundings, Told, WINDOW};
pub use clock::monotonic;
pub use directories::count as count_directories;
pub use error::SampleError;
pub use file::{Buffer, KeptFile};
pub use host::{CgroupVersion, Hierarchy, Host, MemoryRoot};
pub use interference::{Interference, InterferenceWatch, Look};
pub use leaf::own_cgroup_path;
pub use observe::{Observation, Observer};
pub use pressure::{PressureWatch, Share, StealWatch};
pub use processes::{ProcessUse, ProcessWatch, Uses};
pub use roots::Roots;
pub use rows::Rows;
pub use softirqd::SoftirqdWatch;
pub use softnet::{SoftnetRise, SoftnetWatch};
pub use stall::{ReadTiming, Stopwatch, Waited};
pub use zombies::{ZombieCount, ZombieCounter, cgroups_table};
