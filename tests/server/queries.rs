//! Asking a model whose field is known in closed form.

use std::sync::Arc;

use overfit::server::Limits;
use overfit::server::proto;
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::daemon::{blamed, reason, start, start_with};
use crate::octahedron::{self, CENTER, RADIUS};

/// Error of f32 arithmetic on numbers of the size of the coordinates.
pub const ROUNDING: f32 = 1e-5;

pub fn bytes(numbers: &[f32]) -> Bytes {
    numbers
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect::<Vec<u8>>()
        .into()
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&x| f32::from_le_bytes(x))
        .collect()
}

/// Points in and around the octahedron, none of them on an edge of the field.
fn points(count: usize) -> Vec<[f32; 3]> {
    let place = |n: usize, prime: usize| ((n * prime + 1) % 1009) as f32 / 1009.0 * 8.0 - 4.0;
    (0..count)
        .map(|n| {
            [
                10.0 + place(n, 317),
                -20.0 + place(n, 577),
                5.0 + place(n, 839),
            ]
        })
        .collect()
}

#[tokio::test]
async fn values_and_gradients_are_in_the_meshs_own_units() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let points = points(500);
    let request = proto::EvaluateRequest {
        model: model.clone(),
        points: bytes(points.as_flattened()),
        gradient: true,
    };
    let answer = clients
        .query
        .evaluate(request.clone())
        .await
        .unwrap()
        .into_inner();
    let (values, gradients) = (floats(&answer.values), floats(&answer.gradients));
    assert_eq!((values.len(), gradients.len()), (500, 1500));
    let inside_the_frame =
        |point: &[f32; 3]| (0..3).all(|axis| (point[axis] - CENTER[axis]).abs() < RADIUS);
    let slope = 1.0 / 3.0_f32.sqrt();
    let mut checked = 0;
    for (index, point) in points
        .iter()
        .enumerate()
        .filter(|(_, point)| inside_the_frame(point))
    {
        assert!(
            (values[index] - octahedron::value(*point)).abs() < ROUNDING,
            "{point:?}"
        );
        for axis in 0..3 {
            let expected = slope * (point[axis] - CENTER[axis]).signum();
            assert!(
                (gradients[index * 3 + axis] - expected).abs() < ROUNDING,
                "{point:?}"
            );
        }
        checked += 1;
    }
    assert!(checked > 100);
    let values_only = proto::EvaluateRequest {
        gradient: false,
        ..request
    };
    let answer = clients
        .query
        .evaluate(values_only)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(floats(&answer.values), values);
    assert!(answer.gradients.is_empty());
}

#[tokio::test]
async fn a_stream_answers_each_request_in_order() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let (send, receive) = mpsc::channel(1);
    let mut answers = {
        let first = proto::EvaluateStreamRequest {
            model,
            points: bytes(&CENTER),
            gradient: true,
        };
        send.send(first).await.unwrap();
        clients
            .query
            .evaluate_stream(ReceiverStream::new(receive))
            .await
            .unwrap()
            .into_inner()
    };
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!((first.values.len(), first.gradients.len()), (4, 12));
    // Later requests may leave the model out; each has its own count, none included.
    for count in [3, 0, 700] {
        let points = points(count);
        let request = proto::EvaluateStreamRequest {
            points: bytes(points.as_flattened()),
            ..Default::default()
        };
        send.send(request).await.unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(
            (answer.values.len(), answer.gradients.len()),
            (count * 4, 0)
        );
    }
    send.send(proto::EvaluateStreamRequest {
        points: vec![0; 13].into(),
        ..Default::default()
    })
    .await
    .unwrap();
    assert_eq!(blamed(&answers.message().await.unwrap_err()), "points");
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let limits = Limits {
        max_points: 10,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let good = proto::EvaluateRequest {
        model: model.clone(),
        points: bytes(&CENTER),
        gradient: false,
    };
    for points in [
        bytes(&[1.0; 4]),
        bytes(&[1.0; 33]),
        bytes(&[0.0, f32::NAN, 0.0]),
    ] {
        let status = clients
            .query
            .evaluate(proto::EvaluateRequest {
                points,
                ..good.clone()
            })
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), blamed(&status).as_str()),
            (Code::InvalidArgument, "points")
        );
    }
    for (name, code, expected) in [
        ("models/0", Code::NotFound, "MODEL_NOT_FOUND"),
        ("models/../daemon", Code::InvalidArgument, "FIELD_INVALID"),
        ("", Code::InvalidArgument, "FIELD_INVALID"),
    ] {
        let status = clients
            .query
            .evaluate(proto::EvaluateRequest {
                model: name.to_owned(),
                ..good.clone()
            })
            .await;
        let status = status.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
    }
}
