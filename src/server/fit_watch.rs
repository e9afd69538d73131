//! What a watcher of a fit gets: where it stands, then what is new, then how it ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;

use super::error::ApiError;
use super::fit::has_ended;
use super::proto::{self, WatchFitResponse, watch_fit_response::Event};

/// Shortest time between two messages of progress. Training reports ten times a second; but should it report faster, a
/// watcher that does not read must not find thousands of messages on its connection: HTTP/2 libraries take many small
/// frames that nobody reads for an attack and hang up.
pub(super) const PACE: Duration = Duration::from_millis(50);

/// The messages of one watcher. They are made when the connection has room for one, from the newest state: what a slow
/// watcher misses is never stored anywhere.
pub(super) struct FitWatch {
    states: WatchStream<proto::Fit>,
    /// The last sequence that the watcher has seen.
    seen: u64,
    next: Next,
    pace: Duration,
    /// Runs between two messages.
    pause: Option<Pin<Box<Sleep>>>,
    /// Completes when nothing more happens to the fit in this daemon.
    left: Pin<Box<dyn Future<Output = ()> + Send>>,
}

enum Next {
    /// The whole fit, unless the watcher has it.
    Snapshot,
    /// What is new.
    Update,
    /// How it ended, after a snapshot that said so already.
    Ended(Box<proto::Fit>),
    Nothing,
}

impl FitWatch {
    /// Watches a fit of which the watcher has seen everything up to sequence `seen`; 0 is nothing.
    pub(super) fn new(states: watch::Receiver<proto::Fit>, seen: u64, pace: Duration) -> Self {
        Self {
            states: WatchStream::new(states),
            seen,
            next: Next::Snapshot,
            pace,
            pause: None,
            left: Box::pin(std::future::pending()),
        }
    }

    /// Ends with [`ApiError::ShuttingDown`] once `left` completes.
    pub(super) fn until(mut self, left: impl Future<Output = ()> + Send + 'static) -> Self {
        self.left = Box::pin(left);
        self
    }

    /// The message for a state, if it holds anything new.
    fn message(&mut self, fit: proto::Fit) -> Option<WatchFitResponse> {
        let sequence = fit.sequence;
        let is_first = matches!(self.next, Next::Snapshot);
        let is_new = sequence > self.seen;
        self.seen = self.seen.max(sequence);
        self.next = Next::Update;
        let event = match (is_first && is_new, has_ended(&fit)) {
            (true, true) => {
                self.next = Next::Ended(Box::new(fit.clone()));
                Event::Snapshot(fit)
            }
            (true, false) => Event::Snapshot(fit),
            (false, true) => {
                self.next = Next::Nothing;
                Event::Ended(fit)
            }
            (false, false) if is_new => Event::Progress(fit.progress.unwrap_or_default()),
            (false, false) => return None,
        };
        Some(WatchFitResponse {
            sequence,
            event: Some(event),
        })
    }
}

