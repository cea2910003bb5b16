//! Many seeds on one commit, in shards: a run that was interrupted goes on where it was.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// Seeds of one shard: a few minutes.
const SHARD: u64 = 1000;

/// What a world is made of, from the workspace's root: no other change makes other worlds.
const CODE: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    "controller",
    "crds",
    "integration/Cargo.toml",
    "integration/src/sim",
    "node-probe",
];

/// A file with a line for each shard that is done.
pub struct Record {
    path: PathBuf,
    commit: String,
    done: Vec<Shard>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shard {
    commit: String,
    first: u64,
    seeds: u64,
    tally: Tally,
}

impl Record {
    /// Reads the file, if it is there.
    ///
    /// # Errors
    /// When it cannot be read, or the tree is not a commit as it is.
    pub fn open(path: &Path) -> Result<Self> {
        let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
        if !changed.is_empty() {
            bail!("commit first: what is recorded is recorded of a commit; changed are\n{changed}");
        }
        let commit = git(&["log", "-1", "--format=%H"])?;
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        // A run that was killed may have left half a line.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            fs::write(path, &text[..whole]).with_context(|| path.display().to_string())?;
        }
        let lines = text[..whole].lines().map(serde_json::from_str::<Shard>);
        let all: Vec<Shard> = lines
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} holds what is no shard: remove it", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            done: all.into_iter().filter(|it| it.commit == commit).collect(),
            commit,
        })
    }

    /// Runs what is not done of `seeds` from `base` on, and gives all of it.
    ///
    /// # Errors
    /// When a shard cannot be run or written.
    pub fn complete(
        mut self,
        base: u64,
        seeds: u64,
        run: impl Fn(u64, u64) -> Result<Tally>,
    ) -> Result<Tally> {
        let mut whole = Tally::default();
        for first in (base..base + seeds).step_by(usize::try_from(SHARD)?) {
            let size = SHARD.min(base + seeds - first);
            let known = self
                .done
                .iter()
                .position(|it| (it.first, it.seeds) == (first, size));
            let tally = match known {
                Some(at) => self.done.swap_remove(at).tally,
                None => {
                    let tally = run(first, size)?;
                    self.append(first, size, &tally)?;
                    tally
                }
            };
            println!(
                "seeds {first} to {}: {} passed, {} failed",
                first + size - 1,
                tally.worlds - u64::try_from(tally.failed.len())?,
                tally.failed.len()
            );
            whole.add(tally);
        }
        println!("commit {}", self.commit);
        Ok(whole)
    }

    fn append(&self, first: u64, seeds: u64, tally: &Tally) -> Result<()> {
        let shard = Shard {
            commit: self.commit.clone(),
            first,
            seeds,
            tally: tally.clone(),
        };
        let what = || format!("cannot write {}", self.path.display());
        let file = File::options().create(true).append(true).open(&self.path);
        let line = serde_json::to_string(&shard)? + "\n";
        file.with_context(what)?
            .write_all(line.as_bytes())
            .with_context(what)
    }
}

fn git(arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(arguments)
        .arg("--")
        .args(CODE)
        .output()
        .context("cannot run git")?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
