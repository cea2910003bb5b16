//! Looks at the host's files from time to time, on threads that may hang.

use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::status::NextBoot;
use crate::host_state::{HostFiles, HostState, Untold, look};
use crate::log;
use crate::time::MonotonicTime;

/// For so long the first status waits for the first look: a restart is no news.
const PATIENCE: Duration = Duration::from_secs(5);

/// The looks and what they told last.
pub struct HostLooks {
    files: Option<HostFiles>,
    seen: mpsc::UnboundedSender<HostState>,
    /// When the last one began.
    began: Option<MonotonicTime>,
    is_in_hand: bool,
    state: Option<HostState>,
}

impl HostLooks {
    /// Looks at `files`, where there are any; what is seen goes to `seen`.
    pub fn new(files: Option<HostFiles>, seen: mpsc::UnboundedSender<HostState>) -> Self {
        Self {
            files,
            seen,
            began: None,
            is_in_hand: false,
            state: None,
        }
    }

    /// Begins a look, where the last one began `interval` ago and has ended.
    pub fn begin(&mut self, interval: Duration, now: MonotonicTime) {
        let Some(files) = &self.files else { return };
        let is_recent = self.began.is_some_and(|began| now.since(began) < interval);
        if is_recent || self.is_in_hand {
            return;
        }
        self.began = Some(now);
        let (files, seen) = (files.clone(), self.seen.clone());
        // Not the runtime's: it would wait for a thread that hangs when it ends.
        let thread = thread::Builder::new().name("host look".to_owned());
        let spawned = thread.spawn(move || {
            // The receiver is gone only when the probe ends.
            let _ = seen.send(look(&files));
        });
        match spawned {
            Ok(_) => self.is_in_hand = true,
            Err(error) => log::warn("no look at the host's files", &[("error", &error)]),
        }
    }

    /// Takes what a look told.
    pub fn take(&mut self, state: HostState) {
        self.is_in_hand = false;
        if self.state.as_ref() != Some(&state) {
            let staged = state.staged.as_ref();
            let staged =
                staged.map_or_else(Untold::to_string, |it| format!("{}, {}", it.release, it.by));
            let asked = state.reboot_required.as_ref();
            let asked = asked.map_or_else(Untold::to_string, bool::to_string);
            log::info(
                "next boot",
                &[("staged", &staged), ("reboot_required", &asked)],
            );
        }
        self.state = Some(state);
    }

    /// Whether the first look is still worth waiting for.
    #[must_use]
    pub fn is_awaited(&self, now: MonotonicTime) -> bool {
        let is_first = self.is_in_hand && self.state.is_none();
        is_first && self.began.is_some_and(|began| now.since(began) < PATIENCE)
    }

    /// What is known: nothing while a look has hung for as long as `interval`.
    #[must_use]
    pub fn known(&self, interval: Duration, now: MonotonicTime) -> NextBoot<'_> {
        let hangs = self.is_in_hand && self.began.is_some_and(|at| now.since(at) >= interval);
        match &self.state {
            Some(state) if !hangs => NextBoot {
                staged: state.staged.as_ref().ok().map(|staged| &staged.release),
                reboot_required: state.reboot_required.as_ref().ok().copied(),
            },
            _ => NextBoot::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const INTERVAL: Duration = Duration::from_secs(300);

    fn at(second: u64) -> MonotonicTime {
        MonotonicTime::from_boot(Duration::from_secs(second))
    }

    fn looks(files: Option<HostFiles>) -> (HostLooks, mpsc::UnboundedReceiver<HostState>) {
        let (seen, told) = mpsc::unbounded_channel();
        (HostLooks::new(files, seen), told)
    }

    /// A Debian that asks for a reboot.
    fn host() -> (tempfile::TempDir, HostFiles) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["etc", "run", "boot"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("etc/os-release"), "ID=debian\n").unwrap();
        fs::write(dir.path().join("run/reboot-required"), "").unwrap();
        let files = HostFiles {
            root: dir.path().to_owned(),
            sentinel: None,
        };
        (dir, files)
    }

    #[test]
    fn a_look_is_taken_at_once_and_once_an_interval() {
        let (dir, files) = host();
        let (mut looks, mut told) = looks(Some(files));
        assert!(!looks.is_awaited(at(1)), "none has begun");
        looks.begin(INTERVAL, at(1));
        assert!(looks.is_awaited(at(2)) && !looks.is_awaited(at(6)));
        looks.take(told.blocking_recv().unwrap());
        assert!(!looks.is_awaited(at(2)));
        assert_eq!(looks.known(INTERVAL, at(2)).reboot_required, Some(true));
        fs::remove_file(dir.path().join("run/reboot-required")).unwrap();
        looks.begin(INTERVAL, at(300));
        assert!(told.try_recv().is_err(), "no interval has gone by");
        looks.begin(INTERVAL, at(301));
        looks.take(told.blocking_recv().unwrap());
        let known = looks.known(INTERVAL, at(302));
        assert_eq!(known.reboot_required, Some(false));
        assert!(known.staged.is_none(), "nothing boots this host");
    }

    #[test]
    fn a_look_that_hangs_makes_what_was_known_unknown() {
        let (_dir, files) = host();
        let (mut looks, mut told) = looks(Some(files));
        looks.begin(INTERVAL, at(1));
        looks.take(told.blocking_recv().unwrap());
        looks.begin(INTERVAL, at(301));
        // What it tells is not taken: as if it had not come.
        assert_eq!(looks.known(INTERVAL, at(600)).reboot_required, Some(true));
        assert_eq!(looks.known(INTERVAL, at(601)).reboot_required, None);
        looks.begin(INTERVAL, at(1_000));
        looks.take(told.blocking_recv().unwrap());
        assert!(told.try_recv().is_err(), "another one was begun beside it");
    }

    #[test]
    fn a_probe_without_the_hosts_files_looks_at_nothing() {
        let (mut looks, mut told) = looks(None);
        looks.begin(INTERVAL, at(1));
        assert!(!looks.is_awaited(at(1)) && told.try_recv().is_err());
        assert_eq!(looks.known(INTERVAL, at(1)).reboot_required, None);
    }
}
