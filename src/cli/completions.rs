//! `dozvon completions`: completion scripts for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, Failure};

/// Write a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dozvon completions bash > /etc/bash_completion.d/dozvon
  dozvon completions zsh > ~/.zfunc/_dozvon
  dozvon completions fish > ~/.config/fish/completions/dozvon.fish")]
pub(super) struct Args {
    /// The shell to write for.
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dozvon", &mut script);
    super::context::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
