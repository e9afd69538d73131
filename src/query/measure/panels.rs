//! A surface as curved triangles, each halved where its integrals are not yet known well enough.

use std::collections::HashMap;

use rayon::prelude::*;

use super::integrals::{Integrals, Vertex};
use super::level::{Level, Start};
use crate::extract::ExtractError;
use crate::geometry::vector::{dot, minus};

/// A curved triangle of the surface. Its sides are cut in half on the surface, which makes four flat triangles of it.
#[derive(Clone, Copy)]
struct Panel {
    corners: [u32; 3],
    /// Of the sides opposite to each corner.
    middles: [u32; 3],
    /// How often the triangle that it comes from was cut into four.
    depth: u8,
    /// Whether the four fold over each other: it is then taken to be flat, and never cut.
    folds: bool,
    /// Extrapolated from one flat triangle and from four.
    integrals: Integrals,
    /// How far they are likely to be off.
    off: Off,
}

/// Likely errors of integrals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Off {
    pub area: f64,
    pub volume: f64,
}

impl Off {
    fn between(one: &Integrals, other: &Integrals, origin: [f64; 3]) -> Off {
        let difference = *one - *other;
        Off {
            area: difference.area.abs(),
            // Seen from nearby: what neighbours take from each other along their common side is no error.
            volume: difference.volume_from(origin).abs(),
        }
    }

    fn map2(self, other: Off, f: impl Fn(f64, f64) -> f64) -> Off {
        Off {
            area: f(self.area, other.area),
            volume: f(self.volume, other.volume),
        }
    }
}

/// Deepest panels are 2⁻¹² of a cell.
const DEEPEST: u8 = 12;

/// How far the middle of a side may be from the surface, as a share of the side: that of a right angle is at 1/2.
const REACH: f64 = 0.6;

/// The cosine of an angle between normals at the ends of a side above which the surface in between is taken to be smooth.
const SMOOTH: f64 = 0.5;

/// How far a panel's middle may be from the surface, as a share of its longest side: that of a corner which was cut off is at
/// 0.2, that of a sphere as wide as eight such panels at 0.02.
const FAR: f64 = 0.05;

/// What the difference between two extrapolations is multiplied by.
const SAFETY: f64 = 2.0;

/// The whole surface.
pub(super) struct Panels {
    vertices: Vec<Vertex>,
    panels: Vec<Panel>,
    /// By the ends of a side, the lower one first: its middle, and whether that is on the surface.
    middles: HashMap<(u32, u32), (u32, bool)>,
    /// The integral of mean curvature as it was before any panel was cut, from one flat triangle each and from four.
    mean_curvature: [f64; 2],
}

impl Panels {
    /// From a mesh whose vertices (unit frame) lie near the level set, within a cell of this edge length.
    pub(super) fn new(
        level: &mut Level,
        positions: &[[f64; 3]],
        triangles: &[[u32; 3]],
        cell: f64,
    ) -> Result<Panels, ExtractError> {
        let starts: Vec<Start> = positions
            .iter()
            .map(|&position| Start {
                at: position,
                middle: position,
                reach: cell,
                half: [0.0; 3],
            })
            .collect();
        let landed = level.landed(&starts)?;
        let mut panels = Panels {
            vertices: landed.into_iter().map(|landed| landed.vertex).collect(),
            panels: Vec::new(),
            middles: HashMap::new(),
            mean_curvature: [0.0; 2],
        };
        panels.panels = panels.made(
            level,
            triangles.iter().map(|&corners| (corners, 0)).collect(),
        )?;
        for panel in &panels.panels {
            let [one, four] = panels.flat(panel.corners, panel.middles);
            panels.mean_curvature[0] += one.mean_curvature;
            panels.mean_curvature[1] += four.mean_curvature;
        }
        Ok(panels)
    }

    /// The integral of mean curvature over the surface, and by how much it is likely to be off.
    ///
    /// It is taken from the first mesh, whose triangles meet side by side and whose corners are on smooth parts of the surface nearly
    /// always: it depends on how normals turn from each to the next. The middles of sides are sought on edges, where a normal is any of
    /// two.
    pub(super) fn mean_curvature(&self) -> (f64, f64) {
        let [one, four] = self.mean_curvature;
        // Towards edges and corners it converges in first order: what is left is twice the change, and half of that for safety.
        (one, 3.0 * (four - one).abs())
    }

    /// Panels.
    pub(super) fn count(&self) -> usize {
        self.panels.len()
    }

    /// Places on the surface.
    pub(super) fn positions(&self) -> impl Iterator<Item = [f64; 3]> {
        self.vertices.iter().map(|vertex| vertex.position)
    }

    /// The integrals over all panels and their likely errors, added up as if none made good for another.
    pub(super) fn sum(&self) -> (Integrals, Off) {
        let of = |panel: &Panel| (panel.integrals + self.closure(panel), panel.off);
        // In pieces of a fixed size: sums do not depend on the number of threads.
        let pieces: Vec<_> = self
            .panels
            .par_chunks(1 << 12)
            .map(|panels| panels.iter().map(of).fold(Default::default(), added))
            .collect();
        pieces.into_iter().fold(Default::default(), added)
    }

