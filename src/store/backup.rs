//! Copies a SQLite database as it is at one moment, while others write.
//!
//! In: the database and the path of the copy. Out: a complete file on disk, or no file.

use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Database, StoreError, dialect, private};
use crate::config::database::DatabaseUrl;
use crate::config::store::Settings;

/// Copies the database to `to`, which must not exist yet. Returns the size of the copy in bytes.
pub(super) fn copy(url: &DatabaseUrl, settings: &Settings, to: &Path) -> Result<u64, StoreError> {
    let Database::Sqlite(mut sqlite) = dialect::open_writer(url, settings)? else {
        return Err(StoreError::Refused(
            "only a SQLite database can be copied by dozvon; on PostgreSQL use pg_dump or the server's own backups"
                .to_owned(),
        ));
    };
    if to.exists() {
        return Err(StoreError::Exists { kind: "file", name: to.display().to_string() });
    }
    let part = beside(to);
    let unwritable =
        |error: std::io::Error| StoreError::Unwritable { path: to.to_owned(), reason: error.to_string() };
    private::create(&part).map_err(unwritable)?;
    let vacuum = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(part.to_string_lossy().into_owned());
    let copied =
        vacuum.execute(&mut sqlite).map_err(|error| unwritable(std::io::Error::other(error.to_string())));
    let finished = copied.and_then(|_| finish(&part, to).map_err(unwritable));
    if finished.is_err() {
        // A half-written copy is useless. If it cannot be removed, the returned error says where it is.
        let _ = std::fs::remove_file(&part);
    }
    finished
}

/// Gives the copy its final name once all its bytes are on disk.
fn finish(part: &Path, to: &Path) -> std::io::Result<u64> {
    let file = File::open(part)?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    std::fs::hard_link(part, to)?;
    std::fs::remove_file(part)?;
    let folder =
        to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(bytes)
}

fn beside(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    name.into()
}
