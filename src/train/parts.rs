//! The parts of a surface: what is known of each before training, so that none is overlooked, and what a field has lost.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::samples::{Cancelled, Details};
use super::thickness::{Wall, places, thickness, thinnest, walls};
use crate::CancelToken;
use crate::distance::{SignRule, SignedDistance};
use crate::field::{Bodies, Body, ScalarField};
use crate::geometry::{Components, Mesh, SurfaceSampler};
use crate::words::{bodies_in_words, length_in_words};

/// Share of the surface and near samples that is spread evenly over the parts, so that the smallest has its own.
const EVEN_SHARE: f64 = 0.2;

/// Places at which each part's thickness is measured, at least while that is not [`MOST_PLACES`] in all.
const PLACES: usize = 32;

/// The most places, all parts together.
const MOST_PLACES: usize = 1 << 16;

/// Share of the surface that may lose its inside before a word is said: as much as may be thinner than the thickness.
const LOST: f64 = 0.02;

/// What is known of a surface's parts. Lengths are in the unit frame.
pub(super) struct Parts {
    /// Where training looks closely.
    pub details: Details,
    /// What 98% of the surface is thicker than.
    pub thickness: Option<f64>,
    /// Longest side and thickness of each part; empty unless every part is a body with an inside.
    bodies: Vec<Body>,
    /// Walls behind places spread over the surface by area.
    walls: Vec<Wall>,
    /// Walls behind places spread evenly over the parts, in as many as there are bodies.
    by_part: Vec<Vec<Wall>>,
}

impl Parts {
    /// Measures the parts of the surface that `oracle` measures to, in the unit frame. Training looks at it by so much of its bending.
    pub(super) fn measure(
        oracle: &SignedDistance,
        mesh: &Mesh,
        surface: &SurfaceSampler,
        by_curvature: f64,
        cancel: &CancelToken,
    ) -> Result<Self, Cancelled> {
        /// Pieces of overlapping bodies meet to about 1e-9.
        const GAP: f64 = 1e-6;
        let components = match oracle.boundary() {
            Some(_) => Components::of_pieces(mesh, GAP),
            None => Components::of(mesh),
        };
        let count = components.count as usize;
        let all = walls(oracle, &places(surface), cancel)?;
        let whole = thickness(&all);
        let mut by_part = vec![Vec::new(); count];
        if count > 1 {
            let every = SurfaceSampler::spread(mesh, &components, 1.0, 0.0);
            let mut rng = Pcg64Mcg::seed_from_u64(0x9a47);
            let number = (PLACES * count).min(MOST_PLACES);
            let places: Vec<_> = (0..number).map(|_| every.sample(&mut rng)).collect();
            for wall in walls(oracle, &places, cancel)? {
                by_part[components.of_triangle[wall.triangle as usize] as usize].push(wall);
            }
        }
        let boxes = components.boxes(&mesh.triangles, &mesh.positions);
        let closed = oracle.sign_report().rule == SignRule::Crossings;
        let thickness_of = |part: usize| {
            let measured = by_part[part].iter().map(|wall: &Wall| wall.thickness);
            let measured = match count {
                1 => whole,
                _ => thinnest(measured.collect()),
            };
            // A body is nowhere thicker than its box: where no place was drawn, that is what is known.
            let size = boxes[part].size();
            let most = size.into_iter().fold(f64::INFINITY, f64::min);
            measured.or(closed.then_some(most)).unwrap_or(f64::INFINITY)
        };
        let thicknesses: Vec<f64> = (0..count).map(thickness_of).collect();
        let bodies = thicknesses
            .iter()
            .zip(&boxes)
            .map(|(&thickness, part)| Body {
                longest_side: part.longest_side(),
                thickness,
            });
        Ok(Self {
            bodies: if closed { bodies.collect() } else { Vec::new() },
            thickness: whole,
            walls: all,
            by_part,
            details: Details {
                surface: SurfaceSampler::spread(mesh, &components, EVEN_SHARE, by_curvature),
                part: components.of_triangle,
                thickness: thicknesses.iter().map(|&x| x as f32).collect(),
            },
        })
    }

    /// The bodies in units of which the unit frame has `scale` to one.
    pub(super) fn bodies(&self, scale: f64) -> Option<Bodies> {
        let mut thinnest: Vec<Body> = self
            .bodies
            .iter()
            .map(|body| Body {
                longest_side: body.longest_side / scale,
                thickness: body.thickness / scale,
            })
            .collect();
        thinnest.sort_by(|a, b| a.thickness.total_cmp(&b.thickness));
        thinnest.truncate(Bodies::LISTED);
        (!thinnest.is_empty()).then_some(Bodies {
            count: self.bodies.len() as u64,
            thinnest,
        })
    }

