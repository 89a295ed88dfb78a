//! `dozvon export`: writes the rules of the database as a file.

use std::path::PathBuf;

use serde_json::json;

use super::{Context, Exit, Failure, files};
use crate::render::Sentence;
use crate::rules::file;
use crate::store::rules;

/// Write the rules in the database as a rules file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file can be applied here or elsewhere: see `dozvon apply`. Default values are left out.

Examples:
  dozvon export > rules.toml
  dozvon export rules.toml --force
  dozvon export | diff rules.toml -")]
pub(super) struct Args {
    /// The file to write [default: standard output].
    file: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long, requires = "file")]
    force: bool,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let rules = context.read("export", rules::load).await?;
    let text = file::write(&rules);
    let Some(path) = args.file else {
        context.print(&text)?;
        return Ok(Exit::Done);
    };
    files::write(&path, &text, args.force, files::Readers::All)?;
    let said = Sentence::of("written: {file}").with("file", path.display().to_string());
    context.say(&said, &json!({ "written": path }))?;
    Ok(Exit::Done)
}
