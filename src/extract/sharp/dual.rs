//! Triangles between the polygons of a level set: around each crossing lie four polygons, whose vertices make a quadrilateral.
//!
//! That is the dual of a manifold mesh (Nielson 2004, "Dual marching cubes"), with a vertex for each polygon and not for each cell. Two
//! polygons in neighbouring cells can have two sides in common; the two edges between their vertices get a point of their own each then,
//! so that the mesh is manifold whatever the field does (Schaefer, Ju and Warren 2007 move the vertices of such cells together instead).

use super::features::Hermite;
use super::polygons::{NONE, Polygons};
use crate::geometry::vector::{cross, dot, length, minus};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// The vertices of polygons.
pub(super) struct Places {
    pub positions: Vec<[f64; 3]>,
    pub normals: Vec<[f32; 3]>,
    /// 0 or 1 on a face, 2 on an edge, 3 at a corner.
    pub ranks: Vec<u8>,
}

/// Triangles with vertices of polygons, numbered as those, and further ones behind them.
#[derive(Default)]
pub(super) struct Tessellation {
    pub triangles: Vec<[u32; 3]>,
    /// By triangle: the crossing about which it lies.
    pub crossings: Vec<u32>,
    /// Positions and normals of the further vertices.
    pub further: Vec<([f64; 3], [f32; 3])>,
}

/// How what lies around a crossing is cut into triangles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// From the first polygon's vertex to the third's.
    First,
    /// From the second to the fourth.
    Second,
    /// All meet in the crossing.
    Fan,
}

/// The point between two polygons that have two sides in common, by the side's crossings, the lower first.
type Splits = HashMap<(u32, u32), u32>;

/// Cuts the surface into triangles; those about crossings in `fanned` meet in the crossing.
pub(super) fn tessellate(
    polygons: &Polygons,
    places: &Places,
    hermite: &Hermite,
    fanned: &HashSet<u32>,
) -> Tessellation {
    let mut found = Tessellation::default();
    let count = polygons.len() as u32;
    let mut splits = Splits::new();
    for (from, to) in doubled_sides(polygons) {
        let middle = std::array::from_fn(|k| {
            let [a, b] = [from, to].map(|c| hermite.positions[c as usize][k]);
            a + 0.5 * (b - a)
        });
        splits.insert((from, to), count + found.further.len() as u32);
        found.further.push((middle, hermite.normals[from as usize]));
    }
    let split_at: HashSet<u32> = splits.keys().flat_map(|&(a, b)| [a, b]).collect();
    let cut_of = |crossing: u32| {
        let around = polygons.around(crossing);
        let keeps = fanned.contains(&crossing) || split_at.contains(&crossing);
        match keeps || around.contains(&NONE) {
            true => Cut::Fan,
            false => best_cut(around, crossing, places, hermite),
        }
    };
    let crossings = 0..polygons.crossings() as u32;
    let cuts: Vec<Cut> = crossings.clone().into_par_iter().map(cut_of).collect();
    let mut kept: HashMap<u32, u32> = HashMap::new();
    for crossing in crossings.clone().filter(|&c| cuts[c as usize] == Cut::Fan) {
        kept.insert(crossing, count + found.further.len() as u32);
        let at = crossing as usize;
        found
            .further
            .push((hermite.positions[at], hermite.normals[at]));
    }
    found.triangles.reserve(2 * polygons.crossings());
    found.crossings.reserve(2 * polygons.crossings());
    for crossing in crossings {
        let around = polygons.around(crossing);
        let [a, b, c, d] = around;
        let mut add = |triangle| {
            found.triangles.push(triangle);
            found.crossings.push(crossing);
        };
        match cuts[crossing as usize] {
            Cut::First => [[a, b, c], [a, c, d]].into_iter().for_each(add),
            Cut::Second => [[a, b, d], [b, c, d]].into_iter().for_each(add),
            Cut::Fan => {
                let middle = kept[&crossing];
                for k in 0..4 {
                    let (one, next) = (around[k], around[(k + 1) % 4]);
                    if one == NONE {
                        continue;
                    }
                    let (before, after) = beside(polygons.corners(one), crossing);
                    if polygons.across(one, crossing) == NONE {
                        // The surface ends at the border of the grid, along the polygon's side.
                        add([one, middle, kept[&after]]);
                    }
                    if next == NONE {
                        continue;
                    }
                    match splits.get(&(crossing.min(before), crossing.max(before))) {
                        Some(&split) => [[middle, one, split], [middle, split, next]]
                            .into_iter()
                            .for_each(&mut add),
                        None => add([middle, one, next]),
                    }
                }
            }
        }
    }
    found
}

