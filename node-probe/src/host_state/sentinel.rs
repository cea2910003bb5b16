//! Whether the distribution asks for a reboot: a file that is there or not.

use std::str::FromStr;

use super::error::Untold;
use super::os_release::OsRelease;
use super::tree::{Kind, Tree};

/// Where dpkg's hooks put theirs; the second is the first on all but old hosts.
const USUAL: [&str; 2] = ["/run/reboot-required", "/var/run/reboot-required"];

/// The path of a sentinel on the host: absolute, of a file in some folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentinelPath {
    folder: String,
    path: String,
}

impl FromStr for SentinelPath {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let split = path.rsplit_once('/');
        let is_plain = |part: &str| !matches!(part, "" | "." | "..");
        match split {
            Some((folder, name))
                if is_plain(name)
                    && folder.starts_with('/')
                    && folder[1..].split('/').all(is_plain) =>
            {
                Ok(Self {
                    folder: folder.to_owned(),
                    path: path.to_owned(),
                })
            }
            _ => Err(format!(
                "{path:?} is not the absolute path of a file in a folder, such as /run/reboot-required"
            )),
        }
    }
}

/// Whether `sentinel` asks for a reboot, or where none is given the distribution's
/// own.
///
/// # Errors
/// Why that cannot be told.
pub fn reboot_required(
    tree: &Tree,
    os: &Result<OsRelease, Untold>,
    sentinel: Option<&SentinelPath>,
) -> Result<bool, Untold> {
    if let Some(sentinel) = sentinel {
        // Of a folder that is not mounted here nobody can say that it is empty.
        if !tree.is_folder(&sentinel.folder)? {
            let folder = tree.shown(&sentinel.folder);
            return Err(Untold::errno(&folder, rustix::io::Errno::NOENT));
        }
        return is_there(tree, &sentinel.path);
    }
    if !tree.is_folder("/run")? {
        return Err(Untold::errno(&tree.shown("/run"), rustix::io::Errno::NOENT));
    }
    for path in USUAL {
        if is_there(tree, path)? {
            return Ok(true);
        }
    }
    let os = os.as_ref().map_err(Clone::clone)?;
    if os.is_dpkg() {
        return Ok(false);
    }
    let why = format!(
        "it is not there, and {} is not known to write it: have its own word written to a file \
         and name that (--reboot-sentinel)",
        os.id
    );
    Err(Untold::open(&tree.shown(USUAL[0]), why))
}

/// Whether the file is there. Container runtimes make folders of the names of
/// missing files that they should mount, so a folder says nothing.
fn is_there(tree: &Tree, path: &str) -> Result<bool, Untold> {
    let open = |why: &str| Err(Untold::open(&tree.shown(path), why));
    match tree.kind(path)? {
        Some(Kind::File) => Ok(true),
        Some(Kind::Folder) => open("this is a folder and no sentinel: remove it"),
        Some(Kind::Other) => open("this is no regular file"),
        None if tree.link(path)?.is_some() => open("this link leads nowhere"),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentinel_is_an_absolute_path_of_a_file_in_a_folder() {
        for good in ["/run/reboot-required", "/var/lib/x/needs.reboot"] {
            assert_eq!(good.parse::<SentinelPath>().unwrap().path, good);
        }
        for bad in [
            "",
            "/",
            "/reboot",
            "reboot",
            "run/x",
            "/run/",
            "/run/../x",
            "/run/..",
            "//x",
            "/run//x",
            "/./x",
        ] {
            let error = bad.parse::<SentinelPath>().unwrap_err();
            assert!(
                error.contains("such as /run/reboot-required"),
                "{bad}: {error}"
            );
        }
    }
}
