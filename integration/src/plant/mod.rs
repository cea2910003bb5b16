//! (map) Faults planted into a copy of the code, each switched on by name: the simulator must
//! find every one. `make plant` runs it; docs/safety.md has the table.

mod faults;

mod run;
pub use run::run;
