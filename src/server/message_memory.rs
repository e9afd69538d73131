//! Messages in the ledger: charged by the length that they announce, before they are read, and held until their answer is gone.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::error::ApiError;
use super::memory::{Charge, Memory};

/// Charges the messages of every call.
#[derive(Clone)]
pub(super) struct MessageMemory {
    pub(super) memory: Memory,
    /// Largest message that is taken, in bytes: those beyond are refused before they are read.
    pub(super) most: usize,
}

/// What a call holds: its message, and its answer, until the last byte of that has gone out or its client has gone away.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    message: Option<Charge>,
    answer: Option<Charge>,
}

impl InFlight {
    /// What the call of a request holds.
    pub(super) fn of<T>(request: &tonic::Request<T>) -> InFlight {
        let known = request.extensions().get::<InFlight>();
        known.cloned().unwrap_or_default()
    }

    /// Holds an answer, in the place of one before it.
    pub(super) fn hold(&self, answer: Charge) {
        self.held().answer = Some(answer);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for MessageMemory {
    type Service = Charged<S>;

    fn layer(&self, inner: S) -> Charged<S> {
        Charged {
            inner,
            charges: self.clone(),
        }
    }
}

/// A service whose messages are charged.
#[derive(Clone)]
pub(super) struct Charged<S> {
    inner: S,
    charges: MessageMemory,
}

impl<S> Service<Request<Body>> for Charged<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let in_flight = InFlight::default();
        let mut request = request.map(|body| {
            Body::new(Incoming {
                body,
                charges: self.charges.clone(),
                in_flight: in_flight.clone(),
                lengths: Lengths::default(),
                waiting: None,
            })
        });
        request.extensions_mut().insert(in_flight.clone());
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = answering.await?;
            Ok(response.map(|body| {
                Body::new(Outgoing {
                    body,
                    _in_flight: in_flight,
                })
            }))
        })
    }
}

/// The messages of a request.
struct Incoming {
    body: Body,
    charges: MessageMemory,
    in_flight: InFlight,
    lengths: Lengths,
    /// A piece of which the messages are not charged yet.
    waiting: Option<(Bytes, Charging)>,
}

type Charging = Pin<Box<dyn Future<Output = Result<Charge, ApiError>> + Send>>;

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.waiting.is_none() {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            let begun = this.lengths.begun_in(&data, this.charges.most as u64);
            if begun == 0 {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            // What a stream brought before has been taken by whoever reads it.
            let before = this.in_flight.held().message.take();
            let memory = this.charges.memory.clone();
            let charging: Charging = Box::pin(async move {
                match before {
                    None => memory.charge(begun).await,
                    Some(mut charge) => charge.resize(begun).await.map(|()| charge),
                }
            });
            this.waiting = Some((data, charging));
        }
        let Some((_, charging)) = &mut this.waiting else {
            return Poll::Ready(None);
        };
        let charged = ready!(charging.as_mut().poll(context));
        let data = this.waiting.take().map(|(data, _)| data);
        Poll::Ready(Some(match charged {
            Ok(charge) => {
                this.in_flight.held().message = Some(charge);
                Ok(Frame::data(data.unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.waiting {
            None => self.body.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}

/// Follows the lengths of messages in a stream of bytes: before each come five bytes, a flag and its length.
#[derive(Default)]
struct Lengths {
    prefix: [u8; PREFIX],
    /// How much of the prefix has come.
    have: usize,
    /// How much of the message is still to come.
    left: u64,
}

const PREFIX: usize = 5;

impl Lengths {
    /// Goes on by `data`; the bytes of the messages that begin in it, without those of more than `most`.
    fn begun_in(&mut self, mut data: &[u8], most: u64) -> u64 {
        let mut begun = 0;
        while !data.is_empty() {
            if self.left > 0 {
                let step = data
                    .len()
                    .min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= step as u64;
                data = &data[step..];
                continue;
            }
            let step = data.len().min(PREFIX - self.have);
            self.prefix[self.have..self.have + step].copy_from_slice(&data[..step]);
            self.have += step;
            data = &data[step..];
            if self.have == PREFIX {
                let [_, length @ ..] = mem::take(&mut self.prefix);
                self.have = 0;
                self.left = u32::from_be_bytes(length).into();
                begun += Some(self.left)
                    .filter(|&length| length <= most)
                    .unwrap_or(0);
            }
        }
        begun
    }
}

/// An answer, until it is gone.
struct Outgoing {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_found_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for length in [0_u32, 3, 1000, 70_000] {
            bytes.push(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(std::iter::repeat_n(7, length as usize));
        }
        for size in [1, 2, 5, 7, 1003, bytes.len()] {
            let mut lengths = Lengths::default();
            let begun = bytes
                .chunks(size)
                .map(|piece| lengths.begun_in(piece, 5000));
            assert_eq!(begun.sum::<u64>(), 1003, "pieces of {size}");
            assert_eq!((lengths.left, lengths.have), (0, 0));
        }
    }
}
