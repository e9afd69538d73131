//! The winding number of points with normals: how much of the view from a place they cover, seen from behind.
//!
//! Each point stands for a small piece of the surface, a dipole. Near ones are summed one by one, far groups by the first
//! three terms of their expansion (Barill, Dickson, Schmidt, Levin and Jacobson 2018, "Fast Winding Numbers for Soups and
//! Clouds"). So that the number is smooth at the points themselves, each is spread over a ball of a few times the distance to
//! its neighbours (Lu, Shi, Sun and Wang 2018, "Surface Reconstruction Based on the Modified Gauss Formula"; Lin, Xiao, Shi and
//! Wang 2022, "Surface Reconstruction from Point Clouds without Normals by Parametrizing the Gauss Formula").

use std::f32::consts::PI;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::groups::{Groups, LANES, Places, inverse_cube};
use super::tree::PointTree;
use super::vector::{minus, plus};
use crate::instruction_set::instruction_set;

/// The sum over dipoles: a number for each place.
#[derive(Debug)]
pub(super) struct Dipoles {
    /// Normal times area of each point.
    moments: Vec<[f32; 3]>,
    expansions: Vec<DipoleExpansion>,
}

/// Of a group of dipoles about its middle: forms in the way `r` from a place to there, of the first three degrees.
#[derive(Clone, Copy, Debug, Default)]
struct DipoleExpansion {
    /// The sum of the moments.
    moment: [f32; 3],
    /// The sum of `(d r) (m r)`, of each place `d` about the middle and its moment `m`: xx yy zz xy xz yz.
    first: [f32; 6],
    /// The sum of `(d r) (d r) (m r)`: xxx yyy zzz xxy xxz xyy yyz xzz yzz xyz.
    second: [f32; 10],
    /// A sixth of the Laplacian of that.
    trace: [f32; 3],
}

impl DipoleExpansion {
    /// Takes what is expanded about a place `d` from here.
    fn add(&mut self, d: [f32; 3], other: &DipoleExpansion) {
        let moved = product(d, other.moment);
        let bent: [f32; 6] = std::array::from_fn(|k| 2.0 * other.first[k] + moved[k]);
        let twisted = product_of_square(d, bent);
        self.moment = plus(self.moment, 1.0, other.moment);
        let add = |sums: &mut [f32], parts: &[f32]| {
            let pairs = sums.iter_mut().zip(parts);
            pairs.for_each(|(sum, part)| *sum += part);
        };
        add(&mut self.first, &other.first);
        add(&mut self.first, &moved);
        add(&mut self.second, &other.second);
        add(&mut self.second, &twisted);
    }

    fn finish(&mut self) {
        let t = &self.second;
        self.trace = [
            t[0] + (t[5] + t[7]) / 3.0,
            t[1] + (t[3] + t[8]) / 3.0,
            t[2] + (t[4] + t[6]) / 3.0,
        ];
    }
}

/// The product of two linear forms, as its coefficients: xx yy zz xy xz yz.
fn product(a: [f32; 3], b: [f32; 3]) -> [f32; 6] {
    [
        a[0] * b[0],
        a[1] * b[1],
        a[2] * b[2],
        a[0] * b[1] + a[1] * b[0],
        a[0] * b[2] + a[2] * b[0],
        a[1] * b[2] + a[2] * b[1],
    ]
}

/// The product of a linear and a quadratic form: xxx yyy zzz xxy xxz xyy yyz xzz yzz xyz.
fn product_of_square(a: [f32; 3], [xx, yy, zz, xy, xz, yz]: [f32; 6]) -> [f32; 10] {
    let [a, b, c] = a;
    [
        a * xx,
        b * yy,
        c * zz,
        a * xy + b * xx,
        a * xz + c * xx,
        a * yy + b * xy,
        b * yz + c * yy,
        a * zz + c * xz,
        b * zz + c * yz,
        a * yz + b * xz + c * xy,
    ]
}

