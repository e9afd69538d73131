//! From a cloud to a surface.

use rayon::prelude::*;

use super::ReconstructError;
use super::groups::Groups;
use super::level_set::level_set;
use super::local_plane::{Neighbourhoods, areas, axes, spacings};
use super::moving_spheres::Spheres;
use super::orientation::{disagreement, follow, orient};
use super::report::{Normals, PointReport};
use super::tree::PointTree;
use super::vector::{dot, minus};
use super::winding::Dipoles;
use crate::CancelToken;
use crate::distance::{DistanceError, SignPolicy, SignedDistance};
use crate::geometry::{
    Cleanup, Components, Mesh, PointCloud, PointCloudError, Similarity, validate,
};

/// How a surface is put through points. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReconstructSettings {
    /// How far noise is smoothed away, in distances between neighbouring points, 0.5 to 20: the points within
    /// about so many count at a place.
    pub smoothing: f64,
    /// Bytes that the surface and the memory to make it may take, about.
    pub memory_limit: u64,
}

impl Default for ReconstructSettings {
    fn default() -> Self {
        ReconstructSettings {
            smoothing: 1.0,
            memory_limit: crate::extract::DEFAULT_MEMORY_LIMIT,
        }
    }
}

/// A surface that was put through points.
#[derive(Clone, Debug, PartialEq)]
pub struct PointSurface {
    /// The surface, in the units of the points.
    pub mesh: Mesh,
    /// What the checks of the mesh found.
    pub cleanup: Cleanup,
    /// What it is made of and how well it fits.
    pub report: PointReport,
}

/// Radius of the ball that a point is spread over for the winding number, in spacings.
const BALL: f32 = 2.0;

/// Share of neighbours looking opposite ways from which the signs of normals are not believed.
const CONTRADICTORY: f64 = 0.1;

/// How far from the nearest point a surface closes a hole, in spacings.
const HOLE: f32 = 4.0;

/// A body that is no larger, in spacings, is no body that points could show.
const SPECK: f64 = 4.0;

/// Puts a closed surface through the points of `cloud`, which passed [`PointCloud::checked`].
///
/// Normals that it has are used, those that are missing are estimated. The result is the same for any number of threads.
///
/// # Errors
/// [`ReconstructError`].
pub fn surface_through(
    cloud: &PointCloud,
    settings: &ReconstructSettings,
    cancel: &CancelToken,
) -> Result<PointSurface, ReconstructError> {
    let ReconstructSettings {
        smoothing,
        memory_limit,
    } = *settings;
    if !(0.5..=20.0).contains(&smoothing) {
        return Err(ReconstructError::Smoothing(smoothing));
    }
    let bounds = cloud.bounds();
    let frame = Similarity::to_unit_frame(&bounds).ok_or_else(|| {
        let longest_side = bounds.longest_side();
        PointCloudError::ExtentOutOfRange { longest_side }
    })?;
    let (unit, merged) = in_unit_frame(cloud, &frame)?;
    let points = unit.positions.len();
    let places: Vec<[f32; 3]> = (unit.positions.par_iter())
        .map(|position| position.map(|x| x as f32))
        .collect();
    let stop = || match cancel.is_cancelled() {
        true => Err(ReconstructError::Cancelled),
        false => Ok(()),
    };
    let tree = PointTree::new(&places);
    stop()?;
    let neighbourhoods = Neighbourhoods::of(&tree);
    stop()?;
    let spacings = spacings(&tree, &neighbourhoods);
    let spacing = f64::from(median(spacings.clone()));
    let (mut normals, mut source) = match oriented(&unit, &tree, &neighbourhoods, cancel) {
        Some(oriented) => oriented,
        None => return Err(ReconstructError::Cancelled),
    };
    let areas = areas(&tree, &neighbourhoods, &normals, &spacings);
    let groups = Groups::new(&tree, spacings.iter().map(|s| BALL * s).collect());
    let dipoles = |normals: &[[f32; 3]]| {
        let moments = normals
            .iter()
            .zip(&areas)
            .map(|(n, area)| n.map(|x| x * area));
        Dipoles::new(&tree, &groups, moments.collect())
    };
    let mut sum = dipoles(&normals);
    let mut winding = vec![0.0; points];
    sum.winding_numbers(&tree, &groups, &tree.points, &mut winding);
    let mut level = median(winding);
    if level < 0.0 {
        // Seen from within, the surface winds the other way.
        normals
            .iter_mut()
            .for_each(|normal| *normal = normal.map(|x| -x));
        sum = dipoles(&normals);
        level = -level;
        if source == Normals::Given {
            source = Normals::Turned;
        }
    }
    stop()?;
    let mut mesh = level_set(&tree, &groups, &sum, level, spacing, memory_limit, cancel)?;
    let specks = drop_specks(&mut mesh, SPECK * spacing);
    let spheres = Spheres {
        tree: &tree,
        normals: &normals,
        spacings: &spacings,
        width: smoothing as f32,
    };
    spheres.attract(&mut mesh);
    stop()?;
    let closed_share = closed_share(&mesh, &tree, &spacings);
    mesh.positions
        .par_iter_mut()
        .for_each(|position| *position = frame.invert(*position));
    let (mesh, mut cleanup) = validate(mesh).map_err(ReconstructError::Mesh)?;
    cleanup.points = points as u64;
    let longest_side = mesh.bounds().longest_side();
    let report = PointReport {
        points: points as u64,
        merged,
        normals: source,
        triangles: mesh.triangles.len() as u64,
        distance: mean_distance(&mesh, cloud, cancel)? / longest_side,
        spacing: spacing / frame.scale / longest_side,
        closed_share,
        specks,
    };
    Ok(PointSurface {
        mesh,
        cleanup,
        report,
    })
}

