//! The journal on the host's disk: one JSON file, replaced whole and fsynced, so that a power cut
//! leaves either the old or the new one. One that cannot be understood is never reset.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::record::Record;

/// The journal's name in its directory.
pub const FILE_NAME: &str = "journal.json";

/// A full journal takes some 150 KB.
const MAX_JOURNAL_BYTES: u64 = 1024 * 1024;

/// The longest defect that is told: the answer must fit a reply.
const MAX_DEFECT: usize = 200;

/// Why the journal cannot be used. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading, writing or syncing failed.
    #[error("{}: {step}: {error}; mount a writable directory there and see that its disk is not full", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// The content is no journal.
    #[error("{} is corrupt: {defect}; nothing is done until a human has looked at this node and removed the file", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        defect: String,
    },
    /// Another process holds the journal.
    #[error("{} is locked: another actuator runs on this node, or a child of an earlier one is still in the kernel; wait for its end", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
}

/// The one holder of the journal in a directory.
#[derive(Debug)]
pub struct JournalFile {
    dir: PathBuf,
    /// Held for the life of this process and of every child that it forks: no second actuator
    /// starts while a write to `drop_caches` of the first is still in the kernel.
    _lock: File,
}

impl JournalFile {
    /// Takes the directory for this process.
    ///
    /// # Errors
    /// When the directory is not writable or another actuator holds it.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join("journal.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(at(&path, "opening the lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(JournalError::Io {
                path,
                step: "taking the lock",
                error,
            }),
        }
    }

    /// Reads the journal; an absent one is a new one.
    ///
    /// # Errors
    /// When it cannot be read or is no journal of this version.
    pub fn load(&self) -> Result<Record, JournalError> {
        let path = self.dir.join(FILE_NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Record::default()),
            Err(error) => return Err(at(&path, "opening")(error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_JOURNAL_BYTES)
            .read_to_end(&mut bytes)
            .map_err(at(&path, "reading"))?;
        let record: Record = match serde_json::from_slice(&bytes) {
            Ok(record) => record,
            Err(error) => return Err(corrupt(path, &error.to_string())),
        };
        match record.defect() {
            Some(defect) => Err(corrupt(path, &defect)),
            None => Ok(record),
        }
    }

    /// Replaces the journal and returns when it is on the disk.
    ///
    /// # Errors
    /// When any step fails; the disk then holds the old journal or the new one.
    pub fn save(&self, record: &Record) -> Result<(), JournalError> {
        let path = self.dir.join(FILE_NAME);
        let (temporary, file) = self.write_beside(record)?;
        file.sync_all().map_err(at(&temporary, "syncing"))?;
        fs::rename(&temporary, &path).map_err(at(&path, "replacing"))?;
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(at(&self.dir, "syncing the directory"))
    }

    /// Whether `record` could be saved: all of that but the syncs, which cost a disk its life
    /// when nothing is to be kept.
    ///
    /// # Errors
    /// When a step fails.
    pub fn check_writable(&self, record: &Record) -> Result<(), JournalError> {
        let (temporary, _) = self.write_beside(record)?;
        fs::remove_file(&temporary).map_err(at(&temporary, "removing"))
    }

    /// Writes `record` into a file beside the journal.
    fn write_beside(&self, record: &Record) -> Result<(PathBuf, File), JournalError> {
        let path = self.dir.join(FILE_NAME);
        let temporary = self.dir.join("journal.json.tmp");
        let mut bytes = serde_json::to_vec_pretty(record)
            .map_err(|error| at(&path, "encoding")(error.into()))?;
        bytes.push(b'\n');
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(at(&temporary, "creating"))?;
        file.write_all(&bytes).map_err(at(&temporary, "writing"))?;
        Ok((temporary, file))
    }
}

/// What is wrong may repeat names and ids from the file, which are as long as it.
fn corrupt(path: PathBuf, defect: &str) -> JournalError {
    let defect = defect.chars().take(MAX_DEFECT).collect();
    JournalError::Corrupt { path, defect }
}

