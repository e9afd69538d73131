//! Where a surface has edges and corners, from its faces' planes beside them.
//!
//! A fitted field rounds edges: within about one cell of its spline the gradient turns from the one face's direction to the other's.
//! Planes from within there would put a vertex into the rounding. So a place looks at crossings up to two cells around, and of these at the
//! ones about which the surface hardly turns on one side: there it is still the face's own.

use super::polygons::{NONE, Polygons};
use crate::extract::quadric::Quadric;
use crate::geometry::vector::{cross, dot, length, minus};

/// Crossings of a level set with edges of a grid, and its directions there (Hermite data).
#[derive(Clone, Copy)]
pub(super) struct Hermite<'a> {
    /// `[V, 3]`, own units.
    pub positions: &'a [[f64; 3]],
    /// `[V, 3]`, unit length.
    pub normals: &'a [[f32; 3]],
    /// Edge of a cell.
    pub cell: f64,
    /// The grid's first sample.
    pub origin: [f64; 3],
}

/// A place on an edge or corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feature {
    pub position: [f64; 3],
    /// Mean direction of the faces that meet there.
    pub normal: [f32; 3],
    /// 2 on an edge, 3 at a corner; 1 beside them, on the plane of one face.
    pub rank: u8,
    /// How far it is from the polygon's cell, in cells; 0 within it.
    pub beyond: f64,
}

/// The features that a polygon's vertex could lie on, by rank: the last is the corner.
pub(super) type Candidates = [Option<Feature>; 3];

/// How fast a surface turns about a crossing, in radians a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turning {
    /// Towards the neighbour to which it turns most.
    most: f32,
    /// On the other side.
    calm: f32,
}

/// A polygon within which the surface turns by less, in radians, has no feature.
const FLAT: f32 = 0.12;

/// Where the calm side turns by a larger share of the most about a feature, the surface is round, and no edge.
const CALM: f32 = 0.2;

/// Faces whose directions differ by less than this angle's cosine (22 degrees) have no edge.
const EDGE: f64 = 0.93;

/// Sine of the angle by which a third face leaves the plane of the directions of two: a corner.
const CORNER: f64 = 0.5;

/// Cosine of the angle by which directions of one face differ.
const ONE_FACE: f64 = 0.82;

/// Cells by which a feature may lie outside the cell that it is found in: the tip of a corner or edge may lie in a cell that the level set
/// does not cross.
const BEYOND: f64 = 0.9;

/// Shares of a cell by which the rounding beside an edge is undone.
const ROUNDING: f64 = 0.25;

/// Cells around that are looked at.
const RINGS: usize = 2;

/// Cells between crossings that tell how the surface turns.
const CLOSE: f64 = 0.4;

/// Radians a cell below which all turning counts alike.
const CALMEST: f64 = 0.02;

