//! The host's files below a root that no link leads out of.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use super::error::Untold;

/// As many links in one path as the kernel itself follows.
const LINKS_MAX: usize = 40;

/// Folders of one path; each holds a descriptor.
const DEPTH_MAX: usize = 64;

/// More names than any folder that is listed here has.
const NAMES_MAX: usize = 4_096;

/// A folder that is searched and not read.
const SEARCH: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// A regular file; whatever took its place meanwhile must not keep us waiting.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A pipe, a socket, a device.
    Other,
}

/// The host's root, or a folder with parts of it mounted where they lie there.
///
/// Links are followed as on the host: an absolute one begins at this root, and
/// no `..` leads above it. The kernel could do that (`openat2`), but only from
/// 5.6 on and where the container's seccomp profile lets it.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    dir: OwnedFd,
}

/// Where a path ends.
enum Place {
    Folder(OwnedFd),
    Leaf {
        folder: OwnedFd,
        name: OsString,
        is_file: bool,
    },
}

impl Tree {
    /// Opens `root`.
    ///
    /// # Errors
    /// [`Untold::Io`] if it is no folder.
    pub fn open(root: &Path) -> Result<Self, Untold> {
        let flags = SEARCH.difference(OFlags::NOFOLLOW);
        let dir =
            openat(CWD, root, flags, Mode::empty()).map_err(|errno| Untold::errno(root, errno))?;
        Ok(Self {
            root: root.to_owned(),
            dir,
        })
    }

