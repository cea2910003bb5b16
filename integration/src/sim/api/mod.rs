//! (map) An API server that is played: objects with versions, conflicts, watches,
//! evictions. What goes wrong on the way to it is in `wire`.

pub mod kind;

pub mod store;

pub mod reply;
pub mod route;
pub mod select;

pub mod evict;
pub mod write;
