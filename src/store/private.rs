//! Files that nobody but their owner may read: they hold numbers, tokens and perhaps the audit's key.
//!
//! What is there already keeps the mode that somebody gave it; `dozvon check` says when it is too wide.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// How a file of ours is opened: to read and write, made for its owner alone if it is not there.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file if none is there. SQLite gives the files beside it the same mode.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    match options().create_new(true).open(path).map(|_: File| ()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// The files of a SQLite database: itself, and what stands beside it.
#[must_use]
pub fn files(database: &Path) -> Vec<PathBuf> {
    let beside = |ending: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        name.into()
    };
    ["", "-wal", "-shm", ".lock"].into_iter().map(beside).collect()
}

/// The mode of a file, if it is there and others than its owner may read or write it.
#[must_use]
pub fn too_wide(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).ok()?) & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    None
}
