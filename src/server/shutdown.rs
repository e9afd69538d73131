//! The signals by which a daemon is asked to stop.

/// Catches SIGTERM and SIGINT (on Windows: Ctrl-C) from now on; the future completes at the first of them.
///
/// Not an `async fn`: that would catch nothing before it is polled, and a signal between the daemon's announcement and then would
/// end the process with no farewell.
///
/// # Panics
/// Panics outside a tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let stops = {
        use tokio::signal::unix::{SignalKind, signal};
        [SignalKind::terminate(), SignalKind::interrupt()].map(signal)
    };
    async move {
        #[cfg(unix)]
        {
            let [Ok(mut terminate), Ok(mut interrupt)] = stops else {
                tracing::warn!(
                    "signals cannot be caught here: stop the daemon by ending its process"
                );
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
}
