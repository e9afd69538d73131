//! Tests of `fineness.rs`.

use super::*;
use crate::CancelToken;
use crate::extract::closed_forms::Closed;
use crate::extract::{Surface, SurfaceSettings, extract_surface};
use crate::field::{Bodies, Inside};
use crate::geometry::{Bounds, Similarity};

fn shape(size: [f64; 3], thickness: f64, area: f64, bodies: &[(f64, f64)]) -> Shape {
    let thinnest = bodies.iter().map(|&(longest_side, thickness)| Body {
        longest_side,
        thickness,
    });
    Shape {
        frame: Similarity::IDENTITY,
        bounds: Bounds {
            min: [0.0; 3],
            max: size,
        },
        thickness: Some(thickness),
        area: Some(area),
        bodies: Some(Bodies {
            count: bodies.len() as u64,
            thinnest: thinnest.collect(),
        }),
        inside: Inside::Enclosed,
        pieces: None,
    }
}

fn plate(thickness: f64) -> Shape {
    shape([1.0, 1.0, thickness], thickness, 2.0, &[(1.0, thickness)])
}

fn balls() -> Shape {
    let area = 4.0 * std::f64::consts::PI;
    shape([52.0, 2.0, 2.0], 2.0, area, &[(0.02, 0.02), (2.0, 2.0)])
}

fn automatic(shape: &Shape) -> u32 {
    let fineness = Fineness::new(shape, 0.0);
    match fineness
        .automatic(8_000_000_000, Grid::surface_bytes)
        .unwrap()
    {
        Resolution::Cells(cells) => cells,
        Resolution::VoxelSize(size) => panic!("{size}"),
    }
}

/// A plate of 1 × 1 × `thickness`, turned by two angles and moved by a share of a cell, at so many cells across.
fn turned(thickness: f64, [first, second]: [f64; 2], moved: f64, across: f64) -> Surface {
    let back = move |[x, y, z]: [f64; 3]| {
        let (y, z) = (
            y * first.cos() - z * first.sin(),
            y * first.sin() + z * first.cos(),
        );
        [
            x * second.cos() - z * second.sin(),
            y,
            x * second.sin() + z * second.cos(),
        ]
    };
    let half = [0.5, 0.5, thickness / 2.0];
    let field = Closed(move |p| {
        let p = back(p);
        let over: [f64; 3] = std::array::from_fn(|axis| p[axis].abs() - half[axis]);
        let outside = over.map(|x| x.max(0.0)).iter().map(|x| x * x).sum::<f64>();
        outside.sqrt() + over.into_iter().fold(f64::NEG_INFINITY, f64::max).min(0.0)
    });
    let step = thickness / across;
    let bounds = Bounds {
        min: [-0.8 + moved * step, -0.8, -0.8 - 0.3 * moved * step],
        max: [0.8 + moved * step, 0.8, 0.8 - 0.3 * moved * step],
    };
    let grid = Grid::covering(&bounds, Resolution::VoxelSize(step), 0.0).unwrap();
    let settings = SurfaceSettings {
        normals: false,
        ..SurfaceSettings::default()
    };
    let cancel = CancelToken::new();
    let frame = Similarity::IDENTITY;
    extract_surface(&field, &grid, &frame, &settings, &cancel, &mut |_| ()).unwrap()
}

/// Whether a surface is one body without a hole: vertices - edges + faces = 2.
fn is_whole(surface: &Surface) -> bool {
    let (vertices, faces) = (surface.positions.len(), surface.triangles.len());
    surface.bodies().count == 1 && 2 * vertices == faces + 4
}

#[test]
fn a_plate_at_any_angle_is_whole_at_two_cells_across_and_not_at_one() {
    let diagonal = (1.0 / 2.0_f64.sqrt()).atan();
    let quarter = std::f64::consts::FRAC_PI_4;
    let mut broken = 0;
    for angles in [
        [0.0, 0.0],
        [0.13, 0.38],
        [quarter, 0.0],
        [quarter, diagonal],
        [0.6, -0.5],
    ] {
        for moved in [0.0, 0.37, 0.71] {
            let surface = turned(0.03, angles, moved, CELLS_ACROSS);
            assert!(is_whole(&surface), "{angles:?} {moved}");
            broken += usize::from(!is_whole(&turned(0.03, angles, moved, 1.0)));
        }
    }
    assert!(broken > 3, "{broken}");
}

