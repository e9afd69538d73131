//! Cutting triangles where others cross them.
//!
//! The pieces are those of a mesh arrangement (Zhou, Grinspun, Zorin and Jacobson 2016, "Mesh Arrangements for Solid
//! Geometry"): none is crossed by another triangle, so each lies with all its inside in one cell on either side. What they
//! are for needs no exact arithmetic: pieces meet to about 1e-9, and triangles nearer than [`GAP`] count as touching.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use super::box_tree::{BoxTree, most_pairs};
use super::polygon::{Line, Polygon, Segment, between};
use super::vector::{cross, dot, minus};
use super::{Bounds, Mesh};
use crate::CancelToken;

/// The triangles of a mesh in their order, cut where they cross.
pub(crate) struct Arrangement {
    /// Triangles that nothing crosses.
    pub whole: Vec<u32>,
    /// What the others are cut into.
    pub pieces: Vec<Piece>,
}

/// A convex, flat piece of a triangle.
pub(crate) struct Piece {
    /// The triangle that it is of.
    pub triangle: u32,
    /// Its corners, wound as those of the triangle.
    pub corners: Vec<[f64; 3]>,
}

/// Surfaces nearer than this count as touching, in the unit frame.
pub(crate) const GAP: f64 = 8e-6;

/// Below this sine of the angle between them, triangles are taken as lying in one plane where they touch.
const PARALLEL: f64 = 0.05;

/// A triangle that more lines cross is left whole.
const MOST_SEGMENTS: usize = 20_000;

/// More pieces than these, and this many for each triangle, are those of a tangle, which has no bodies to speak of.
const MOST_PIECES: usize = 200_000;
const MOST_PIECES_EACH: usize = 4;

impl Arrangement {
    /// Cuts the triangles of `mesh`, which lies in the unit frame; `None` if it is a tangle, or if cancelled.
    pub fn of(mesh: &Mesh, cancel: &CancelToken) -> Option<Arrangement> {
        let all = 0..mesh.triangles.len();
        let faces: Vec<Option<Face>> = (all.clone().into_par_iter())
            .map(|index| Face::of(mesh.corners(index)))
            .collect();
        let boxes: Vec<Bounds> = (all.into_par_iter())
            .map(|index| Bounds::around(mesh.corners(index)))
            .collect();
        let most = MOST_PIECES + MOST_PIECES_EACH * mesh.triangles.len();
        let count = AtomicUsize::new(0);
        let has_ended = || cancel.is_cancelled() || count.load(Relaxed) > most;
        let tree = BoxTree::over(&boxes);
        let most_pairs = most_pairs(boxes.len());
        let cut = tree.map_overlapping(GAP, most_pairs, cancel, |index, near| {
            let Some(face) = &faces[index as usize] else {
                return (index, Vec::new());
            };
            let mut segments = Vec::new();
            let others = near.iter().filter(|&&other| other != index);
            for other in others.filter_map(|&other| faces[other as usize].as_ref()) {
                if segments.len() >= MOST_SEGMENTS || has_ended() {
                    break;
                }
                face.crossings(other, &mut segments);
            }
            let polygons = match segments.len() {
                0 | MOST_SEGMENTS.. => Vec::new(),
                _ => pieces(Polygon::triangle(face.places), segments, &|| {
                    count.fetch_add(1, Relaxed);
                    has_ended()
                }),
            };
            let pieces = polygons.into_iter().map(|piece| Piece {
                triangle: index,
                corners: piece.corners().map(|place| face.raised(place)).collect(),
            });
            (index, pieces.collect())
        });
        if !cut.complete || has_ended() {
            return None;
        }
        let mut cut: Vec<(u32, Vec<Piece>)> = cut.answers;
        cut.sort_unstable_by_key(|(index, _)| *index);
        let mut arrangement = Arrangement {
            whole: Vec::new(),
            pieces: Vec::new(),
        };
        for (index, pieces) in cut {
            match pieces.is_empty() {
                true => arrangement.whole.push(index),
                false => arrangement.pieces.extend(pieces),
            }
        }
        Some(arrangement)
    }
}

