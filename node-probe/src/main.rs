//! The `node-probe` binary; everything is in the library.

fn main() -> std::process::ExitCode {
    node_probe::cli::run()
}