#[test]
fn the_default_is_as_fine_as_the_shape_needs_and_no_finer_than_a_mesh_may_be_large() {
    assert_eq!(automatic(&plate(0.5)), USUAL_RESOLUTION);
    assert_eq!(automatic(&plate(0.003)), 667);
    // Twenty-four million triangles are not what one expects: as fine as four million allow, and a word.
    assert_eq!(automatic(&plate(0.001)), 816);
    let words = Fineness::new(&plate(0.001), 0.0).warnings(816.0, None);
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(
        words[0].starts_with("Walls of 0.001 are 0.8 cells thick at resolution 816")
            && words[0].contains("Resolution 2000 keeps them, with about 24 million"),
        "{words:?}"
    );
    // A ball of 1 % fifty radii away costs next to nothing.
    assert_eq!(automatic(&balls()), 5200);
    // A speck beside a scan would make it a mesh of millions: it is left to the user.
    let speck = shape(
        [1.0; 3],
        0.1,
        3.0,
        &[(1e-4, 1e-4), (0.01, 0.008), (1.0, 0.1)],
    );
    assert_eq!(automatic(&speck), USUAL_RESOLUTION);
    // What is not known asks for nothing.
    let unknown = Shape {
        thickness: None,
        area: None,
        bodies: None,
        ..plate(0.001)
    };
    assert_eq!(automatic(&unknown), USUAL_RESOLUTION);
    assert_eq!(Fineness::new(&unknown, 0.0).needed(), None);
}

#[test]
fn the_default_stays_within_the_memory_and_grows_with_an_offset() {
    let plate = plate(0.003);
    let within = Fineness::new(&plate, 0.0).automatic(20_000_000, Grid::surface_bytes);
    let Ok(Resolution::Cells(cells)) = within else {
        panic!("{within:?}")
    };
    let grid =
        |cells| Grid::around_level_set(&plate.bounds, Resolution::Cells(cells), 0.0).unwrap();
    assert!(grid(cells).surface_bytes() <= 20_000_000);
    assert!(grid(cells + cells / 6).surface_bytes() > 20_000_000);
    // Grown by 0.01 the plate is 0.023 thick; shrunk it is meant to vanish.
    assert_eq!(Fineness::new(&plate, 0.01).needed(), Some(87));
    let shrunk = Fineness::new(&plate, -0.01);
    assert_eq!(shrunk.needed(), None);
    assert_eq!(shrunk.warnings(16.0, None), [""; 0]);
}

#[test]
fn bodies_that_do_not_come_through_are_counted_with_the_cure() {
    let balls = balls();
    let fineness = Fineness::new(&balls, 0.0);
    let found = |count| SurfaceBodies {
        count,
        smallest: 0.25,
    };
    let said = |resolution, count| fineness.warnings(resolution, Some(&found(count))).join(" ");
    assert_eq!(
        said(256.0, 1),
        "1 of 2 bodies came through; the smallest is 0.02 thick: resolution 5200 keeps it."
    );
    assert_eq!(said(256.0, 2), "");
    assert_eq!(said(5200.0, 2), "");
    let lost = said(5200.0, 1);
    assert!(
        lost.starts_with("1 of 2 bodies came through: the others are lost"),
        "{lost}"
    );
    let specks = said(5200.0, 7);
    assert!(
        specks.starts_with(
            "The surface has 7 bodies, the mesh had 2, the smallest of them 0.25 long"
        ) && specks.contains("Fit longer"),
        "{specks}"
    );
    // Where nothing is counted, what is in danger is named.
    assert_eq!(
        fineness.warnings(256.0, None),
        [
            "1 of 2 bodies may be lost at resolution 256; the smallest is 0.02 thick: resolution 5200 keeps it."
        ]
    );
    let pieces = Fineness::new(&plate(0.003), 0.0)
        .warnings(256.0, Some(&found(9)))
        .join(" ");
    assert!(
        pieces.contains("thin walls broke into pieces") && pieces.contains("Resolution 667"),
        "{pieces}"
    );
}

#[test]
fn an_empty_level_speaks_of_resolution_where_that_is_the_cure() {
    let plate = plate(0.003);
    let fineness = Fineness::new(&plate, 0.0);
    let empty = |min| ExtractError::NoSurface {
        iso: 0.0,
        min,
        max: 1.0,
        voxel_size: 1.0 / 64.0,
        finer: None,
    };
    let thin = fineness.explain(empty(0.002), 64.0).to_string();
    assert!(thin.contains("resolution 667 shows it"), "{thin}");
    let unknown = empty(0.002).to_string();
    assert!(unknown.contains("raise the resolution"), "{unknown}");
    let far = fineness.explain(empty(0.1), 64.0).to_string();
    assert!(far.ends_with("choose an iso between them"), "{far}");
}
