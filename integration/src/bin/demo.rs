//! `make demo`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match unstall_integration::demo::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
