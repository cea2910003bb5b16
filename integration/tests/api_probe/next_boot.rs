//! The kernel of the next boot and whether one is asked for, as they are written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::node::Node;

/// Two looks, ten seconds apart, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(60);

/// A Debian with one kernel that GRUB takes.
fn lay_out(root: &Path) {
    for folder in ["etc", "run", "boot/grub"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let env = format!("# GRUB Environment Block\n{}", "#".repeat(999));
    let menu = "set default=\"0\"\nlinux /boot/vmlinuz-6.1.0-99-amd64\n";
    for (file, text) in [
        ("etc/os-release", "ID=debian\n"),
        ("boot/grub/grubenv", &env),
        ("boot/grub/grub.cfg", menu),
        ("boot/vmlinuz-6.1.0-99-amd64", ""),
    ] {
        fs::write(root.join(file), text).unwrap();
    }
}

/// What is said of the kernel but for the running one.
fn said(status: &Value) -> Value {
    let mut kernel = status["kernel"].clone();
    kernel.as_object_mut().unwrap().remove("running").unwrap();
    kernel
}

#[test]
fn a_staged_kernel_and_a_wanted_reboot_are_written_when_they_change() {
    let host = tempfile::tempdir().unwrap();
    lay_out(host.path());
    let root = format!("--host-root={}", host.path().display());
    let Some(node) = Node::start_with("next-boot", &["--interval", "5s", &root]) else {
        return;
    };
    let written = node.forward.written();
    let known = json!({"staged": "6.1.0-99-amd64", "rebootRequired": false});
    let first = &written.first().unwrap().body["status"];
    assert_eq!(said(first), known, "a restart says all of it at once");

    let generation = node.report_each("10s");
    node.until_observed(generation, SOON);
    fs::write(host.path().join("run/reboot-required"), "").unwrap();
    node.until("the reboot to be wanted", SOON, || {
        said(&node.object()["status"])["rebootRequired"] == true
    });
    fs::remove_dir_all(host.path().join("boot")).unwrap();
    node.until("the kernel to be unknown", SOON, || {
        said(&node.object()["status"]) == json!({"rebootRequired": true})
    });
    let page = node.page();
    assert!(page.contains("unstall_reboot_required{} 1\n"), "{page}");
    assert!(page.contains(",staged=\"\"} 1\n"), "{page}");
    assert!(
        node.log().contains("boot: No such file or directory"),
        "{}",
        node.log()
    );
}

#[test]
fn without_the_hosts_files_nothing_is_said_of_them() {
    let Some(node) = Node::start("no-host-files", "5s") else {
        return;
    };
    assert_eq!(said(&node.object()["status"]), json!({}));
    assert!(!node.page().contains("unstall_reboot_required{"));
}
