//! Which of its two sides each point of a cloud faces outwards with.
//!
//! The winding number of a closed surface is a half on the surface itself. That is a linear system for dipoles at the points;
//! its first few steps by least squares, which find what is smooth, point outwards nearly everywhere (Lin, Xiao, Shi and Wang
//! 2022, "Surface Reconstruction from Point Clouds without Normals by Parametrizing the Gauss Formula"). Each point's axis is
//! known better from its neighbours: only the sign is taken, and points that their neighbours outvote follow these.

use rayon::prelude::*;

use super::charges::Charges;
use super::groups::Groups;
use super::local_plane::{Neighbourhoods, areas, spacings};
use super::tree::{Neighbours, PointTree};
use super::vector::{dot, minus, plus};
use super::winding::Dipoles;
use crate::CancelToken;

/// Points that the system is solved for, at most.
const MOST: usize = 50_000;

/// Steps of the solver. It finds what is smooth first, and outwards is: measured on five shapes, two steps leave 1 % of the
/// signs wrong, three and four next to none, and from eight on noise is fitted and they get worse.
const STEPS: usize = 3;

/// Radius of the ball that a point is spread over, in spacings.
const BALL: f32 = 1.0;

/// Points of the system that a point takes its first sign from.
const VOTERS: usize = 6;

/// Rounds in which points look at their neighbours.
const ROUNDS: usize = 5;

/// Turns `axes`, in the order of the tree, outwards; `None` if `cancel` is set.
pub(super) fn orient(
    tree: &PointTree,
    neighbourhoods: &Neighbourhoods,
    axes: &mut [[f32; 3]],
    cancel: &CancelToken,
) -> Option<()> {
    let stride = tree.points.len().div_ceil(MOST);
    // Points side by side in the tree are neighbours: every so many-th are spread as all are.
    let some: Vec<[f32; 3]> = tree.points.iter().step_by(stride).copied().collect();
    let part = PointTree::new(&some);
    let some: Vec<[f32; 3]> = axes.iter().step_by(stride).copied().collect();
    let dipoles = dipoles(&part, &part.sorted(&some), cancel)?;
    let votes = |at: usize, neighbours: &mut Neighbours| {
        part.nearest(tree.points[at], VOTERS, neighbours);
        let votes = neighbours.found.iter().map(|&(squared, other)| {
            let other = other as usize;
            // The point itself is one of them, and knows best.
            let near = 1.0 / (squared + 1e-12).sqrt();
            let seen = sight(axes[at], minus(part.points[other], tree.points[at]));
            near * seen * dot(axes[at], dipoles[other])
        });
        votes.sum::<f32>()
    };
    let points = (0..axes.len()).into_par_iter();
    let first: Vec<f32> = points
        .map_init(Neighbours::default, |n, at| votes(at, n))
        .collect();
    let mut signs: Vec<f32> = first.iter().map(|&vote| sign(vote)).collect();
    for _ in 0..ROUNDS {
        signs = follow_neighbours(tree, neighbourhoods, axes, &signs);
    }
    for (axis, sign) in axes.iter_mut().zip(signs) {
        *axis = axis.map(|x| x * sign);
    }
    (!cancel.is_cancelled()).then_some(())
}

/// Turns the normals that are marked as unknown as their neighbours are.
pub(super) fn follow(
    tree: &PointTree,
    neighbourhoods: &Neighbourhoods,
    normals: &mut [[f32; 3]],
    unknown: &[bool],
) {
    for _ in 0..ROUNDS {
        let signs: Vec<f32> = unknown.iter().map(|&u| if u { 0.0 } else { 1.0 }).collect();
        let signs = follow_neighbours(tree, neighbourhoods, normals, &signs);
        for ((normal, sign), unknown) in normals.iter_mut().zip(signs).zip(unknown) {
            if *unknown {
                *normal = normal.map(|x| x * sign);
            }
        }
    }
}

