//! A kernel file that stays open: one `pread` is one fresh value.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::error::SampleError;
use super::rows::Rows;

/// Large enough for every file read here on all but the largest machines, and
/// more than a page: into a smaller buffer `seq_file` would format twice.
const BUFFER_LEN: usize = 64 * 1024;

/// No file read here is near this; a longer one is not what its name says.
const BUFFER_LEN_MAX: usize = 4 * 1024 * 1024;

/// The buffer that all reads of one thread share; it grows when a file fills
/// it, so that reading allocates nothing in the long run.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; BUFFER_LEN])
    }
}

impl Buffer {
    /// The first `len` bytes, as a read of `file` left them.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if they are not whole lines of text.
    pub fn rows<'a>(&'a self, file: &'a KeptFile, len: usize) -> Result<Rows<'a>, SampleError> {
        Rows::new(&file.path, &self.0[..len.min(self.0.len())])
    }

    /// Whether a read of `len` bytes may have been cut off by the buffer.
    #[must_use]
    pub fn is_filled_by(&self, len: usize) -> bool {
        len >= self.0.len()
    }

    /// Doubles the buffer after `path` filled it.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] beyond 4 MiB.
    pub fn grow(&mut self, path: &Path) -> Result<(), SampleError> {
        if self.0.len() >= BUFFER_LEN_MAX {
            return Err(SampleError::malformed(
                path,
                "less than 4 MiB of text",
                &self.0,
            ));
        }
        self.0.resize(self.0.len() * 2, 0);
        Ok(())
    }
}

/// A kernel file that stays open.
///
/// Keeping the descriptor saves the path look-up and its locks on each read; it
/// pins neither a cgroup nor memory. A cgroup file answers `ENODEV` once its
/// directory was removed.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    file: File,
}

impl KeptFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`SampleError::Io`] if that fails.
    pub fn open(path: PathBuf) -> Result<Self, SampleError> {
        match File::open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(SampleError::io(&path, &error)),
        }
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One `pread` from the start: how many bytes of `buffer` it filled.
    ///
    /// # Errors
    /// [`SampleError::Io`] if it fails.
    pub fn pread(&self, buffer: &mut Buffer) -> Result<usize, SampleError> {
        self.file
            .read_at(&mut buffer.0, 0)
            .map_err(|error| SampleError::io(&self.path, &error))
    }

    /// The whole text, read anew with a larger buffer if it filled this one.
    ///
    /// # Errors
    /// [`SampleError::Io`] if reading fails, [`SampleError::Malformed`] if what
    /// was read is not whole lines of text.
    pub fn read<'a>(&'a self, buffer: &'a mut Buffer) -> Result<Rows<'a>, SampleError> {
        let mut len = self.pread(buffer)?;
        while buffer.is_filled_by(len) {
            buffer.grow(&self.path)?;
            len = self.pread(buffer)?;
        }
        buffer.rows(self, len)
    }

    /// The whole text of a file of many records, of which the kernel gives no more
    /// than a page at a time.
    ///
    /// # Errors
    /// As [`KeptFile::read`].
    pub fn read_to_end<'a>(&'a self, buffer: &'a mut Buffer) -> Result<Rows<'a>, SampleError> {
        let mut len = 0;
        loop {
            let more = self
                .file
                .read_at(&mut buffer.0[len..], len as u64)
                .map_err(|error| SampleError::io(&self.path, &error))?;
            len += more;
            if more == 0 {
                return buffer.rows(self, len);
            }
            if buffer.is_filled_by(len) {
                buffer.grow(&self.path)?;
            }
        }
    }

    /// Whether `error` says that the cgroup behind this file is gone.
    #[must_use]
    pub fn is_gone(error: &SampleError) -> bool {
        matches!(
            error,
            SampleError::Io {
                errno: Errno::ENODEV,
                ..
            }
        )
    }
}

/// The first line of a small file that is read once.
///
/// # Errors
/// [`SampleError::Io`] if it cannot be read, [`SampleError::Malformed`] if it
/// is not text of at least one line.
pub fn first_line(path: PathBuf, buffer: &mut Buffer) -> Result<String, SampleError> {
    let file = KeptFile::open(path)?;
    let rows = file.read(buffer)?;
    Ok(rows.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_read_sees_what_the_file_holds_now() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "n 1\n").unwrap();
        let file = KeptFile::open(path.clone()).unwrap();
        let mut buffer = Buffer::default();
        assert_eq!(file.read(&mut buffer).unwrap().value("n"), Ok(Some(1)));
        std::fs::write(&path, "n 22\n").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap().value("n"), Ok(Some(22)));
    }

    #[test]
    fn a_file_longer_than_the_buffer_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        std::fs::write(&path, format!("{}last 7\n", "padding 0\n".repeat(20_000))).unwrap();
        let file = KeptFile::open(path).unwrap();
        assert_eq!(
            file.read(&mut Buffer::default()).unwrap().value("last"),
            Ok(Some(7))
        );
    }

    #[test]
    fn a_file_of_many_records_is_read_whole() {
        let path = PathBuf::from("/proc/self/smaps");
        let mappings = |text: &str| text.matches("VmFlags:").count();
        let expected = mappings(&std::fs::read_to_string(&path).unwrap());
        let file = KeptFile::open(path).unwrap();
        let mut buffer = Buffer::default();
        let at_once = file.read(&mut buffer).unwrap();
        let at_once = mappings(std::str::from_utf8(at_once.bytes()).unwrap());
        let to_end = file.read_to_end(&mut buffer).unwrap();
        let to_end = mappings(std::str::from_utf8(to_end.bytes()).unwrap());
        // Other tests' threads come and go with their stacks meanwhile.
        assert!(at_once * 2 < expected, "{at_once} of {expected} at once");
        assert!(to_end * 10 > expected * 9, "{to_end} of {expected}");
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let file = KeptFile::open(PathBuf::from("/dev/zero")).unwrap();
        let error = file.read(&mut Buffer::default()).unwrap_err();
        assert!(error.to_string().contains("less than 4 MiB"), "{error}");
    }

    #[test]
    fn a_missing_file_and_a_directory_name_their_path() {
        let error = KeptFile::open(PathBuf::from("/nowhere/f")).unwrap_err();
        assert!(
            error.to_string().starts_with("/nowhere/f: No such file"),
            "{error}"
        );
        let dir = KeptFile::open(PathBuf::from("/proc")).unwrap();
        let error = dir.read(&mut Buffer::default()).unwrap_err();
        assert_eq!(error.to_string(), "/proc: Is a directory");
    }
}
