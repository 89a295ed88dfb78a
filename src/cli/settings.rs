//! The settings that the subcommands need.

use std::path::Path;

use chrono_tz::Tz;

use super::{Exit, Failure};
use crate::store::{self, DatabaseUrl};

/// The settings that the subcommands need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the database is.
    pub database: DatabaseUrl,
    /// Limits of the store.
    pub store: store::Settings,
    /// The zone of times and business days where no schedule says another.
    pub zone: Tz,
    /// Where a number without a country code belongs.
    pub region: phonenumber::country::Id,
}

impl Settings {
    /// The defaults.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = path.filter(|path| !path.exists()) {
            return Err(Failure::new(Exit::Failed, format!("there is no file {}", path.display())));
        }
        Ok(Self {
            database: DatabaseUrl::Sqlite("dozvon.db".into()),
            store: store::Settings::default(),
            zone: Tz::UTC,
            region: phonenumber::country::Id::RU,
        })
    }
}
