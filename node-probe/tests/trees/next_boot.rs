//! What hosts of several distributions say of their next boot.

use node_probe::host_state::{HostFiles, HostState, look};

use crate::tree::{Tree, fixture};

/// The fixture of a host.
fn host(name: &str) -> Tree {
    Tree::of(&format!("host/{name}"))
}

fn state(tree: &Tree) -> HostState {
    look(&HostFiles {
        root: tree.path().to_owned(),
        sentinel: None,
    })
}

/// The release of the next boot, or why it is not known.
pub fn staged(tree: &Tree) -> Result<String, String> {
    let staged = state(tree).staged;
    staged
        .map(|it| it.release.to_string())
        .map_err(|why| why.to_string())
}

/// Why the next boot's kernel is not known; it names the path of `file`.
#[track_caller]
pub fn untold(tree: &Tree, file: &str) -> String {
    let why = staged(tree).unwrap_err();
    let named = format!("{}: ", tree.path().join(file).display());
    assert!(why.starts_with(&named), "{why}");
    why
}

pub const DEBIAN: &str = "debian-12";
pub const UBUNTU: &str = "ubuntu-24.04";
pub const RHEL: &str = "rhel-9";
pub const AMAZON: &str = "amazon-linux-2023";
pub const LEAP: &str = "opensuse-leap-15.6";
pub const SYSTEMD_BOOT: &str = "debian-13-systemd-boot";

#[test]
fn each_distribution_tells_its_next_kernel_and_whether_it_asks_for_a_boot() {
    for (name, release, asked) in [
        // /vmlinuz is of the kernel that was installed last, and GRUB takes the newest.
        (DEBIAN, Some("6.1.0-40-amd64"), Some(false)),
        (UBUNTU, Some("6.8.0-53-generic"), Some(true)),
        (RHEL, Some("5.14.0-503.11.1.el9_5.x86_64"), None),
        (AMAZON, Some("6.1.128-136.201.amzn2023.x86_64"), None),
        (LEAP, Some("6.4.0-150600.23.33-default"), None),
        (SYSTEMD_BOOT, Some("6.12.43+deb13-amd64"), Some(false)),
        ("fedora-coreos", None, None),
        ("flatcar", None, None),
    ] {
        let seen = state(&host(name));
        let told = seen.staged.as_ref().map(|it| it.release.to_string());
        assert_eq!(told.ok().as_deref(), release, "{name}: {:?}", seen.staged);
        assert_eq!(seen.reboot_required.clone().ok(), asked, "{name}: {seen:?}");
    }
}

#[test]
fn hosts_that_boot_images_say_so() {
    for name in ["fedora-coreos", "flatcar"] {
        let why = untold(&host(name), "boot");
        assert!(why.contains("this host boots images"), "{why}");
    }
    let unnamed = host("fedora-coreos");
    unnamed.remove("usr/lib/os-release");
    assert!(untold(&unnamed, "boot").contains("this host boots images"));
}

#[test]
fn a_root_without_the_hosts_folders_tells_nothing() {
    let empty = Tree::of("v1");
    let seen = state(&empty);
    let why = seen.staged.unwrap_err().to_string();
    assert!(
        why.contains("/boot: No such file or directory; mount"),
        "{why}"
    );
    let why = seen.reboot_required.unwrap_err().to_string();
    assert!(
        why.contains("/run: No such file or directory; mount"),
        "{why}"
    );
    let nowhere = look(&HostFiles {
        root: fixture("nowhere"),
        sentinel: None,
    });
    assert!(nowhere.staged.is_err() && nowhere.reboot_required.is_err());
}

#[test]
fn a_boot_that_nothing_known_boots_tells_nothing() {
    let tree = host(DEBIAN);
    tree.remove("boot/grub");
    assert!(untold(&tree, "boot").contains("neither GRUB nor systemd-boot"));
    let both = host(SYSTEMD_BOOT);
    std::fs::create_dir(both.path().join("boot/grub")).unwrap();
    let why = untold(&both, "boot/efi/loader/loader.conf");
    assert!(why.contains("only the firmware knows"), "{why}");
    let other = host(DEBIAN);
    other.write("usr/lib/os-release", "ID=gentoo\n");
    assert!(untold(&other, "boot").contains("default on gentoo is not known"));
    other.remove("usr/lib/os-release");
    assert!(untold(&other, "etc/os-release").contains("No such file"));
}
