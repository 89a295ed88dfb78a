//! The lock of a SQLite database: a file beside the database. The system releases the file's lock when the process
//! ends.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The owner of the file may read and write it; nobody else may do anything with it.
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

/// Opens the lock file. Only its owner may open it, because anybody who can open a file can lock it. The owner is the
/// owner of the database, even if another user creates the file (`sudo dozvon check`).
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
        return Err(io::Error::other("its lock is not a file: remove it"));
    }
    let ours = std::fs::metadata("/proc/self")?.uid();
    match ownership(found.uid(), owner.uid(), ours) {
        Ownership::Right => {}
        Ownership::Ours => match fchown(&file, Some(owner.uid()), Some(owner.gid())) {
            // Only root may change the owner of a file. The lock works without that: nobody else can open the file.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            given => given?,
        },
        Ownership::Strange => {
            return Err(io::Error::other("its lock belongs to another user than the database: remove it"));
        }
    }
    if found.mode() & 0o777 != OWNER_ONLY {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

/// Who owns the lock file.
#[derive(Debug, PartialEq, Eq)]
enum Ownership {
    /// The owner of the database owns the lock file.
    Right,
    /// This user owns the lock file, but somebody else owns the database. The database's owner should own both.
    Ours,
    /// A third user owns the lock file, and could hold the lock for ever.
    Strange,
}

/// Returns who owns a lock file of the user `lock` beside a database of the user `database`; this process runs as `us`.
const fn ownership(lock: u32, database: u32, us: u32) -> Ownership {
    if lock == database {
        Ownership::Right
    } else if lock == us {
        Ownership::Ours
    } else {
        Ownership::Strange
    }
}

/// Returns who has the lock, as the holder wrote it into the file.
fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut pid));
    match read {
        Ok(_) if !pid.trim().is_empty() => format!(" (process {})", pid.trim()),
        _ => String::new(),
    }
}

/// Returns the path of the lock file. All paths of one database, links included, lead to the same file.
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
            // `sudo dozvon check` came first.
            (root, service, root, Ownership::Ours),
            // Somebody else copied the database, and this user may only write it.
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
        // An earlier version left the file like this.
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
