//! Level sets with edges and corners where the field has them: dual contouring.
//!
//! Each polygon of marching cubes gets a vertex: on the edge or at the corner to which the faces around it lead, if one lies in its cell
//! (Ju et al. 2002, "Dual contouring of Hermite data"; Kobbelt et al. 2001 for which faces there are), else on the level set.

mod dual;
mod features;
mod polygons;
#[cfg(test)]
mod tests;

pub(super) use polygons::Polygons;

use super::ExtractError;
use super::lattice::Sampler;
use super::projection::project;
use crate::geometry::vector::{length, minus};
use crate::geometry::{Similarity, cut_faces};
use dual::{Places, Tessellation, tessellate};
use features::{Candidates, Feature, Hermite, Turning};
use polygons::NONE;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// Crossings and polygons of a level set.
pub(super) struct Crossed {
    /// `[V, 3]`, own units.
    pub positions: Vec<[f64; 3]>,
    /// `[V, 3]`, unit length.
    pub normals: Vec<[f32; 3]>,
    pub polygons: Polygons,
    /// Edge of a cell, own units.
    pub cell: f64,
    /// The grid's first sample, own units.
    pub origin: [f64; 3],
}

/// A mesh with sharp edges.
pub(super) struct Sharp {
    pub positions: Vec<[f64; 3]>,
    pub normals: Vec<[f32; 3]>,
    pub triangles: Vec<[u32; 3]>,
    /// Vertices on edges and at corners.
    pub sharp_vertices: u64,
    /// Triangles that cut through others; `None` if too many lie over each other to tell.
    pub cut_triangles: Option<u64>,
}

/// Cells between vertices on edges and at corners.
const APART: f64 = 0.35;

/// The same for a vertex that leaves its cell by more than [`SLIGHTLY`], because no other cell has one there.
const APART_BEYOND: f64 = 0.7;

/// Cells by which a vertex may leave its cell as if it did not.
const SLIGHTLY: f64 = 0.3;

/// Polygons looked at between two looks at the token.
const STRETCH: u32 = 1 << 14;

/// How far the level set may be from a feature, in cells and as a share of the vertex's way there: about an edge that is rounded it is near,
/// about a bend it is as far as the vertex goes.
const OFF: f64 = 0.08;
const OFF_OF_WAY: f64 = 0.1;

/// How far it may be from a place beside a feature, in cells.
const OFF_BESIDE: f64 = 0.03;

/// Rounds in which triangles that cut through each other are parted: vertices beside edges are put back onto the level set, then vertices on
/// edges beyond their cells, then triangles are cut anew; then all vertices are pulled back by half the way, and all of it.
const REPAIRS: usize = 6;

/// The round in which triangles are cut anew.
const FANS: usize = 2;

/// Cells along the edge of a block in which triangles are compared, and how near to it a cell is looked at, too.
const BLOCK: u32 = 8;
const NEAR: u32 = 4;

/// Cosine of the angle by which the surface turns within a cell where it is not smooth.
const BENT: f32 = 0.7;

/// Makes the mesh.
pub(super) fn sharpen(
    crossed: &Crossed,
    frame: &Similarity,
    sampler: &mut Sampler,
) -> Result<Sharp, ExtractError> {
    let hermite = Hermite {
        positions: &crossed.positions,
        normals: &crossed.normals,
        cell: crossed.cell,
        origin: crossed.origin,
    };
    let polygons = &crossed.polygons;
    let crossings = 0..polygons.crossings() as u32;
    let turnings: Vec<Turning> = crossings
        .into_par_iter()
        .map(|crossing| hermite.turning(polygons, crossing))
        .collect();
    sampler.stop_if_cancelled()?;
    let count = polygons.len() as u32;
    let mut candidates: Vec<Candidates> = Vec::with_capacity(polygons.len());
    for start in (0..count).step_by(STRETCH as usize) {
        sampler.stop_if_cancelled()?;
        let part = start..(start + STRETCH).min(count);
        let found = part.into_par_iter();
        candidates.par_extend(found.map(|p| hermite.candidates(polygons, &turnings, p)));
    }
    drop(turnings);
    sampler.stop_if_cancelled()?;
    let features = choose(&candidates, hermite.cell);
    drop(candidates);
    let (mut places, homes) = place(&features, polygons, &hermite, frame, sampler)?;
    drop(features);
    untangle(&mut places, &homes, polygons, &hermite, sampler)
}

