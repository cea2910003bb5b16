//! What systemd-boot's files and sentinels say.

use node_probe::host_state::{HostFiles, look};

use crate::next_boot::{DEBIAN, RHEL, SYSTEMD_BOOT, UBUNTU, staged, untold};
use crate::tree::Tree;

const CONFIG: &str = "boot/efi/loader/loader.conf";
const ENTRIES: &str = "boot/efi/loader/entries";
const OLD: &str = "6.12.38+deb13-amd64";
const NEW: &str = "6.12.43+deb13-amd64";
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

fn host(name: &str) -> Tree {
    Tree::of(&format!("host/{name}"))
}

fn entry(release: &str) -> String {
    format!("{ENTRIES}/{MACHINE}-{release}.conf")
}

/// With this `loader.conf`.
fn with(config: &str) -> Tree {
    let tree = host(SYSTEMD_BOOT);
    tree.write(CONFIG, config);
    tree
}

#[test]
fn systemd_boot_takes_the_newest_that_fits_its_default() {
    for (config, expected) in [
        ("", NEW),
        ("timeout 3\n", NEW),
        (&format!("default {MACHINE}-*\n"), NEW),
        (&format!("default {MACHINE}-{OLD}.conf\n"), OLD),
        (&format!("default\t{MACHINE}-{OLD}\n"), OLD),
        ("default *6.12.3?+*\n", OLD),
        ("default *38*\ndefault *43*\n", NEW),
    ] {
        assert_eq!(staged(&with(config)).as_deref(), Ok(expected), "{config}");
    }
    let failed = host(SYSTEMD_BOOT);
    let at = |name: &str| failed.path().join(name);
    std::fs::rename(at(&entry(NEW)), at(&entry(&format!("{NEW}+0-3")))).unwrap();
    assert_eq!(staged(&failed).as_deref(), Ok(OLD), "its tries are used up");
}

#[test]
fn what_only_systemd_boot_itself_knows_is_not_guessed() {
    for (config, expected) in [
        ("default @saved\n", "firmware's variables"),
        ("default [ab]*\n", "more than * and ?"),
        (
            "default arch.conf\n",
            "no entry fits its default \"arch.conf\"",
        ),
        ("default arch", "expected a newline"),
    ] {
        let why = untold(&with(config), CONFIG);
        assert!(why.contains(expected), "{why}");
    }
    let two = host(SYSTEMD_BOOT);
    let text = std::fs::read_to_string(two.path().join(entry(NEW))).unwrap();
    two.write(&entry(NEW), text.replace("debian", "arch"));
    assert!(untold(&two, CONFIG).contains("entries of several systems"));
    let unified = host(SYSTEMD_BOOT);
    std::fs::create_dir_all(unified.path().join("boot/efi/EFI/Linux")).unwrap();
    assert!(staged(&unified).is_ok(), "an empty folder is none");
    unified.write("boot/efi/EFI/Linux/debian-6.12.43.efi", "");
    assert!(untold(&unified, "boot/efi/EFI/Linux").contains("unified kernel images"));
    let gone = host(SYSTEMD_BOOT);
    gone.remove(&format!("boot/efi/{MACHINE}/{NEW}"));
    assert!(untold(&gone, &entry(NEW)).contains("is not there"));
}

#[test]
fn entries_may_lie_on_a_partition_of_their_own() {
    let tree = host(SYSTEMD_BOOT);
    let at = |name: &str| tree.path().join(name);
    std::fs::create_dir(at("efi")).unwrap();
    std::fs::rename(at("boot/efi/loader"), at("boot/loader")).unwrap();
    std::fs::rename(
        at(&format!("boot/efi/{MACHINE}")),
        at(&format!("boot/{MACHINE}")),
    )
    .unwrap();
    std::fs::create_dir(at("efi/loader")).unwrap();
    std::fs::rename(at("boot/loader/loader.conf"), at("efi/loader/loader.conf")).unwrap();
    assert_eq!(staged(&tree).as_deref(), Ok(NEW));
}

/// What the sentinel says; `path` names another one.
fn asked(tree: &Tree, path: Option<&str>) -> Result<bool, String> {
    let seen = look(&HostFiles {
        root: tree.path().to_owned(),
        sentinel: path.map(|path| path.parse().unwrap()),
    });
    seen.reboot_required.map_err(|why| why.to_string())
}

#[test]
fn the_distributions_sentinel_is_there_or_not() {
    let usual = "run/reboot-required";
    let debian = host(DEBIAN);
    assert_eq!(asked(&debian, None), Ok(false));
    debian.write(usual, "");
    assert_eq!(asked(&debian, None), Ok(true));
    let rhel = host(RHEL);
    assert!(
        asked(&rhel, None)
            .unwrap_err()
            .contains("rhel is not known to write it")
    );
    rhel.write(usual, "");
    assert_eq!(asked(&rhel, None), Ok(true), "whoever wrote it meant it");
    // Where /var/run is no link.
    let old = host(DEBIAN);
    old.remove("var/run");
    std::fs::create_dir(old.path().join("var/run")).unwrap();
    assert_eq!(asked(&old, None), Ok(false));
    old.write("var/run/reboot-required", "");
    assert_eq!(asked(&old, None), Ok(true));
}

#[test]
fn what_is_no_file_is_no_sentinel() {
    let usual = "run/reboot-required";
    for name in [DEBIAN, UBUNTU] {
        let tree = host(name);
        if tree.path().join(usual).exists() {
            tree.remove(usual);
        }
        std::fs::create_dir(tree.path().join(usual)).unwrap();
        assert!(
            asked(&tree, None)
                .unwrap_err()
                .contains("this is a folder and no sentinel")
        );
        tree.link("/gone", usual);
        assert!(
            asked(&tree, None)
                .unwrap_err()
                .contains("this link leads nowhere")
        );
        tree.link("/etc/os-release", usual);
        assert_eq!(asked(&tree, None), Ok(true), "a link to a file is one");
        tree.remove(usual);
        drop(std::os::unix::net::UnixListener::bind(tree.path().join(usual)).unwrap());
        assert!(asked(&tree, None).unwrap_err().contains("no regular file"));
    }
    let nameless = host(DEBIAN);
    nameless.remove("usr/lib/os-release");
    assert!(
        asked(&nameless, None)
            .unwrap_err()
            .contains("etc/os-release: No such file")
    );
}

#[test]
fn a_sentinel_of_ones_own_says_both_on_any_distribution() {
    let tree = host(RHEL);
    std::fs::create_dir_all(tree.path().join("var/lib/patches")).unwrap();
    let path = Some("/var/lib/patches/reboot");
    assert_eq!(asked(&tree, path), Ok(false));
    tree.write("var/lib/patches/reboot", "");
    assert_eq!(asked(&tree, path), Ok(true));
    let why = asked(&tree, Some("/var/lib/other/reboot")).unwrap_err();
    assert!(
        why.contains("var/lib/other: No such file or directory; mount"),
        "{why}"
    );
    let ubuntu = host(UBUNTU);
    assert_eq!(
        asked(&ubuntu, Some("/run/mine")),
        Ok(false),
        "the usual one is not asked"
    );
}