    /// What a fitted field has lost, in words; `scale` leads to own units. A wall is lost if the field is positive in
    /// its middle, a body if it is so in most of its walls.
    pub(super) fn losses(&self, field: &dyn ScalarField, scale: f64) -> Vec<String> {
        let mut words = Vec::new();
        let lost = lost_walls(field, &self.walls);
        if lost.len() as f64 > LOST * self.walls.len() as f64 {
            let percent = 100.0 * lost.len() as f64 / self.walls.len() as f64;
            let mut thicknesses: Vec<f32> = lost.iter().map(|wall| wall.thickness).collect();
            thicknesses.sort_unstable_by(f32::total_cmp);
            let median = f64::from(thicknesses[thicknesses.len() / 2]) / scale;
            words.push(format!(
                "The field has lost the inside behind {percent:.0} % of the surface, where walls are about {} thick: fit longer, or with the preset detail.",
                length_in_words(median)
            ));
        }
        let is_lost = |walls: &Vec<Wall>| 2 * lost_walls(field, walls).len() > walls.len();
        let missing = self.by_part.iter().zip(&self.bodies);
        let missing: Vec<f64> = missing
            .filter(|(walls, _)| is_lost(walls))
            .map(|(_, body)| body.longest_side / scale)
            .collect();
        if !missing.is_empty() {
            let largest = missing.iter().fold(0.0, |a: f64, &b| a.max(b));
            words.push(format!(
                "{} of {} missing in the field, the largest {} long: fit longer, with the preset detail, or the small bodies by themselves.",
                missing.len(),
                match self.bodies.len() {
                    1 => "1 body is".to_owned(),
                    count => format!("{} are", bodies_in_words(count as u64)),
                },
                length_in_words(largest)
            ));
        }
        words
    }
}

fn lost_walls<'a>(field: &dyn ScalarField, walls: &'a [Wall]) -> Vec<&'a Wall> {
    let middles: Vec<[f32; 3]> = walls.iter().map(Wall::middle).collect();
    let mut values = vec![0.0; middles.len()];
    field.values(&middles, &mut values);
    let lost = walls.iter().zip(values).filter(|(_, value)| *value >= 0.0);
    lost.map(|(wall, _)| wall).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::SignPolicy;
    use crate::geometry::shapes;

    fn measured(mesh: &Mesh) -> Parts {
        let oracle = SignedDistance::new(mesh, SignPolicy::Auto).unwrap();
        let mesh = oracle.boundary().unwrap_or(mesh);
        let surface = SurfaceSampler::new(mesh);
        Parts::measure(&oracle, mesh, &surface, 0.0, &CancelToken::new()).unwrap()
    }

    /// The distance to one ball.
    struct Ball(f32);

    impl ScalarField for Ball {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            for (value, point) in values.iter_mut().zip(points) {
                *value = point.iter().map(|x| x * x).sum::<f32>().sqrt() - self.0;
            }
        }

        fn values_and_gradients(&self, _: &[[f32; 3]], _: &mut [f32], _: &mut [[f32; 3]]) {
            unreachable!("losses take no gradients")
        }
    }

    #[test]
    fn every_body_is_measured_the_thinnest_first() {
        let plate = shapes::cuboid([-0.9, -0.9, 0.7], [0.9, 0.9, 0.703]);
        let speck = shapes::icosphere(4, 0.01).translated([0.0, 0.0, -0.8]);
        let parts = measured(&shapes::icosphere(4, 0.4).joined(&speck).joined(&plate));
        let bodies = parts.bodies(0.5).unwrap();
        assert_eq!(bodies.count, 3);
        let exact = [(3.6, 0.006), (0.04, 0.04), (1.6, 1.6)];
        for (body, (longest, thickness)) in bodies.thinnest.iter().zip(exact) {
            assert!((body.longest_side / longest - 1.0).abs() < 0.01, "{body:?}");
            assert!((body.thickness / thickness - 1.0).abs() < 0.03, "{body:?}");
        }
        let overlapping = shapes::icosphere(3, 0.5).translated([-0.3, 0.02, 0.01]);
        let overlapping =
            overlapping.joined(&shapes::icosphere(3, 0.5).translated([0.3, 0.0, 0.0]));
        assert_eq!(measured(&overlapping).bodies(1.0).unwrap().count, 1);
        assert_eq!(measured(&shapes::sheet(1.0, 1.0, 4, 4)).bodies(1.0), None);
    }

    #[test]
    fn what_a_field_has_lost_is_said() {
        let ball = shapes::icosphere(4, 0.5);
        let parts = measured(&ball);
        assert_eq!(parts.losses(&Ball(0.5), 1.0), [""; 0]);
        let far = shapes::icosphere(3, 0.01).translated([0.8, 0.0, 0.0]);
        let parts = measured(&ball.joined(&far));
        let words = parts.losses(&Ball(0.5), 0.5);
        assert_eq!(words.len(), 1, "{words:?}");
        assert!(
            words[0].starts_with("1 of 2 bodies are missing") && words[0].contains("0.04"),
            "{words:?}"
        );
        let plate = measured(&shapes::cuboid([-0.9, -0.9, 0.0], [0.9, 0.9, 0.002]));
        let words = plate.losses(&Ball(0.3), 1.0);
        assert!(
            words[0].contains("% of the surface") && words[0].contains("0.002"),
            "{words:?}"
        );
    }
}