impl Stream for FitWatch {
    type Item = Result<WatchFitResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Nothing => return Poll::Ready(None),
                Next::Ended(fit) => {
                    let message = WatchFitResponse {
                        sequence: fit.sequence,
                        event: Some(Event::Ended(*fit)),
                    };
                    return Poll::Ready(Some(Ok(message)));
                }
                waiting => self.next = waiting,
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match Pin::new(&mut self.states).poll_next(context) {
                Poll::Pending => {
                    ready!(self.left.as_mut().poll(context));
                    self.next = Next::Nothing;
                    return Poll::Ready(Some(Err(ApiError::ShuttingDown.into())));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(fit)) => {
                    if let Some(message) = self.message(fit) {
                        self.pause = (!self.pace.is_zero()).then(|| Box::pin(sleep(self.pace)));
                        return Poll::Ready(Some(Ok(message)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;
    use crate::server::proto::FitState;

    fn fit(sequence: u64, state: FitState) -> proto::Fit {
        proto::Fit {
            sequence,
            state: state.into(),
            progress: Some(proto::Progress::default()),
            ..Default::default()
        }
    }

    /// Sequence and kind of each message that comes without waiting.
    async fn drain(watch: &mut FitWatch) -> Vec<(u64, &'static str)> {
        let mut seen = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                next = watch.next() => next,
                () = std::future::ready(()) => return seen,
            };
            let Some(message) = next else {
                seen.push((0, "end of stream"));
                return seen;
            };
            let message = message.unwrap();
            let kind = match message.event.unwrap() {
                Event::Snapshot(_) => "snapshot",
                Event::Progress(_) => "progress",
                Event::Ended(_) => "ended",
            };
            seen.push((message.sequence, kind));
        }
    }

    #[tokio::test]
    async fn a_snapshot_comes_first_and_the_end_last() {
        let state = watch::Sender::new(fit(1, FitState::Queued));
        let mut watch = FitWatch::new(state.subscribe(), 0, Duration::ZERO);
        assert_eq!(drain(&mut watch).await, [(1, "snapshot")]);
        state.send_replace(fit(2, FitState::Running));
        assert_eq!(drain(&mut watch).await, [(2, "progress")]);
        assert_eq!(drain(&mut watch).await, []);
        // Of many changes while the watcher is away, only the newest is told.
        for sequence in 3..50 {
            state.send_replace(fit(sequence, FitState::Running));
        }
        assert_eq!(drain(&mut watch).await, [(49, "progress")]);
        state.send_replace(fit(50, FitState::Succeeded));
        drop(state);
        assert_eq!(
            drain(&mut watch).await,
            [(50, "ended"), (0, "end of stream")]
        );
    }

    #[tokio::test]
    async fn progress_keeps_its_pace() {
        let state = watch::Sender::new(fit(1, FitState::Running));
        let mut watch = FitWatch::new(state.subscribe(), 0, Duration::from_secs(3600));
        assert_eq!(drain(&mut watch).await, [(1, "snapshot")]);
        state.send_replace(fit(2, FitState::Running));
        assert_eq!(drain(&mut watch).await, []);
    }

    #[tokio::test]
    async fn a_fit_that_has_ended_still_gives_both() {
        let state = watch::Sender::new(fit(7, FitState::Failed));
        let mut watch = FitWatch::new(state.subscribe(), 0, Duration::ZERO);
        assert_eq!(
            drain(&mut watch).await,
            [(7, "snapshot"), (7, "ended"), (0, "end of stream")]
        );
        // Whoever has seen that state already gets the end alone.
        let mut again = FitWatch::new(state.subscribe(), 7, Duration::ZERO);
        assert_eq!(
            drain(&mut again).await,
            [(7, "ended"), (0, "end of stream")]
        );
    }

    #[tokio::test]
    async fn a_fit_that_is_left_to_the_next_daemon_has_no_end_here() {
        let state = watch::Sender::new(fit(3, FitState::Running));
        let watch = FitWatch::new(state.subscribe(), 0, Duration::ZERO);
        let mut watch = watch.until(std::future::ready(()));
        assert!(watch.next().await.unwrap().is_ok());
        let status = watch.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert!(watch.next().await.is_none());
    }

    #[tokio::test]
    async fn what_was_seen_before_the_connection_broke_is_not_told_again() {
        let state = watch::Sender::new(fit(5, FitState::Running));
        let mut watch = FitWatch::new(state.subscribe(), 5, Duration::ZERO);
        assert_eq!(drain(&mut watch).await, []);
        state.send_replace(fit(6, FitState::Running));
        assert_eq!(drain(&mut watch).await, [(6, "progress")]);
        let mut behind = FitWatch::new(state.subscribe(), 4, Duration::ZERO);
        assert_eq!(drain(&mut behind).await, [(6, "snapshot")]);
    }
}
