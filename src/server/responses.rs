//! What happens to every answer on its way out: it is logged, and one kind of error gets better words.

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};

use super::error::ApiError;
use super::metrics::Counters;

/// Logs an answer in the span of its request, and counts it if it is a refusal. Tonic refuses messages beyond the limit before any of our code runs, with
/// [`Code::OutOfRange`], which nothing else here uses: the client is told what to do instead.
pub(super) fn finish(
    response: Response<Body>,
    limit: usize,
    counters: &Counters,
) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        // A stream, or an answer whose status follows in the trailers: no error so far.
        tracing::debug!("answered");
        return response;
    };
    match status.code() {
        Code::Ok => tracing::debug!("answered"),
        code => {
            counters.refusal(code);
            tracing::info!(?code, message = status.message(), "refused");
        }
    }
    if status.code() == Code::OutOfRange {
        return Status::from(ApiError::MessageTooLarge { limit }).into_http();
    }
    response
}
