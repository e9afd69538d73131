//! Long work beside the threads that serve connections, which ends early when nobody waits for it any more.

use tokio::task::spawn_blocking;

use super::error::ApiError;
use crate::CancelToken;

/// Sets its token when it is dropped: by a call that ends, or whose client goes away.
#[derive(Default)]
pub(super) struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs `work` on a thread for blocking work. Tonic drops a call's future when its client disconnects or its deadline
/// passes: then the token that `work` was given is set.
///
/// # Errors
/// What `work` returns; [`ApiError::Panic`] if it panics, [`ApiError::Device`] if that was a device's failure.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce(&CancelToken) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let guard = CancelOnDrop::default();
    let token = guard.0.clone();
    let span = tracing::Span::current();
    let task = spawn_blocking(move || span.in_scope(|| work(&token)));
    match task.await {
        Ok(result) => result,
        Err(error) => Err(match error.try_into_panic() {
            Ok(panic) => ApiError::of_panic(panic),
            Err(_) => ApiError::ShuttingDown,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::field::{Device, DeviceError};

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        let error = run_blocking::<()>(|_| panic!("seven")).await.unwrap_err();
        assert!(
            matches!(&error, ApiError::Panic(text) if text == "seven"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_device_that_stops_is_named() {
        let error = DeviceError::Stopped {
            device: Device::Cuda(0),
            reason: "out of memory".to_owned(),
        };
        let work = |_: &CancelToken| std::panic::panic_any(error);
        let error = run_blocking::<()>(work).await.unwrap_err();
        assert_eq!(error.reason(), "DEVICE_STOPPED");
        assert!(error.to_string().contains("cuda:0"), "{error}");
    }

    #[tokio::test]
    async fn work_is_told_when_its_caller_is_gone() {
        let (started, is_started) = tokio::sync::oneshot::channel();
        let (ended, is_ended) = mpsc::channel();
        let call = tokio::spawn(run_blocking(move |cancel| {
            started.send(()).unwrap();
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended.send(()).unwrap();
            Ok(())
        }));
        is_started.await.unwrap();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        is_ended.recv_timeout(Duration::from_secs(600)).unwrap();
    }
}