/// The share of neighbours that look another way than a point where they should not: on one smooth sheet.
pub(super) fn disagreement(
    tree: &PointTree,
    neighbourhoods: &Neighbourhoods,
    normals: &[[f32; 3]],
) -> f64 {
    let counts = (0..normals.len()).into_par_iter().map(|at| {
        let mut counts = [0_u64; 2];
        for other in neighbourhoods.of_point(at) {
            let product = dot(normals[at], normals[other]);
            let seen = sight(normals[at], minus(tree.points[other], tree.points[at]));
            if seen > 0.5 && product.abs() > 0.7 {
                counts[usize::from(product < 0.0)] += 1;
            }
        }
        counts
    });
    let [agree, disagree] = counts.reduce(|| [0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
    disagree as f64 / (agree + disagree).max(1) as f64
}

/// How far a neighbour's normal says something of a point's own: not where it lies above, on another sheet.
fn sight(axis: [f32; 3], way: [f32; 3]) -> f32 {
    let squared = dot(way, way);
    if squared == 0.0 {
        return 1.0;
    }
    let above = dot(axis, way).abs() / squared.sqrt();
    (1.0 - 2.0 * above).max(0.0)
}

fn sign(x: f32) -> f32 {
    if x < 0.0 { -1.0 } else { 1.0 }
}

fn follow_neighbours(
    tree: &PointTree,
    neighbourhoods: &Neighbourhoods,
    axes: &[[f32; 3]],
    signs: &[f32],
) -> Vec<f32> {
    let next = |at: usize| {
        let votes = neighbourhoods.of_point(at).map(|other| {
            let seen = sight(axes[at], minus(tree.points[other], tree.points[at]));
            seen * signs[other] * dot(axes[at], axes[other])
        });
        sign(votes.sum::<f32>() + signs[at])
    };
    (0..axes.len()).into_par_iter().map(next).collect()
}

/// The least dipoles that make the winding number a half at every point, over the areas, as far as [`STEPS`] of conjugate
/// gradients on the least squares (Hestenes and Stiefel 1952) come. `axes` only tell the areas.
fn dipoles(tree: &PointTree, axes: &[[f32; 3]], cancel: &CancelToken) -> Option<Vec<[f32; 3]>> {
    let neighbourhoods = Neighbourhoods::of(tree);
    let spacings = spacings(tree, &neighbourhoods);
    let areas = areas(tree, &neighbourhoods, axes, &spacings);
    let balls = spacings.iter().map(|spacing| BALL * spacing).collect();
    let groups = Groups::new(tree, balls);
    // Sums over points are integrals over the surface: rows and columns weigh the square roots of their areas.
    let weights: Vec<f32> = areas.iter().map(|area| area.max(1e-12).sqrt()).collect();
    let winding = |dipoles: &[[f32; 3]]| {
        let rows = dipoles.iter().zip(&weights);
        let moments = rows.map(|(dipole, w)| dipole.map(|x| x * w)).collect();
        let mut out = vec![0.0; axes.len()];
        Dipoles::new(tree, &groups, moments).winding_numbers(tree, &groups, &tree.points, &mut out);
        out.iter_mut().zip(&weights).for_each(|(x, w)| *x *= w);
        out
    };
    let transposed = |rows: &[f32]| {
        let charges = rows.iter().zip(&weights).map(|(x, w)| x * w).collect();
        let mut out = vec![[0.0; 3]; axes.len()];
        Charges::new(tree, &groups, charges).pulls(tree, &groups, &mut out);
        let rows = out.iter_mut().zip(&weights);
        rows.for_each(|(pull, w)| *pull = pull.map(|x| x * w));
        out
    };
    let mut solution = vec![[0.0; 3]; axes.len()];
    let mut rest: Vec<f32> = weights.iter().map(|w| 0.5 * w).collect();
    let mut slope = transposed(&rest);
    let mut direction = slope.clone();
    let mut length = square(slope.as_flattened());
    for _ in 0..STEPS {
        if cancel.is_cancelled() {
            return None;
        }
        let change = winding(&direction);
        let squared = square(&change);
        if length == 0.0 || squared == 0.0 {
            break;
        }
        let step = (length / squared) as f32;
        for (x, d) in solution.iter_mut().zip(&direction) {
            *x = plus(*x, step, *d);
        }
        for (x, d) in rest.iter_mut().zip(&change) {
            *x -= step * d;
        }
        slope = transposed(&rest);
        let next = square(slope.as_flattened());
        let turn = (next / length) as f32;
        length = next;
        for (d, s) in direction.iter_mut().zip(&slope) {
            *d = plus(*s, turn, *d);
        }
    }
    let rows = solution.iter().zip(&weights);
    Some(rows.map(|(dipole, w)| dipole.map(|x| x / w)).collect())
}

fn square(numbers: &[f32]) -> f64 {
    numbers.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Mesh, shapes};
    use crate::reconstruct::local_plane::axes;
    use crate::reconstruct::vector::unit;

    /// Points of a mesh's vertices, and for each the normal that its triangles give.
    fn points(mesh: &Mesh) -> (PointTree, Vec<[f32; 3]>) {
        let mut normals = vec![[0.0; 3]; mesh.positions.len()];
        for (index, triangle) in mesh.triangles.iter().enumerate() {
            let [a, b, c] = mesh.corners(index).map(|p| p.map(|x| x as f32));
            let normal = super::super::vector::cross(minus(b, a), minus(c, a));
            for &vertex in triangle {
                let sum: &mut [f32; 3] = &mut normals[vertex as usize];
                *sum = plus(*sum, 1.0, normal);
            }
        }
        let positions = mesh.positions.iter().map(|p| p.map(|x| x as f32));
        let tree = PointTree::new(&positions.collect::<Vec<_>>());
        let normals = normals.into_iter().map(unit).collect::<Vec<_>>();
        let normals = tree.sorted(&normals);
        (tree, normals)
    }

    fn wrong(mesh: &Mesh) -> usize {
        let (tree, truth) = points(mesh);
        let neighbourhoods = Neighbourhoods::of(&tree);
        let mut found = axes(&tree, &neighbourhoods);
        orient(&tree, &neighbourhoods, &mut found, &CancelToken::new()).unwrap();
        let pairs = found.iter().zip(&truth);
        pairs.filter(|(a, b)| dot(**a, **b) < 0.0).count()
    }

    #[test]
    fn all_points_of_closed_shapes_face_outwards() {
        assert_eq!(wrong(&shapes::icosphere(3, 0.8)), 0);
        assert_eq!(wrong(&shapes::torus(0.6, 0.2, 80, 30)), 0);
        // Two shells with 0.1 between them, the inner one a cavity.
        let shell = shapes::icosphere(4, 0.8);
        let shell = shell.joined(&shapes::icosphere(4, 0.7).flipped());
        assert_eq!(wrong(&shell), 0);
        // Two bodies side by side, 0.1 apart.
        let two = shapes::icosphere(3, 0.4).translated([0.45, 0.0, 0.0]);
        let two = two.joined(&shapes::icosphere(3, 0.4).translated([-0.45, 0.0, 0.0]));
        assert_eq!(wrong(&two), 0);
    }

    #[test]
    fn normals_that_disagree_are_noticed_and_unknown_ones_follow() {
        let (tree, mut normals) = points(&shapes::torus(0.6, 0.2, 80, 30));
        let neighbourhoods = Neighbourhoods::of(&tree);
        assert_eq!(disagreement(&tree, &neighbourhoods, &normals), 0.0);
        let truth = normals.clone();
        let unknown: Vec<bool> = (0..normals.len()).map(|at| at % 3 == 0).collect();
        for normal in normals.iter_mut().step_by(6) {
            *normal = normal.map(|x| -x);
        }
        assert!(disagreement(&tree, &neighbourhoods, &normals) > 0.1);
        follow(&tree, &neighbourhoods, &mut normals, &unknown);
        assert_eq!(normals, truth);
    }
}
