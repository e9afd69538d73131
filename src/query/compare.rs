//! How far one surface is from another.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use crate::distance::{DistanceError, SignPolicy, SignedDistance};
use crate::geometry::{Mesh, Similarity, SurfaceSampler, Topology, UNIT_LONGEST_SIDE};

/// The figures of the evaluation protocol for two meshes (docs/architecture.md). Lengths are divided by the longest side of
/// the first one's bounding box.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct MeshComparison {
    /// Chamfer distance: the mean of the two directed mean distances. No squares are taken.
    pub chamfer_l1: f64,
    /// Hausdorff distance over the samples: the larger of the two directed maxima. The true one, over all points of both
    /// surfaces, may be larger by the spacing of the samples.
    pub hausdorff: f64,
    /// Normal consistency (Mescheder et al. 2019, "Occupancy Networks"): the mean of |n · n'| over the samples of both
    /// sides, n' being the normal of the other surface at its closest point. 1 is best. Blind to which side is out.
    pub normal_consistency: f64,
    /// From the first surface to the second.
    pub first_to_second: DirectedDistance,
    /// From the second surface to the first.
    pub second_to_first: DirectedDistance,
    /// Samples on each surface.
    pub samples: usize,
    /// Whether every edge of the second mesh has exactly two faces.
    pub watertight: bool,
    /// Whether no edge of the second mesh has more than two faces.
    pub manifold: bool,
}

/// Distances from points of one surface to the nearest points of another.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct DirectedDistance {
    /// Their mean.
    pub mean: f64,
    /// The largest.
    pub max: f64,
}

/// Compares two meshes by `samples` points on each, drawn by area, and their exact closest points on the other.
///
/// Deterministic for one seed, whatever the number of threads.
///
/// # Errors
/// If a mesh has no distance.
///
/// # Panics
/// If a mesh has no triangle with an area (which [`validate`](crate::geometry::validate) refuses), or `samples` is 0.
pub fn compare_meshes(
    first: &Mesh,
    second: &Mesh,
    samples: usize,
    seed: u64,
) -> Result<MeshComparison, DistanceError> {
    assert!(samples > 0, "nothing can be said without samples");
    // In the first one's unit frame f32 samples keep their precision, wherever the meshes lie.
    let frame =
        Similarity::to_unit_frame(&first.bounds()).expect("a mesh with an area has a frame");
    let topology = Topology::of(second);
    let [first, second] = [first, second].map(|mesh| frame.apply_to_mesh(mesh));
    // The sign would cost time and is not asked for.
    let distances = |mesh: &Mesh| SignedDistance::new(mesh, SignPolicy::None);
    let forth = directed(&first, &second, &distances(&second)?, samples, seed);
    let back = directed(
        &second,
        &first,
        &distances(&first)?,
        samples,
        seed.wrapping_add(1),
    );
    Ok(MeshComparison {
        chamfer_l1: 0.5 * (forth.distance.mean + back.distance.mean),
        hausdorff: forth.distance.max.max(back.distance.max),
        normal_consistency: 0.5 * (forth.consistency + back.consistency),
        first_to_second: forth.distance,
        second_to_first: back.distance,
        samples,
        watertight: topology.watertight(),
        manifold: topology.non_manifold_edges == 0,
    })
}

struct Directed {
    distance: DirectedDistance,
    consistency: f64,
}

/// Samples that one generator draws: results must not depend on how many threads share the work.
const BATCH: usize = 1 << 14;

