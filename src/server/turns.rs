//! Turns: how much of a kind is done at once. What is small has turns of its own, so that it never stands behind what takes minutes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// The turns of one kind of work.
#[derive(Clone)]
pub(super) struct Turns {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A turn, which ends when it is dropped.
pub(super) type Turn = OwnedSemaphorePermit;

impl Turns {
    /// So many of each at once, one at least.
    pub(super) fn new(small: usize, large: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.max(1)));
        Self {
            small: semaphore(small),
            large: semaphore(large),
        }
    }

    /// Waits for a turn, behind those of its size that came before.
    ///
    /// # Errors
    /// [`ApiError::ShuttingDown`].
    pub(super) async fn take(&self, is_small: bool) -> Result<Turn, ApiError> {
        let semaphore = if is_small { &self.small } else { &self.large };
        let turn = semaphore.clone().acquire_owned().await;
        turn.map_err(|_| ApiError::ShuttingDown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_work_passes_large_work() {
        let turns = Turns::new(0, 1);
        let large = turns.take(false).await.unwrap();
        let another = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(false).await.map(drop) }
        });
        drop(turns.take(true).await.unwrap());
        assert!(!another.is_finished());
        drop(large);
        another.await.unwrap().unwrap();
    }
}
