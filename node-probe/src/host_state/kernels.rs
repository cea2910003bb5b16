//! The kernels that lie in `/boot`. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use unstall_crds::units::KernelVersion;

/// The kernel's own bound on a release (`__NEW_UTS_LEN`).
const RELEASE_MAX: usize = 64;

/// The API's bound on the digits that a version begins with.
const DIGITS_MAX: usize = 18;

/// What packages leave beside a kernel.
const NONE_OF_THEM: [&str; 8] = [
    ".dpkg-",
    ".rpmsave",
    ".rpmnew",
    ".sig",
    ".old",
    ".bak",
    ".hmac",
    ".efi.signed",
];

/// `text` as a kernel's release, as `uname -r` would print it: two numbers at
/// least.
pub fn release(text: &str) -> Option<KernelVersion> {
    let (first, rest) = text.split_once('.')?;
    let is_release = text.len() <= RELEASE_MAX
        && (1..=DIGITS_MAX).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && rest.starts_with(|second: char| second.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/');
    text.parse().ok().filter(|_| is_release)
}

/// All names of a `/boot`.
#[derive(Debug)]
pub struct Kernels {
    names: Vec<String>,
}

impl Kernels {
    /// Those among `names`.
    pub fn among(names: Vec<String>) -> Self {
        Self { names }
    }

    /// The installed kernels.
    fn all(&self) -> impl Iterator<Item = KernelVersion> {
        self.names.iter().filter_map(|name| {
            let version = name.strip_prefix("vmlinuz-")?;
            let is_other = NONE_OF_THEM.iter().any(|it| version.contains(it));
            release(version).filter(|_| !is_other)
        })
    }

    /// Whether exactly this one is installed.
    pub fn has(&self, wanted: &KernelVersion) -> bool {
        self.all().any(|one| one.as_str() == wanted.as_str())
    }

    /// The newest by its numbers. Of two with the same numbers the longer text,
    /// as Debian's and GNU's orders have it.
    pub fn newest(&self) -> Option<KernelVersion> {
        self.all().max_by(|one, other| {
            let text = |it: &KernelVersion| (it.as_str().len(), it.as_str().to_owned());
            one.cmp(other).then_with(|| text(one).cmp(&text(other)))
        })
    }

    /// Whether the initial RAM disk of `kernel` is missing where others have
    /// theirs: it is made after the kernel is unpacked and before GRUB hears of it.
    pub fn is_half_installed(&self, kernel: &KernelVersion) -> bool {
        let has_ram_disk = |kernel: &KernelVersion| {
            let version = kernel.as_str();
            let names = [
                format!("initrd.img-{version}"),
                format!("initrd-{version}"),
                format!("initramfs-{version}.img"),
            ];
            names.iter().any(|name| self.names.contains(name))
        };
        !has_ram_disk(kernel) && self.all().any(|one| has_ram_disk(&one))
    }

    /// What follows version and build number on Ubuntu (`generic`, `aws`), each
    /// once and in order.
    pub fn flavours(&self) -> Vec<String> {
        let of = |kernel: KernelVersion| {
            let mut parts = kernel.as_str().splitn(3, '-').skip(2);
            parts.next().unwrap_or_default().to_owned()
        };
        let mut flavours: Vec<String> = self.all().map(of).collect();
        flavours.sort();
        flavours.dedup();
        flavours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels(names: &[&str]) -> Kernels {
        Kernels::among(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_newest_is_so_by_its_numbers() {
        let newest = |names: &[&str]| kernels(names).newest().map(|it| it.to_string());
        let of = |names: &[&str]| newest(names).unwrap();
        assert_eq!(
            of(&["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-40-amd64"]),
            "6.1.0-40-amd64"
        );
        assert_eq!(
            of(&["vmlinuz-6.1.0-40-cloud-amd64", "vmlinuz-6.1.0-40-amd64"]),
            "6.1.0-40-cloud-amd64"
        );
        assert_eq!(
            newest(&["vmlinuz", "config-6.1.0-9-amd64", "vmlinuz-linux", "grub"]),
            None
        );
    }

    #[test]
    fn what_is_no_kernel_or_only_looks_like_one_is_left_out() {
        let left = [
            "vmlinuz-0-rescue-0123456789abcdef0123456789abcdef",
            "vmlinuz-9.0.0-1-amd64.dpkg-new",
            "vmlinuz-9.0.0-1-amd64.old",
            "vmlinuz-9.0.0-1-generic.efi.signed",
            "vmlinuz-9.0.0 1",
            "vmlinuz-9999999999999999999.1",
            &format!("vmlinuz-9.{}", "0".repeat(RELEASE_MAX)),
        ];
        assert!(kernels(&left).newest().is_none());
    }

    #[test]
    fn a_kernel_without_its_ram_disk_is_half_installed_where_others_have_one() {
        let (old, new) = ("vmlinuz-6.1.0-39-amd64", "vmlinuz-6.1.0-40-amd64");
        let newest = release("6.1.0-40-amd64").unwrap();
        let is_half = |names: &[&str]| kernels(names).is_half_installed(&newest);
        assert!(is_half(&[old, new, "initrd.img-6.1.0-39-amd64"]));
        assert!(!is_half(&[old, new, "initrd.img-6.1.0-40-amd64"]));
        assert!(!is_half(&[old, new]), "kernels that need none");
    }

    #[test]
    fn flavours_are_what_ubuntu_calls_so() {
        let two = kernels(&[
            "vmlinuz-6.8.0-52-generic",
            "vmlinuz-6.8.0-53-generic",
            "vmlinuz-6.8.0-1021-aws-64k",
        ]);
        assert_eq!(two.flavours(), ["aws-64k", "generic"]);
    }
}