/// Cuts a polygon along segments: by their lines, one after another, each piece by those that lie in it. `has_ended` is asked
/// with each piece; once it says so, the rest is left out.
fn pieces(polygon: Polygon, segments: Vec<Segment>, has_ended: &impl Fn() -> bool) -> Vec<Polygon> {
    /// So many segments and more are first halved by a line across.
    const MANY: usize = 16;

    let mut pieces = Vec::new();
    let mut open = vec![(polygon, segments)];
    while let Some((polygon, segments)) = open.pop() {
        let Some(middle) = segments.get(segments.len() / 2) else {
            pieces.push(polygon);
            if has_ended() {
                break;
            }
            continue;
        };
        let halves = (segments.len() >= MANY)
            .then(|| Line::halving(&segments))
            .map(|line| (polygon.cut(&line), line))
            .filter(|(halves, _)| halves.iter().all(Option::is_some))
            .map(|(halves, line)| (halves, line.cut_all(&segments)))
            .filter(|(_, shares)| shares.iter().all(|share| share.len() < segments.len()));
        let (halves, shares) = halves.unwrap_or_else(|| {
            let line = middle.line();
            (polygon.cut(&line), line.cut_all(&segments))
        });
        // A segment that a polygon has no room for lies on its border.
        open.extend(
            halves
                .into_iter()
                .zip(shares)
                .filter_map(|(half, share)| Some((half?, share))),
        );
    }
    pieces
}

/// A triangle with coordinates in its plane.
struct Face {
    corners: [[f64; 3]; 3],
    axes: [[f64; 3]; 2],
    normal: [f64; 3],
    /// The corners in those coordinates.
    places: [[f64; 2]; 3],
    /// Its sides; it lies to the left of each.
    sides: [Line; 3],
}

impl Face {
    /// `None` for a triangle without an area.
    fn of(corners: [[f64; 3]; 3]) -> Option<Face> {
        let [a, b, c] = corners;
        let first = unit(minus(b, a))?;
        let normal = unit(cross(first, minus(c, a)))?;
        let axes = [first, cross(normal, first)];
        let places = corners.map(|corner| axes.map(|axis| dot(axis, minus(corner, a))));
        Some(Face {
            corners,
            axes,
            normal,
            places,
            sides: sides(&places),
        })
    }

    fn flat(&self, point: [f64; 3]) -> [f64; 2] {
        let away = minus(point, self.corners[0]);
        self.axes.map(|axis| dot(axis, away))
    }

    fn raised(&self, [u, v]: [f64; 2]) -> [f64; 3] {
        let [first, second] = self.axes;
        std::array::from_fn(|i| self.corners[0][i] + u * first[i] + v * second[i])
    }

    fn height(&self, point: [f64; 3]) -> f64 {
        dot(self.normal, minus(point, self.corners[0]))
    }

    /// The lines along which another triangle crosses this one, or along which it comes to touch it.
    fn crossings(&self, other: &Face, segments: &mut Vec<Segment>) {
        let heights = other.corners.map(|corner| self.height(corner));
        if heights.iter().all(|&h| h > GAP) || heights.iter().all(|&h| h < -GAP) {
            return;
        }
        let places = other.corners.map(|corner| self.flat(corner));
        if are_apart(&self.sides, &places) {
            return;
        }
        let mut add = |ends: [[f64; 2]; 2]| {
            segments.extend(Segment(ends).part_within(&self.sides, GAP));
        };
        let tilt = cross(self.normal, other.normal);
        if dot(tilt, tilt) > PARALLEL * PARALLEL {
            if let Some(ends) = level(&places, &heights) {
                add(ends);
            }
            return;
        }
        let seen = match dot(self.normal, other.normal) > 0.0 {
            true => places,
            false => [places[0], places[2], places[1]],
        };
        if are_apart(&sides(&seen), &self.places) {
            return;
        }
        // What lies between two planes close to this one.
        let mut band: Vec<([f64; 2], f64)> = places.into_iter().zip(heights).collect();
        for sign in [1.0, -1.0] {
            band = below(&band, sign);
        }
        for (index, &(from, _)) in band.iter().enumerate() {
            let (to, _) = band[(index + 1) % band.len()];
            add([from, to]);
        }
    }
}

