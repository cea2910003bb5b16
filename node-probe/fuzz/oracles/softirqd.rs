//! `comm`, `stat` and two looks at `schedstat` of what may be a `ksoftirqd`.

use std::cell::RefCell;
use std::time::Duration;

use node_probe::sample::SoftirqdWatch;

use super::memory_stat::waited;
use super::process_stat::fields;
use super::rig::{Rig, agree, files, names};
use super::slow::lines;

const SCHEDSTAT: &str = "proc/15/schedstat";
/// The flag of a thread of the kernel.
const PF_KTHREAD: u64 = 0x0020_0000;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// One name, and the flag of a kernel thread.
fn is_softirqd(comm: &[u8], stat: &[u8]) -> bool {
    let is_named = lines(comm).is_some_and(|lines| lines[0].starts_with("ksoftirqd/"));
    // A kernel thread's name is text, unlike a process's.
    let flags = lines(stat)
        .and_then(|_| fields(stat))
        .map(|stat| stat.flags);
    is_named && flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    let [comm, stat, first, second] = files(bytes);
    RIG.with_borrow_mut(|rig| {
        for (file, content) in [
            ("proc/15/comm", comm),
            ("proc/15/stat", stat),
            (SCHEDSTAT, first),
        ] {
            rig.write(file, content);
        }
        let opened = SoftirqdWatch::open(&rig.roots, &mut rig.buffer);
        if !is_softirqd(comm, stat) {
            names("proc", &opened.map(drop).unwrap_err().to_string());
            return;
        }
        let mut watch = match opened {
            Ok(watch) => watch,
            Err(error) => return agree(SCHEDSTAT, Err(error), waited(first).map(drop)),
        };
        let before = waited(first).unwrap();
        assert_eq!(watch.take(), None, "one look is none");
        rig.write(SCHEDSTAT, second);
        let look = watch.look(&mut rig.buffer);
        let after = waited(second);
        agree(SCHEDSTAT, look, after.map(drop));
        let rise = after.and_then(|after| after.checked_sub(before));
        assert_eq!(watch.take(), rise.map(Duration::from_nanos));
    });
}
