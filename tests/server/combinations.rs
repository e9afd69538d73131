//! Expressions over models: asked like models, and fitted like meshes.

use std::sync::Arc;

use overfit::server::Limits;
use overfit::server::proto::{self, FitState, expression::Kind};
use overfit::train::fit_from;
use tonic::Code;

use crate::daemon::{Clients, Daemon, blamed, reason, start, start_with};
use crate::octahedron::{self, CENTER};
use crate::queries::{bytes, floats};

fn of(kind: Kind) -> proto::Expression {
    proto::Expression { kind: Some(kind) }
}

fn ball(center: [f64; 3], radius: f64) -> proto::Expression {
    let center = center.to_vec();
    of(Kind::Sphere(proto::Sphere { center, radius }))
}

fn model(name: &str) -> proto::Expression {
    of(Kind::Model(name.to_owned()))
}

fn operands(of: Vec<proto::Expression>) -> proto::Operands {
    proto::Operands { of, smooth: 0.0 }
}

async fn combine(
    clients: &mut Clients,
    expression: proto::Expression,
) -> Result<proto::Combination, tonic::Status> {
    let request = proto::CombineRequest {
        expression: Some(expression),
    };
    let answer = clients.combine.combine(request).await?.into_inner();
    Ok(answer.combination.unwrap())
}

async fn values(
    clients: &mut Clients,
    field: &str,
    points: &[[f32; 3]],
) -> Result<Vec<f32>, tonic::Status> {
    let request = proto::EvaluateRequest {
        model: field.to_owned(),
        points: bytes(points.as_flattened()),
        ..Default::default()
    };
    let answer = clients.query.evaluate(request).await?.into_inner();
    Ok(floats(&answer.values))
}

#[tokio::test]
async fn an_expression_is_asked_like_a_model() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let octahedron = clients.model().await;
    let [x, y, z] = CENTER.map(f64::from);
    let parts = vec![model(&octahedron), ball([x, y, z], 1.5)];
    let hollow = combine(&mut clients, of(Kind::Difference(operands(parts)))).await;
    let hollow = hollow.unwrap();
    assert!(!hollow.exact_outside && hollow.exact_inside);
    let bounds = hollow.bounds.unwrap();
    assert_eq!((bounds.min[0], bounds.max[0]), (x - 3.0, x + 3.0));
    let points: Vec<[f32; 3]> = [0.2, 1.4, 1.6, 2.2, 2.9]
        .map(|far| [CENTER[0] + far, CENTER[1] + 0.1, CENTER[2] - 0.05])
        .into();
    let found = values(&mut clients, &hollow.name, &points).await.unwrap();
    for (&point, value) in points.iter().zip(found) {
        let away: f32 = (0..3).map(|k| (point[k] - CENTER[k]).powi(2)).sum();
        let exact = octahedron::value(point).max(1.5 - away.sqrt());
        assert!((value - exact).abs() < 2e-5, "{value}, not {exact}");
    }
    let request = proto::MeasureRequest {
        model: hollow.name.clone(),
        ..Default::default()
    };
    let mut answers = clients.query.measure(request).await.unwrap().into_inner();
    let mut measured = None;
    while let Some(answer) = answers.message().await.unwrap() {
        if let Some(proto::measure_response::Part::Measurement(found)) = answer.part {
            measured = Some(found);
        }
    }
    // The ball is inside: its radius is less than 3 / √3.
    let exact = 4.0 / 3.0 * (27.0 - std::f64::consts::PI * 1.5_f64.powi(3));
    let volume = measured.unwrap().volume;
    assert!((volume / exact - 1.0).abs() < 2e-3, "{volume}, not {exact}");

    let listed = proto::ListCombinationsRequest::default();
    let listed = clients.combine.list_combinations(listed).await.unwrap();
    assert_eq!(listed.into_inner().combinations[0].name, hollow.name);
    // A model takes what is made of it along.
    let request = proto::DeleteModelRequest {
        name: octahedron.clone(),
    };
    clients.models.delete_model(request).await.unwrap();
    let error = values(&mut clients, &hollow.name, &points)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "MODEL_NOT_FOUND".to_owned())
    );
    assert!(error.message().contains(&octahedron), "{error:?}");
    let name = hollow.name.clone();
    let request = proto::DeleteCombinationRequest { name };
    clients.combine.delete_combination(request).await.unwrap();
    let error = values(&mut clients, &hollow.name, &points)
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "COMBINATION_NOT_FOUND");
}

