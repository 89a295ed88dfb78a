//! One controller a SQLite file: a lock beside it, held while the process lives and freed by the system when it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The right to be the controller of a SQLite file. Dropping it gives the file free.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock beside `database`.
///
/// # Errors
/// [`StoreError::Locked`] when another process has it, [`StoreError::Unwritable`] when the file cannot be made.
pub(super) fn take(database: &Path) -> Result<Lock, StoreError> {
    let path = beside(database);
    let unwritable =
        |error: std::io::Error| StoreError::Unwritable { path: path.clone(), reason: error.to_string() };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { path: database.to_owned(), holder: holder(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(unwritable)?;
    Ok(Lock { _file: file })
}

/// Who has the lock, as he wrote it into the file.
fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut pid));
    match read {
        Ok(_) if !pid.trim().is_empty() => format!(" (process {})", pid.trim()),
        _ => String::new(),
    }
}

/// The same file for every way to write the database's path, links included.
fn beside(database: &Path) -> PathBuf {
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let mut name = database.into_os_string();
    name.push(".lock");
    name.into()
}
