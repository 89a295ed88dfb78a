//! Keeps renewed tokens in the database, over a restart.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::tokens::{TokenStore, Tokens};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::store::Store;
use crate::store::crm::{self, TokenRow};

/// The table `crm_tokens`.
#[derive(Debug, Clone)]
pub struct TokenTable {
    store: Store,
    clock: Clock,
}

impl TokenTable {
    /// Keeps tokens in this database.
    #[must_use]
    pub const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

impl TokenStore for TokenTable {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, String>> {
        async {
            let read = self.store.read("crm_tokens", crm::tokens).await;
            let tokens = |row: TokenRow| Tokens {
                access: Secret::new(row.access),
                refresh: Secret::new(row.refresh),
                root: row.root,
            };
            read.map(|row| row.map(tokens)).map_err(|error| error.to_string())
        }
        .boxed()
    }

    fn keep(&self, tokens: Tokens) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let row = TokenRow {
                access: tokens.access.expose().to_owned(),
                refresh: tokens.refresh.expose().to_owned(),
                root: tokens.root,
            };
            let at = self.clock.now();
            let kept = self.store.write("crm_tokens", move |c| crm::keep_tokens(c, &row, at)).await;
            kept.map_err(|error| error.to_string())
        }
        .boxed()
    }
}