fn directed(
    from: &Mesh,
    to: &Mesh,
    distances: &SignedDistance,
    samples: usize,
    seed: u64,
) -> Directed {
    let sampler = SurfaceSampler::new(from);
    let batches: Vec<(f64, f64, f64)> = (0..samples.div_ceil(BATCH))
        .into_par_iter()
        .map(|batch| {
            let mut rng = Pcg64Mcg::seed_from_u64(seed ^ (batch as u64) << 20);
            let count = BATCH.min(samples - batch * BATCH);
            let (mut sum, mut max, mut agreement) = (0.0, 0.0f64, 0.0);
            for _ in 0..count {
                let point = sampler.sample(&mut rng);
                let closest = distances
                    .closest(point.position)
                    .expect("samples are finite");
                let distance = f64::from(closest.distance);
                sum += distance;
                max = max.max(distance);
                agreement += dot(
                    point.normal.map(f64::from),
                    normal(to, closest.triangle as usize),
                )
                .abs();
            }
            (sum, max, agreement)
        })
        .collect();
    let count = samples as f64;
    let sum = batches.iter().map(|batch| batch.0).sum::<f64>();
    let max = batches.iter().map(|batch| batch.1).fold(0.0, f64::max);
    let agreement = batches.iter().map(|batch| batch.2).sum::<f64>();
    Directed {
        distance: DirectedDistance {
            mean: sum / count / UNIT_LONGEST_SIDE,
            max: max / UNIT_LONGEST_SIDE,
        },
        consistency: agreement / count,
    }
}

/// Unit normal of a triangle; zero for one without an area.
fn normal(mesh: &Mesh, triangle: usize) -> [f64; 3] {
    let [a, b, c] = mesh.corners(triangle);
    let u: [f64; 3] = std::array::from_fn(|axis| b[axis] - a[axis]);
    let v: [f64; 3] = std::array::from_fn(|axis| c[axis] - a[axis]);
    let normal = [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ];
    let length = dot(normal, normal).sqrt();
    if length > 0.0 {
        normal.map(|x| x / length)
    } else {
        normal
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|axis| a[axis] * b[axis]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes::{cuboid, icosphere, sheet};

    fn compare(first: &Mesh, second: &Mesh) -> MeshComparison {
        compare_meshes(first, second, 20_000, 1).unwrap()
    }

    #[test]
    fn a_mesh_is_at_no_distance_from_itself() {
        let sphere = icosphere(4, 3.0).translated([1e5, 0.0, -2e4]);
        let found = compare(&sphere, &sphere);
        assert!(
            found.chamfer_l1 < 1e-6 && found.hausdorff < 1e-5,
            "{found:?}"
        );
        assert!(found.normal_consistency > 0.9999, "{found:?}");
        assert!(found.watertight && found.manifold);
    }

    #[test]
    fn concentric_spheres_are_their_difference_of_radii_apart() {
        // Longest side 2: (1.1 - 1.0) / 2.
        let found = compare(&icosphere(5, 1.0), &icosphere(5, 1.1));
        assert!((found.chamfer_l1 - 0.05).abs() < 2e-4, "{found:?}");
        assert!((found.hausdorff - 0.05).abs() < 5e-4, "{found:?}");
        assert!(found.normal_consistency > 0.999, "{found:?}");
    }

    #[test]
    fn what_one_side_lacks_shows_in_one_direction_only() {
        let cube = cuboid([0.0; 3], [1.0; 3]);
        let with_satellite =
            cuboid([0.0; 3], [1.0; 3]).joined(&cuboid([2.0, 0.0, 0.0], [3.0, 1.0, 1.0]));
        let found = compare(&cube, &with_satellite);
        assert!(found.first_to_second.max < 1e-5, "{found:?}");
        // The far face of the satellite is 2 away.
        assert!((found.second_to_first.max - 2.0).abs() < 1e-3, "{found:?}");
        assert_eq!(found.hausdorff, found.second_to_first.max);
    }

    #[test]
    fn perpendicular_sheets_do_not_agree_and_are_open() {
        let flat = sheet(1.0, 1.0, 2, 2);
        let mut upright = flat.clone();
        for position in &mut upright.positions {
            position.swap(1, 2);
        }
        let found = compare(&flat, &upright);
        assert!(found.normal_consistency < 1e-6, "{found:?}");
        assert!(!found.watertight && found.manifold);
    }
}
