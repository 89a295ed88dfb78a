//! Files that only their owner may read: they hold numbers, tokens and perhaps the audit's key.
//!
//! An existing file keeps its mode. `dozvon check` says when the mode allows too much.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Returns the options with which a file of ours is opened: for reading and writing, and created for its owner alone if
/// it does not exist.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates an empty file if none exists. SQLite gives the files beside it the same mode.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    match options().create_new(true).open(path).map(|_: File| ()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Returns the files of a SQLite database: the database, and the files beside it.
#[must_use]
pub fn files(database: &Path) -> Vec<PathBuf> {
    let beside = |ending: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        name.into()
    };
    ["", "-wal", "-shm", ".lock"].into_iter().map(beside).collect()
}

/// Returns the mode of a file, if the file exists and others than its owner may read or write it.
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