    /// What closes the gaps between a panel and its neighbours, of which some may be cut where it is not: the cones over what lies between
    /// each of its sides and the same side as it is cut most often anywhere. All panels together are closed then, so that the volume does
    /// not depend on where the origin is.
    fn closure(&self, panel: &Panel) -> Integrals {
        let ([a, b, c], [p, q, r]) = (panel.corners, panel.middles);
        let sides = [(b, p, c), (c, q, a), (a, r, b)];
        let gaps = sides.map(|(from, middle, to)| {
            // Four parts of the flat triangles that cut the side in half, less one part of the one that does not.
            let share = if panel.folds { 1.0 } else { -1.0 / 3.0 };
            self.gap(from, middle)
                + self.gap(middle, to)
                + self.triangle([from, middle, to]) * share
        });
        let [one, two, three] = gaps;
        (one + two + three).without_surface()
    }

    /// Between a straight line and the finest of the lines on the surface that stand for it.
    fn gap(&self, from: u32, to: u32) -> Integrals {
        match self.middles.get(&(from.min(to), from.max(to))) {
            Some(&(middle, _)) => {
                self.triangle([from, middle, to]) + self.gap(from, middle) + self.gap(middle, to)
            }
            None => Integrals::default(),
        }
    }

    /// Cuts the worst panels into four each, so many that what is left of the error is half of what is allowed; tells whether
    /// there were any. `most` panels are not exceeded by much.
    ///
    /// `scales` are the errors of area and volume that are allowed.
    pub(super) fn refine(
        &mut self,
        level: &mut Level,
        scales: Off,
        most: usize,
    ) -> Result<bool, ExtractError> {
        let score = |panel: &Panel| {
            f64::max(
                panel.off.area / scales.area,
                panel.off.volume / scales.volume,
            )
        };
        let mut scores: Vec<(f64, usize)> = self.panels.iter().map(score).zip(0..).collect();
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut rest: f64 = scores.iter().map(|score| score.0).sum();
        let mut cut = Vec::new();
        for (score, index) in scores {
            if rest <= 0.5 || self.panels.len() + 3 * cut.len() >= most {
                break;
            }
            rest -= score;
            if self.panels[index].depth < DEEPEST {
                cut.push(index);
            }
        }
        if cut.is_empty() {
            return Ok(false);
        }
        let mut parts = Vec::with_capacity(4 * cut.len());
        for &index in &cut {
            let Panel {
                corners: [a, b, c],
                middles: [p, q, r],
                depth,
                ..
            } = self.panels[index];
            let depth = depth + 1;
            parts.extend([[a, r, q], [r, b, p], [q, p, c], [p, q, r]].map(|part| (part, depth)));
        }
        let mut made = self.made(level, parts)?;
        for (parts, &index) in made.chunks_exact_mut(4).zip(&cut) {
            let whole = self.panels[index];
            self.judge(&whole, parts);
            self.panels[index] = parts[0];
        }
        let others = made.chunks_exact(4).flat_map(|parts| &parts[1..]);
        self.panels.extend(others);
        Ok(true)
    }

    /// Two extrapolations of the same piece tell more of their error than what either was made of: its parts share it as
    /// they would share the other.
    fn judge(&self, whole: &Panel, parts: &mut [Panel]) {
        let together = parts
            .iter()
            .fold(Integrals::default(), |sum, part| sum + part.integrals);
        let origin = self.middle(whole.corners);
        let difference = Off::between(&whole.integrals, &together, origin);
        let sum = parts
            .iter()
            .fold(Off::default(), |sum, part| sum.map2(part.off, |a, b| a + b));
        let share = difference.map2(sum, |difference, sum| match sum > 0.0 {
            true => (SAFETY * difference / sum).min(1.0),
            false => 1.0,
        });
        for part in parts {
            part.off = part.off.map2(share, |off, share| off * share);
        }
    }

