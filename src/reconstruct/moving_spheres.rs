//! Moves a surface onto the points: to where the sphere through it goes that fits points and normals near a place (Guennebaud
//! and Gross 2007, "Algebraic Point Set Surfaces"). Means of the points' planes (Kolluri 2005) would lie outside of everything
//! round: spheres have the curvature, too.

use rayon::prelude::*;

use super::tree::PointTree;
use super::vector::{cross, dot, minus, plus, unit};
use crate::geometry::Mesh;

/// Steps of a vertex.
const STEPS: usize = 4;

/// How far a vertex is moved at most, in spacings.
const FARTHEST: f32 = 1.5;

/// Points farther than this many widths weigh nothing.
const REACH: f32 = 2.5;

/// From how far to how far from the nearest point a surface is left more and more as it is, in spacings.
const FADE: [f32; 2] = [1.5, 3.0];

/// Points with normals, and how far each counts.
pub(super) struct Spheres<'a> {
    pub tree: &'a PointTree,
    /// In the order of the tree.
    pub normals: &'a [[f32; 3]],
    pub spacings: &'a [f32],
    /// Width of the weights, in spacings.
    pub width: f32,
}

impl Spheres<'_> {
    /// Moves the vertices of `mesh`, which is in the frame of the points and looks outwards.
    pub fn attract(&self, mesh: &mut Mesh) {
        let normals = vertex_normals(mesh);
        let vertices = mesh.positions.par_iter_mut().zip(&normals);
        vertices.for_each_init(Vec::new, |pending, (position, &normal)| {
            let from = position.map(|x| x as f32);
            let to = self.settle(from, normal, pending);
            *position = to.map(f64::from);
        });
    }

    fn settle(&self, from: [f32; 3], normal: [f32; 3], pending: &mut Vec<(f32, u32)>) -> [f32; 3] {
        let (squared, nearest) = self.tree.closest(from, pending);
        let spacing = self.spacings[nearest as usize];
        let far = (squared.sqrt() / spacing - FADE[0]) / (FADE[1] - FADE[0]);
        let share = 1.0 - far.clamp(0.0, 1.0);
        if share == 0.0 {
            return from;
        }
        let width = self.width * spacing;
        let mut at = from;
        let mut facing = normal;
        for _ in 0..STEPS {
            let mut fit = SphereFit::default();
            let reach = REACH * width;
            self.tree
                .within(at, reach * reach, pending, |other, squared| {
                    // Points of another sheet look another way.
                    let agreement = dot(self.normals[other], facing).max(0.0);
                    let weight = (-squared / (width * width)).exp() * agreement * agreement;
                    let place = minus(self.tree.points[other], at);
                    fit.add(weight, place, self.normals[other]);
                });
            let Some((height, direction)) = fit.height() else {
                break;
            };
            at = plus(at, -height, direction);
            facing = direction;
            if height.abs() < 1e-3 * spacing {
                break;
            }
        }
        let way = minus(at, from);
        let length = dot(way, way).sqrt();
        let most = (FARTHEST * spacing / length.max(f32::MIN_POSITIVE)).min(1.0);
        plus(from, share * most, way)
    }
}

/// Weighted sums over points from which the sphere is made.
#[derive(Default)]
struct SphereFit {
    weight: f32,
    place: [f32; 3],
    normal: [f32; 3],
    /// Of place times normal, and of the square of the place.
    along: f32,
    square: f32,
}

impl SphereFit {
    /// Takes a point at `place`, seen from where the sphere is wanted.
    fn add(&mut self, weight: f32, place: [f32; 3], normal: [f32; 3]) {
        self.weight += weight;
        self.place = plus(self.place, weight, place);
        self.normal = plus(self.normal, weight, normal);
        self.along += weight * dot(place, normal);
        self.square += weight * dot(place, place);
    }