fn at(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> JournalError + use<> {
    let path = path.to_owned();
    move |error| JournalError::Io { path, step, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::outcome::{Ending, Pass};
    use crate::actuator::passes::Caches;
    use crate::actuator::reclaim::Reclaimed;
    use crate::actuator::record::{Entry, Moment};
    use crate::actuator::steps::StepsEnd;
    use std::time::Duration;
    use unstall_crds::command::CommandAction;
    use unstall_crds::health::CommandState;

    fn now(boot: &str) -> Moment {
        Moment {
            wall: "2026-01-02T03:04:05Z".parse().unwrap(),
            boot_id: boot.to_owned(),
            uptime: Duration::from_secs(77),
        }
    }

    fn intent(id: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            epoch: 7,
            action: CommandAction::DropCaches,
            key_id: "0011223344556677".to_owned(),
            boot_id: "boot-1".to_owned(),
            started_at: now("boot-1").wall,
            uptime_milliseconds: 77_000,
            asked_at: None,
            ending: None,
        }
    }

    fn ending() -> Ending {
        Ending {
            state: CommandState::Succeeded,
            message: "done".to_owned(),
            passes: vec![Pass {
                level: Caches::PageCache,
                cgroups_before: Some(20_000),
                cgroups_after: None,
                freed_bytes: Some(4096),
                sync_milliseconds: 12,
                synced: true,
                drop_milliseconds: 3,
            }],
            reclaimed: Some(Reclaimed {
                steps: 8,
                partial_steps: 1,
                zombies_before: 19_700,
                zombies_after: Some(19_690),
                freed_bytes: None,
                slowest_milliseconds: 14,
                milliseconds: 2_100,
                end: StepsEnd::NoFall,
            }),
            finished_at: now("boot-1").wall,
        }
    }

    fn full_record() -> Record {
        let mut record = Record::default();
        record.pin_node_uid("uid");
        record.begin(intent("one"), &now("boot-1"));
        record.end(&intent("one"), ending());
        record.begin(intent("two"), &now("boot-1"));
        record
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let journal = JournalFile::open(dir.path()).unwrap();
        assert_eq!(journal.load().unwrap(), Record::default());
        journal.save(&full_record()).unwrap();
        assert_eq!(journal.load().unwrap(), full_record());
    }

    #[test]
    fn truncated_at_every_byte_it_is_refused_or_whole() {
        let dir = tempfile::tempdir().unwrap();
        let journal = JournalFile::open(dir.path()).unwrap();
        journal.save(&full_record()).unwrap();
        let path = dir.path().join(FILE_NAME);
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            match journal.load() {
                // Only the last line feed can go without a loss.
                Ok(record) => assert_eq!((record, length), (full_record(), bytes.len() - 1)),
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        matches!(error, JournalError::Corrupt { .. }),
                        "{length}: {text}"
                    );
                    assert!(
                        text.contains("journal.json") && text.contains("removed"),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_power_cut_while_writing_leaves_the_old_state() {
        let dir = tempfile::tempdir().unwrap();
        let journal = JournalFile::open(dir.path()).unwrap();
        let mut old = Record::default();
        old.raise_epoch(41);
        journal.save(&old).unwrap();
        let next = serde_json::to_vec(&full_record()).unwrap();
        for length in 0..=next.len() {
            fs::write(dir.path().join("journal.json.tmp"), &next[..length]).unwrap();
            assert_eq!(journal.load().unwrap(), old);
        }
        journal.save(&full_record()).unwrap();
        assert_eq!(journal.load().unwrap(), full_record());
    }

    #[test]
    fn a_corrupt_journal_is_never_replaced_by_loading() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        for text in [
            "",
            "{}",
            "null",
            "\u{0}\u{0}",
            r#"{"schemaVersion":2,"nodeUID":null,"highestEpoch":0,"commands":[]}"#,
            r#"{"schemaVersion":1,"nodeUID":null,"highestEpoch":0,"commands":[],"more":1}"#,
        ] {
            fs::write(&path, text).unwrap();
            let journal = JournalFile::open(dir.path()).unwrap();
            assert!(
                matches!(journal.load(), Err(JournalError::Corrupt { .. })),
                "{text:?}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_defect_is_told_in_short() {
        let dir = tempfile::tempdir().unwrap();
        let long = "x".repeat(100_000);
        let unknown = format!(r#"{{"schemaVersion":1,"{long}":0}}"#);
        let mut record = Record::default();
        record.begin(intent(&long), &now("boot-1"));
        let refused = Ending {
            state: CommandState::Refused,
            ..ending()
        };
        record.end(&intent(&long), refused);
        let no_end = serde_json::to_string(&record).unwrap();
        for text in [unknown, no_end] {
            fs::write(dir.path().join(FILE_NAME), text).unwrap();
            let journal = JournalFile::open(dir.path()).unwrap();
            let error = journal.load().unwrap_err().to_string();
            assert!(
                error.contains("is corrupt: ") && error.len() < 1_000,
                "{error}"
            );
        }
    }

    #[test]
    fn a_second_actuator_does_not_get_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let first = JournalFile::open(dir.path()).unwrap();
        assert!(matches!(
            JournalFile::open(dir.path()),
            Err(JournalError::Locked { .. })
        ));
        drop(first);
        JournalFile::open(dir.path()).unwrap();
    }

    #[test]
    fn an_intent_without_an_end_is_interrupted_on_this_boot_and_on_another() {
        for (boot, why) in [("boot-1", "actuator restarted"), ("boot-2", "booted again")] {
            let mut record = full_record();
            assert!(record.end_unfinished(&now(boot)));
            let outcome = record.find("two").unwrap().outcome(false);
            assert_eq!(outcome.state, CommandState::Interrupted);
            assert!(outcome.message.contains(why), "{}", outcome.message);
            assert_eq!(
                record.find("one").unwrap().outcome(false).state,
                CommandState::Succeeded
            );
            assert!(!record.end_unfinished(&now(boot)));
        }
    }

    #[test]
    fn history_is_bounded_but_keeps_what_the_limits_count() {
        let mut record = Record::default();
        let mut when = now("boot-1");
        for index in 0..2_000 {
            when.wall += Duration::from_mins(30);
            when.uptime += Duration::from_mins(30);
            let entry = Entry {
                started_at: when.wall,
                uptime_milliseconds: u64::try_from(when.uptime.as_millis()).unwrap(),
                ..intent(&index.to_string())
            };
            record.begin(entry, &when);
        }
        let kept = record.commands().len();
        assert!((48..=80).contains(&kept), "{kept}");
        assert_eq!(record.defect(), None);
    }
}
