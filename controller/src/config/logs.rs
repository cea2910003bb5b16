//! How it logs.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How it logs: to standard error, one line an event.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs")]
pub struct Logs {
    /// What is logged: error, warn, info, debug or trace, or a list of target=level.
    #[arg(
        long,
        env = "UNSTALL_LOG",
        value_name = "FILTER",
        default_value = "info",
        value_parser = filter,
        global = true
    )]
    pub log: String,
    /// In which form the lines are: for people, or one JSON object each.
    #[arg(
        long,
        env = "UNSTALL_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: Format,
}

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object each.
    Json,
}

impl Logs {
    /// Logs from here on.
    pub fn start(&self) {
        let builder = tracing_subscriber::fmt()
            // What cannot be read was refused already.
            .with_env_filter(EnvFilter::new(&self.log))
            .with_writer(std::io::stderr)
            .with_ansi(false);
        match self.log_format {
            Format::Text => builder.init(),
            Format::Json => builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .init(),
        }
    }
}

fn filter(text: &str) -> Result<String, String> {
    let advice =
        "write error, warn, info, debug, trace, or a list such as info,unstall_controller=debug";
    let is_level = |text: &str| text.parse::<tracing::Level>().is_ok() || text == "off";
    let parts = text
        .split(',')
        .map(|part| part.rsplit_once('=').map_or(part, |(_, level)| level));
    // A lone word is taken for the name of a target, which logs everything of it.
    let known = parts.map(str::trim).all(is_level);
    match EnvFilter::builder().parse(text) {
        Ok(_) if known => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is no filter: {advice}")),
    }
}
