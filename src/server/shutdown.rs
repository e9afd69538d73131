//! The signals by which a daemon is asked to stop.

/// Completes when the process gets SIGTERM or SIGINT (on Windows: Ctrl-C).
///
/// # Panics
/// Panics outside a tokio runtime.
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let stops = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        let [Ok(mut terminate), Ok(mut interrupt)] = stops else {
            tracing::warn!("signals cannot be caught here: stop the daemon by ending its process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
