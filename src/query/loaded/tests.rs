//! Tests of expressions as fields that every query takes: solids, whose volumes and rays are known.

use std::f64::consts::PI;

use super::*;
use crate::CancelToken;
use crate::combine::parse_recipe;
use crate::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
use crate::geometry::{Mesh, Topology};
use crate::query::{
    MeasureSettings, ProjectSettings, Quantity, Ray, RaySettings, cast_rays,
    ensure_twice_differentiable, evaluate, measure, project_points,
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
