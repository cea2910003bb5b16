//! What GRUB's files say in every way that they are written or broken.

use crate::next_boot::{AMAZON, DEBIAN, LEAP, RHEL, UBUNTU, staged, untold};
use crate::tree::Tree;

const ENV: &str = "boot/grub/grubenv";
const MENU: &str = "boot/grub/grub.cfg";
const OLD: &str = "6.1.0-9-amd64";
const NEW: &str = "6.1.0-40-amd64";
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

fn host(name: &str) -> Tree {
    Tree::of(&format!("host/{name}"))
}

fn environment(variables: &[&str]) -> String {
    let lines: String = variables.iter().map(|it| format!("{it}\n")).collect();
    format!("# GRUB Environment Block\n{lines}{}", "#".repeat(1_000))
}

/// A Debian with these variables and this default.
fn debian(variables: &[&str], default: &str) -> Tree {
    let tree = host(DEBIAN);
    tree.write(ENV, environment(variables));
    let menu = std::fs::read_to_string(tree.path().join(MENU)).unwrap();
    let set = format!("set default=\"{default}\"");
    tree.write(MENU, menu.replace("set default=\"0\"", &set));
    tree
}

#[test]
fn the_entry_that_is_asked_for_comes_before_the_first() {
    let saved = "${saved_entry}";
    let old = format!("gnulinux-advanced-u>gnulinux-{OLD}-advanced-u");
    let titled =
        format!("Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux {OLD}");
    let (saved_old, next_old) = (format!("saved_entry={old}"), format!("next_entry={titled}"));
    for (variables, default, expected) in [
        (vec![], "0", NEW),
        (vec![], saved, NEW),
        (vec![&saved_old[..]], saved, OLD),
        (vec![&saved_old], "0", NEW),
        (vec!["saved_entry=gnulinux-simple-u"], saved, NEW),
        (vec!["saved_entry=0"], saved, NEW),
        (vec![&next_old], "0", OLD),
        (vec![&next_old, "saved_entry=0"], saved, OLD),
        (vec!["next_entry=", &saved_old], saved, OLD),
        (vec![], &old, OLD),
    ] {
        let tree = debian(&variables, default);
        assert_eq!(
            staged(&tree).as_deref(),
            Ok(expected),
            "{variables:?} {default}"
        );
    }
}