/// The crossings before and after one in a polygon.
fn beside(corners: &[u32], crossing: u32) -> (u32, u32) {
    let at = corners.iter().position(|&c| c == crossing);
    let at = at.expect("the crossing is one of the polygon's");
    let count = corners.len();
    (corners[(at + count - 1) % count], corners[(at + 1) % count])
}

/// Sides, by their crossings, of polygons that have another side in common with the same polygon.
fn doubled_sides(polygons: &Polygons) -> Vec<(u32, u32)> {
    let of = |polygon: u32| {
        let corners = polygons.corners(polygon);
        // Only loops of six crossings or more come back to a face.
        let sides = match corners.len() < 6 {
            true => Vec::new(),
            false => corners
                .iter()
                .map(|&corner| (polygons.across(polygon, corner), corner))
                .filter(|&(other, _)| other != NONE && other > polygon)
                .collect(),
        };
        let doubled = |&(other, _): &(u32, u32)| sides.iter().filter(|s| s.0 == other).count() > 1;
        let doubled = sides
            .iter()
            .filter(|side| doubled(side))
            .map(|&(_, corner)| {
                let (_, after) = beside(corners, corner);
                (corner.min(after), corner.max(after))
            });
        doubled.collect::<Vec<_>>()
    };
    let polygons = 0..polygons.len() as u32;
    polygons.into_par_iter().flat_map_iter(of).collect()
}

/// The better one of both diagonals: along an edge of the surface, if it has one there, else with the better triangles. A fan, where both
/// would turn a triangle over.
fn best_cut(around: [u32; 4], crossing: u32, places: &Places, hermite: &Hermite) -> Cut {
    let [a, b, c, d] = around.map(|polygon| places.positions[polygon as usize]);
    let up = hermite.normals[crossing as usize].map(f64::from);
    let ranks = around.map(|polygon| places.ranks[polygon as usize]);
    let grade = |triangles: [[[f64; 3]; 3]; 2]| {
        let [one, other] = triangles.map(|triangle| Facet::of(triangle, up));
        (one.upright.min(other.upright), one.round.min(other.round))
    };
    let (first, second) = (grade([[a, b, c], [a, c, d]]), grade([[a, b, d], [b, c, d]]));
    if first.0.max(second.0) < TURNED {
        return Cut::Fan;
    }
    if first.0.min(second.0) < TURNED {
        return if first.0 > second.0 {
            Cut::First
        } else {
            Cut::Second
        };
    }
    let along = |i: usize, j: usize| ranks[i] > 1 && ranks[j] > 1;
    match (along(0, 2), along(1, 3)) {
        (true, false) => Cut::First,
        (false, true) => Cut::Second,
        _ if first.1 >= second.1 => Cut::First,
        _ => Cut::Second,
    }
}

/// A triangle whose normal has a smaller part of the surface's own direction is turned over.
const TURNED: f64 = -0.1;

/// A triangle's state.
struct Facet {
    /// Cosine between its normal and the surface's.
    upright: f64,
    /// Four times its area by its squared sides: √3/3 at best.
    round: f64,
}

impl Facet {
    fn of([a, b, c]: [[f64; 3]; 3], up: [f64; 3]) -> Facet {
        let (u, v, w) = (minus(b, a), minus(c, a), minus(c, b));
        let normal = cross(u, v);
        let size = length(normal);
        let sides = dot(u, u) + dot(v, v) + dot(w, w);
        match size > 0.0 {
            true => Facet {
                upright: dot(normal, up) / size,
                round: 2.0 * size / sides,
            },
            false => Facet {
                upright: -1.0,
                round: 0.0,
            },
        }
    }
}
