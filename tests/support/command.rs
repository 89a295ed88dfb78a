//! The built `dozvon` in a folder of its own, with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A folder in which commands run. It is removed with the test.
pub struct Workdir {
    folder: tempfile::TempDir,
    /// The value of `USER`, which service managers do not set.
    user: Option<&'static str>,
}

/// How a command ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Arguments: a line that is split at spaces, or words that may contain spaces.
pub trait Args {
    fn words(&self) -> Vec<String>;
}

impl Args for str {
    fn words(&self) -> Vec<String> {
        self.split_whitespace().map(str::to_owned).collect()
    }
}

impl Args for String {
    fn words(&self) -> Vec<String> {
        self.as_str().words()
    }
}

impl Args for [&str] {
    fn words(&self) -> Vec<String> {
        self.iter().map(|&word| word.to_owned()).collect()
    }
}

impl<const N: usize> Args for [&str; N] {
    fn words(&self) -> Vec<String> {
        self.as_slice().words()
    }
}

impl Workdir {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), user: None }
    }

    /// A folder in which a person works.
    pub fn of(user: &'static str) -> Self {
        Self { user: Some(user), ..Self::new() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A command that has not started. The environment of the tests does not reach it.
    pub fn command(&self, args: &(impl Args + ?Sized)) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
        command.args(args.words()).current_dir(self.folder.path());
        command.env_clear().env("TZ", "UTC").envs(self.user.map(|user| ("USER", user)));
        command
    }

    pub fn run(&self, args: &(impl Args + ?Sized)) -> Run {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What a command prints that must succeed without a word on standard error.
    #[track_caller]
    pub fn ok(&self, args: &(impl Args + ?Sized)) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "dozvon {:?}", args.words());
        run.out
    }

    /// The JSON that a command prints that must succeed.
    #[track_caller]
    pub fn json(&self, args: &(impl Args + ?Sized)) -> Value {
        let mut words = args.words();
        words.push("--json".to_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        serde_json::from_str(&self.ok(words.as_slice())).unwrap()
    }

    /// What a command that must end with `code` says on standard error.
    #[track_caller]
    pub fn complains(&self, code: i32, args: &(impl Args + ?Sized)) -> String {
        let run = self.run(args);
        assert_eq!(run.code, code, "dozvon {:?}: {}", args.words(), run.err);
        run.err
    }

    /// The same of a command that prints nothing on standard output.
    #[track_caller]
    pub fn prints_nothing(&self, code: i32, args: &(impl Args + ?Sized)) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "dozvon {:?}: {}", args.words(), run.err);
        run.err
    }

    /// The same of a command that says one line.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &(impl Args + ?Sized)) -> String {
        let said = self.prints_nothing(code, args);
        assert!(said.starts_with("dozvon: ") && said.lines().count() == 1, "{said:?}");
        said
    }
}