/// A feature for each polygon that has one: corners first, and of several for nearly one place that of the cell it lies in.
fn choose(candidates: &[Candidates], cell: f64) -> Vec<Option<Feature>> {
    let mut features: Vec<Option<Feature>> = vec![None; candidates.len()];
    let mut taken = Taken::default();
    for rank in [2, 1] {
        let mut order: Vec<(f64, usize)> = (0..candidates.len())
            .filter(|&polygon| features[polygon].is_none())
            .filter_map(|polygon| Some((candidates[polygon][rank]?.beyond, polygon)))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (beyond, polygon) in order {
            let apart = match beyond > SLIGHTLY {
                true => APART_BEYOND,
                false => APART,
            };
            let feature = candidates[polygon][rank];
            let place = feature.map(|feature| feature.position.map(|x| x / cell));
            if let Some(place) = place.filter(|&place| taken.is_free(place, apart)) {
                taken.add(place);
                features[polygon] = feature;
            }
        }
    }
    for (feature, candidates) in features.iter_mut().zip(candidates) {
        *feature = feature.or(candidates[0]);
    }
    features
}

/// Places that vertices have, in cells.
#[derive(Default)]
struct Taken(HashMap<[i64; 3], Vec<[f64; 3]>>);

impl Taken {
    fn add(&mut self, place: [f64; 3]) {
        let cell = place.map(|x| x.floor() as i64);
        self.0.entry(cell).or_default().push(place);
    }

    /// Whether none is within `apart`, at most 1.
    fn is_free(&self, place: [f64; 3], apart: f64) -> bool {
        let cell = place.map(|x| x.floor() as i64);
        (0..27).all(|i| {
            let near = [
                cell[0] + i / 9 - 1,
                cell[1] + i / 3 % 3 - 1,
                cell[2] + i % 3 - 1,
            ];
            let mut there = self.0.get(&near).into_iter().flatten();
            there.all(|&other| length(minus(other, place)) >= apart)
        })
    }
}

/// Vertices on features, and the others on the level set; and where each polygon's own middle is.
fn place(
    features: &[Option<Feature>],
    polygons: &Polygons,
    hermite: &Hermite,
    frame: &Similarity,
    sampler: &mut Sampler,
) -> Result<(Places, Vec<[f64; 3]>), ExtractError> {
    let mut homes: Vec<[f64; 3]> = (0..polygons.len() as u32)
        .into_par_iter()
        .map(|polygon| hermite.middle(polygons, polygon))
        .collect();
    let mut normals = project(&mut homes, hermite.cell, frame, sampler)?.directions;
    let mut positions = homes.clone();
    let mut ranks = vec![0; homes.len()];
    let placed: Vec<usize> = (0..features.len())
        .filter(|&p| features[p].is_some())
        .collect();
    let mut there: Vec<[f64; 3]> = placed
        .iter()
        .filter_map(|&polygon| features[polygon].map(|feature| feature.position))
        .collect();
    let off = project(&mut there, hermite.cell, frame, sampler)?.off;
    for (&polygon, off) in placed.iter().zip(off) {
        let Some(feature) = features[polygon] else {
            continue;
        };
        let most = match feature.rank {
            1 => OFF_BESIDE * hermite.cell,
            _ => OFF_OF_WAY * length(minus(feature.position, homes[polygon])) + OFF * hermite.cell,
        };
        if off <= most {
            positions[polygon] = feature.position;
            normals[polygon] = feature.normal;
            ranks[polygon] = feature.rank;
        }
    }
    let beside_nothing = |&polygon: &usize| {
        let corners = polygons.corners(polygon as u32).iter();
        let mut around = corners.flat_map(|&corner| polygons.around(corner));
        ranks[polygon] == 1 && !around.any(|other| other != NONE && ranks[other as usize] > 1)
    };
    let smooth: Vec<usize> = placed.into_iter().filter(beside_nothing).collect();
    for polygon in smooth {
        positions[polygon] = homes[polygon];
        ranks[polygon] = 0;
    }
    let places = Places {
        positions,
        normals,
        ranks,
    };
    Ok((places, homes))
}

