//! A tree of files in memory that a check fills and readers read, and how
//! one input holds several files.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use node_probe::sample::{Buffer, Roots};

/// Stands alone on the line between two files of one input.
const NEXT_FILE: &[u8] = b"%%\n";

/// One thread's tree. It is made once, for millions of inputs.
pub struct Rig {
    dir: tempfile::TempDir,
    pub roots: Roots,
    pub buffer: Buffer,
}

impl Rig {
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let dir = tempfile::Builder::new()
            .prefix("probe-fuzz-")
            .tempdir_in(place)
            .unwrap();
        Self {
            roots: Roots::under(dir.path()),
            buffer: Buffer::default(),
            dir,
        }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        if fs::write(&path, content.as_ref()).is_err() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
        }
    }
}

/// The files of one input. One that is not there is as the last that is.
pub fn files<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut files = [&input[..0]; N];
    let mut rest = Some(input);
    for index in 0..N {
        let Some(bytes) = rest else {
            files[index] = files[index.saturating_sub(1)];
            continue;
        };
        let end = (0..bytes.len()).find(|at| {
            bytes[*at..].starts_with(NEXT_FILE) && (*at == 0 || bytes[*at - 1] == b'\n')
        });
        files[index] = &bytes[..end.unwrap_or(bytes.len())];
        rest = end.map(|end| &bytes[end + NEXT_FILE.len()..]);
    }
    files
}

/// A reader's answer is the expected one, or an error that names `file`.
#[track_caller]
pub fn agree<T: PartialEq + std::fmt::Debug, E: Display>(
    file: &str,
    got: Result<T, E>,
    expected: Option<T>,
) {
    match (got, expected) {
        (Ok(got), Some(expected)) => assert_eq!(got, expected, "{file}"),
        (Ok(got), None) => panic!("{file}: {got:?} of a text that says nothing"),
        (Err(error), None) => names(file, &error.to_string()),
        (Err(error), Some(expected)) => panic!("{error} where {expected:?} is said"),
    }
}

/// An error is a sentence with the path, and short.
#[track_caller]
pub fn names(file: &str, error: &str) {
    assert!(error.contains(file), "{error:?} does not name {file}");
    assert!(error.len() < 1_000, "{} bytes of error", error.len());
}
