//! The program `npg` as a library: it trains policies by natural policy gradient and reports on it.
//!
//! The program and the Python package run the same code. This is the only crate that prints.

mod args;
mod commands;
mod exit;
mod glossary;
mod program;
mod progress;
mod settings;
mod signals;
mod slips;
mod text;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
pub use exit::Exit;
pub use signals::{is_asked_to_stop, is_listening};

/// Runs the program with `arguments`, of which the first is its name, and returns how it ended. Errors are printed.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(name) = arguments.first() {
        program::called_as(name);
    }
    signals::make_file_limits_errors();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let error = slips::with_advice(error, arguments.get(1).is_some_and(|command| command == "train"));
            let printed = error.print().and_then(|()| std::io::stdout().flush());
            return match printed {
                _ if error.use_stderr() => Exit::Usage, // there is nowhere left to report a closed stream
                Err(failure) if failure.kind() != ErrorKind::BrokenPipe => {
                    exit::report(&text::unwritten(failure).into())
                }
                _ => Exit::Done,
            };
        }
    };
    execute(cli).unwrap_or_else(|error| exit::report(&error))
}

/// `npg check-env` without Python: prints its help, or what it needs. With Python, the package handles the command before this
/// program sees it.
fn check_env(arguments: &[OsString]) -> anyhow::Result<Exit> {
    let needs = "`npg check-env` needs Python, which this program does not have: `pip install .` in npg's repository installs \
                 an `npg` with Python";
    if !arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Err(npg::Error::Library { name: "Python", reason: needs.into() }.into());
    }
    let mut command = Cli::command().bin_name("npg");
    command.build();
    let help = command.find_subcommand_mut("check-env").map(clap::Command::render_help);
    text::print(&format!("{}\n{needs}. Its `--help` lists the options.\n", help.unwrap_or_default()))?;
    Ok(Exit::Done)
}

fn execute(cli: Cli) -> anyhow::Result<Exit> {
    let library = match &cli.command {
        Command::Train(args) => args.libraries.mujoco_lib.clone(),
        Command::Resume(args) => args.libraries.mujoco_lib.clone(),
        Command::Eval(args) => args.libraries.mujoco_lib.clone(),
        Command::Envs(args) => args.mujoco_lib.clone(),
        _ => None,
    };
    library.into_iter().for_each(npg::env::mujoco::use_library);
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
        Command::CheckEnv { arguments } => return check_env(&arguments),
        Command::Envs(_) => text::print(&commands::envs())?,
        Command::Presets { environment } => text::print(&commands::presets(environment.as_deref())?)?,
        Command::Explain { name } => text::print(&commands::explain(&name.join(" "))?)?,
        Command::Completions { shell } => text::print(&commands::completions(shell))?,
    }
    Ok(Exit::Done)
}
