//! Entries of the Boot Loader Specification: one file for each kernel. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;

use unstall_crds::units::KernelVersion;

use super::error::Untold;
use super::kernels::release;

/// What an entry says, as far as it tells which kernel is booted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What menus show.
    pub title: Option<String>,
    /// The kernel's path, from the root of the partition that the entry is on.
    pub linux: Option<String>,
    /// What systemd-boot sorts by first.
    pub sort_key: Option<String>,
    /// The installation that it belongs to.
    pub machine_id: Option<String>,
    version: Option<String>,
}

impl Entry {
    /// Reads the `text` of the file at `path`.
    ///
    /// # Errors
    /// [`Untold::Malformed`] if it is cut or says something twice.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Untold> {
        let mut entry = Self::default();
        for (key, value) in settings(path, text)? {
            let place = match key {
                "title" => &mut entry.title,
                "version" => &mut entry.version,
                "linux" => &mut entry.linux,
                "sort-key" => &mut entry.sort_key,
                "machine-id" => &mut entry.machine_id,
                _ => continue,
            };
            if place.as_deref().is_some_and(|known| known != value) {
                let expected = "one title, version, linux, sort-key and machine-id";
                return Err(Untold::malformed(path, expected, value));
            }
            *place = Some(value.to_owned());
        }
        Ok(entry)
    }

    /// The release of its kernel, from `version` and from the kernel's name.
    ///
    /// # Errors
    /// [`Untold::Open`] if neither tells it or they contradict each other.
    pub fn release(&self, path: &Path) -> Result<KernelVersion, Untold> {
        let linux = self.linux.as_deref().unwrap_or_default();
        let name = linux.rsplit('/').next().unwrap_or_default();
        let named = name.strip_prefix("vmlinuz-");
        match (self.version.as_deref(), named) {
            (Some(version), Some(named)) if version != named => {
                let why = format!("its version is {version:.64} and its kernel {named:.64}");
                Err(Untold::open(path, why))
            }
            (version, named) => version
                .or(named)
                .and_then(release)
                .ok_or_else(|| Untold::open(path, "neither version nor linux is that of a kernel")),
        }
    }
}

/// The lines of such a file, of `loader.conf` too: a key, white space, a value.
///
/// # Errors
/// [`Untold::Malformed`] if the last line has no end: it may be cut.
pub fn settings<'a>(path: &Path, text: &'a str) -> Result<Vec<(&'a str, &'a str)>, Untold> {
    if !text.is_empty() && !text.ends_with('\n') {
        let last = text.lines().next_back().unwrap_or_default();
        return Err(Untold::malformed(path, "a newline at its end", last));
    }
    let lines = text.lines().map(str::trim_ascii);
    let lines = lines.filter(|line| !line.starts_with('#'));
    Ok(lines
        .filter_map(|line| line.split_once([' ', '\t']))
        .map(|(key, value)| (key, value.trim_ascii()))
        .collect())
}

/// An entry's name without `.conf` and without what boot counting adds to it, and
/// whether any tries are left.
pub fn counted(name: &str) -> Option<(&str, bool)> {
    let stem = name.strip_suffix(".conf")?;
    let is_count = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if let Some((id, tries)) = stem.rsplit_once('+') {
        let (left, done) = tries.split_once('-').unwrap_or((tries, "0"));
        if is_count(left) && is_count(done) {
            return Some((id, left.bytes().any(|digit| digit != b'0')));
        }
    }
    Some((stem, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHEL: &str = "title Red Hat Enterprise Linux (5.14.0-503.el9.x86_64) 9.5 (Plow)
version 5.14.0-503.el9.x86_64
linux /vmlinuz-5.14.0-503.el9.x86_64
initrd /initramfs-5.14.0-503.el9.x86_64.img $tuned_initrd
options root=/dev/mapper/rhel-root ro
grub_class rhel
";

    fn parse(text: &str) -> Result<Entry, Untold> {
        Entry::parse(Path::new("/e.conf"), text)
    }

    fn released(text: &str) -> Result<String, String> {
        let released = parse(text).and_then(|entry| entry.release(Path::new("/e.conf")));
        released
            .map(|it| it.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_entry_tells_its_kernel() {
        assert_eq!(released(RHEL).unwrap(), "5.14.0-503.el9.x86_64");
        assert_eq!(
            released("linux\t/boot/vmlinuz-6.1.0-40-amd64\n").unwrap(),
            "6.1.0-40-amd64"
        );
        assert_eq!(
            released("version 6.1.9\nlinux /0123/6.1.9/linux\n").unwrap(),
            "6.1.9"
        );
        let title = parse(RHEL).unwrap().title.unwrap();
        assert_eq!(
            title,
            "Red Hat Enterprise Linux (5.14.0-503.el9.x86_64) 9.5 (Plow)"
        );
    }

    #[test]
    fn one_that_is_cut_or_contradicts_itself_tells_none() {
        for (text, expected) in [
            (&RHEL[..RHEL.len() - 1], "expected a newline"),
            ("version 6.1\nversion 6.2\n", "expected one title, version"),
            (
                "version 6.1\nlinux /vmlinuz-6.2\n",
                "version is 6.1 and its kernel 6.2",
            ),
            (
                "title Fedora CoreOS\nlinux /ostree/a/linux\n",
                "neither version nor linux",
            ),
            ("version 1st\n", "neither version nor linux"),
            ("", "neither version nor linux"),
        ] {
            let error = released(text).unwrap_err();
            assert!(
                error.starts_with("/e.conf: ") && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn boot_counting_is_no_part_of_the_name() {
        assert_eq!(counted("debian-6.1.conf"), Some(("debian-6.1", true)));
        assert_eq!(counted("debian-6.1+3.conf"), Some(("debian-6.1", true)));
        assert_eq!(counted("debian-6.1+2-1.conf"), Some(("debian-6.1", true)));
        assert_eq!(counted("debian-6.1+0-3.conf"), Some(("debian-6.1", false)));
        assert_eq!(counted("linux-6.1+deb.conf"), Some(("linux-6.1+deb", true)));
        assert_eq!(counted("entries.srel"), None);
    }
}