impl Dipoles {
    /// Dipoles at the points of the tree, in its order.
    pub fn new(tree: &PointTree, groups: &Groups, moments: Vec<[f32; 3]>) -> Dipoles {
        let mut expansions = vec![DipoleExpansion::default(); tree.nodes.len()];
        // Children come behind their parents.
        for index in (0..tree.nodes.len()).rev() {
            let center = groups.groups[index].center;
            let mut sum = DipoleExpansion::default();
            let node = &tree.nodes[index];
            if node.second == 0 {
                for at in node.range() {
                    let point = DipoleExpansion {
                        moment: moments[at],
                        ..DipoleExpansion::default()
                    };
                    sum.add(minus(tree.points[at], center), &point);
                }
            } else {
                for child in [index + 1, node.second as usize] {
                    sum.add(
                        minus(groups.groups[child].center, center),
                        &expansions[child],
                    );
                }
            }
            sum.finish();
            expansions[index] = sum;
        }
        Dipoles {
            moments,
            expansions,
        }
    }

    /// The winding number at each of `places`: near 1 inside and near 0 outside of a closed surface.
    pub fn winding_numbers(
        &self,
        tree: &PointTree,
        groups: &Groups,
        places: &[[f32; 3]],
        out: &mut [f32],
    ) {
        let arch = instruction_set();
        let chunks = places.par_chunks(LANES).zip(out.par_chunks_mut(LANES));
        chunks.for_each_init(Vec::new, |pending, (places, out)| {
            arch.dispatch(DipoleSum {
                dipoles: self,
                tree,
                groups,
                places,
                out,
                pending,
            });
        });
    }
}

struct DipoleSum<'a> {
    dipoles: &'a Dipoles,
    tree: &'a PointTree,
    groups: &'a Groups,
    places: &'a [[f32; 3]],
    out: &'a mut [f32],
    pending: &'a mut Vec<u32>,
}

