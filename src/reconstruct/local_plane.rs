//! What the nearest other points tell of the surface at a point: its axis, how dense the points are, and the area that each
//! stands for.

use rayon::prelude::*;

use super::tree::PointTree;
use super::vector::{cross, dot, minus, unit};
use crate::geometry::PrincipalAxes;

/// Neighbours whose plane is a point's own (Hoppe, DeRose, Duchamp, McDonald and Stuetzle 1992, "Surface Reconstruction from
/// Unorganized Points").
pub(super) const NEIGHBOURS: usize = 16;

/// Neighbours whose mean distance is the spacing at a point.
const NEAREST: usize = 6;

/// The nearest other points of each: `[N, count]`, by their places in the tree.
#[derive(Debug)]
pub(super) struct Neighbourhoods {
    rows: Vec<u32>,
    pub count: usize,
}

impl Neighbourhoods {
    /// The neighbours of every point of `tree`, which has two or more.
    pub fn of(tree: &PointTree) -> Neighbourhoods {
        let count = NEIGHBOURS.min(tree.points.len() - 1);
        Neighbourhoods {
            rows: tree.neighbours_of_all(count),
            count,
        }
    }

    /// Those of one point, the nearest first.
    pub fn of_point(&self, at: usize) -> impl Iterator<Item = usize> + Clone {
        let row = &self.rows[at * self.count..(at + 1) * self.count];
        row.iter().map(|&other| other as usize)
    }
}

/// For each point the axis along which its neighbours are spread least, of either sign.
pub(super) fn axes(tree: &PointTree, neighbourhoods: &Neighbourhoods) -> Vec<[f32; 3]> {
    let axis = |at: usize| {
        let all = std::iter::once(at).chain(neighbourhoods.of_point(at));
        let points = all.map(|other| minus(tree.points[other], tree.points[at]).map(f64::from));
        PrincipalAxes::of(points).axes[0].map(|x| x as f32)
    };
    (0..tree.points.len()).into_par_iter().map(axis).collect()
}

/// The least spacing in the unit frame: places of `f32` are not much finer, and points may share one.
const LEAST_SPACING: f32 = 1e-6;

/// The distance between neighbours at each point: the median of what it is at the nearest ones, which is smooth.
pub(super) fn spacings(tree: &PointTree, neighbourhoods: &Neighbourhoods) -> Vec<f32> {
    let distance = |at: usize, other: usize| {
        let d = minus(tree.points[other], tree.points[at]);
        dot(d, d).sqrt()
    };
    let nearest = NEAREST.min(neighbourhoods.count);
    let mean = |at: usize| {
        let others = neighbourhoods.of_point(at).take(nearest);
        others.map(|other| distance(at, other)).sum::<f32>() / nearest as f32
    };
    let count = tree.points.len();
    let means: Vec<f32> = (0..count).into_par_iter().map(mean).collect();
    let smooth = |at: usize| {
        let others = neighbourhoods.of_point(at).map(|other| means[other]);
        let mut all: Vec<f32> = std::iter::once(means[at]).chain(others).collect();
        let middle = all.len() / 2;
        let median = *all.select_nth_unstable_by(middle, f32::total_cmp).1;
        median.max(LEAST_SPACING)
    };
    (0..count).into_par_iter().map(smooth).collect()
}

/// The area that each point stands for: what of its plane is nearer to it than to its neighbours (Barill et al. 2018), and no
/// farther than they usually are.
pub(super) fn areas(
    tree: &PointTree,
    neighbourhoods: &Neighbourhoods,
    axes: &[[f32; 3]],
    spacings: &[f32],
) -> Vec<f32> {
    let area = |at: usize| {
        let normal = axes[at];
        let across = match normal[0].abs() < 0.6 {
            true => [1.0, 0.0, 0.0],
            false => [0.0, 1.0, 0.0],
        };
        let u = unit(cross(normal, across));
        let v = cross(normal, u);
        let mut cell = Cell::around(spacings[at]);
        for other in neighbourhoods.of_point(at) {
            let d = minus(tree.points[other], tree.points[at]);
            let in_plane = [dot(d, u), dot(d, v)];
            let squared = in_plane[0] * in_plane[0] + in_plane[1] * in_plane[1];
            // One that lies above is on another sheet of the surface.
            if 2.0 * squared > dot(d, d) {
                cell.cut(in_plane, 0.5 * squared);
            }
        }
        cell.area()
    };
    (0..tree.points.len()).into_par_iter().map(area).collect()
}

