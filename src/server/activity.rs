//! Whether anybody needs the daemon: connections that are open, and fits that wait or run.

use std::time::Duration;

use tokio::sync::watch;

/// Counts what needs the daemon.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<usize>);

/// Something that needs the daemon until it is dropped.
#[derive(Debug)]
pub(super) struct Need(Activity);

impl Activity {
    /// Nothing needs the daemon yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// From now on something needs the daemon.
    pub(super) fn need(&self) -> Need {
        self.0.send_modify(|count| *count += 1);
        Need(self.clone())
    }

    /// Waits until for so long nothing has needed the daemon, not for a moment.
    pub(super) async fn idle_for(&self, time: Duration) {
        let mut count = self.0.subscribe();
        loop {
            // The sender lives as long as `self`.
            let _ = count.wait_for(|count| *count == 0).await;
            tokio::select! {
                biased; // what came in the last moment counts
                _ = count.changed() => {}
                () = tokio::time::sleep(time) => return,
            }
        }
    }
}

impl Drop for Need {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn idle_is_what_nobody_needs() {
        let activity = Activity::new();
        tokio::time::timeout(LONG, activity.idle_for(SHORT))
            .await
            .unwrap();
        let (one, other) = (activity.need(), activity.need());
        drop(one);
        let waits = tokio::time::timeout(10 * SHORT, activity.idle_for(SHORT));
        waits.await.unwrap_err();
        drop(other);
        tokio::time::timeout(LONG, activity.idle_for(SHORT))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_time_begins_anew_with_every_need() {
        let activity = Activity::new();
        let idle = activity.idle_for(10 * SHORT);
        tokio::pin!(idle);
        let mut last = tokio::time::Instant::now();
        for _ in 0..30 {
            // Each is over before anybody looks.
            last = tokio::time::Instant::now();
            drop(activity.need());
            // On a busy machine the time may be over before the next one.
            if tokio::time::timeout(SHORT, &mut idle).await.is_ok() {
                assert!(last.elapsed() >= 10 * SHORT);
                return;
            }
        }
        tokio::time::timeout(LONG, idle).await.unwrap();
        assert!(last.elapsed() >= 10 * SHORT);
    }
}
