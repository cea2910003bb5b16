//! What each command does.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use unstall_crds::all_crds;
use unstall_decide::{View, plan};

use crate::config::{Cli, Command, Keys, Report, Simulate, Snapshot};
use crate::keys::{self, InstallKeys};
use crate::lead::LeadershipLost;
use crate::metrics::Calls;
use crate::observe::OwnPods;
use crate::operate::operate;
use crate::{capture, cleanup, client, observe, simulate};

/// The process ended because it does not lead any more.
const LEADERSHIP_LOST: u8 = 3;

/// Runs the command line.
///
/// # Errors
/// What ended it.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Crds => print(&crds()?),
        Command::Simulate(options) => simulated(&options).and_then(|said| print(&said)),
        Command::Run(options) => block_on(operate(*options)),
        Command::Keys(options) => block_on(make_keys(options)),
        Command::Snapshot(options) => block_on(captured(options)),
        Command::Cleanup(options) => block_on(cleanup::run(options)),
    }
}

/// What the process ends with after `error`.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<LeadershipLost>().is_some() {
        return ExitCode::from(LEADERSHIP_LOST);
    }
    ExitCode::FAILURE
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(work)
}

/// Whoever reads may have enough before the end, as `head` does.
fn print(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn crds() -> Result<String> {
    let mut all = String::new();
    for crd in all_crds() {
        let yaml = serde_saphyr::to_string(&crd).context("cannot write the definitions")?;
        all.push_str("---\n");
        all.push_str(&yaml);
    }
    Ok(all)
}

fn simulated(options: &Simulate) -> Result<String> {
    let file = match &options.file {
        file if is_standard_input(file) => "standard input".to_owned(),
        file => file.display().to_string(),
    };
    let text = content(&options.file).with_context(|| format!("cannot read {file}"))?;
    let snapshot = simulate::read(&text).with_context(|| file.clone())?;
    let view = View::new(&snapshot);
    let plan = plan(&view);
    match options.output {
        Report::Text => Ok(simulate::text(&view, &plan)),
        Report::Json => simulate::json(&plan),
    }
}

fn content(file: &Path) -> io::Result<String> {
    if is_standard_input(file) {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

async fn captured(options: Snapshot) -> Result<()> {
    let client = client::connect(&Calls::default()).await?;
    let own = options.namespace.map(OwnPods::of_chart);
    let observe::Captured {
        mut snapshot,
        unknown,
    } = observe::capture(client, own).await?;
    let redacted = capture::redact(&mut snapshot);
    print(&capture::document(&snapshot, options.output)?)?;
    eprintln!("{redacted}");
    for what in unknown {
        eprintln!("not known: {what}");
    }
    Ok(())
}

async fn make_keys(options: Keys) -> Result<()> {
    let client = client::connect(&Calls::default()).await?;
    let names = InstallKeys {
        namespace: options.namespace,
        secret: options.secret,
        config_map: options.config_map,
    };
    print(&format!("{}\n", keys::install(client, &names).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_the_committed_ones() {
        let printed = crds().unwrap();
        let parts: Vec<&str> = printed.split("---\n").filter(|it| !it.is_empty()).collect();
        assert_eq!(parts.len(), 4);
        for part in parts {
            let plural = part
                .lines()
                .find_map(|it| it.strip_prefix("    plural: "))
                .unwrap();
            let file = format!("{}/../crds/yaml/{plural}.yaml", env!("CARGO_MANIFEST_DIR"));
            let committed = fs::read_to_string(file).unwrap();
            let (_, committed) = committed.split_once('\n').unwrap();
            assert!(
                part == committed,
                "{plural}: is `make generate` up to date?"
            );
        }
    }

    #[test]
    fn a_lost_leadership_has_an_exit_code_of_its_own() {
        let lost = LeadershipLost::new("somebody else leads");
        let lost = Err::<(), _>(lost)
            .context("the pass was cut short")
            .unwrap_err();
        let code = |error| format!("{:?}", exit_code(error));
        assert_eq!(code(&lost), format!("{:?}", ExitCode::from(3)));
        assert_eq!(
            code(&anyhow::anyhow!("x")),
            format!("{:?}", ExitCode::from(1))
        );
    }

    #[test]
    fn a_file_that_is_wrong_is_named() {
        let dir = std::env::temp_dir().join(format!("unstall-{}", std::process::id()));
        fs::write(&dir, "now: yesterday").unwrap();
        let options = |file: &Path| Simulate {
            file: file.to_owned(),
            output: Report::Text,
        };
        let said = format!("{:#}", simulated(&options(&dir)).unwrap_err());
        fs::remove_file(&dir).unwrap();
        assert!(said.starts_with(&dir.display().to_string()), "{said}");
        let said = format!("{:#}", simulated(&options(&dir)).unwrap_err());
        assert!(said.starts_with("cannot read "), "{said}");
    }
}
