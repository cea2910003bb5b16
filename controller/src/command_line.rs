//! The command line, carried out.

use anyhow::Result;

use crate::config::{Cli, Command, Keys};
use crate::keys::{self, InstallKeys};
use crate::{client, operate};

/// Runs the command line.
///
/// # Errors
/// What ended it.
pub fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match cli.command {
        Command::Run(options) => runtime.block_on(operate(options)),
        Command::Keys(options) => runtime.block_on(make_keys(options)),
    }
}

async fn make_keys(options: Keys) -> Result<()> {
    let Keys {
        namespace,
        secret,
        config_map,
    } = options;
    let client = client::connect().await?;
    let names = InstallKeys {
        namespace,
        secret,
        config_map,
    };
    println!("{}", keys::install(client, &names).await?);
    Ok(())
}
