//! The lock of a SQLite file: a file beside it, whose lock the system frees when the process ends.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// What the owner may do with the file, and nobody else.
const OWNER_ONLY: u32 = 0o600;

/// Takes the lock beside `database`.
pub(super) fn take(database: &Path) -> Result<File, StoreError> {
    let path = beside(database);
    let unwritable =
        |error: std::io::Error| StoreError::Unwritable { path: path.clone(), reason: error.to_string() };
    let mut file = open(&path, database).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let (database, holder) = (database.display().to_string(), holder(&mut file));
            return Err(StoreError::Locked { database, holder, last_resort: String::new() });
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(unwritable)?;
    Ok(file)
}

/// Opens the file, which only its owner may do: whoever can open a file can lock it. Its owner is that of the database,
/// also where another user is the first (`sudo dozvon check`).
fn open(path: &Path, database: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ONLY)
        .custom_flags(libc::O_NOFOLLOW);
    let file = options.open(path)?;
    let (found, owner) = (file.metadata()?, std::fs::metadata(database)?);
    if !found.is_file() {
        return Err(io::Error::other("its lock is no file: take it away"));
    }
    let ours = std::fs::metadata("/proc/self")?.uid();
    match ownership(found.uid(), owner.uid(), ours) {
        Ownership::Right => {}
        Ownership::Ours => match fchown(&file, Some(owner.uid()), Some(owner.gid())) {
            // Only root may give a file away. Nobody but us can open it, and so it locks all the same.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            given => given?,
        },
        Ownership::Strange => {
            return Err(io::Error::other("its lock belongs to another user than the database: take it away"));
        }
    }
    if found.mode() & 0o777 != OWNER_ONLY {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

/// Whose the lock is.
#[derive(Debug, PartialEq, Eq)]
enum Ownership {
    /// The owner of the database has it.
    Right,
    /// It is ours, and the database is not: it should be its owner's.
    Ours,
    /// Somebody else has it, who could hold it for ever.
    Strange,
}

/// Whose a lock is that belongs to the user `lock`, beside a database of the user `database`; we are `us`.
const fn ownership(lock: u32, database: u32, us: u32) -> Ownership {
    if lock == database {
        Ownership::Right
    } else if lock == us {
        Ownership::Ours
    } else {
        Ownership::Strange
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_the_database_owners_or_ours_and_nobody_elses() {
        let (root, service, other, intruder) = (0, 990, 1000, 1001);
        for (lock, database, us, whose) in [
            (service, service, service, Ownership::Right),
            (service, service, root, Ownership::Right),
            // `sudo dozvon check` was the first.
            (root, service, root, Ownership::Ours),
            // The file was copied by somebody else, and we may only write it.
            (service, other, service, Ownership::Ours),
            (intruder, service, service, Ownership::Strange),
            (intruder, service, root, Ownership::Strange),
        ] {
            assert_eq!(ownership(lock, database, us), whose, "{lock} {database} {us}");
        }
    }

    #[test]
    fn nobody_but_its_owner_can_open_the_lock_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("dozvon.db");
        std::fs::write(&database, "").unwrap();
        let path = beside(&database);
        // As a version before this one has left it.
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        drop(take(&database).unwrap());
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
        drop(take(&database).unwrap());
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);

        std::fs::remove_file(&path).unwrap();
        let other = folder.path().join("something else");
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(take(&database), Err(StoreError::Unwritable { .. })));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
    }
}