impl Hermite<'_> {
    fn normal(&self, crossing: u32) -> [f64; 3] {
        self.normals[crossing as usize].map(f64::from)
    }

    fn position(&self, crossing: u32) -> [f64; 3] {
        self.positions[crossing as usize]
    }

    /// The mean of a polygon's crossings.
    pub(super) fn middle(&self, polygons: &Polygons, polygon: u32) -> [f64; 3] {
        let corners = polygons.corners(polygon);
        let first = self.position(corners[0]);
        let mut middle = first;
        for &corner in corners {
            let way = minus(self.position(corner), first);
            (0..3).for_each(|k| middle[k] += way[k] / corners.len() as f64);
        }
        middle
    }

    /// The middle of a polygon's cell.
    fn centre(&self, polygons: &Polygons, polygon: u32) -> [f64; 3] {
        let lowest = polygons.cell(polygon);
        std::array::from_fn(|k| self.origin[k] + self.cell * (f64::from(lowest[k]) + 0.5))
    }

    /// How far a place is from a polygon's cell along an axis, in cells; 0 within it.
    pub(super) fn beyond(&self, polygons: &Polygons, polygon: u32, place: [f64; 3]) -> f64 {
        let away = minus(place, self.centre(polygons, polygon));
        let farthest = away.into_iter().map(f64::abs).fold(0.0, f64::max);
        (farthest / self.cell - 0.5).max(0.0)
    }

    /// How the surface turns about a crossing.
    pub(super) fn turning(&self, polygons: &Polygons, crossing: u32) -> Turning {
        let (at, normal) = (self.position(crossing), self.normal(crossing));
        let around = polygons.around(crossing).into_iter();
        let neighbours = || {
            let near = around.clone().filter(|&polygon| polygon != NONE);
            let corners = near.flat_map(|polygon| polygons.corners(polygon).iter().copied());
            let ways = corners.map(|other| (minus(self.position(other), at), other));
            // Crossings near one corner of the grid may be too close to each other to tell.
            let apart = ways.filter(|(way, _)| length(*way) > CLOSE * self.cell);
            apart.map(|(way, other)| {
                let turn = length(minus(self.normal(other), normal)) / length(way) * self.cell;
                (way, turn)
            })
        };
        let most = neighbours().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((towards, most)) = most else {
            return Turning {
                most: 0.0,
                calm: 0.0,
            };
        };
        // By the length of the way along that direction: what lies across it says little.
        let calm = neighbours().filter_map(|(way, turn)| {
            let along = -dot(way, towards) / (length(way) * length(towards));
            (along > 0.2).then(|| turn / along)
        });
        Turning {
            most: most as f32,
            calm: calm.reduce(f64::max).unwrap_or(most) as f32,
        }
    }

    /// The edge and the corner in or beside the cell of a polygon, and else the plane of the nearest face beside them.
    pub(super) fn candidates(
        &self,
        polygons: &Polygons,
        turnings: &[Turning],
        polygon: u32,
    ) -> Candidates {
        let own = polygons.corners(polygon);
        let most = own
            .iter()
            .map(|&c| turnings[c as usize].most)
            .fold(0.0, f32::max);
        if most < FLAT {
            return [None; 3];
        }
        let middle = self.middle(polygons, polygon);
        let centre = self.centre(polygons, polygon);
        let crosses = |crossing: u32| {
            let normal = self.normal(crossing);
            let reach = normal.iter().map(|x| x.abs()).sum::<f64>() * (0.5 + BEYOND) * self.cell;
            dot(normal, minus(centre, self.position(crossing))).abs() <= reach
        };
        let calm = |crossing: u32| turnings[crossing as usize].calm;
        let mut near = crossings_around(polygons, polygon);
        near.retain(|&crossing| calm(crossing) <= CALM * most && crosses(crossing));
        let Some(faces) = self.faces(&near, turnings, middle) else {
            return [None; 3];
        };
        let found = |chosen: &[&Face], rank: usize| {
            let mut quadric = Quadric::default();
            chosen
                .iter()
                .for_each(|face| quadric.add_scaled(&face.quadric, 1.0));
            let place = quadric.minimum(rank);
            let position: [f64; 3] = std::array::from_fn(|k| middle[k] + place[k]);
            let beyond = self.beyond(polygons, polygon, position);
            (beyond <= BEYOND).then(|| Feature {
                position,
                normal: mean_direction(chosen),
                rank: rank as u8,
                beyond,
            })
        };
        let corner = match &faces[..] {
            [a, b, c] => found(&[a, b, c], 3),
            _ => None,
        };
        let far = |feature: &Feature| length(minus(feature.position, middle));
        let nearest = |found: &mut dyn Iterator<Item = Feature>| {
            found.min_by(|a, b| far(a).total_cmp(&far(b)))
        };
        let pairs = (0..faces.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let edges = pairs.filter(|&(i, j)| dot(faces[i].normal, faces[j].normal) < EDGE);
        let edge = nearest(&mut edges.filter_map(|(i, j)| found(&[&faces[i], &faces[j]], 2)));
        let side = nearest(&mut faces.iter().filter_map(|face| found(&[face], 1)));
        let side = side.filter(|side| far(side) <= ROUNDING * self.cell);
        [side, edge, corner]
    }

    /// The two or three faces to which crossings belong; `None` for one alone.
    fn faces(&self, near: &[u32], turnings: &[Turning], middle: [f64; 3]) -> Option<Vec<Face>> {
        let calm = |&&crossing: &&u32| turnings[crossing as usize].calm;
        let &first = near.iter().min_by(|a, b| calm(a).total_cmp(&calm(b)))?;
        let mut directions = vec![self.normal(first)];
        let most_by = |size: &dyn Fn([f64; 3]) -> f64| {
            let sized = near.iter().map(|&c| (size(self.normal(c)), self.normal(c)));
            sized.max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let (sine, second) = most_by(&|normal| length(cross(directions[0], normal)))?;
        if sine < (1.0 - EDGE * EDGE).sqrt() {
            return None;
        }
        directions.push(second);
        let axis = cross(directions[0], second).map(|x| x / sine);
        let (third_sine, third) = most_by(&|normal| dot(axis, normal).abs())?;
        if third_sine > CORNER {
            directions.push(third);
        }
        let mut faces: Vec<Face> = directions.into_iter().map(Face::towards).collect();
        for &crossing in near {
            let normal = self.normal(crossing);
            let face = faces
                .iter_mut()
                .max_by(|a, b| dot(a.direction, normal).total_cmp(&dot(b.direction, normal)))?;
            if dot(face.direction, normal) > ONE_FACE {
                let place = minus(self.position(crossing), middle);
                let calm = f64::from(turnings[crossing as usize].calm);
                let far = dot(place, place) / (self.cell * self.cell);
                face.add(
                    place,
                    normal,
                    1.0 / ((CALMEST * CALMEST + calm * calm) * (0.5 + far)),
                );
            }
        }
        faces.iter_mut().for_each(Face::settle);
        Some(faces)
    }
}

/// Crossings of the polygons around one.
fn crossings_around(polygons: &Polygons, polygon: u32) -> Vec<u32> {
    let mut near = vec![polygon];
    let mut start = 0;
    for _ in 0..RINGS {
        let end = near.len();
        for at in start..end {
            for &corner in polygons.corners(near[at]) {
                for next in polygons.around(corner) {
                    if next != NONE && !near.contains(&next) {
                        near.push(next);
                    }
                }
            }
        }
        start = end;
    }
    let corners = near.iter().flat_map(|&polygon| polygons.corners(polygon));
    let mut crossings: Vec<u32> = corners.copied().collect();
    crossings.sort_unstable();
    crossings.dedup();
    crossings
}

/// A face beside a feature.
struct Face {
    /// What it was found by.
    direction: [f64; 3],
    /// Mean of its normals.
    normal: [f64; 3],
    /// Its planes', about the middle of the polygon.
    quadric: Quadric,
    weight: f64,
}

impl Face {
    fn towards(direction: [f64; 3]) -> Face {
        Face {
            direction,
            normal: [0.0; 3],
            quadric: Quadric::default(),
            weight: 0.0,
        }
    }

    fn add(&mut self, place: [f64; 3], normal: [f64; 3], weight: f64) {
        self.quadric.add(place, normal, weight);
        self.weight += weight;
        (0..3).for_each(|k| self.normal[k] += weight * normal[k]);
    }

    /// Gives the face the weight 1, however many crossings it has.
    fn settle(&mut self) {
        let mut whole = Quadric::default();
        whole.add_scaled(&self.quadric, 1.0 / self.weight);
        self.quadric = whole;
        let size = length(self.normal);
        self.normal = self.normal.map(|x| x / size);
    }
}

fn mean_direction(faces: &[&Face]) -> [f32; 3] {
    let mut sum = [0.0; 3];
    for face in faces {
        (0..3).for_each(|k| sum[k] += face.normal[k]);
    }
    let size = length(sum);
    match size > 1e-6 {
        true => sum.map(|x| (x / size) as f32),
        false => [0.0; 3],
    }
}