/// The sides of a triangle that is wound counter-clockwise: it lies to the left of each.
fn sides(&[a, b, c]: &[[f64; 2]; 3]) -> [Line; 3] {
    [[a, b], [b, c], [c, a]].map(|ends| Segment(ends).line())
}

/// Whether a triangle with these sides has one with corners at `places` on the other side of one of them.
fn are_apart(sides: &[Line; 3], places: &[[f64; 2]; 3]) -> bool {
    sides
        .iter()
        .any(|side| places.iter().all(|&place| side.height(place) < GAP))
}

/// Where a triangle with corners over `places`, at `heights`, passes through the height zero.
fn level(places: &[[f64; 2]; 3], heights: &[f64; 3]) -> Option<[[f64; 2]; 2]> {
    let mut ends = Vec::with_capacity(2);
    for i in 0..3 {
        let j = (i + 1) % 3;
        // A corner at zero counts as above it, so that exactly two edges pass or none does.
        if (heights[i] >= 0.0) != (heights[j] >= 0.0) {
            ends.push(between(
                places[i],
                places[j],
                heights[i] / (heights[i] - heights[j]),
            ));
        }
    }
    ends.try_into().ok()
}

/// The part of a polygon that is not above [`GAP`], or with the sign -1 not below -[`GAP`].
fn below(polygon: &[([f64; 2], f64)], sign: f64) -> Vec<([f64; 2], f64)> {
    let mut part = Vec::with_capacity(polygon.len() + 1);
    for (index, &(place, height)) in polygon.iter().enumerate() {
        let (next, next_height) = polygon[(index + 1) % polygon.len()];
        let (excess, next_excess) = (sign * height - GAP, sign * next_height - GAP);
        if excess <= 0.0 {
            part.push((place, height));
        }
        if (excess <= 0.0) != (next_excess <= 0.0) {
            let along = excess / (excess - next_excess);
            part.push((between(place, next, along), sign * GAP));
        }
    }
    part
}

