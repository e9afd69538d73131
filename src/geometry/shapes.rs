//! Meshes of simple shapes, whose distances, areas and volumes are known in closed form.
//!
//! All are closed and look outwards unless their description says otherwise, and are centred on the origin.

use std::collections::HashMap;
use std::f64::consts::{FRAC_PI_2, TAU};

use super::Mesh;

/// A sphere: an icosahedron of which each face is split into four `subdivisions` times, its vertices on the sphere.
///
/// It has `20 * 4^subdivisions` triangles.
pub fn icosphere(subdivisions: u32, radius: f64) -> Mesh {
    let golden = (1.0 + 5.0_f64.sqrt()) / 2.0;
    let mut mesh = Mesh {
        positions: Vec::with_capacity(12),
        triangles: ICOSAHEDRON.to_vec(),
    };
    for axis in 0..3 {
        for (short, long) in [
            (-1.0, -golden),
            (1.0, -golden),
            (-1.0, golden),
            (1.0, golden),
        ] {
            let mut corner = [0.0; 3];
            corner[axis] = short;
            corner[(axis + 1) % 3] = long;
            mesh.positions.push(corner);
        }
    }
    for _ in 0..subdivisions {
        mesh = split_faces(mesh);
    }
    for position in &mut mesh.positions {
        let length = position.iter().map(|x| x * x).sum::<f64>().sqrt();
        *position = position.map(|x| x * (radius / length));
    }
    mesh
}

/// Faces of the icosahedron over the vertex order above, counter-clockwise from outside.
const ICOSAHEDRON: [[u32; 3]; 20] = [
    [0, 4, 1],
    [0, 1, 6],
    [0, 8, 4],
    [0, 6, 9],
    [0, 9, 8],
    [1, 4, 10],
    [1, 11, 6],
    [1, 10, 11],
    [2, 3, 5],
    [2, 7, 3],
    [2, 5, 8],
    [2, 9, 7],
    [2, 8, 9],
    [3, 10, 5],
    [3, 7, 11],
    [3, 11, 10],
    [4, 8, 5],
    [4, 5, 10],
    [6, 7, 9],
    [6, 11, 7],
];

fn split_faces(mesh: Mesh) -> Mesh {
    let Mesh {
        mut positions,
        triangles,
    } = mesh;
    let mut middles: HashMap<(u32, u32), u32> = HashMap::new();
    let mut middle = |a: u32, b: u32| {
        *middles.entry((a.min(b), a.max(b))).or_insert_with(|| {
            let (p, q) = (positions[a as usize], positions[b as usize]);
            // On the sphere at once: the next split then halves arcs, not chords.
            let sum: [f64; 3] = std::array::from_fn(|i| p[i] + q[i]);
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            let radius = p.iter().map(|x| x * x).sum::<f64>().sqrt();
            positions.push(sum.map(|x| x * (radius / length)));
            (positions.len() - 1) as u32
        })
    };
    let mut split = Vec::with_capacity(triangles.len() * 4);
    for [a, b, c] in triangles {
        let (ab, bc, ca) = (middle(a, b), middle(b, c), middle(c, a));
        split.extend([[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]]);
    }
    Mesh {
        positions,
        triangles: split,
    }
}

/// A torus around the z axis: `major` from the origin to the middle of the tube, `minor` the tube's radius.
pub fn torus(major: f64, minor: f64, major_segments: u32, minor_segments: u32) -> Mesh {
    let mut mesh = Mesh::default();
    for i in 0..major_segments {
        let around = TAU * f64::from(i) / f64::from(major_segments);
        for j in 0..minor_segments {
            let tube = TAU * f64::from(j) / f64::from(minor_segments);
            let from_axis = major + minor * tube.cos();
            let position = [
                from_axis * around.cos(),
                from_axis * around.sin(),
                minor * tube.sin(),
            ];
            mesh.positions.push(position);
        }
    }
    let vertex = |i: u32, j: u32| (i % major_segments) * minor_segments + j % minor_segments;
    for i in 0..major_segments {
        for j in 0..minor_segments {
            let quad = [
                vertex(i, j),
                vertex(i + 1, j),
                vertex(i + 1, j + 1),
                vertex(i, j + 1),
            ];
            push_quad(&mut mesh, quad);
        }
    }
    mesh
}

/// A box with corners `min` and `max`: 12 triangles.
pub fn cuboid(min: [f64; 3], max: [f64; 3]) -> Mesh {
    let mut mesh = Mesh::default();
    for corner in 0..8 {
        let pick = |axis: usize| {
            if corner >> axis & 1 == 1 {
                max[axis]
            } else {
                min[axis]
            }
        };
        mesh.positions.push(std::array::from_fn(pick));
    }
    let quads = [
        [0, 4, 6, 2],
        [1, 3, 7, 5], // x
        [0, 1, 5, 4],
        [2, 6, 7, 3], // y
        [0, 2, 3, 1],
        [4, 5, 7, 6], // z
    ];
    for quad in quads {
        push_quad(&mut mesh, quad);
    }
    mesh
}