/// Cuts the surface into triangles, and pulls vertices back to the middles of their polygons where triangles cut through each other.
fn untangle(
    places: &mut Places,
    homes: &[[f64; 3]],
    polygons: &Polygons,
    hermite: &Hermite,
    sampler: &Sampler,
) -> Result<Sharp, ExtractError> {
    let mut fanned = HashSet::new();
    let mut blocks = Blocks::where_triangles_may_cut(places, polygons, hermite);
    for round in 0.. {
        let found = tessellate(polygons, places, hermite, &fanned);
        let positions = positions_of(places, &found);
        let looked_at = blocks.triangles(polygons, &found);
        let triangles: Vec<[u32; 3]> = looked_at.iter().map(|&t| found.triangles[t]).collect();
        let cut = cut_faces(&positions, &triangles, sampler.cancel);
        sampler.stop_if_cancelled()?;
        let count = cut
            .as_ref()
            .map(|cut| cut.iter().filter(|&&cut| cut).count() as u64);
        let cut: Vec<usize> = (looked_at.into_iter().zip(cut.unwrap_or_default()))
            .filter_map(|(triangle, is_cut)| is_cut.then_some(triangle))
            .collect();
        if round == REPAIRS || cut.is_empty() {
            let mut normals = std::mem::take(&mut places.normals);
            normals.extend(found.further.iter().map(|further| further.1));
            return Ok(Sharp {
                positions,
                normals,
                triangles: found.triangles,
                sharp_vertices: places.ranks.iter().filter(|&&rank| rank > 1).count() as u64,
                cut_triangles: count,
            });
        }
        blocks = Blocks::default();
        for triangle in cut {
            let crossing = found.crossings[triangle];
            blocks.add(polygons, crossing);
            if round == FANS {
                fanned.insert(crossing);
            }
            for vertex in found.triangles[triangle].map(|v| v as usize) {
                let share = match places.ranks.get(vertex) {
                    None => 0.0,
                    Some(0 | 1) => 1.0,
                    _ if round == 0 => 0.0,
                    _ if round > FANS + 1 => 1.0,
                    _ if round > FANS => 0.5,
                    _ => match hermite.beyond(polygons, vertex as u32, places.positions[vertex]) {
                        beyond if beyond > SLIGHTLY => 1.0,
                        _ => 0.0,
                    },
                };
                if share > 0.0 {
                    let way = minus(homes[vertex], places.positions[vertex]);
                    (0..3).for_each(|k| places.positions[vertex][k] += share * way[k]);
                    places.ranks[vertex] = if share < 1.0 { places.ranks[vertex] } else { 0 };
                }
            }
        }
    }
    unreachable!("the rounds are bounded")
}

/// Blocks of the grid in which triangles are compared.
#[derive(Default)]
struct Blocks(HashSet<[u32; 3]>);

impl Blocks {
    /// Where vertices have left their cells, where the surface is not smooth, and where a cell holds more than one sheet of it: elsewhere
    /// it is a graph over its tangent plane.
    fn where_triangles_may_cut(places: &Places, polygons: &Polygons, hermite: &Hermite) -> Blocks {
        let suspect = |polygon: u32| {
            let at = places.positions[polygon as usize];
            let outside = hermite.beyond(polygons, polygon, at) > 0.0;
            let shared = polygon > 0 && polygons.cell(polygon - 1) == polygons.cell(polygon);
            let corners = polygons.corners(polygon);
            let first = hermite.normals[corners[0] as usize];
            let bent = corners.iter().any(|&corner| {
                let other = hermite.normals[corner as usize];
                (0..3).map(|k| first[k] * other[k]).sum::<f32>() < BENT
            });
            places.ranks[polygon as usize] > 0 || outside || shared || bent
        };
        let suspects: Vec<u32> = (0..polygons.len() as u32)
            .into_par_iter()
            .filter(|&polygon| suspect(polygon))
            .collect();
        let mut blocks = Blocks::default();
        for polygon in suspects {
            blocks.add_around(polygons.cell(polygon));
        }
        blocks
    }

    fn add(&mut self, polygons: &Polygons, crossing: u32) {
        let around = polygons.around(crossing).into_iter();
        for polygon in around.filter(|&polygon| polygon != NONE) {
            self.add_around(polygons.cell(polygon));
        }
    }

    /// All blocks within a few cells.
    fn add_around(&mut self, cell: [u32; 3]) {
        for corner in 0..8 {
            self.0
                .insert(std::array::from_fn(|k| match corner >> k & 1 {
                    0 => cell[k].saturating_sub(NEAR) / BLOCK,
                    _ => (cell[k] + NEAR) / BLOCK,
                }));
        }
    }

    /// Triangles within, by number.
    fn triangles(&self, polygons: &Polygons, found: &Tessellation) -> Vec<usize> {
        let within = |triangle: &usize| {
            let around = polygons.around(found.crossings[*triangle]).into_iter();
            let mut around = around.filter(|&polygon| polygon != NONE);
            around
                .next()
                .is_some_and(|polygon| self.0.contains(&polygons.cell(polygon).map(|c| c / BLOCK)))
        };
        (0..found.triangles.len())
            .into_par_iter()
            .filter(within)
            .collect()
    }
}

fn positions_of(places: &Places, found: &Tessellation) -> Vec<[f64; 3]> {
    let further = found.further.iter().map(|further| further.0);
    places.positions.iter().copied().chain(further).collect()
}