    /// The path of a message: where this process sees `path`.
    #[must_use]
    pub fn shown(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What `path` leads to; `None` if that is nothing.
    ///
    /// # Errors
    /// [`Untold::Io`] if it cannot be told.
    pub fn kind(&self, path: &str) -> Result<Option<Kind>, Untold> {
        match self.resolve(OsStr::new(path)) {
            Ok(Place::Folder(_)) => Ok(Some(Kind::Folder)),
            Ok(Place::Leaf { is_file: true, .. }) => Ok(Some(Kind::File)),
            Ok(Place::Leaf { is_file: false, .. }) => Ok(Some(Kind::Other)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(Untold::errno(&self.shown(path), errno)),
        }
    }

    /// Whether `path` leads to a regular file.
    ///
    /// # Errors
    /// [`Untold::Io`] if it cannot be told.
    pub fn is_file(&self, path: &str) -> Result<bool, Untold> {
        Ok(self.kind(path)? == Some(Kind::File))
    }

    /// Whether `path` leads to a folder.
    ///
    /// # Errors
    /// [`Untold::Io`] if it cannot be told.
    pub fn is_folder(&self, path: &str) -> Result<bool, Untold> {
        Ok(self.kind(path)? == Some(Kind::Folder))
    }

    /// The text of the link that `path` itself is; `None` if it is none.
    ///
    /// # Errors
    /// [`Untold::Io`] if it cannot be told.
    pub fn link(&self, path: &str) -> Result<Option<OsString>, Untold> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let link = match self.resolve(OsStr::new(folder)) {
            Ok(Place::Folder(folder)) => readlinkat(&folder, name, Vec::new()),
            Ok(Place::Leaf { .. }) => return Ok(None),
            Err(errno) => Err(errno),
        };
        match link {
            Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()))),
            // INVAL: there is something, and it is no link.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL) => Ok(None),
            Err(errno) => Err(Untold::errno(&self.shown(path), errno)),
        }
    }

    /// The text of the file at `path`, of at most `max` bytes.
    ///
    /// # Errors
    /// [`Untold::Io`] if it cannot be read, [`Untold::Malformed`] if it is no text
    /// of that length, [`Untold::Open`] if it is no regular file.
    pub fn text(&self, path: &str, max: usize) -> Result<String, Untold> {
        let failed = |errno| Untold::errno(&self.shown(path), errno);
        let no_file = || Untold::open(&self.shown(path), "this is no regular file");
        let (folder, name) = match self.resolve(OsStr::new(path)).map_err(failed)? {
            Place::Leaf {
                folder,
                name,
                is_file: true,
            } => (folder, name),
            Place::Folder(_) | Place::Leaf { .. } => return Err(no_file()),
        };
        let file = openat(&folder, &name, READ, Mode::empty()).map_err(failed)?;
        let mode = fstat(&file).map_err(failed)?.st_mode;
        if FileType::from_raw_mode(mode) != FileType::RegularFile {
            return Err(no_file());
        }
        let mut bytes = Vec::new();
        // One byte more tells that there is more.
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        let read = File::from(file).take(limit).read_to_end(&mut bytes);
        read.map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        if bytes.len() > max {
            let front = String::from_utf8_lossy(&bytes[..max.min(64)]);
            let expected = "less text than that";
            return Err(Untold::malformed(&self.shown(path), expected, &front));
        }
        String::from_utf8(bytes).map_err(|error| {
            let text = String::from_utf8_lossy(error.as_bytes());
            Untold::malformed(&self.shown(path), "UTF-8 text", &text)
        })
    }

    /// The names in the folder at `path`, sorted; those that are not UTF-8 name
    /// nothing that is looked for here.
    ///
    /// # Errors
    /// [`Untold::Io`] if it cannot be read, [`Untold::Open`] if it is no folder or
    /// has too many.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Untold> {
        let failed = |errno| Untold::errno(&self.shown(path), errno);
        let Place::Folder(folder) = self.resolve(OsStr::new(path)).map_err(failed)? else {
            return Err(Untold::open(&self.shown(path), "this is no folder"));
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&folder, ".", flags, Mode::empty()).map_err(failed)?;
        let mut names = Vec::new();
        for entry in Dir::new(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if names.len() >= NAMES_MAX {
                let why = format!("it holds more than {NAMES_MAX} names");
                return Err(Untold::open(&self.shown(path), why));
            }
            if let Ok(name) = entry.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Walks to `path` from the root, link by link.
    fn resolve(&self, path: &OsStr) -> Result<Place, Errno> {
        let mut folders: Vec<OwnedFd> = Vec::new();
        // The next one is the last.
        let mut todo: Vec<OsString> = parts(path.as_bytes());
        let mut links = 0;
        while let Some(part) = todo.pop() {
            let at = folders.last().unwrap_or(&self.dir);
            if part == "." {
                continue;
            }
            if part == ".." {
                folders.pop();
                continue;
            }
            let stat = statat(at, &part, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => {
                    links += 1;
                    let target = readlinkat(at, &part, Vec::new())?;
                    if links > LINKS_MAX {
                        return Err(Errno::LOOP);
                    }
                    if target.as_bytes().starts_with(b"/") {
                        folders.clear();
                    }
                    todo.append(&mut parts(target.as_bytes()));
                }
                FileType::Directory => {
                    let folder = openat(at, &part, SEARCH, Mode::empty())?;
                    if folders.len() >= DEPTH_MAX {
                        return Err(Errno::NAMETOOLONG);
                    }
                    folders.push(folder);
                }
                _ if !todo.is_empty() => return Err(Errno::NOTDIR),
                kind => {
                    return Ok(Place::Leaf {
                        folder: at.try_clone().map_err(|_| Errno::MFILE)?,
                        name: part,
                        is_file: kind == FileType::RegularFile,
                    });
                }
            }
        }
        match folders.pop() {
            Some(folder) => Ok(Place::Folder(folder)),
            None => Ok(Place::Folder(
                self.dir.try_clone().map_err(|_| Errno::MFILE)?,
            )),
        }
    }
}

