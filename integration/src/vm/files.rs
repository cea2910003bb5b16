//! Files that a virtual machine gets before its first boot.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::command::run;

const LIMIT: Duration = Duration::from_secs(60);

/// What goes in, by its path there. On a disk with systemd nothing may lie in
/// `/bin`, `/lib` or `/sbin`, which are links there: use `/usr`, `/etc`, `/var`.
#[derive(Clone, Debug, Default)]
pub struct Files {
    all: Vec<(PathBuf, Content)>,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>, u32),
    Copy(PathBuf, u32),
    Link(PathBuf),
}

impl Files {
    /// A file of `bytes`, with these permissions.
    pub fn bytes(&mut self, path: &str, bytes: impl Into<Vec<u8>>, mode: u32) -> &mut Self {
        self.add(path, Content::Bytes(bytes.into(), mode))
    }

    /// A copy of this machine's `source`, to be executed.
    pub fn program(&mut self, path: &str, source: &Path) -> &mut Self {
        self.copy(path, source, 0o755)
    }

    /// A copy of this machine's `source`, with these permissions.
    pub fn copy(&mut self, path: &str, source: &Path, mode: u32) -> &mut Self {
        self.add(path, Content::Copy(source.to_owned(), mode))
    }

    /// A symbolic link to `target`.
    pub fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.add(path, Content::Link(target.into()))
    }

    /// A systemd unit that is started with the machine.
    pub fn unit(&mut self, name: &str, text: &str) -> &mut Self {
        let path = format!("/etc/systemd/system/{name}");
        let wanted = format!("/etc/systemd/system/multi-user.target.wants/{name}");
        self.bytes(&path, text, 0o644).link(&wanted, &path)
    }

    /// A copy of `source` with the shared libraries that it is linked to here,
    /// for a system that has none: not for a disk with systemd, which has its own.
    ///
    /// # Errors
    /// When a library is missing.
    pub fn linked_program(&mut self, path: &str, source: &Path) -> Result<&mut Self> {
        let libraries = libraries(source)?;
        self.program(path, source);
        for library in libraries {
            let path = library.to_string_lossy().into_owned();
            self.add(&path, Content::Copy(library, 0o755));
        }
        Ok(self)
    }

    fn add(&mut self, path: &str, content: Content) -> &mut Self {
        self.all
            .push((PathBuf::from(path.trim_start_matches('/')), content));
        self
    }

    /// Writes them all below `root`.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        for (path, content) in &self.all {
            let target = root.join(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            let failed = || format!("cannot prepare the machine's /{}", path.display());
            match content {
                Content::Bytes(bytes, mode) => {
                    fs::write(&target, bytes).with_context(failed)?;
                    fs::set_permissions(&target, PermissionsExt::from_mode(*mode))?;
                }
                Content::Copy(source, mode) => {
                    fs::copy(source, &target)
                        .with_context(|| format!("{} from {}", failed(), source.display()))?;
                    fs::set_permissions(&target, PermissionsExt::from_mode(*mode))?;
                }
                Content::Link(to) => symlink(to, &target).with_context(failed)?,
            }
        }
        Ok(())
    }
}

/// What `ldd` names; nothing for a static program.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let mut ldd = Command::new("ldd");
    match run(ldd.arg(program), LIMIT) {
        Ok(text) => parse_ldd(&text),
        Err(error) if error.to_string().contains("not a dynamic executable") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse_ldd(text: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in text.lines() {
        if line.ends_with("not found") {
            bail!("a shared library is missing:{line}");
        }
        let path = line.split_whitespace().find(|word| word.starts_with('/'));
        found.extend(path.map(PathBuf::from));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ldd_names_is_taken_and_what_it_lacks_is_told() {
        let text = "\tlinux-vdso.so.1 (0x7f)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x7f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        let found = parse_ldd(text).unwrap();
        let wanted = ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(found, wanted.map(PathBuf::from));
        assert!(parse_ldd("\tlibz.so.1 => not found\n").is_err());
        assert_eq!(parse_ldd("\tstatically linked\n").unwrap().len(), 0);
    }

    #[test]
    fn files_are_written_with_their_modes_and_links() {
        let root = tempfile::tempdir().unwrap();
        let mut files = Files::default();
        files
            .bytes("/etc/key", "secret", 0o600)
            .unit("a.service", "[Service]\n");
        files.write(root.path()).unwrap();
        let key = fs::metadata(root.path().join("etc/key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        let wanted = root
            .path()
            .join("etc/systemd/system/multi-user.target.wants/a.service");
        let link = fs::read_link(wanted).unwrap();
        assert_eq!(link, Path::new("/etc/systemd/system/a.service"));
    }
}
