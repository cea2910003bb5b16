//! The product's programs as they are released, kept for what they are made of: a clone of a
//! tree that was built before finds them, though all its files are newer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::cluster::{cache_entry, cache_root};
use crate::workspace::{cargo, workspace};

/// The images hold nothing but the binary: no C library beside it.
const FLAGS: &str = "-C target-feature=+crt-static";
/// What every program is made of.
const COMMON: [&str; 3] = ["Cargo.lock", "Cargo.toml", "crds"];
/// Nothing of these is in a program.
const BESIDE: [&str; 4] = ["benches", "fuzz", "target", "tests"];
/// As many builds are kept: of branches that somebody goes to and fro between.
const KEPT: usize = 6;

/// The release binary of `package`, statically linked: what its image holds.
///
/// # Errors
/// When it does not build.
pub fn static_binary(package: &str) -> Result<PathBuf> {
    Ok(static_binaries(&[package])?.join(package))
}

/// Builds the release binaries of `packages`, statically linked; gives their
/// folder.
///
/// # Errors
/// When one does not build.
pub fn static_binaries(packages: &[&str]) -> Result<PathBuf> {
    let prefix = format!("released-{}-", packages.join("+"));
    let key = prefix.clone() + &made_of(packages)?;
    let kept = cache_entry(&key, packages, |dir| build(packages, dir))?;
    forget(&cache_root()?, &prefix)?;
    Ok(kept)
}

fn build(packages: &[&str], dir: &Path) -> Result<()> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = cargo();
    cargo
        .env("RUSTFLAGS", FLAGS)
        .args(["build", "--release", "--locked", "--target", &target]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("the release binaries did not build: see cargo's message above");
    }
    let built = workspace().join("target").join(&target).join("release");
    for package in packages {
        let program = built.join(package);
        fs::copy(&program, dir.join(package))
            .with_context(|| format!("cannot copy {}", program.display()))?;
    }
    Ok(())
}

/// A digest of the compiler and of everything that it reads.
fn made_of(packages: &[&str]) -> Result<String> {
    let compiler = Command::new("rustc").arg("-vV").output();
    let compiler = compiler.context("cannot run rustc")?.stdout;
    let mut digest = Sha256::new();
    digest.update(&compiler);
    digest.update(FLAGS);
    // It stands in `--version`.
    digest.update(std::env::var("UNSTALL_COMMIT").unwrap_or_default());
    let folders = packages.iter().map(|package| match *package {
        "unstall-controller" => "controller",
        other => other,
    });
    for part in COMMON.into_iter().chain(folders) {
        add(&mut digest, &workspace(), part)?;
    }
    let digest = digest.finalize();
    Ok(digest
        .iter()
        .take(8)
        .map(|it| format!("{it:02x}"))
        .collect())
}

/// Adds a file, or all of a folder, by its path below `root`.
fn add(digest: &mut Sha256, root: &Path, part: &str) -> Result<()> {
    let path = root.join(part);
    let unreadable = || format!("cannot read {}", path.display());
    if path.is_dir() {
        let entries = fs::read_dir(&path).with_context(unreadable)?;
        let names = entries.map(|it| Ok(it?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<String>>>()?;
        names.retain(|name| !BESIDE.contains(&name.as_str()));
        names.sort();
        return names
            .iter()
            .try_for_each(|name| add(digest, root, &format!("{part}/{name}")));
    }
    let bytes = fs::read(&path).with_context(unreadable)?;
    digest.update(format!("{part} {}\n", bytes.len()));
    digest.update(bytes);
    Ok(())
}

/// Removes all but the latest builds.
fn forget(root: &Path, prefix: &str) -> Result<()> {
    let mut all: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let is_one = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_one && entry.file_type()?.is_dir() {
            all.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    all.sort();
    let old = all.len().saturating_sub(KEPT);
    for (_, dir) in all.into_iter().take(old) {
        // Somebody else may have been faster.
        let _ = fs::remove_dir_all(&dir);
        let _ = fs::remove_file(dir.with_extension("lock"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(root: &Path) -> Vec<u8> {
        let mut digest = Sha256::new();
        add(&mut digest, root, "a").unwrap();
        digest.finalize().to_vec()
    }

    #[test]
    fn what_a_program_is_made_of_tells_builds_apart_and_nothing_else_does() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/src/lib.rs", "fn one() {}");
        let first = digest_of(root.path());
        write("a/tests/it.rs", "a test");
        write("a/src/lib.rs", "fn one() {}");
        assert_eq!(digest_of(root.path()), first);
        write("a/src/lib.rs", "fn two() {}");
        let second = digest_of(root.path());
        assert_ne!(second, first);
        write("a/src/more.rs", "");
        assert_ne!(digest_of(root.path()), second);
    }

    #[test]
    fn the_latest_builds_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for number in 0..KEPT + 2 {
            let dir = root.path().join(format!("released-a-{number}"));
            fs::create_dir(&dir).unwrap();
            let age = std::time::Duration::from_secs(60 * number as u64);
            let opened = fs::File::open(&dir).unwrap();
            opened.set_modified(now - age).unwrap();
        }
        fs::create_dir(root.path().join("released-b-0")).unwrap();
        forget(root.path(), "released-a-").unwrap();
        let left = fs::read_dir(root.path()).unwrap().count();
        assert_eq!(left, KEPT + 1);
        assert!(!root.path().join(format!("released-a-{KEPT}")).exists());
        assert!(root.path().join("released-a-0").exists());
    }
}
