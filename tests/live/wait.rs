//! Waiting with a time limit: for futures, and for conditions that must be polled.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep, timeout};

/// How often something that can only be asked about is asked.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Waits for `future`, at most `limit`; `what` names it in the error.
pub async fn within<F: Future>(limit: Duration, what: impl AsRef<str>, future: F) -> Result<F::Output> {
    let what = what.as_ref();
    timeout(limit, future).await.with_context(|| format!("waited {limit:?} did not happen: {what}"))
}

/// Asks until the answer is `Some`, at most `limit`.
pub async fn until<T, A, F>(limit: Duration, what: impl AsRef<str>, mut ask: A) -> Result<T>
where
    A: FnMut() -> F,
    F: Future<Output = Result<Option<T>>>,
{
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("waited {limit:?} in vain: {}", what.as_ref());
        }
        sleep(ASK_EVERY).await;
    }
}
