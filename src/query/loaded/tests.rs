//! Tests of expressions as fields that every query takes: solids, whose volumes and rays are known.

use std::f64::consts::PI;

use super::*;
use crate::CancelToken;
use crate::combine::parse_recipe;
use crate::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
use crate::field::{Device, DeviceChoice, Training, open_engine};
use crate::geometry::{Bounds, Mesh, Similarity, Topology};
use crate::network::{Activation, Architecture, Encoding, Identity, Mlp, Relu};
use crate::query::{
    Evaluation, EvaluationError, MeasureSettings, ProjectSettings, Quantity, Ray, RaySettings,
    cast_rays, ensure_twice_differentiable, evaluate, measure, project_points,
};

fn combined(text: &str) -> LoadedModel {
    let expression = parse_recipe(text).unwrap();
    let load = |name: &str| -> Result<LoadedModel, CombineError> { panic!("no model {name}") };
    LoadedModel::combine(&expression, load).unwrap()
}

fn volume(text: &str) -> f64 {
    let settings = MeasureSettings {
        error: 1e-4,
        ..MeasureSettings::default()
    };
    let (field, cancel) = (combined(text), CancelToken::new());
    let measured = measure(&field, &settings, &cancel, &mut |_| {}).unwrap();
    measured.volume
}

/// Two balls of radius 1, a radius apart.
fn balls(operation: &str) -> String {
    format!(
        "{operation} = {{ of = [{{ sphere = {{ radius = 1 }} }}, {{ sphere = {{ center = [1, 0, 0], radius = 1 }} }}] }}"
    )
}

#[test]
fn combined_solids_have_the_volumes_of_the_books() {
    let ball = 4.0 / 3.0 * PI;
    let lens = 5.0 * PI / 12.0;
    let offset = "offset = { distance = 0.5, of = { sphere = { radius = 1 } } }";
    let wall = "shell = { thickness = 0.4, of = { sphere = { radius = 1 } } }";
    let cut = "intersection = { of = [{ box = { min = [-1, -2, -3], max = [1, 2, 3] } }, { half-space = { point = [0.5, 0, 0], normal = [1, 0, 1] } }] }";
    for (text, exact) in [
        (balls("union"), 2.0 * ball - lens),
        (balls("intersection"), lens),
        (balls("difference"), ball - lens),
        (offset.to_owned(), 1.5_f64.powi(3) * ball),
        (wall.to_owned(), (1.2_f64.powi(3) - 0.8_f64.powi(3)) * ball),
        // Below the plane z is 3.5 - x high, 3.5 in the mean.
        (cut.to_owned(), 4.0 * 2.0 * 3.5),
    ] {
        let found = volume(&text);
        assert!(
            (found / exact - 1.0).abs() < 1e-3,
            "{text}: {found}, not {exact}"
        );
    }
}

#[test]
fn surfaces_of_expressions_are_closed_and_as_large_as_they_are() {
    let smooth = "union = { smooth = 0.4, of = [{ sphere = { radius = 1 } }, { box = { min = [0, 0, 0], max = [2, 0.5, 0.5] } }] }";
    for text in [balls("difference"), smooth.to_owned()] {
        let field = combined(&text);
        let shape = field.shape();
        let grid = Grid::around_level_set(&shape.bounds, Resolution::Cells(64), 0.0).unwrap();
        let (settings, cancel) = (SurfaceSettings::default(), CancelToken::new());
        let unit = field.unit_field();
        let surface =
            extract_surface(unit, &grid, &shape.frame, &settings, &cancel, &mut |_| {}).unwrap();
        assert!(!surface.stats.open());
        let (found, _) = field.evaluate(&surface.positions, false);
        assert!(found.iter().all(|value| value.abs() < 1e-3), "{text}");
        let mesh = Mesh {
            positions: surface.positions,
            triangles: surface.triangles,
        };
        assert!(Topology::of(&mesh).watertight(), "{text}");
    }
}

