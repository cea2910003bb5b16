//! What a mistake is.

/// A mistake that somebody could make.
pub struct Fault {
    /// Its name.
    pub name: &'static str,
    /// The law that finds it: how its name begins.
    pub laws: &'static [&'static str],
    /// Where the code is changed.
    pub edits: &'static [Edit],
}

/// A piece of code that becomes another one. `PLANTED` in it is whether the fault is
/// switched on.
pub struct Edit {
    /// The file.
    pub file: &'static str,
    /// What stands there, once.
    pub old: &'static str,
    /// What stands there instead.
    pub new: &'static str,
}

pub const fn edit(file: &'static str, old: &'static str, new: &'static str) -> Edit {
    Edit { file, old, new }
}
