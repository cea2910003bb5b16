//! What both scans ask of source code.

use syn::{Attribute, Path};

/// Whether an item with these attributes is compiled for tests alone.
#[must_use]
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// The last word of a path: `Ok` of `Result::Ok`.
#[must_use]
pub fn last_word(path: &Path) -> String {
    path.segments
        .last()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default()
}
