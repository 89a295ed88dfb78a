//! A few connections that only read. They are opened when they are needed, and kept.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::StoreError;
use super::blocking::blocking;
use super::dialect::{self, Database};
use crate::config::database::DatabaseUrl;
use crate::config::store::Settings;

/// The connections that are idle, and how many may be used at once.
#[derive(Debug)]
pub(super) struct Readers {
    url: DatabaseUrl,
    settings: Settings,
    permits: Semaphore,
    idle: Mutex<Vec<Database>>,
}

impl Readers {
    /// Creates readers without opening a connection.
    pub(super) fn new(url: DatabaseUrl, settings: Settings) -> Self {
        let permits = Semaphore::new(settings.max_readers.max(1));
        Self { url, settings, permits, idle: Mutex::default() }
    }

    /// Runs `work` in a transaction of its own, when a connection is free.
    pub(super) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(self);
        blocking(move || {
            let mut connection = readers.begin()?;
            let result = work(&mut connection);
            if dialect::unwind(&mut connection, 0).is_ok() && !dialect::is_broken(&mut connection) {
                readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            result
        })
        .await
    }

    /// Returns a connection in a transaction. A connection that was lost while it was idle is opened again.
    fn begin(&self) -> Result<Database, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = idle
            && dialect::begin_read(&mut connection).is_ok()
        {
            return Ok(connection);
        }
        let mut connection = dialect::open_reader(&self.url, &self.settings)?;
        dialect::begin_read(&mut connection)?;
        Ok(connection)
    }
}