/// A flat open sheet in the plane z = 0, looking along +z, of `columns` times `rows` squares.
pub fn sheet(width: f64, height: f64, columns: u32, rows: u32) -> Mesh {
    let mut mesh = Mesh::default();
    for row in 0..=rows {
        for column in 0..=columns {
            let x = width * (f64::from(column) / f64::from(columns) - 0.5);
            let y = height * (f64::from(row) / f64::from(rows) - 0.5);
            mesh.positions.push([x, y, 0.0]);
        }
    }
    let vertex = |column: u32, row: u32| row * (columns + 1) + column;
    for row in 0..rows {
        for column in 0..columns {
            let (right, up) = (column + 1, row + 1);
            push_quad(
                &mut mesh,
                [
                    vertex(column, row),
                    vertex(right, row),
                    vertex(right, up),
                    vertex(column, up),
                ],
            );
        }
    }
    mesh
}

/// The half of a sphere with z ≥ 0, open below, of `segments` around the z axis and `rings` from rim to pole.
pub fn hemisphere(radius: f64, segments: u32, rings: u32) -> Mesh {
    let mut mesh = Mesh::default();
    for ring in 0..rings {
        let up = FRAC_PI_2 * f64::from(ring) / f64::from(rings);
        for segment in 0..segments {
            let around = TAU * f64::from(segment) / f64::from(segments);
            let unit = [up.cos() * around.cos(), up.cos() * around.sin(), up.sin()];
            mesh.positions.push(unit.map(|x| x * radius));
        }
    }
    let pole = rings * segments;
    mesh.positions.push([0.0, 0.0, radius]);
    let vertex = |ring: u32, segment: u32| ring * segments + segment % segments;
    for segment in 0..segments {
        for ring in 0..rings - 1 {
            let next = segment + 1;
            push_quad(
                &mut mesh,
                [
                    vertex(ring, segment),
                    vertex(ring, next),
                    vertex(ring + 1, next),
                    vertex(ring + 1, segment),
                ],
            );
        }
        mesh.triangles.push([
            vertex(rings - 1, segment),
            vertex(rings - 1, segment + 1),
            pole,
        ]);
    }
    mesh
}

fn push_quad(mesh: &mut Mesh, [a, b, c, d]: [u32; 4]) {
    mesh.triangles.extend([[a, b, c], [a, c, d]]);
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::geometry::{Cleanup, HealthReport};

    #[test]
    fn closed_shapes_have_the_volumes_and_areas_of_their_formulas() {
        let cases = [
            (
                "sphere",
                icosphere(5, 2.0),
                4.0 / 3.0 * PI * 8.0,
                4.0 * PI * 4.0,
            ),
            (
                "torus",
                torus(2.0, 0.5, 256, 128),
                2.0 * PI * PI * 2.0 * 0.25,
                4.0 * PI * PI * 2.0 * 0.5,
            ),
            ("box", cuboid([-1.0, 0.0, 2.0], [1.0, 3.0, 6.0]), 24.0, 52.0),
        ];
        for (name, mesh, volume, area) in cases {
            let health = HealthReport::of(&mesh, &Cleanup::default());
            assert!(
                health.watertight && health.consistently_wound && !health.inverted,
                "{name}"
            );
            assert_eq!(health.self_intersections, Some(0), "{name}");
            assert_eq!(health.bodies, 1, "{name}");
            let found = health.volume.unwrap();
            assert!(
                (found / volume - 1.0).abs() < 2e-3,
                "{name}: volume {found}, not {volume}"
            );
            assert!(
                (health.area / area - 1.0).abs() < 2e-3,
                "{name}: area {}, not {area}",
                health.area
            );
        }
    }

    #[test]
    fn open_shapes_are_open() {
        let sheet = HealthReport::of(&sheet(2.0, 1.0, 4, 3), &Cleanup::default());
        assert_eq!(
            (sheet.faces, sheet.boundary_edges, sheet.watertight),
            (24, 14, false)
        );
        assert!((sheet.area - 2.0).abs() < 1e-12);
        let bowl = HealthReport::of(&hemisphere(1.0, 64, 16), &Cleanup::default());
        assert_eq!(
            (
                bowl.boundary_edges,
                bowl.watertight,
                bowl.consistently_wound
            ),
            (64, false, true)
        );
    }
}
