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
        ..Default::default()
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
            ..Default::default()
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
        ..Default::default()
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

#[tokio::test]
async fn quantities_come_in_columns_as_they_were_asked_for() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    // In the middle of a face, where the field is linear.
    let point: [f32; 3] = std::array::from_fn(|axis| CENTER[axis] + RADIUS / 3.0);
    let asked = |quantities: &[&str]| proto::EvaluateRequest {
        model: model.clone(),
        points: bytes(&point),
        quantities: quantities.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    };
    let request = asked(&["normal", "value", "mean-curvature"]);
    let answer = clients.query.evaluate(request).await.unwrap().into_inner();
    assert!(answer.values.is_empty() && answer.gradients.is_empty());
    let columns: Vec<(&str, Vec<f32>)> = answer
        .columns
        .iter()
        .map(|column| (column.quantity.as_str(), floats(&column.numbers)))
        .collect();
    let names: Vec<&str> = columns.iter().map(|column| column.0).collect();
    assert_eq!(names, ["normal", "value", "mean-curvature"]);
    for x in &columns[0].1 {
        assert!((x - 1.0 / 3.0_f32.sqrt()).abs() < ROUNDING, "{columns:?}");
    }
    assert_eq!(columns[0].1.len(), 3);
    assert!(columns[1].1[0].abs() < ROUNDING, "{columns:?}");
    assert!(columns[2].1[0].abs() < 1e-3, "{columns:?}");
    // 2 % of the longest side, because of its edges.
    assert!((answer.smoothing - 0.04 * f64::from(RADIUS)).abs() < 1e-9);
    assert!(
        answer.warnings[0].contains("mean-curvature"),
        "{:?}",
        answer.warnings
    );

    for (request, field) in [
        (asked(&["curvature"]), "quantities"),
        (
            proto::EvaluateRequest {
                gradient: true,
                ..asked(&["value"])
            },
            "gradient",
        ),
        (
            proto::EvaluateRequest {
                smoothing: Some(0.0),
                ..asked(&["hessian"])
            },
            "smoothing",
        ),
        (
            proto::EvaluateRequest {
                smoothing: Some(f64::NAN),
                ..asked(&["hessian"])
            },
            "smoothing",
        ),
    ] {
        let status = clients.query.evaluate(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(blamed(&status), field);
    }
}

#[tokio::test]
async fn an_answer_is_no_larger_than_a_message() {
    let limits = Limits {
        max_message_bytes: 1 << 12,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::EvaluateRequest {
        model,
        points: bytes(points(200).as_flattened()),
        quantities: vec!["principal-directions".to_owned()],
        ..Default::default()
    };
    let status = clients.query.evaluate(request).await.unwrap_err();
    assert_eq!(blamed(&status), "points");
    assert!(status.message().contains("4800 bytes"), "{status}");
}

#[tokio::test]
async fn a_model_is_measured_with_its_errors() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::MeasureRequest {
        model: model.clone(),
        ..Default::default()
    };
    let mut answers = clients.query.measure(request).await.unwrap().into_inner();
    let mut found = None;
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(found.is_none(), "the measurement is the last message");
        match answer.part.unwrap() {
            proto::measure_response::Part::Fraction(share) => assert!((0.0..=1.0).contains(&share)),
            proto::measure_response::Part::Measurement(measurement) => found = Some(measurement),
        }
    }
    let found = found.unwrap();
    let radius = f64::from(RADIUS);
    let (volume, area) = (
        4.0 / 3.0 * radius.powi(3),
        4.0 * 3.0_f64.sqrt() * radius * radius,
    );
    for (name, value, exact, error) in [
        ("volume", found.volume, volume, found.volume_error),
        ("area", found.area, area, found.area_error),
    ] {
        assert!(error <= 1e-2 * exact, "{name}: {found:?}");
        assert!(
            (value - exact).abs() <= error + 1e-6 * exact,
            "{name}: {found:?}, not {exact}"
        );
    }
    for (centroid, center) in found.centroid.iter().zip(CENTER) {
        assert!((centroid - f64::from(center)).abs() < 1e-3, "{found:?}");
    }
    assert_eq!((found.centroid.len(), found.inertia.len()), (3, 6));

    let refused = |request: proto::MeasureRequest| {
        let mut query = clients.query.clone();
        async move {
            match query.measure(request).await {
                Err(status) => status,
                Ok(answers) => answers.into_inner().message().await.unwrap_err(),
            }
        }
    };
    let request = proto::MeasureRequest {
        model: model.clone(),
        error: -1.0,
        ..Default::default()
    };
    assert_eq!(blamed(&refused(request).await), "error");
    let request = proto::MeasureRequest {
        model: model.clone(),
        iso: f64::INFINITY,
        ..Default::default()
    };
    assert_eq!(blamed(&refused(request).await), "iso");
    let request = proto::MeasureRequest {
        model: "models/0".to_owned(),
        ..Default::default()
    };
    assert_eq!(reason(&refused(request).await), "MODEL_NOT_FOUND");
}