#[test]
fn what_only_grub_itself_knows_is_not_guessed() {
    let saved = "${saved_entry}";
    for (variables, default, file, expected) in [
        (
            vec!["saved_entry=2"],
            saved,
            "boot/grub",
            "by \"2\", for which grubenv's saved_entry",
        ),
        (
            vec!["next_entry=Windows"],
            "0",
            "boot/grub",
            "by \"Windows\", for which grubenv's next",
        ),
        (
            vec![],
            "1>2",
            "boot/grub",
            "by \"1>2\", for which GRUB_DEFAULT asks",
        ),
        (vec!["env_block=512+1"], "0", ENV, "outside of this file"),
        (vec!["boot_counter=2"], "0", ENV, "counts boots that fail"),
        (
            vec!["saved_entry=gnulinux-9.9.0-1-amd64-advanced-u"],
            saved,
            "boot",
            "there is no vmlinuz-9.9.0-1-amd64",
        ),
    ] {
        let why = untold(&debian(&variables, default), file);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn a_kernel_that_is_only_half_installed_is_not_staged() {
    let unpacked = host(DEBIAN);
    unpacked.write("boot/vmlinuz-6.1.0-41-amd64", "");
    assert!(untold(&unpacked, "boot").contains("6.1.0-41-amd64 has no initial RAM disk yet"));
    unpacked.write("boot/initrd.img-6.1.0-41-amd64", "");
    assert!(untold(&unpacked, MENU).contains("run update-grub"));
    let menu = std::fs::read_to_string(unpacked.path().join(MENU)).unwrap();
    unpacked.write(
        MENU,
        "linux /boot/vmlinuz-6.1.0-41-amd64\n".to_owned() + &menu,
    );
    assert_eq!(staged(&unpacked).as_deref(), Ok("6.1.0-41-amd64"));
}

#[test]
fn ubuntu_with_several_flavours_is_not_known() {
    let tree = host(UBUNTU);
    tree.write("boot/vmlinuz-6.8.0-1020-aws", "");
    tree.write("boot/initrd.img-6.8.0-1020-aws", "");
    let menu = std::fs::read_to_string(tree.path().join(MENU)).unwrap();
    tree.write(
        MENU,
        "linux /boot/vmlinuz-6.8.0-1020-aws\n".to_owned() + &menu,
    );
    assert!(untold(&tree, "boot").contains("several flavours (aws, generic)"));
}

#[test]
fn suses_link_and_its_newest_kernel_must_agree() {
    let at = "boot/vmlinuz";
    let tree = host(LEAP);
    for target in [
        "vmlinuz-6.4.0-150600.21-default",
        "vmlinuz-gone",
        "/etc/shadow",
        "../../../../etc/shadow",
        "vmlinuz",
    ] {
        tree.link(target, at);
        assert!(
            untold(&tree, at).contains("does not lead to vmlinuz-6.4.0-150600.23"),
            "{target}"
        );
    }
    tree.remove(at);
    untold(&tree, at);
    std::fs::create_dir(tree.path().join(at)).unwrap();
    untold(&tree, at);
}

#[test]
fn entries_are_named_by_id_or_title() {
    let old = "5.14.0-427.42.1.el9_4.x86_64";
    let title = format!("Red Hat Enterprise Linux ({old}) 9.5 (Plow)");
    for wanted in [&format!("{MACHINE}-{old}"), &title] {
        let tree = host(RHEL);
        tree.write(
            "boot/grub2/grubenv",
            environment(&[&format!("saved_entry={wanted}")]),
        );
        assert_eq!(staged(&tree).as_deref(), Ok(old), "{wanted}");
    }
    let twice = host(RHEL);
    let again = format!("title {title}\nlinux /vmlinuz-{old}\n");
    twice.write("boot/loader/entries/again.conf", again);
    twice.write(
        "boot/grub2/grubenv",
        environment(&[&format!("saved_entry={title}")]),
    );
    assert!(untold(&twice, "boot/grub2").contains("no kernel is known by"));
    let once = host(RHEL);
    let next = format!("next_entry={MACHINE}-{old}");
    once.write("boot/grub2/grubenv", environment(&["saved_entry=x", &next]));
    assert_eq!(staged(&once).as_deref(), Ok(old));
    // Up to RHEL 8 the menu is on the firmware's partition.
    let efi = host(RHEL);
    efi.remove("boot/grub2/grub.cfg");
    assert!(staged(&efi).is_ok());
}

#[test]
fn entries_that_tell_no_kernel_are_not_guessed() {
    let new = format!("boot/loader/entries/{MACHINE}-5.14.0-503.11.1.el9_5.x86_64.conf");
    let env = "boot/grub2/grubenv";
    let with = |change: &dyn Fn(&Tree)| {
        let tree = host(RHEL);
        change(&tree);
        tree
    };
    let order = "only GRUB knows the order";
    let menu = "boot/grub2/grub.cfg";
    for (tree, file, expected) in [
        (with(&|it| it.write(env, environment(&[]))), env, order),
        (with(&|it| it.remove(env)), env, order),
        (
            with(&|it| it.write(env, environment(&["saved_entry=0"]))),
            "boot/grub2",
            "by \"0\"",
        ),
        (
            with(&|it| it.write(env, environment(&["saved_entry=../../../etc/x"]))),
            "boot/grub2",
            "no kernel is known",
        ),
        (
            with(&|it| it.write(menu, "set default=\"0\"\n")),
            menu,
            order,
        ),
        (
            with(&|it| it.write(menu, "blscfg\n")),
            menu,
            "sets no default",
        ),
        (
            with(&|it| it.write(&new, "version 5.14.0-503.11.1.el9")),
            &new,
            "expected a newline",
        ),
        (
            with(&|it| it.write(&new, "linux /vmlinuz-5.1\n")),
            &new,
            "kernel /vmlinuz-5.1 is not there",
        ),
        (
            with(&|it| it.write(&new, format!("version 5.1\nlinux {}\n", "x".repeat(5_000)))),
            &new,
            "cannot be seen: File name too long",
        ),
        (
            with(&|it| it.write(&new, "version 5.14.0-1\n")),
            &new,
            "names no kernel",
        ),
        (
            with(&|it| it.remove(&new)),
            "boot/grub2",
            "no kernel is known by",
        ),
        (
            with(&|it| it.remove("boot/vmlinuz-5.14.0-503.11.1.el9_5.x86_64")),
            &new,
            "is not there",
        ),
    ] {
        let why = untold(&tree, file);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn a_saved_entry_without_its_kernel_is_not_the_next_one() {
    let amazon = host(AMAZON);
    amazon.remove("boot/vmlinuz-6.1.128-136.201.amzn2023.x86_64");
    assert!(staged(&amazon).is_err());
}

const BROKEN: [(&str, &str, &str); 5] = [
    (DEBIAN, ENV, "GRUB's signature"),
    (DEBIAN, MENU, "sets no default entry"),
    (
        DEBIAN,
        "usr/lib/os-release",
        "ID= and a distribution's name",
    ),
    (RHEL, "boot/grub2/grubenv", "GRUB's signature"),
    (LEAP, "boot/grub2/grub.cfg", "sets no default entry"),
];

#[test]
fn broken_files_are_named_and_nothing_is_told() {
    for (name, file, no_such_text) in BROKEN {
        let seen = if file == "usr/lib/os-release" {
            "etc/os-release"
        } else {
            file
        };
        let text = host(name);
        text.write(file, "nothing of it\n");
        assert!(untold(&text, seen).contains(no_such_text));
        let bytes = host(name);
        bytes.write(file, b"ID=\xff\xfe\n");
        assert!(untold(&bytes, seen).contains("expected UTF-8"));
        let huge = host(name);
        huge.write(file, "a 1\n".repeat(3 << 20));
        assert!(untold(&huge, seen).contains("expected less text"));
        let folder = host(name);
        folder.remove(file);
        std::fs::create_dir(folder.path().join(file)).unwrap();
        assert!(untold(&folder, seen).contains("no regular file"));
        let round = host(name);
        round.link(file.rsplit('/').next().unwrap(), file);
        assert!(untold(&round, seen).contains("symbolic link"));
        let outside = host(name);
        outside.link("/etc/passwd", file);
        untold(&outside, seen);
    }
}

#[test]
fn a_boot_of_too_many_names_is_no_boot() {
    let tree = host(DEBIAN);
    for index in 0..=4_096 {
        tree.write(&format!("boot/{index}"), "");
    }
    assert!(untold(&tree, "boot").contains("more than 4096 names"));
}