#[tokio::test]
async fn what_is_no_expression_is_refused_by_its_place() {
    let limits = Limits {
        max_combinations: 1,
        ..Limits::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let nothing = proto::Expression::default();
    let unbounded = of(Kind::HalfSpace(proto::HalfSpace {
        normal: vec![0.0, 0.0, 1.0],
        ..Default::default()
    }));
    let short = of(Kind::HalfSpace(proto::HalfSpace {
        normal: vec![1.0],
        ..Default::default()
    }));
    let mut deep = ball([0.0; 3], 1.0);
    for _ in 0..40 {
        deep = of(Kind::Offset(Box::new(proto::Offset {
            of: Some(Box::new(deep)),
            distance: 0.0,
        })));
    }
    let cases = [
        (nothing.clone(), "expression is empty"),
        (unbounded, "half-space has no bounds"),
        (short, "half_space.normal has 1 values"),
        (
            ball([0.0; 3], f64::NAN),
            "sphere: its numbers must be finite",
        ),
        (
            of(Kind::Shell(Box::default())),
            "expression.shell.of is empty",
        ),
        (
            of(Kind::Union(operands(vec![ball([0.0; 3], 1.0), nothing]))),
            "expression.union.of[1] is empty",
        ),
        (model("combinations/1"), "is not the name of a model"),
        (deep, "more than 32 operations deep"),
    ];
    for (expression, words) in cases {
        let error = combine(&mut clients, expression).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error:?}");
        assert_eq!(blamed(&error), "expression");
        assert!(error.message().contains(words), "{error:?}");
    }
    let missing = combine(&mut clients, model("models/gone"))
        .await
        .unwrap_err();
    assert_eq!(reason(&missing), "MODEL_NOT_FOUND");
    combine(&mut clients, ball([0.0; 3], 1.0)).await.unwrap();
    let full = combine(&mut clients, ball([0.0; 3], 1.0))
        .await
        .unwrap_err();
    assert_eq!(reason(&full), "COMBINATIONS_FULL");
}

#[tokio::test]
async fn an_expression_is_fitted_and_a_model_comes_of_it() {
    let (daemon, _folder) = start_with(Arc::new(fit_from), Default::default());
    let mut clients = daemon.clients().await;
    let balls = vec![ball([100.0, 0.0, 0.0], 10.0), ball([112.0, 0.0, 0.0], 7.0)];
    let union = of(Kind::Union(operands(balls)));
    let settings = proto::FitSettings {
        preset: "draft".to_owned(),
        steps: Some(100),
        batch_size: Some(2048),
        ..Default::default()
    };
    let request = proto::CreateFitRequest {
        settings: Some(settings),
        display_name: "balls".to_owned(),
        expression: Some(union.clone()),
        ..Default::default()
    };
    let both = proto::CreateFitRequest {
        mesh: "meshes/1".to_owned(),
        ..request.clone()
    };
    let error = clients.fits.create_fit(both).await.unwrap_err();
    assert_eq!(blamed(&error), "mesh");
    let gone = proto::CreateFitRequest {
        expression: Some(model("models/gone")),
        ..request.clone()
    };
    let error = clients.fits.create_fit(gone).await.unwrap_err();
    assert_eq!(reason(&error), "MODEL_NOT_FOUND");

    let created = clients.fits.create_fit(request).await.unwrap();
    let fit = created.into_inner().fit.unwrap();
    assert_eq!(fit.expression, Some(union));
    let ended = clients.ended(&fit.name).await;
    assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
    let metrics = ended.metrics.unwrap();
    assert!(
        metrics.near_mae < 1e-3 && metrics.iou.unwrap() > 0.995,
        "{metrics:?}"
    );
    let points = [[88.0, 0.0, 0.0], [112.0, 0.0, 6.0], [100.0, 8.0, 0.0]];
    let found = values(&mut clients, &ended.model, &points).await.unwrap();
    for (value, exact) in found.into_iter().zip([2.0, -1.0, -2.0]) {
        assert!((value - exact).abs() < 0.3, "{value}, not {exact}");
    }
}

#[tokio::test]
async fn a_stopped_daemon_goes_on_with_the_fit_of_an_expression() {
    let folder = tempfile::tempdir().unwrap();
    let again = || Daemon::start(folder.path(), Arc::new(fit_from), Limits::default());
    let daemon = again();
    let mut clients = daemon.clients().await;
    let settings = proto::FitSettings {
        preset: "draft".to_owned(),
        steps: Some(10_000_000),
        batch_size: Some(512),
        ..Default::default()
    };
    let request = proto::CreateFitRequest {
        settings: Some(settings),
        expression: Some(ball([5.0, 0.0, 0.0], 2.0)),
        ..Default::default()
    };
    let created = clients.fits.create_fit(request).await.unwrap();
    let fit = created.into_inner().fit.unwrap();
    clients.in_phase(&fit.name, proto::Phase::Train).await;
    drop(clients);
    daemon.stop().await;

    let daemon = again();
    let mut clients = daemon.clients().await;
    clients.in_phase(&fit.name, proto::Phase::Train).await;
    let name = fit.name.clone();
    let request = proto::FinishFitRequest { name };
    clients.fits.finish_fit(request).await.unwrap();
    let ended = clients.ended(&fit.name).await;
    assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
    assert_eq!(ended.expression, fit.expression);
    let points = [[5.0, 0.0, 0.0], [8.0, 0.0, 0.0]];
    let found = values(&mut clients, &ended.model, &points).await.unwrap();
    assert!(
        (found[0] + 2.0).abs() < 0.1 && (found[1] - 1.0).abs() < 0.1,
        "{found:?}"
    );
}
