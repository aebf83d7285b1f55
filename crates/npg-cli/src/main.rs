//! The program `npg`: trains policies by natural policy gradient, and says what it does.

mod args;
mod commands;
mod exit;
mod progress;
mod settings;
mod signals;
mod text;

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
    if let Some(path) = cli.mujoco_lib {
        npg::env::mujoco::use_library(path);
    }
    match cli.command {
        Command::Train(args) => return commands::train(&args),
        Command::Resume(args) => return commands::resume(&args),
        Command::Eval(args) => text::print(&commands::eval(&args)?)?,
        Command::Plot(args) => text::print(&commands::plot(&args)?)?,
        Command::Theory(args) => return commands::theory(&args),
        Command::Convergence(args) => return commands::convergence(&args),
        Command::Mdp(args) => text::print(&commands::mdp(&args)?)?,
        Command::Field(args) => text::print(&commands::field(&args)?)?,
        Command::Kakade(args) => text::print(&commands::kakade(&args)?)?,
        Command::Envs => text::print(&commands::envs())?,
        Command::Presets { environment } => text::print(&commands::presets(environment.as_deref())?)?,
        Command::Explain { key } => text::print(&commands::explain(key.as_deref())?)?,
        Command::Completions { shell } => text::print(&commands::completions(shell))?,
    }
    Ok(ExitCode::SUCCESS)
}
