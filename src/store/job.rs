//! A transaction on its way to the commit: what it does, who waits for it, and where its result goes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::StoreError;
use super::dialect::{self, Database};

/// Who acts on the result of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// A caller, an agent or a person: the transaction is committed at once.
    BySomebody,
    /// Nobody: the transaction may wait for `commit_delay`, to share the commit of others.
    ByNobody,
}

/// A transaction that waits for its commit.
pub(super) trait Job: Send {
    /// Returns who acts on the result.
    fn awaited(&self) -> Awaited;
    /// Does the work, in a savepoint if asked to. Returns whether there is something to commit.
    fn run(&mut self, connection: &mut Database, savepoint: bool) -> bool;
    /// Returns the transaction's name, whether it was committed, and the time it took.
    fn tally(&self, fate: Result<(), &StoreError>) -> (&'static str, bool, Duration);
    /// Answers the writer after the commit succeeded or failed.
    fn finish(self: Box<Self>, fate: Result<(), &StoreError>);
}

/// A closure, and the channel on which its result is awaited.
pub(super) struct Write<T, F> {
    name: &'static str,
    awaited: Awaited,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    took: Duration,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write<T, F> {
    /// Creates a write that has not run yet.
    pub(super) const fn new(
        name: &'static str,
        awaited: Awaited,
        work: F,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self { name, awaited, work: Some(work), result: None, took: Duration::ZERO, reply }
    }
}

impl<T, F> Job for Write<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
{
    fn awaited(&self) -> Awaited {
        self.awaited
    }

    fn run(&mut self, connection: &mut Database, savepoint: bool) -> bool {
        let Some(work) = self.work.take() else { return false };
        let began = Instant::now();
        let result = attempt(connection, self.name, savepoint, work);
        self.took = began.elapsed();
        let done = result.is_ok();
        self.result = Some(result);
        done
    }

    fn tally(&self, fate: Result<(), &StoreError>) -> (&'static str, bool, Duration) {
        (self.name, matches!(self.result, Some(Ok(_))) && fate.is_ok(), self.took)
    }

    fn finish(self: Box<Self>, fate: Result<(), &StoreError>) {
        let result = match (self.result, fate) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(_)) | None, Err(error)) => Err(error.for_another()),
            (Some(Ok(done)), Ok(())) => Ok(done),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // The writer may have stopped waiting; then nobody needs the answer.
        drop(self.reply.send(result));
    }
}

/// Runs `work`. If it fails or panics, everything that it did is undone, and nothing else.
fn attempt<T>(
    connection: &mut Database,
    name: &'static str,
    savepoint: bool,
    work: impl FnOnce(&mut Database) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (depth, began) = (dialect::depth(connection), Instant::now());
    if savepoint {
        dialect::savepoint(connection)?;
    }
    let result = match catch_unwind(AssertUnwindSafe(|| work(connection))) {
        Ok(Ok(done)) if savepoint => dialect::commit(connection).map(|()| done).map_err(StoreError::from),
        Ok(result) => result,
        Err(_) => Err(StoreError::Panicked { name }),
    };
    if result.is_err()
        && let Err(error) = dialect::unwind(connection, depth)
    {
        tracing::error!(transaction = name, %error, "a failed transaction could not be undone on its own");
    }
    match result {
        Err(error) if dialect::stall::is_one(&error) => {
            let error = dialect::stall::explain(connection, began.elapsed());
            tracing::warn!(transaction = name, %error, "a transaction gave up waiting for a lock");
            Err(error)
        }
        result => result,
    }
}
