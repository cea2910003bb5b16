//! What is read once: kernel release, boot ID, `cgroup.controllers`.

use std::cell::RefCell;

use node_probe::sample::{CgroupVersion, Hierarchy, Host, MemoryRoot};

use super::rig::{Rig, agree, files};
use super::slow::{lines, words};

const RELEASE: &str = "proc/sys/kernel/osrelease";
const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";
const CONTROLLERS: &str = "sys/fs/cgroup/cgroup.controllers";
/// The kernel's own bound on its release (`__NEW_UTS_LEN`).
const RELEASE_MAX: usize = 64;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

fn first(bytes: &[u8]) -> Option<String> {
    Some(lines(bytes)?[0].trim().to_owned())
}

fn release(bytes: &[u8]) -> Option<String> {
    let is_release = |text: &String| {
        (1..=RELEASE_MAX).contains(&text.len())
            && text.as_bytes()[0].is_ascii_digit()
            && text.bytes().all(|b| (0x21..0x7f).contains(&b))
    };
    first(bytes).filter(is_release)
}

fn boot_id(bytes: &[u8]) -> Option<String> {
    let is_uuid = |text: &String| {
        text.len() == 36
            && text.char_indices().all(|(at, c)| match at {
                8 | 13 | 18 | 23 => c == '-',
                _ => c.is_ascii_hexdigit(),
            })
    };
    first(bytes).filter(is_uuid)
}

fn has_memory(bytes: &[u8]) -> bool {
    lines(bytes).is_some_and(|lines| words(lines[0]).contains(&"memory"))
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let [osrelease, id, controllers] = files(bytes);
    RIG.with_borrow_mut(|rig| {
        for (file, content) in [
            (RELEASE, osrelease),
            (BOOT_ID, id),
            (CONTROLLERS, controllers),
        ] {
            rig.write(file, content);
        }
        let host = Host::discover(&rig.roots, &mut rig.buffer);
        agree(RELEASE, host.kernel_release, release(osrelease));
        agree(BOOT_ID, host.boot_id, boot_id(id));
        let root = MemoryRoot {
            version: CgroupVersion::V2,
            hierarchy: Hierarchy::V2,
            dir: rig.roots.cgroup.clone(),
        };
        agree(
            CONTROLLERS,
            host.memory,
            has_memory(controllers).then_some(root),
        );
    });
}