impl WithSimd for DipoleSum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let DipoleSum {
            dipoles,
            tree,
            groups,
            places,
            out,
            pending,
        } = self;
        let places = Places::new(places, None);
        let [px, py, pz] = &places.at;
        let (mut far_sum, mut near_sum) = ([0.0; LANES], [0.0; LANES]);
        let far = |index: usize| {
            let [x0, y0, z0] = groups.groups[index].center;
            let DipoleExpansion {
                moment,
                first: m,
                second: t,
                trace,
            } = &dipoles.expansions[index];
            let divergence = m[0] + m[1] + m[2];
            for lane in 0..LANES {
                let (x, y, z) = (x0 - px[lane], y0 - py[lane], z0 - pz[lane]);
                let (xx, yy, zz) = (x * x, y * y, z * z);
                let inverse = 1.0 / (xx + yy + zz);
                let cube = inverse * inverse.sqrt();
                let along = moment[0] * x + moment[1] * y + moment[2] * z;
                let bent =
                    m[0] * xx + m[1] * yy + m[2] * zz + m[3] * x * y + m[4] * x * z + m[5] * y * z;
                let twisted = x * (t[0] * xx + t[5] * yy + t[7] * zz + t[9] * y * z)
                    + y * (t[1] * yy + t[3] * xx + t[8] * zz)
                    + z * (t[2] * zz + t[4] * xx + t[6] * yy);
                let traced = trace[0] * x + trace[1] * y + trace[2] * z;
                let rest = 7.5 * twisted * inverse - 4.5 * traced - 3.0 * bent;
                far_sum[lane] += cube * (along + divergence + inverse * rest);
            }
        };
        let near = |at: usize| {
            let ([x0, y0, z0], moment) = (tree.points[at], dipoles.moments[at]);
            let ball = groups.balls[at];
            for lane in 0..LANES {
                let (x, y, z) = (x0 - px[lane], y0 - py[lane], z0 - pz[lane]);
                let squared = x * x + y * y + z * z;
                let along = moment[0] * x + moment[1] * y + moment[2] * z;
                near_sum[lane] += inverse_cube(squared, ball) * along;
            }
        };
        groups.walk(tree, &places, pending, far, near);
        for (lane, out) in out.iter_mut().enumerate() {
            *out = (far_sum[lane] + near_sum[lane]) / (4.0 * PI);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;
    use crate::reconstruct::charges::Charges;
    use crate::reconstruct::vector::dot;

    fn sphere() -> (PointTree, Vec<[f32; 3]>) {
        let points = shapes::icosphere(4, 0.8).positions;
        let points: Vec<[f32; 3]> = points.iter().map(|p| p.map(|x| x as f32)).collect();
        let tree = PointTree::new(&points);
        let area = 4.0 * PI * 0.64 / tree.points.len() as f32;
        let moments = tree.points.iter().map(|p| p.map(|x| x / 0.8 * area));
        let moments = moments.collect();
        (tree, moments)
    }

    #[test]
    fn a_ball_of_points_is_1_inside_0_outside_and_a_half_between() {
        let (tree, moments) = sphere();
        let balls = vec![0.06; tree.points.len()];
        let groups = Groups::new(&tree, balls);
        let dipoles = Dipoles::new(&tree, &groups, moments);
        let at = |radius: f32| [0.48, -0.6, 0.64].map(|x: f32| x * radius);
        let radii = [0.0, 0.3, 0.7, 0.8, 0.9, 1.2, 3.0];
        let places = radii.map(at);
        let mut found = [0.0; 7];
        dipoles.winding_numbers(&tree, &groups, &places, &mut found);
        for (found, expected) in found.iter().zip([1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0]) {
            // The direction is not quite one long, and the ball is round within its balls.
            assert!((found - expected).abs() < 0.05, "{found} {expected}");
        }
    }

    #[test]
    fn the_expansions_are_the_full_sums() {
        let (tree, moments) = sphere();
        let balls: Vec<f32> = (0..tree.points.len())
            .map(|i| 0.02 + 1e-5 * i as f32)
            .collect();
        let groups = Groups::new(&tree, balls.clone());
        let dipoles = Dipoles::new(&tree, &groups, moments.clone());
        let places = [[0.1, 0.2, 0.3], [0.7, 0.3, 0.0], [1.5, 0.0, 0.4]];
        let mut found = [0.0; 3];
        dipoles.winding_numbers(&tree, &groups, &places, &mut found);
        for (place, found) in places.into_iter().zip(found) {
            let term = |at: usize| {
                let d = minus(tree.points[at], place);
                dot(moments[at], d) * inverse_cube(dot(d, d), balls[at])
            };
            let full = (0..tree.points.len()).map(term).sum::<f32>() / (4.0 * PI);
            assert!((found - full).abs() < 4e-3, "{found} {full}");
        }
    }

    #[test]
    fn one_sum_is_the_transpose_of_the_other() {
        let (all, _) = sphere();
        // All near each other, where both sums are exact, and all points: the pulls have one term less.
        for (count, tolerance) in [(8, 1e-4), (all.points.len(), 0.04)] {
            let tree = PointTree::new(&all.points[..count]);
            let balls = (0..count).map(|i| 0.05 + 1e-5 * i as f32).collect();
            let groups = Groups::new(&tree, balls);
            let moments: Vec<[f32; 3]> = tree
                .points
                .iter()
                .map(|&p| p.map(|x| x * (1.0 + p[0])))
                .collect();
            let charges: Vec<f32> = tree.points.iter().map(|[x, y, _]| 1.0 + x - y).collect();
            let (mut winding, mut pulls) = (vec![0.0; count], vec![[0.0; 3]; count]);
            let dipoles = Dipoles::new(&tree, &groups, moments.clone());
            dipoles.winding_numbers(&tree, &groups, &tree.points, &mut winding);
            Charges::new(&tree, &groups, charges.clone()).pulls(&tree, &groups, &mut pulls);
            let product = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
            };
            let one = product(&winding, &charges);
            let other = product(pulls.as_flattened(), moments.as_flattened());
            assert!((one / other - 1.0).abs() < tolerance, "{one} {other}");
        }
    }
}