/// The parts of a path, the last one first.
fn parts(path: &[u8]) -> Vec<OsString> {
    let parts = path.split(|byte| *byte == b'/').rev();
    let parts = parts.filter(|part| !part.is_empty());
    parts
        .map(|part| OsStr::from_bytes(part).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A host beside a secret that is no part of it.
    fn host() -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("host/boot/grub")).unwrap();
        fs::create_dir_all(dir.path().join("host/etc")).unwrap();
        fs::write(dir.path().join("secret"), "outside\n").unwrap();
        fs::write(dir.path().join("host/etc/name"), "inside\n").unwrap();
        let tree = Tree::open(&dir.path().join("host")).unwrap();
        (dir, tree)
    }

    fn link(dir: &tempfile::TempDir, target: &str, at: &str) {
        symlink(target, dir.path().join("host").join(at)).unwrap();
    }

    #[test]
    fn links_are_followed_as_on_the_host() {
        let (dir, tree) = host();
        link(&dir, "/etc/name", "boot/absolute");
        link(&dir, "../etc/name", "boot/relative");
        link(&dir, "../../../../../etc/name", "boot/above");
        link(&dir, "/boot", "folder");
        for path in [
            "etc/name",
            "/etc//./name",
            "boot/absolute",
            "boot/relative",
            "boot/above",
            "folder/relative",
            "boot/grub/../../etc/name",
        ] {
            assert_eq!(tree.text(path, 100).as_deref(), Ok("inside\n"), "{path}");
            assert_eq!(tree.kind(path), Ok(Some(Kind::File)), "{path}");
        }
        assert_eq!(tree.kind("folder/grub"), Ok(Some(Kind::Folder)));
        assert_eq!(tree.kind(""), Ok(Some(Kind::Folder)));
        let target = tree.link("folder/relative").unwrap();
        assert_eq!(target.as_deref(), Some(OsStr::new("../etc/name")));
        assert_eq!(tree.link("etc/name"), Ok(None));
    }

    #[test]
    fn no_link_leads_out_of_the_root() {
        let (dir, tree) = host();
        let secret = dir.path().join("secret");
        link(&dir, secret.to_str().unwrap(), "boot/absolute");
        link(&dir, "../../secret", "boot/relative");
        link(&dir, "/..", "boot/root");
        for path in [
            "boot/absolute",
            "boot/relative",
            "boot/root/secret",
            "../secret",
        ] {
            assert_eq!(tree.kind(path), Ok(None), "{path}");
            let error = tree.text(path, 100).unwrap_err();
            assert!(error.is_missing(), "{path}: {error}");
            assert!(error.to_string().contains("/host/"), "{error}");
        }
    }

    #[test]
    fn links_that_go_round_end_and_dangling_ones_are_nothing() {
        let (dir, tree) = host();
        link(&dir, "b", "a");
        link(&dir, "a", "b");
        link(&dir, "gone", "dangling");
        let error = tree.kind("a").unwrap_err().to_string();
        assert!(error.contains("host/a: Too many symbolic links"), "{error}");
        assert_eq!(tree.kind("dangling"), Ok(None));
        assert!(tree.link("dangling").unwrap().is_some());
        let deep = "d/".repeat(DEPTH_MAX + 1);
        fs::create_dir_all(dir.path().join("host").join(&deep)).unwrap();
        assert!(tree.kind(&deep).is_err());
    }

    #[test]
    fn what_is_no_text_of_its_length_is_refused_with_its_path() {
        let (dir, tree) = host();
        let at = |name: &str| dir.path().join("host/boot").join(name);
        fs::write(at("bytes"), [b'a', 0xff]).unwrap();
        fs::write(at("exact"), "x".repeat(100)).unwrap();
        fs::write(at("long"), "x".repeat(101)).unwrap();
        let pipe = std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status();
        assert!(pipe.unwrap().success());
        assert_eq!(tree.text("boot/exact", 100).unwrap().len(), 100);
        for (file, expected) in [
            ("boot/bytes", "expected UTF-8 text"),
            ("boot/long", "expected less text"),
            ("boot/pipe", "no regular file"),
            ("boot/grub", "no regular file"),
            ("boot/none", "No such file"),
            ("etc/name/below", "Not a directory"),
        ] {
            let error = tree.text(file, 100).unwrap_err().to_string();
            let named = format!("/host/{file}: ");
            assert!(
                error.contains(&named) && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn names_are_those_of_the_folder_and_bounded() {
        let (dir, tree) = host();
        fs::write(dir.path().join("host/boot/vmlinuz-1"), "").unwrap();
        let names = tree.names("/boot").unwrap();
        let wanted = |name: &&String| !name.starts_with('.');
        assert_eq!(names.iter().filter(wanted).count(), 2);
        assert!(tree.names("etc/name").is_err() && tree.names("nowhere").is_err());
        for index in 0..=NAMES_MAX {
            fs::write(dir.path().join(format!("host/etc/{index}")), "").unwrap();
        }
        let error = tree.names("etc").unwrap_err().to_string();
        assert!(error.contains("more than 4096 names"), "{error}");
    }
}
