//! What GRUB does by default on Debian: the newest kernel in `/boot` is booted.
//! QEMU gets it from here, taken from the machine's own disk while it is off.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::super::command::run_telling;

const LIMIT: Duration = Duration::from_secs(60);
const PREFIX: &str = "vmlinuz-";

/// Copies the kernel that the disk would boot to `image`, and gives its release.
///
/// # Errors
/// When the disk cannot be read, or has none.
pub fn choose(disk: &Path, image: &Path) -> Result<String> {
    let release = match look(disk) {
        Ok(release) => release,
        Err(error) => {
            // Its power failed amid a write.
            eprintln!("{error:#}; recovering the machine's disk");
            recover(disk)?;
            look(disk)?
        }
    };
    let (_, said) = debugfs(
        disk,
        &format!("dump /boot/{PREFIX}{release} {}", image.display()),
    )?;
    if std::fs::metadata(image).is_ok_and(|file| file.len() > 0) {
        return Ok(release);
    }
    bail!("cannot take {PREFIX}{release} from the machine's disk: {said}")
}

fn look(disk: &Path) -> Result<String> {
    let (listed, said) = debugfs(disk, "ls -p /boot")?;
    newest(&listed)
        .with_context(|| format!("no kernel lies in the machine's /boot: {listed}{said}"))
}

/// What whoever has the machine would do: replays the journal, and mends the rest.
fn recover(disk: &Path) -> Result<()> {
    let script = r#"e2fsck -fy "$0" || [ $? -le 2 ]"#;
    let mut e2fsck = Command::new("sh");
    run_telling(e2fsck.args(["-c", script]).arg(disk), LIMIT).map(|_| ())
}

fn debugfs(disk: &Path, request: &str) -> Result<(String, String)> {
    let mut debugfs = Command::new("debugfs");
    run_telling(debugfs.args(["-R", request]).arg(disk), LIMIT)
}

/// The newest release among the lines of debugfs' `ls -p`, which are fields
/// between slashes, the name being the fifth.
fn newest(listed: &str) -> Option<String> {
    let names = listed.lines().filter_map(|line| line.split('/').nth(5));
    let releases = names.filter_map(|name| name.strip_prefix(PREFIX));
    releases
        .max_by_key(|release| numbers(release))
        .map(str::to_owned)
}

fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_was_cut_amid_a_write_is_recovered() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, image) = (dir.path().join("disk"), dir.path().join("image"));
        let script = r#"mkdir -p tree/boot && echo kernel >tree/boot/vmlinuz-6.1.0-9-amd64 &&
            mke2fs -q -t ext4 -d tree "$0" 16M && dd if=/dev/zero of="$0" bs=1 seek=1080 count=2 conv=notrunc"#;
        let mut sh = Command::new("sh");
        sh.current_dir(&dir).args(["-c", script]).arg(&disk);
        run_telling(&mut sh, LIMIT).unwrap();
        let broken = look(&disk).unwrap_err().to_string();
        assert!(broken.contains("Bad magic number"), "{broken}");
        assert_eq!(choose(&disk, &image).unwrap(), "6.1.0-9-amd64");
        assert_eq!(std::fs::read_to_string(&image).unwrap(), "kernel\n");
    }

    #[test]
    fn the_newest_kernel_is_next_by_number_and_not_by_letter() {
        let row = |name: &str| format!("/12/100644/0/0/{name}/4096/\n");
        let listed = [
            "grub",
            "vmlinuz-6.1.0-9-amd64",
            "vmlinuz-6.1.0-44-amd64",
            "initrd.img-7.1",
        ]
        .map(row)
        .concat();
        assert_eq!(newest(&listed).as_deref(), Some("6.1.0-44-amd64"));
        let newer = listed + &row("vmlinuz-6.12.9+deb12-amd64");
        assert_eq!(newest(&newer).as_deref(), Some("6.12.9+deb12-amd64"));
        assert_eq!(newest("/2/40755/0/0/.//\n"), None);
    }
}