/// A convex polygon in the plane about the origin.
struct Cell {
    corners: Vec<[f32; 2]>,
    room: Vec<[f32; 2]>,
}

impl Cell {
    /// An octagon.
    fn around(radius: f32) -> Cell {
        let corner = |k: u8| {
            let angle = f32::from(k) * std::f32::consts::FRAC_PI_4;
            [radius * angle.cos(), radius * angle.sin()]
        };
        Cell {
            corners: (0..8).map(corner).collect(),
            room: Vec::new(),
        }
    }

    /// Takes away all that is beyond a line: where the product with `normal` is larger than `offset`.
    fn cut(&mut self, normal: [f32; 2], offset: f32) {
        let height = |p: [f32; 2]| p[0] * normal[0] + p[1] * normal[1] - offset;
        self.room.clear();
        for (index, &from) in self.corners.iter().enumerate() {
            let to = self.corners[(index + 1) % self.corners.len()];
            let (a, b) = (height(from), height(to));
            if a <= 0.0 {
                self.room.push(from);
            }
            if (a <= 0.0) != (b <= 0.0) {
                let t = a / (a - b);
                self.room.push([
                    from[0] + t * (to[0] - from[0]),
                    from[1] + t * (to[1] - from[1]),
                ]);
            }
        }
        std::mem::swap(&mut self.corners, &mut self.room);
    }

    fn area(&self) -> f32 {
        let next = self.corners.iter().cycle().skip(1);
        let pairs = self.corners.iter().zip(next);
        0.5 * pairs.map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn a_sphere_has_its_normals_and_its_area() {
        let points = shapes::icosphere(4, 0.8).positions;
        let points: Vec<[f32; 3]> = points.iter().map(|p| p.map(|x| x as f32)).collect();
        let tree = PointTree::new(&points);
        let neighbourhoods = Neighbourhoods::of(&tree);
        let axes = axes(&tree, &neighbourhoods);
        for (axis, point) in axes.iter().zip(&tree.points) {
            assert!(dot(*axis, unit(*point)).abs() > 0.999);
        }
        let spacings = spacings(&tree, &neighbourhoods);
        let area: f32 = areas(&tree, &neighbourhoods, &axes, &spacings).iter().sum();
        let expected = 4.0 * std::f32::consts::PI * 0.64;
        assert!((area / expected - 1.0).abs() < 0.02, "{area} {expected}");
        // A triangle of 2562 points' grid: the square root of area by points, and 1.07 of it to a neighbour.
        let mean = spacings.iter().sum::<f32>() / spacings.len() as f32;
        let expected = (expected / 2562.0).sqrt() * 1.07;
        assert!((mean / expected - 1.0).abs() < 0.1, "{mean} {expected}");
    }

    #[test]
    fn the_rim_of_a_sheet_does_not_stand_for_the_void() {
        let points: Vec<[f32; 3]> = (0..400)
            .map(|i| [(i / 20) as f32 * 0.05, (i % 20) as f32 * 0.05, 0.0])
            .collect();
        let tree = PointTree::new(&points);
        let neighbourhoods = Neighbourhoods::of(&tree);
        let spacings = spacings(&tree, &neighbourhoods);
        let axes = vec![[0.0, 0.0, 1.0]; 400];
        let areas = areas(&tree, &neighbourhoods, &axes, &spacings);
        let largest = areas.iter().copied().fold(0.0, f32::max);
        let inner = areas.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(
            (inner / 0.0025 - 1.0).abs() < 0.01 && largest < 4.0 * 0.0025,
            "{inner} {largest}"
        );
    }
}
