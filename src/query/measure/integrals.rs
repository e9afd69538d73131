//! Integrals over flat triangles and the solids below them, in closed form.

use crate::geometry::vector::{cross, dot, minus};
use std::ops::{Add, AddAssign, Mul, Sub};

/// A place on the surface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vertex {
    /// Where it is.
    pub position: [f64; 3],
    /// Which way is out, at unit length; zero where nothing tells.
    pub normal: [f64; 3],
}

/// Integrals over a piece of the surface, and over the cone from the origin to it: over all of a closed surface the cones are the solid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Integrals {
    /// Its area.
    pub area: f64,
    /// Its normals: the sum over a closed surface is 0.
    pub normals: [f64; 3],
    /// Its mean curvature.
    pub mean_curvature: f64,
    /// 1 over the cone.
    pub volume: f64,
    /// x, y, z over the cone.
    pub first: [f64; 3],
    /// xx, xy, xz, yy, yz, zz over the cone.
    pub second: [f64; 6],
}

impl Integrals {
    /// Of a triangle, counter-clockwise seen from outside.
    ///
    /// Its mean curvature is half the divergence of the normal. That is the divergence of what is linear between the corners, where
    /// normals that differ by an angle differ by its arc rather than by its chord: so the edge of a box has its whole angle.
    pub(super) fn of_triangle(corners: [&Vertex; 3]) -> Integrals {
        let [a, b, c] = corners.map(|corner| corner.position);
        let across = cross(minus(b, a), minus(c, a));
        let twice = dot(across, across).sqrt();
        let six_volumes = dot(a, cross(b, c));
        let sum: [f64; 3] = std::array::from_fn(|k| a[k] + b[k] + c[k]);
        let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        Integrals {
            area: 0.5 * twice,
            normals: across.map(|x| 0.5 * x),
            mean_curvature: match twice > 0.0 {
                true => mean_curvature(corners, across.map(|x| x / twice)),
                false => 0.0,
            },
            volume: six_volumes / 6.0,
            // A tetrahedron's centroid is the mean of its corners, of which one is the origin; its second moments are those of Tonon
            // (2004): volume/20 (sum sum' + a a' + b b' + c c').
            first: sum.map(|x| x * six_volumes / 24.0),
            second: pairs.map(|(i, j)| {
                (sum[i] * sum[j] + a[i] * a[j] + b[i] * b[j] + c[i] * c[j]) * six_volumes / 120.0
            }),
        }
    }

    /// Those over the cone alone.
    pub(super) fn without_surface(self) -> Integrals {
        Integrals {
            area: 0.0,
            mean_curvature: 0.0,
            ..self
        }
    }

    /// The volume of the cone from another point.
    pub(super) fn volume_from(&self, origin: [f64; 3]) -> f64 {
        self.volume - dot(origin, self.normals) / 3.0
    }
}

fn mean_curvature(corners: [&Vertex; 3], normal: [f64; 3]) -> f64 {
    let mut sum = 0.0;
    // Each corner in its turn is the one from which the normals of the others differ.
    for base in 0..3 {
        for step in [1, 2] {
            let other = (base + step) % 3;
            let opposite = minus(
                corners[(other + 2) % 3].position,
                corners[(other + 1) % 3].position,
            );
            let turn = minus(corners[other].normal, corners[base].normal);
            let chord = dot(turn, turn).sqrt().min(2.0);
            let arc = match chord > 1e-6 {
                true => 2.0 * (0.5 * chord).asin() / chord,
                false => 1.0,
            };
            sum += arc * dot(turn, cross(normal, opposite));
        }
    }
    sum / 12.0
}

impl Add for Integrals {
    type Output = Integrals;

    fn add(self, other: Integrals) -> Integrals {
        Integrals {
            area: self.area + other.area,
            normals: std::array::from_fn(|k| self.normals[k] + other.normals[k]),
            mean_curvature: self.mean_curvature + other.mean_curvature,
            volume: self.volume + other.volume,
            first: std::array::from_fn(|k| self.first[k] + other.first[k]),
            second: std::array::from_fn(|k| self.second[k] + other.second[k]),
        }
    }
}

impl AddAssign for Integrals {
    fn add_assign(&mut self, other: Integrals) {
        *self = *self + other;
    }
}

impl Mul<f64> for Integrals {
    type Output = Integrals;

    fn mul(self, factor: f64) -> Integrals {
        Integrals {
            area: self.area * factor,
            normals: self.normals.map(|x| x * factor),
            mean_curvature: self.mean_curvature * factor,
            volume: self.volume * factor,
            first: self.first.map(|x| x * factor),
            second: self.second.map(|x| x * factor),
        }
    }
}

impl Sub for Integrals {
    type Output = Integrals;

    fn sub(self, other: Integrals) -> Integrals {
        self + other * -1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes::{cuboid, icosphere};
    use std::f64::consts::PI;

    fn sum(mesh: &crate::geometry::Mesh, normal: impl Fn([f64; 3]) -> [f64; 3]) -> Integrals {
        let mut sum = Integrals::default();
        for index in 0..mesh.triangles.len() {
            let corners = mesh.corners(index).map(|position| Vertex {
                position,
                normal: normal(position),
            });
            let [a, b, c] = &corners;
            sum += Integrals::of_triangle([a, b, c]);
        }
        sum
    }

    #[test]
    fn a_box_away_from_the_origin_has_its_moments() {
        let (min, max) = ([1.0, -2.0, 0.5], [3.0, 1.0, 4.5]);
        let found = sum(&cuboid(min, max), |_| [0.0; 3]);
        let near = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-10, "{found}, not {expected}");
        };
        near(found.area, 2.0 * (2.0 * 3.0 + 3.0 * 4.0 + 4.0 * 2.0));
        near(found.volume, 24.0);
        let center = [2.0, -0.5, 2.5];
        let size = [2.0, 3.0, 4.0];
        let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        for (index, (i, j)) in pairs.into_iter().enumerate() {
            let own = if i == j {
                size[i] * size[i] / 12.0
            } else {
                0.0
            };
            near(found.second[index], 24.0 * (center[i] * center[j] + own));
        }
        for (first, center) in found.first.into_iter().zip(center) {
            near(first, 24.0 * center);
        }
        for normal in found.normals {
            near(normal, 0.0);
        }
    }

    #[test]
    fn mean_curvature_is_that_of_the_normals() {
        // Over a sphere of radius 2: 4π r² / r, with the area of the triangles.
        let found = sum(&icosphere(5, 2.0), |p| p.map(|x| x / 2.0));
        assert!((found.mean_curvature / (8.0 * PI) - 1.0).abs() < 2e-3);
        // A strip across the edge between faces that look along x and y.
        let corner = |x: f64, y: f64, z: f64, normal: [f64; 3]| Vertex {
            position: [x, y, z],
            normal,
        };
        let (one, other) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
        let [a, b] = [0.0, 3.0].map(|z| corner(0.1, 0.0, z, one));
        let [c, d] = [0.0, 3.0].map(|z| corner(0.0, 0.1, z, other));
        let strip = Integrals::of_triangle([&a, &d, &b]) + Integrals::of_triangle([&a, &c, &d]);
        assert!(
            (strip.mean_curvature - 3.0 * PI / 4.0).abs() < 1e-9,
            "{strip:?}"
        );
    }
}
