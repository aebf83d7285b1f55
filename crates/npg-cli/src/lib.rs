//! The program `npg` as a library: it trains policies by natural policy gradient, and says what it does.
//!
//! The program and the Python package run the same code; this is the only crate that prints.

mod args;
mod commands;
mod exit;
mod progress;
mod settings;
mod signals;
mod text;

use std::ffi::OsString;

use clap::Parser;

use args::{Cli, Command};
pub use exit::Exit;

/// Runs the program with `arguments`, the first of which is its name; says how it ended. Errors are printed.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print(); // nowhere left to say that the stream is closed
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    execute(cli).unwrap_or_else(|error| exit::report(&error))
}

/// The Python package takes this command before the program sees it.
fn without_python() -> anyhow::Error {
    let reason = "`npg check-env` needs Python, and this program has none: `pip install .` in npg's repository gives an \
                  `npg` that has it";
    npg::Error::Library { name: "Python", reason: reason.into() }.into()
}

fn execute(cli: Cli) -> anyhow::Result<Exit> {
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
        Command::CheckEnv { .. } => return Err(without_python()),
        Command::Envs => text::print(&commands::envs())?,
        Command::Presets { environment } => text::print(&commands::presets(environment.as_deref())?)?,
        Command::Explain { key } => text::print(&commands::explain(key.as_deref())?)?,
        Command::Completions { shell } => text::print(&commands::completions(shell))?,
    }
    Ok(Exit::Done)
}
