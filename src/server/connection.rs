//! Connections as the daemon keeps them: so many at most, and none on which nothing comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::Connected;

use super::activity::{Activity, Need};

/// How long nothing is accepted after that has failed, most likely for want of file descriptors: trying at once would only fail again.
const REST: Duration = Duration::from_millis(100);

/// Which connections are kept.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    most: u32,
    room: Arc<Semaphore>,
    first_byte: Duration,
}

impl Admission {
    /// At most `most` at a time; whoever sends nothing for `first_byte` after connecting is let go.
    pub(super) fn new(most: u32, first_byte: Duration) -> Self {
        Self {
            most,
            room: Arc::new(Semaphore::new(most as usize)),
            first_byte,
        }
    }

    /// How many are open.
    pub(super) fn open(&self) -> u64 {
        u64::from(self.most).saturating_sub(self.room.available_permits() as u64)
    }

    /// The connections that there is room for; others are closed as they come.
    pub(super) fn admit<C, E: std::fmt::Display>(
        &self,
        connections: impl Stream<Item = Result<C, E>>,
        activity: Activity,
    ) -> impl Stream<Item = Result<Connection<C>, E>> {
        let admission = self.clone();
        connections
            .then(|connection| async move {
                if let Err(error) = &connection {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REST).await;
                }
                connection
            })
            .filter_map(move |connection| match connection {
                Ok(connection) => admission.connection(connection, &activity).map(Ok),
                Err(error) => Some(Err(error)),
            })
    }

    fn connection<C>(&self, connection: C, activity: &Activity) -> Option<Connection<C>> {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            tracing::warn!("a connection was closed: there are as many as this daemon takes");
            return None;
        };
        Some(Connection {
            connection,
            silence: Some(Box::pin(tokio::time::sleep(self.first_byte))),
            _permit: permit,
            _need: activity.need(),
        })
    }
}

/// A connection that needs the daemon until it is closed.
pub(super) struct Connection<C> {
    connection: C,
    /// Ends when something should have come; `None` once it has.
    silence: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
    _need: Need,
}

impl<C: Connected> Connected for Connection<C> {
    type ConnectInfo = C::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Connection<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.connection).poll_read(context, buffer);
        if read.is_ready() {
            self.silence = None;
            return read;
        }
        let silent =
            (self.silence.as_mut()).is_some_and(|time| time.as_mut().poll(context).is_ready());
        match silent {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Connection<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// What is kept of so many connections, and their other ends.
    async fn admitted(
        admission: &Admission,
        count: usize,
    ) -> (
        Vec<Result<Connection<tokio::io::DuplexStream>, io::Error>>,
        Vec<tokio::io::DuplexStream>,
    ) {
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..count).map(|_| duplex(64)).unzip();
        let incoming = tokio_stream::iter(ours.into_iter().map(Ok::<_, io::Error>));
        let kept = admission.admit(incoming, Activity::new());
        (kept.collect().await, theirs)
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_at_a_time() {
        let admission = Admission::new(3, Duration::from_secs(600));
        let (kept, mut theirs) = admitted(&admission, 5).await;
        assert_eq!(kept.len(), 3);
        // The others are closed, not left to wait.
        for closed in &mut theirs[3..] {
            assert_eq!(closed.read(&mut [0]).await.unwrap(), 0);
        }
        drop(kept);
        assert_eq!(admitted(&admission, 5).await.0.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_nothing_is_let_go() {
        let admission = Admission::new(2, Duration::from_secs(10));
        let (kept, mut theirs) = admitted(&admission, 2).await;
        let mut kept = kept.into_iter().map(Result::unwrap);
        let (mut silent, mut slow) = (kept.next().unwrap(), kept.next().unwrap());
        theirs[1].write_all(b"x").await.unwrap();
        let error = silent.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // Once something has come, there is all the time in the world.
        assert_eq!(slow.read(&mut [0]).await.unwrap(), 1);
        let waits = tokio::time::timeout(Duration::from_secs(3600), slow.read_u8());
        waits.await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_accept_is_not_tried_again_at_once() {
        let admission = Admission::new(2, Duration::from_secs(10));
        let failures =
            tokio_stream::iter((0..5).map(|_| Err::<tokio::io::DuplexStream, _>("no descriptors")));
        let started = tokio::time::Instant::now();
        let kept: Vec<_> = admission.admit(failures, Activity::new()).collect().await;
        assert_eq!(kept.len(), 5);
        assert!(started.elapsed() >= 5 * REST);
    }
}
