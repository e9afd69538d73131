//! Streams of questions, each answered in its turn.

use tokio::sync::mpsc;
use tonic::Status;

/// Waits for an answer and sends it; returns whether to go on with the next question. An error is the last answer, and a
/// client that goes away ends the work on its question, too.
pub(super) async fn send_answer<A>(
    answers: &mpsc::Sender<Result<A, Status>>,
    answer: impl Future<Output = Result<A, Status>>,
) -> bool {
    let answer = tokio::select! {
        answer = answer => answer,
        () = answers.closed() => return false,
    };
    let failed = answer.is_err();
    answers.send(answer).await.is_ok() && !failed
}