/// `None` for what has no direction but for rounding.
fn unit(vector: [f64; 3]) -> Option<[f64; 3]> {
    let length = dot(vector, vector).sqrt();
    (length > 1e-12).then(|| vector.map(|x| x / length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    fn arrangement(mesh: &Mesh) -> Arrangement {
        Arrangement::of(mesh, &CancelToken::new()).unwrap()
    }

    fn area(corners: &[[f64; 3]]) -> f64 {
        let fans = (2..corners.len()).map(|i| {
            let across = cross(
                minus(corners[i - 1], corners[0]),
                minus(corners[i], corners[0]),
            );
            dot(across, across).sqrt() / 2.0
        });
        fans.sum()
    }

    fn area_of(mesh: &Mesh) -> f64 {
        (0..mesh.triangles.len())
            .map(|index| area(&mesh.corners(index)))
            .sum()
    }

    /// How far a point lies outside of the farthest face of a convex body; negative within.
    fn height_over(convex: &Mesh, point: [f64; 3]) -> f64 {
        (0..convex.triangles.len())
            .map(|index| Face::of(convex.corners(index)).unwrap().height(point))
            .fold(f64::MIN, f64::max)
    }

    #[test]
    fn a_surface_that_does_not_cross_itself_stays_whole() {
        for mesh in [
            shapes::torus(0.6, 0.2, 40, 20),
            shapes::icosphere(3, 0.9),
            shapes::cuboid([-0.9, -0.4, 0.0], [0.9, 0.4, 0.001]),
            shapes::sheet(1.0, 0.5, 7, 5),
        ] {
            let arrangement = arrangement(&mesh);
            assert!(arrangement.pieces.is_empty());
            assert_eq!(arrangement.whole.len(), mesh.triangles.len());
        }
    }

    #[test]
    fn pieces_cover_what_was_cut_and_none_is_crossed() {
        let ball = shapes::icosphere(3, 0.5);
        let block = shapes::cuboid([-0.2, -0.3, -0.8], [0.3, 0.2, 0.8]);
        let far = ball.clone().translated([0.33, 0.21, -0.17]);
        for [one, other] in [[&ball, &block], [&ball, &far], [&block, &far]] {
            let mesh = one.clone().joined(other);
            let arrangement = arrangement(&mesh);
            assert!(arrangement.pieces.len() > 20);
            let whole: f64 = (arrangement.whole.iter())
                .map(|&index| area(&mesh.corners(index as usize)))
                .sum();
            let pieces: f64 = arrangement
                .pieces
                .iter()
                .map(|piece| area(&piece.corners))
                .sum();
            let expected = area_of(&mesh);
            assert!((whole + pieces - expected).abs() < 1e-6 * expected);
            // All of a piece of one body lies inside the other one, which is convex, or all of it outside.
            for piece in &arrangement.pieces {
                let of_one = (piece.triangle as usize) < one.triangles.len();
                let heights = (piece.corners.iter())
                    .map(|&corner| height_over(if of_one { other } else { one }, corner));
                let (low, high) = heights.fold((f64::MAX, f64::MIN), |(low, high), height| {
                    (low.min(height), high.max(height))
                });
                assert!(low > -1e-6 || high < 1e-6, "from {low} to {high}");
            }
        }
    }

    #[test]
    fn a_tangle_has_no_arrangement_and_a_cancelled_one_neither() {
        let mut tangle = Mesh::default();
        for index in 0..700 {
            // Strips across one another, each turned by a bit.
            let (y, x) = (f64::from(index) * 0.37).sin_cos();
            let strip = [[x, y, 0.1], [-x, -y, 0.1], [0.0, 0.0, -0.9]];
            tangle = tangle.joined(&Mesh::from_arrays(&strip, &[[0, 1, 2]]));
            let strip = [[x, y, -0.1], [-x, -y, -0.1], [0.01, 0.0, 0.9]];
            tangle = tangle.joined(&Mesh::from_arrays(&strip, &[[0, 1, 2]]));
        }
        assert!(Arrangement::of(&tangle, &CancelToken::new()).is_none());
        // One triangle across many leaves is cut into more pieces than a tangle may have.
        let leaf = |x: f64, y: f64| [[x, y, -0.2], [-x, -y, -0.2], [0.1 * y, -0.1 * x, 0.3]];
        let mut cut_once = Mesh::from_arrays(
            &[[-0.9, -0.8, 0.0], [0.9, -0.8, 0.0], [0.0, 0.9, 0.0]],
            &[[0, 1, 2]],
        );
        for index in 0..900 {
            let (y, x) = (0.37 * f64::from(index)).sin_cos();
            cut_once = cut_once.joined(&Mesh::from_arrays(&leaf(x, y), &[[0, 1, 2]]));
        }
        assert!(Arrangement::of(&cut_once, &CancelToken::new()).is_none());
        let cancelled = CancelToken::new();
        cancelled.cancel();
        assert!(Arrangement::of(&shapes::icosphere(1, 0.9), &cancelled).is_none());
    }

    #[test]
    fn a_face_is_cut_along_the_border_of_one_that_lies_on_it() {
        let below = shapes::cuboid([-0.9, -0.9, -0.5], [0.9, 0.9, 0.0]);
        for gap in [0.0, 1e-7] {
            let above = shapes::cuboid([-0.3, -0.2, gap], [0.3, 0.2, 0.5]);
            let arrangement = arrangement(&below.clone().joined(&above));
            let covered: f64 = (arrangement.pieces.iter())
                .filter(|piece| piece.triangle < 12)
                .filter(|piece| {
                    piece.corners.iter().all(|corner| {
                        corner[2].abs() < 1e-9
                            && corner[0].abs() < 0.3 + 1e-6
                            && corner[1].abs() < 0.2 + 1e-6
                    })
                })
                .map(|piece| area(&piece.corners))
                .sum();
            assert!((covered - 0.6 * 0.4).abs() < 1e-4, "{covered}");
        }
    }
}