/// The points in the unit frame, on a lattice finer than any scan, and how many fell on one place: those are one point. Places
/// that `f32` cannot tell apart would have no distance between them.
fn in_unit_frame(
    cloud: &PointCloud,
    frame: &Similarity,
) -> Result<(PointCloud, u64), PointCloudError> {
    const STEPS: f64 = (1 << 20) as f64;
    let place = |&position: &[f64; 3]| frame.apply(position).map(|x| (x * STEPS).round() / STEPS);
    let unit = PointCloud {
        positions: cloud.positions.par_iter().map(place).collect(),
        normals: cloud.normals.clone(),
    };
    let (unit, cleanup) = unit.checked()?;
    Ok((unit, cleanup.merged))
}

/// About the bytes that a surface through so many points takes while it is made, the points themselves left aside.
pub fn working_bytes(points: usize) -> u64 {
    // Tree, neighbours and dipoles are 300 bytes a point; the rest is the surface, four or five cells of the grid a point, and
    // that of the coarsest grid.
    const EACH: u64 = 700;
    const LEAST: u64 = 5_000_000;
    LEAST + EACH * points as u64
}

/// The points' normals in the order of the tree, and where they are from; `None` if `cancel` is set.
fn oriented(
    cloud: &PointCloud,
    tree: &PointTree,
    neighbourhoods: &Neighbourhoods,
    cancel: &CancelToken,
) -> Option<(Vec<[f32; 3]>, Normals)> {
    let mut normals = axes(tree, neighbourhoods);
    let Some(given) = &cloud.normals else {
        orient(tree, neighbourhoods, &mut normals, cancel)?;
        return Some((normals, Normals::Estimated));
    };
    let mut unknown = vec![false; normals.len()];
    for ((normal, &from), unknown) in normals.iter_mut().zip(&tree.order).zip(&mut unknown) {
        let given = given[from as usize];
        *unknown = given == [0.0; 3];
        if !*unknown {
            *normal = given.map(|x| x as f32);
        }
    }
    if unknown.contains(&true) {
        follow(tree, neighbourhoods, &mut normals, &unknown);
    }
    if disagreement(tree, neighbourhoods, &normals) > CONTRADICTORY {
        orient(tree, neighbourhoods, &mut normals, cancel)?;
        return Some((normals, Normals::Contradictory));
    }
    Some((normals, Normals::Given))
}

fn median(mut numbers: Vec<f32>) -> f32 {
    let middle = numbers.len() / 2;
    *numbers.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Leaves out all bodies that measure at most `size`, unless there is nothing else; how many.
fn drop_specks(mesh: &mut Mesh, size: f64) -> u64 {
    let parts = Components::of_indexed(&mesh.triangles, mesh.positions.len());
    let boxes = parts.boxes(&mesh.triangles, &mesh.positions);
    let small: Vec<bool> = boxes.iter().map(|b| b.longest_side() <= size).collect();
    let specks = small.iter().filter(|&&small| small).count();
    if specks == 0 || specks == small.len() {
        return 0;
    }
    let mut part = parts.of_triangle.iter();
    mesh.triangles
        .retain(|_| part.next().is_some_and(|&part| !small[part as usize]));
    const UNUSED: u32 = u32::MAX;
    let mut place = vec![UNUSED; mesh.positions.len()];
    let mut kept = Vec::new();
    for vertex in mesh.triangles.as_flattened_mut() {
        let place = &mut place[*vertex as usize];
        if *place == UNUSED {
            *place = kept.len() as u32;
            kept.push(mesh.positions[*vertex as usize]);
        }
        *vertex = *place;
    }
    mesh.positions = kept;
    specks as u64
}

/// The share of the surface's area that no point is near. In the frame of the tree.
fn closed_share(mesh: &Mesh, tree: &PointTree, spacings: &[f32]) -> f64 {
    let triangles = (0..mesh.triangles.len()).into_par_iter();
    let parts = triangles.map_init(Vec::new, |pending, index| {
        let [a, b, c] = mesh.corners(index).map(|p| p.map(|x| x as f32));
        let normal = super::vector::cross(minus(b, a), minus(c, a));
        let area = f64::from(dot(normal, normal).sqrt());
        let middle = std::array::from_fn(|k| (a[k] + b[k] + c[k]) / 3.0);
        let (squared, nearest) = tree.closest(middle, pending);
        let far = squared.sqrt() > HOLE * spacings[nearest as usize];
        (area, if far { area } else { 0.0 })
    });
    // Collected first: a sum in an order that depends on threads would differ in its last digits.
    let parts: Vec<(f64, f64)> = parts.collect();
    let (all, far) = (parts.iter()).fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    far / f64::max(all, f64::MIN_POSITIVE)
}

fn mean_distance(
    mesh: &Mesh,
    cloud: &PointCloud,
    cancel: &CancelToken,
) -> Result<f64, ReconstructError> {
    let oracle = SignedDistance::build(mesh, SignPolicy::None, cancel);
    let oracle = oracle.map_err(|error| match error {
        DistanceError::Cancelled => ReconstructError::Cancelled,
        DistanceError::Empty | DistanceError::NotValidated => {
            unreachable!("the mesh was validated: {error}")
        }
    })?;
    let distances = oracle.distances_f64(&cloud.positions);
    Ok(distances.iter().map(|x| x.abs()).sum::<f64>() / distances.len() as f64)
}

#[cfg(test)]
mod tests;