    /// Panels of these corners, with new middles where there are none yet.
    fn made(
        &mut self,
        level: &mut Level,
        corners: Vec<([u32; 3], u8)>,
    ) -> Result<Vec<Panel>, ExtractError> {
        let (mut starts, mut sides) = (Vec::new(), Vec::new());
        for (corners, _) in &corners {
            for side in sides_of(*corners) {
                self.middles.entry(side).or_insert_with(|| {
                    let [a, b] = [side.0, side.1].map(|end| &self.vertices[end as usize]);
                    starts.push(start(a, b));
                    sides.push(side);
                    (0, false)
                });
            }
        }
        let mut landed = level.landed(&starts)?;
        // Where no edge is where it was looked for, the surface is looked for from the middle.
        let again: Vec<usize> = (0..starts.len())
            .filter(|&k| !landed[k].landed && starts[k].at != starts[k].middle)
            .collect();
        let from_middle: Vec<Start> = again
            .iter()
            .map(|&k| Start {
                at: starts[k].middle,
                ..starts[k]
            })
            .collect();
        for (&k, found) in again.iter().zip(level.landed(&from_middle)?) {
            landed[k] = found;
        }
        for (side, landed) in sides.into_iter().zip(landed) {
            let index = self.vertices.len() as u32;
            self.vertices.push(landed.vertex);
            self.middles.insert(side, (index, landed.landed));
        }
        let panel = |&(corners, depth): &([u32; 3], u8)| self.panel(corners, depth);
        let mut panels: Vec<Panel> = corners.par_iter().map(panel).collect();
        let middles: Vec<[f64; 3]> = panels
            .iter()
            .map(|panel| self.middle(panel.middles))
            .collect();
        for (panel, off) in panels.iter_mut().zip(level.offs(&middles)?) {
            let sides = sides_of(panel.corners).map(|(from, to)| {
                let [from, to] = [from, to].map(|end| self.vertices[end as usize].position);
                let way = minus(from, to);
                dot(way, way)
            });
            let longest = sides.into_iter().fold(0.0, f64::max).sqrt();
            let landed = sides_of(panel.corners).map(|side| self.middles[&side].1);
            if off > FAR * longest || landed.contains(&false) {
                // Nothing is known of the surface here but that it is near: so much is a right angle's worth.
                panel.off.area += 0.25 * longest * longest;
                panel.off.volume += 0.1 * longest.powi(3);
            }
        }
        Ok(panels)
    }

    fn panel(&self, corners: [u32; 3], depth: u8) -> Panel {
        let middles = sides_of(corners).map(|side| self.middles[&side].0);
        let [one, four] = self.flat(corners, middles);
        let folds = self.folds(corners, middles);
        let mut off = Off::between(&one, &four, self.middle(corners));
        if folds {
            // What cuts off a right angle has 0.41 of its area less than the angle.
            off.area += 0.41 * one.area;
            off.volume += 0.1 * one.area.powf(1.5);
        }
        Panel {
            corners,
            middles,
            depth: if folds { DEEPEST } else { depth },
            folds,
            integrals: match folds {
                true => one,
                // The errors of flat triangles fall with the square of their size (Richardson 1911).
                false => (four * 4.0 - one) * (1.0 / 3.0),
            },
            off,
        }
    }

    /// Whether one of the four triangles looks the other way than the one that they make up: there the surface is finer than the panel,
    /// or rougher than a triangle is wide.
    fn folds(&self, [a, b, c]: [u32; 3], [p, q, r]: [u32; 3]) -> bool {
        let whole = self.triangle([a, b, c]).normals;
        let parts = [[a, r, q], [r, b, p], [q, p, c], [p, q, r]];
        parts
            .into_iter()
            .any(|part| dot(self.triangle(part).normals, whole) < 0.0)
    }

    /// The integrals over one flat triangle, and over the four with the middles of its sides.
    fn flat(&self, [a, b, c]: [u32; 3], [p, q, r]: [u32; 3]) -> [Integrals; 2] {
        let parts = [[a, r, q], [r, b, p], [q, p, c], [p, q, r]];
        let four = parts.map(|part| self.triangle(part));
        let four = four
            .into_iter()
            .fold(Integrals::default(), |sum, part| sum + part);
        [self.triangle([a, b, c]), four]
    }

    fn triangle(&self, corners: [u32; 3]) -> Integrals {
        Integrals::of_triangle(corners.map(|corner| &self.vertices[corner as usize]))
    }

    fn middle(&self, corners: [u32; 3]) -> [f64; 3] {
        let [a, b, c] = corners.map(|corner| self.vertices[corner as usize].position);
        std::array::from_fn(|k| (a[k] + b[k] + c[k]) / 3.0)
    }
}

/// Where the surface is looked for between the ends of a side: about the middle. Where it turns by much on the way there is an edge
/// in between, and that is where the planes through both ends meet.
fn start(a: &Vertex, b: &Vertex) -> Start {
    let way = minus(b.position, a.position);
    let length = dot(way, way).sqrt();
    let middle = std::array::from_fn(|k| 0.5 * (a.position[k] + b.position[k]));
    let smooth = Start {
        at: middle,
        middle,
        reach: REACH * length,
        half: way.map(|x| 0.5 * x),
    };
    let cosine = dot(a.normal, b.normal);
    if cosine.abs() > SMOOTH {
        return smooth;
    }
    // The nearest point of both planes: middle + p a.normal + q b.normal.
    let (to_a, to_b) = (-0.5 * dot(a.normal, way), 0.5 * dot(b.normal, way));
    let square = 1.0 - cosine * cosine;
    let (p, q) = (
        (to_a - cosine * to_b) / square,
        (to_b - cosine * to_a) / square,
    );
    let at: [f64; 3] = std::array::from_fn(|k| middle[k] + p * a.normal[k] + q * b.normal[k]);
    Start { at, ..smooth }
}

fn added(sum: (Integrals, Off), other: (Integrals, Off)) -> (Integrals, Off) {
    (sum.0 + other.0, sum.1.map2(other.1, |a, b| a + b))
}

/// The sides opposite to each corner, the lower end first.
fn sides_of([a, b, c]: [u32; 3]) -> [(u32, u32); 3] {
    [(b, c), (c, a), (a, b)].map(|(from, to)| (from.min(to), from.max(to)))
}