#[test]
fn rays_and_projections_meet_what_is_combined() {
    let field = combined(&balls("difference"));
    let ray = |y: f64| Ray {
        origin: [-5.0, y, 0.0],
        direction: [1.0, 0.0, 0.0],
    };
    let settings = RaySettings {
        most_hits: 4,
        ..RaySettings::default()
    };
    let cancel = CancelToken::new();
    let hits = cast_rays(&field, &[ray(0.0), ray(0.8)], &settings, &cancel).unwrap();
    // Along the axis it ends where the other ball begins; higher up as well, on its round side.
    for (index, exact) in [[-1.0, 0.0], [-0.6, 0.4]].iter().enumerate() {
        let found: Vec<f64> = hits.of(index).iter().map(|hit| hit.point[0]).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, exact) in found.iter().zip(exact) {
            assert!((found - exact).abs() < 1e-4, "{found}, not {exact}");
        }
    }
    let points = [[-3.0, 0.1, 0.0], [0.1, 0.0, 0.0]];
    let found = project_points(&field, &points, &ProjectSettings::default(), &cancel).unwrap();
    let distances: Vec<f64> = found.feet.iter().map(|foot| foot.distance).collect();
    assert!(
        (distances[0] - (9.01_f64.sqrt() - 1.0)).abs() < 1e-4,
        "{distances:?}"
    );
    assert!((distances[1] - 0.1).abs() < 1e-4, "{distances:?}");
}

#[test]
fn curvatures_of_what_has_edges_are_means_and_say_so() {
    let field = combined(&balls("union"));
    let refused = ensure_twice_differentiable(field.shape()).unwrap_err();
    assert!(refused.to_string().contains("an expression with union"));
    let columns = evaluate(&field, &[[-1.0, 0.0, 0.0]], &[Quantity::MeanCurvature]);
    let curvature = columns[0].numbers[0];
    assert!((curvature - 1.0).abs() < 0.02, "{curvature}");
}

#[test]
fn distances_are_finite_as_far_as_single_precision_goes_and_what_lies_beyond_is_said() {
    let text = "sphere = { center = [1, -2, 3], radius = 1e-6 }";
    for field in [combined(text), combined(&balls("union"))] {
        for far in [1e6, 1e15, 1e20, 1e30, 1e38] {
            let (values, gradients) = field.evaluate(&[[far, 0.0, -far], [0.0, far, 0.0]], true);
            for (value, exact) in values.iter().zip([far * 2.0_f64.sqrt(), far]) {
                let off = f64::from(*value) / exact - 1.0;
                assert!(off.abs() < 1e-5, "{far}: {value}, not {exact}");
            }
            assert!((gradients.unwrap()[1][1] - 1.0).abs() < 1e-5);
        }
        let value = Evaluation::new(field.shape(), &[Quantity::Value], None).unwrap();
        assert!(value.finite_at(&field, &[[3e38, 0.0, 0.0]]).is_ok());
        for beyond in [4e38, 1e300] {
            let beyond = [0.0, beyond, 0.0];
            assert_eq!(
                value.finite_at(&field, &[[0.0; 3], beyond]),
                Err(EvaluationError::TooFar { point: beyond })
            );
        }
    }
}

#[test]
fn weights_that_overflow_are_no_distance() {
    let architecture = Architecture {
        encoding: Encoding::Identity(Identity {}),
        mlp: Mlp {
            hidden_width: 8,
            hidden_layers: 1,
            activation: Activation::Relu(Relu {}),
            skip: 0,
        },
    };
    let model = Model {
        spline: None,
        parameters: vec![1e38; architecture.parameter_count()],
        architecture,
        frame: Similarity::IDENTITY,
        bounds: Bounds {
            min: [-0.9; 3],
            max: [0.9; 3],
        },
        outer: None,
        training: Training::default(),
    };
    let engine = open_engine(DeviceChoice::Named(Device::Cpu)).unwrap();
    let field = LoadedModel::new(model.into(), &*engine);
    let value = Evaluation::new(field.shape(), &[Quantity::Value], None).unwrap();
    let point = [0.5, 0.25, 0.0];
    assert_eq!(
        value.finite_at(&field, &[point]),
        Err(EvaluationError::NotFinite { point })
    );
}
