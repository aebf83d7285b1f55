//! The program `npg`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(npg_cli::run(std::env::args_os()) as u8)
}
