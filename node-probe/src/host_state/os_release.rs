//! Which distribution this is, by `os-release`. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;

use super::error::Untold;

/// Distributions whose next boot is another image: what lies in this one's `/boot`
/// says nothing of it.
const IMAGES: [&str; 13] = [
    "bottlerocket",
    "coreos",
    "cos",
    "flatcar",
    "gardenlinux",
    "kairos",
    "opensuse-leap-micro",
    "opensuse-microos",
    "rhcos",
    "sl-micro",
    "sle-micro",
    "talos",
    "ubuntu-core",
];

/// What an `os-release` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// The distribution, as `debian`.
    pub id: String,
    /// What it is made from.
    like: Vec<String>,
    /// An edition of it, as `coreos`.
    variant: String,
    /// Whether it is one of OSTree's images.
    is_ostree: bool,
}

/// By which rule a distribution's GRUB takes its default entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstEntry {
    /// Debian: the newest kernel.
    Newest,
    /// Ubuntu: the newest of the flavour that `GRUB_FLAVOUR_ORDER` puts first.
    NewestOfFlavour,
    /// SUSE: the newest, which `/boot/vmlinuz` leads to as well.
    NewestAndLinked,
}

impl OsRelease {
    /// Reads the `text` of the file at `path`.
    ///
    /// # Errors
    /// [`Untold::Malformed`] if it names no distribution or is cut.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Untold> {
        if !text.ends_with('\n') {
            return Err(Untold::malformed(path, "whole lines", text));
        }
        let mut said = Self::default();
        for line in text.lines().map(str::trim_ascii) {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let value = unquoted(value);
            match name {
                "ID" => value.clone_into(&mut said.id),
                "VARIANT_ID" => value.clone_into(&mut said.variant),
                "ID_LIKE" => {
                    said.like = value.split_ascii_whitespace().map(str::to_owned).collect()
                }
                "OSTREE_VERSION" => said.is_ostree = true,
                _ => {}
            }
        }
        let is_word = |letter: u8| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"._-".contains(&letter)
        };
        if said.id.is_empty() || said.id.len() > 64 || !said.id.bytes().all(is_word) {
            return Err(Untold::malformed(
                path,
                "ID= and a distribution's name",
                text,
            ));
        }
        Ok(said)
    }

    /// Whether its packages are dpkg's, whose hooks write `/run/reboot-required`.
    pub fn is_dpkg(&self) -> bool {
        let names = ["debian", "ubuntu"];
        names.contains(&self.id.as_str()) || self.like.iter().any(|it| names.contains(&it.as_str()))
    }

    /// Whether the next boot may be another image than this one.
    pub fn is_image(&self) -> bool {
        self.is_ostree
            || IMAGES.contains(&self.id.as_str())
            || IMAGES.contains(&self.variant.as_str())
    }

    /// The rule of its GRUB, where this is known. Derivatives have their own.
    pub fn first_entry(&self) -> Option<FirstEntry> {
        match self.id.as_str() {
            "debian" => Some(FirstEntry::Newest),
            "ubuntu" => Some(FirstEntry::NewestOfFlavour),
            "sles" | "opensuse-leap" | "opensuse-tumbleweed" => Some(FirstEntry::NewestAndLinked),
            _ => None,
        }
    }
}

/// `value` without the quotes of a shell.
fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<OsRelease, Untold> {
        OsRelease::parse(Path::new("/etc/os-release"), text)
    }

    #[test]
    fn a_distribution_is_known_by_its_id() {
        let debian = parse("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n").unwrap();
        assert_eq!(debian.first_entry(), Some(FirstEntry::Newest));
        assert!(debian.is_dpkg() && !debian.is_image());
        let leap = parse("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n").unwrap();
        assert_eq!(leap.first_entry(), Some(FirstEntry::NewestAndLinked));
        assert!(!leap.is_dpkg() && !leap.is_image());
        let derived = parse("ID=pop\nID_LIKE='ubuntu debian'\n").unwrap();
        assert_eq!(derived.first_entry(), None, "it boots by rules of its own");
        assert!(derived.is_dpkg());
    }

    #[test]
    fn images_are_known_by_id_edition_or_ostree() {
        for text in [
            "ID=flatcar\n",
            "ID=fedora\nVARIANT_ID=coreos\n",
            "ID=rhel\nOSTREE_VERSION='417.94'\n",
        ] {
            assert!(parse(text).unwrap().is_image(), "{text}");
        }
    }

    #[test]
    fn a_file_that_names_none_is_refused() {
        for text in [
            "",
            "ID=debian",
            "NAME=x\n",
            "ID=\n",
            "ID=two words\n",
            "ID=\"debian\n",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("/etc/os-release: expected"), "{error}");
        }
    }
}
