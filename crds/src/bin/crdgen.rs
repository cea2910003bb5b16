//! Writes `<plural>.yaml`, one file for each kind, into `crds/yaml` and into the
//! chart, which Helm cannot make include files from elsewhere; with `--check`
//! it only compares, and fails when a file is stale.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use unstall_crds::all_crds;

const COMMAND: &str = "cargo run -p unstall-crds --features generate --bin crdgen";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => bail!("unknown arguments {arguments:?}: call crdgen with no argument or with --check"),
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in ["yaml", "../charts/unstall/crds"] {
        files.extend(render(&here.join(dir))?);
    }
    let stale: Vec<&(PathBuf, String)> = files
        .iter()
        .filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text))
        .collect();
    for (path, text) in stale.iter().filter(|_| !check) {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    match stale.first() {
        Some((path, _)) if check => {
            bail!(
                "{} is not what crds/src says: run `{COMMAND}` and commit the result",
                path.display()
            )
        }
        _ => Ok(()),
    }
}

fn render(dir: &Path) -> Result<Vec<(PathBuf, String)>> {
    all_crds()
        .into_iter()
        .map(|crd| {
            let yaml = serde_saphyr::to_string(&crd)?;
            let text = format!("# Generated from crds/src. Do not edit, run: {COMMAND}\n{yaml}");
            Ok((dir.join(format!("{}.yaml", crd.spec.names.plural)), text))
        })
        .collect()
}
