//! Writes files for an administrator: whole or not at all, and never over a changed file without --force.

use std::io::Write;
use std::path::Path;

use super::{Exit, Failure};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Everybody may read it.
    All,
    /// The owner only: it holds a password.
    Owner,
}

/// Writes a file, and its folder if that is missing. Returns whether the file was changed.
///
/// # Errors
/// [`Exit::Refused`] when a different file is there and `force` is not set; else why it cannot be written.
pub(super) fn write(
    path: &Path,
    content: impl AsRef<[u8]>,
    force: bool,
    readers: Readers,
) -> Result<bool, Failure> {
    let content = content.as_ref();
    if is_same(path, content) {
        return Ok(false);
    }
    refuse_to_overwrite(path, content, force)?;
    let cannot = |error: std::io::Error| {
        let remedy = "give this user the right to write there, or choose another place";
        Failure::new(Exit::Failed, format!("cannot write {}: {error}; {remedy}", path.display()))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    file.write_all(content).map_err(cannot)?;
    set_mode(file.as_file(), readers).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(true)
}

/// Refuses when a different file is there and `force` is not set.
///
/// # Errors
/// [`Exit::Refused`].
pub(super) fn refuse_to_overwrite(
    path: &Path,
    content: impl AsRef<[u8]>,
    force: bool,
) -> Result<(), Failure> {
    if force || !path.exists() || is_same(path, content.as_ref()) {
        return Ok(());
    }
    let message =
        format!("{} exists and differs: look at it, then use --force to replace it", path.display());
    Err(Failure::new(Exit::Refused, message))
}

fn is_same(path: &Path, content: &[u8]) -> bool {
    std::fs::read(path).is_ok_and(|there| there == content)
}

#[cfg(unix)]
fn set_mode(file: &std::fs::File, readers: Readers) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = match readers {
        Readers::All => 0o644,
        Readers::Owner => 0o600,
    };
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_file: &std::fs::File, _readers: Readers) -> std::io::Result<()> {
    Ok(())
}