    /// How far the place is above the sphere, and which way that is; `None` if too little is known there.
    fn height(&self) -> Option<(f32, [f32; 3])> {
        const LEAST: f32 = 1e-4;
        if self.weight < LEAST {
            return None;
        }
        let share = 1.0 / self.weight;
        let [place, normal] = [self.place, self.normal].map(|sum| sum.map(|x| x * share));
        let spread = share * self.square - dot(place, place);
        let bend = share * self.along - dot(place, normal);
        // The sphere is where `constant + linear x + quadratic x x` is zero.
        let quadratic = if spread > 0.0 {
            0.5 * bend / spread
        } else {
            0.0
        };
        let linear = plus(normal, -2.0 * quadratic, place);
        let constant = -(dot(linear, place) + quadratic * share * self.square);
        let slope = dot(linear, linear).sqrt();
        let inner = slope * slope - 4.0 * quadratic * constant;
        if slope < 1e-3 {
            return None;
        }
        let height = 2.0 * constant / (slope + inner.max(0.0).sqrt());
        Some((height, linear.map(|x| x / slope)))
    }
}

/// The mean normal of the triangles about each vertex, by area.
fn vertex_normals(mesh: &Mesh) -> Vec<[f32; 3]> {
    let mut normals = vec![[0.0; 3]; mesh.positions.len()];
    for (index, triangle) in mesh.triangles.iter().enumerate() {
        let [a, b, c] = mesh.corners(index).map(|p| p.map(|x| x as f32));
        let normal = cross(minus(b, a), minus(c, a));
        for &vertex in triangle {
            let sum = &mut normals[vertex as usize];
            *sum = plus(*sum, 1.0, normal);
        }
    }
    normals.into_iter().map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn the_surface_of_a_ball_of_points_is_the_ball() {
        let points = shapes::icosphere(3, 0.8).positions;
        let points: Vec<[f32; 3]> = points.iter().map(|p| p.map(|x| x as f32)).collect();
        let tree = PointTree::new(&points);
        let normals: Vec<[f32; 3]> = tree.points.iter().map(|&p| unit(p)).collect();
        let spacings = vec![0.12; points.len()];
        let spheres = Spheres {
            tree: &tree,
            normals: &normals,
            spacings: &spacings,
            width: 1.0,
        };
        // Another ball, too large by less than the points' distance.
        let mut mesh = shapes::icosphere(5, 0.85);
        spheres.attract(&mut mesh);
        for position in mesh.positions {
            let radius = position.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!((radius - 0.8).abs() < 1e-4, "{radius}");
        }
        // Far from all points it stays.
        let far = shapes::icosphere(2, 2.0);
        let mut moved = far.clone();
        spheres.attract(&mut moved);
        for (a, b) in moved
            .positions
            .as_flattened()
            .iter()
            .zip(far.positions.as_flattened())
        {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn two_sheets_side_by_side_stay_two() {
        let sheet = |height: f32| (0..400).map(move |i| [(i % 20) as f32, (i / 20) as f32, height]);
        let points: Vec<[f32; 3]> = sheet(0.0)
            .chain(sheet(0.5))
            .map(|p| p.map(|x| x * 0.05))
            .collect();
        let tree = PointTree::new(&points);
        let up = |p: &[f32; 3]| [0.0, 0.0, if p[2] > 0.0 { 1.0 } else { -1.0 }];
        let normals: Vec<[f32; 3]> = tree.points.iter().map(up).collect();
        let spheres = Spheres {
            tree: &tree,
            normals: &normals,
            spacings: &vec![0.05; points.len()],
            width: 1.0,
        };
        let settled = spheres.settle([0.48, 0.52, 0.03], [0.0, 0.0, 1.0], &mut Vec::new());
        assert!((settled[2] - 0.025).abs() < 1e-5, "{settled:?}");
        let settled = spheres.settle([0.48, 0.52, -0.01], [0.0, 0.0, -1.0], &mut Vec::new());
        assert!(settled[2].abs() < 1e-5, "{settled:?}");
    }
}
