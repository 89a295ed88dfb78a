//! The signals that the process receives.

/// Logs each SIGHUP, which has no effect. Without a handler, the signal would end the process.
pub(super) async fn ignore_hangups() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup())?;
    while hangups.recv().await.is_some() {
        tracing::warn!(
            "SIGHUP does nothing: the settings (dozvon.toml and the environment) are read at the start only, so \
             restart the controller after a change; rules need no signal, `dozvon apply` is enough"
        );
    }
    std::future::pending().await
}

/// Waits until the process is told to stop: SIGTERM or Ctrl-C.
///
/// # Errors
/// If signals cannot be listened for.
pub async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
