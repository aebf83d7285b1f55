//! The program `npg`: trains policies by natural policy gradient, and says what it does.

mod args;
mod commands;
mod exit;
mod progress;
mod settings;
mod signals;
mod text;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Train(args) => return commands::train(&args),
        Command::Resume(args) => return commands::resume(&args),
        Command::Eval(args) => print(&commands::eval(&args)?)?,
        Command::Plot(args) => print(&commands::plot(&args)?)?,
        Command::Mdp(args) => print(&commands::mdp(&args)?)?,
        Command::Convergence(args) => {
            let (text, holds) = commands::convergence(&args)?;
            print(&text)?;
            return Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Envs => print(&commands::envs())?,
        Command::Presets { environment } => print(&commands::presets(environment.as_deref())?)?,
        Command::Explain { key } => print(&commands::explain(key.as_deref())?)?,
        Command::Completions { shell } => print(&commands::completions(shell))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; a reader that has seen enough (`npg explain | head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
