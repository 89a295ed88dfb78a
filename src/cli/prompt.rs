//! `dozvon prompt`: the sounds of what callers hear.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::files::Readers;
use super::{Context, Exit, Failure, files};
use crate::language::Language;
use crate::prompts::{NOTICE, Synthesiser, Text, inspect, place, shipped, texts};
use crate::render::{Cell, Sentence, Table};

/// Prompts: list, write the default sounds, make sounds from the texts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A prompt has an id, and in each language a text and a sound. Its file is LANGUAGE/ID.wav below the folder `prompts` of
[sounds] in dozvon.toml. The folder must be at the same place on every FreeSWITCH. Replace a file to replace the prompt:
WAV, 8000 Hz, mono.

Examples:
  dozvon prompt list
  dozvon prompt install
  dozvon prompt make --language ru --to /tmp/prompts")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the prompts with their texts and files, and what is wrong with a file.
    #[command(after_help = "\
Examples:
  dozvon prompt list
  dozvon prompt list --language ru --wrong
  dozvon prompt list --json | jq '.[] | select(.state != \"ok\") | .file'")]
    List {
        /// Only the prompts of this language: en or ru.
        #[arg(long, value_name = "LANGUAGE")]
        #[arg(hide_possible_values = true)]
        language: Option<Language>,
        /// Only the prompts that cannot be played.
        #[arg(long)]
        wrong: bool,
    },
    /// Write the default sounds.
    #[command(after_help = "\
A file that is there and differs stays: it may be somebody's recording. Restart dozvon afterwards.

Examples:
  dozvon prompt install
  dozvon prompt install --to /mnt/freeswitch2/var/lib/dozvon/prompts
  dozvon prompt install --force                   also replace files that differ")]
    Install {
        /// The folder of prompts [default: that of the settings].
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
        /// Replace files that differ.
        #[arg(long)]
        force: bool,
    },
    /// Make sounds from the texts with a program that speaks.
    #[command(after_help = "\
The default voices are those of the default sounds. Debian has them: apt install festival festvox-ru flite. Another
program is named by --with: it gets the text in the file {text}, in UTF-8, and writes 16-bit WAV to {file}. It is run
without a shell. dozvon cuts silence, makes the level of all prompts equal, and writes 8 kHz mono WAV in GSM coding.

Examples:
  dozvon prompt make --language ru --to /tmp/prompts
  dozvon prompt make --language ru --to /tmp/prompts --force closed-now goodbye
  dozvon prompt make --language en --to /tmp/prompts --with 'espeak-ng -v en-us -s 150 -f {text} -w {file}'")]
    Make {
        /// The language: en or ru.
        #[arg(long, value_name = "LANGUAGE")]
        #[arg(hide_possible_values = true)]
        language: Language,
        /// The folder of prompts.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// The command that speaks, with {text} and {file} [default: the voice of the default sounds].
        #[arg(long, value_name = "COMMAND")]
        with: Option<Synthesiser>,
        /// Replace files that differ.
        #[arg(long)]
        force: bool,
        /// Only these prompts.
        #[arg(value_name = "ID")]
        ids: Vec<String>,
    },
}

pub(super) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        Command::List { language, wrong } => list(language, wrong, context)?,
        Command::Install { to, force } => {
            let folder = to.unwrap_or_else(|| context.settings.sounds.prompts.as_str().into());
            install(&folder, force, context)?;
        }
        Command::Make { language, to, with, force, ids } => {
            let voice = with.unwrap_or_else(|| Synthesiser::of(language));
            make(&voice, language, &chosen(language, &ids)?, &to, force, context)?;
        }
    }
    Ok(Exit::Done)
}

fn of(language: Language) -> Result<Vec<Text>, Failure> {
    texts(language)
        .map_err(|error| Failure::new(Exit::Failed, format!("the program's texts cannot be read: {error}")))
}

fn list(language: Option<Language>, wrong: bool, context: &Context) -> Result<(), Failure> {
    let sounds = &context.settings.sounds;
    let fields = ["prompt", "language", "text", "file", "state", "remedy"];
    let mut table = Table::new(&fields, "every prompt can be played").spare(&["file", "remedy"]);
    let languages = Language::ALL.iter().copied().filter(|one| language.is_none_or(|only| only == *one));
    for language in languages {
        for text in of(language)? {
            let file = Path::new(sounds.prompts.as_str()).join(place(language, &text.id));
            let problem = inspect(&file, sounds.longest_prompt).err();
            if wrong && problem.is_none() {
                continue;
            }
            let (state, remedy) = match &problem {
                Some(problem) => (Cell::translated(problem), Cell::translated(problem.remedy())),
                None => (Cell::word("ok"), Cell::Nothing),
            };
            let file = file.display().to_string();
            table.row([
                text.id.into(),
                language.to_string().into(),
                text.text.into(),
                file.into(),
                state,
                remedy,
            ]);
        }
    }
    context.table(&table)
}

fn install(folder: &Path, force: bool, context: &Context) -> Result<(), Failure> {
    let mut count = Counted::default();
    for &language in Language::ALL {
        for text in of(language)? {
            let Some(sound) = shipped(language, &text.id) else { continue };
            count.put(&folder.join(place(language, &text.id)), sound, force)?;
        }
    }
    files::write(&folder.join("NOTICE"), NOTICE, true, Readers::All)?;
    count.say(folder, context)
}

fn chosen(language: Language, ids: &[String]) -> Result<Vec<Text>, Failure> {
    let all = of(language)?;
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|text| text.id == **id)) {
        let message = format!("there is no prompt {id}: see `dozvon prompt list`");
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(all.into_iter().filter(|text| ids.is_empty() || ids.contains(&text.id)).collect())
}

fn make(
    voice: &Synthesiser,
    language: Language,
    texts: &[Text],
    folder: &Path,
    force: bool,
    context: &Context,
) -> Result<(), Failure> {
    let mut count = Counted::default();
    for text in texts {
        let sound =
            voice.make(text, language).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        count.put(&folder.join(place(language, &text.id)), &sound, force)?;
    }
    count.say(folder, context)
}

/// What became of the files.
#[derive(Default)]
struct Counted {
    written: usize,
    unchanged: usize,
    left: usize,
}

impl Counted {
    fn put(&mut self, path: &Path, sound: &[u8], force: bool) -> Result<(), Failure> {
        let differs = std::fs::read(path).is_ok_and(|there| there != sound);
        if differs && !force {
            self.left += 1;
        } else if files::write(path, sound, force, Readers::All)? {
            self.written += 1;
        } else {
            self.unchanged += 1;
        }
        Ok(())
    }

    fn say(&self, folder: &Path, context: &Context) -> Result<(), Failure> {
        let folder = folder.display().to_string();
        let data = json!({
            "folder": folder, "written": self.written, "unchanged": self.unchanged, "left_alone": self.left,
        });
        let line =
            "{folder}: {written} prompts written, {unchanged} unchanged, {left} differ and were left alone";
        let said = Sentence::of(line)
            .with("folder", folder)
            .with("written", self.written.to_string())
            .with("unchanged", self.unchanged.to_string())
            .with("left", self.left.to_string());
        context.say(&said, &data)
    }
}
