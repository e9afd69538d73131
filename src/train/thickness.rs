//! How thick a shape is: what a mesh of cells can keep of it, and what it loses.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::samples::Cancelled;
use crate::CancelToken;
use crate::distance::{SignRule, SignedDistance};
use crate::geometry::{SurfacePoint, SurfaceSampler};

/// Samples of the surface.
const SAMPLES: usize = 2048;

/// Share of the surface that may be thinner than the answer: spikes and edges that nobody would miss.
const THINNER: f64 = 0.02;

/// How far from the surface it is asked which side is inside, in the unit frame: beyond what rounding does to a distance.
const STEP: f32 = 3e-5;

/// Surfaces within a body that a way may pass: those of bodies that overlap.
const PASSED: usize = 4;

/// A place of the surface and what is behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wall {
    /// On the surface.
    pub from: [f32; 3],
    /// Unit length, straight into the inside.
    pub inwards: [f32; 3],
    /// The way until the inside ends.
    pub thickness: f32,
    /// The triangle that it was measured from.
    pub triangle: u32,
}

impl Wall {
    /// The point half-way through.
    pub fn middle(&self) -> [f32; 3] {
        std::array::from_fn(|i| self.from[i] + 0.5 * self.thickness * self.inwards[i])
    }
}

/// What is behind `samples` of a surface, in the frame of `oracle`, which holds the same mesh in the unit frame. Places
/// with no inside, or with inside on both sides, are left out; so is the whole surface of a field without sign.
///
/// The thickness at a point is the way straight inwards until the inside ends. The distance from within to the surface
/// would not do: beside an edge of a block it is short, and the block is not thin there.
pub(super) fn walls(
    oracle: &SignedDistance,
    samples: &[SurfacePoint],
    cancel: &CancelToken,
) -> Result<Vec<Wall>, Cancelled> {
    if oracle.sign_report().rule == SignRule::Unsigned {
        return Ok(Vec::new());
    }
    let mut ways = ways_inwards(oracle, samples);
    let mut ended: Vec<Way> = Vec::with_capacity(ways.len());
    for _ in 0..PASSED {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        // A way that leaves through a hole of an open surface has no end.
        ways = ways
            .par_iter()
            .filter_map(|way| way.next_hit(oracle))
            .collect();
        let beyond: Vec<[f32; 3]> = ways.iter().map(|way| way.at(way.length + STEP)).collect();
        let inside = are_inside(oracle, &beyond);
        let (on, off): (Vec<_>, Vec<_>) = ways
            .into_iter()
            .zip(inside)
            .partition(|(_, inside)| *inside);
        ended.extend(off.into_iter().map(|(way, _)| way));
        ways = on.into_iter().map(|(way, _)| way).collect();
        if ways.is_empty() {
            break;
        }
    }
    // What is still on its way is thicker than what has ended only for all we know: it counts as long as it is.
    ended.extend(ways);
    let walls = ended.into_iter().map(|way| Wall {
        from: way.from,
        inwards: way.direction,
        thickness: way.length,
        triangle: way.triangle,
    });
    Ok(walls.collect())
}

/// Places spread over a surface by its area, at which its thickness is measured.
pub(super) fn places(surface: &SurfaceSampler) -> Vec<SurfacePoint> {
    let mut rng = Pcg64Mcg::seed_from_u64(0x7415);
    (0..SAMPLES).map(|_| surface.sample(&mut rng)).collect()
}

/// What 98% of a surface is thicker than, by its `walls` at [`places`]. `None` where hardly any of it has an inside.
pub(super) fn thickness(walls: &[Wall]) -> Option<f64> {
    // With so few, nothing is known about the surface as a whole.
    if walls.len() < SAMPLES / 10 {
        return None;
    }
    thinnest(walls.iter().map(|wall| wall.thickness).collect())
}

/// What 98% of these are larger than.
pub(super) fn thinnest(mut thicknesses: Vec<f32>) -> Option<f64> {
    thicknesses.sort_unstable_by(f32::total_cmp);
    let at = (thicknesses.len() as f64 * THINNER) as usize;
    thicknesses.get(at).map(|&length| f64::from(length))
}

/// A way from the surface straight into the inside.
#[derive(Clone, Copy)]
struct Way {
    from: [f32; 3],
    direction: [f32; 3],
    length: f32,
    triangle: u32,
}

impl Way {
    fn at(&self, length: f32) -> [f32; 3] {
        std::array::from_fn(|i| self.from[i] + length * self.direction[i])
    }

    /// The way on to where it meets the surface next; `None` if it never does.
    fn next_hit(&self, oracle: &SignedDistance) -> Option<Way> {
        let start = self.length + STEP;
        let hit = oracle.first_hit(self.at(start), self.direction)?;
        Some(Way {
            length: start + hit.distance,
            ..*self
        })
    }
}

/// The ways from those samples that have an inside on one side alone: a surface within a body has none to measure. The
/// sign says which side, so a mesh that is inside out is as thick as any.
fn ways_inwards(oracle: &SignedDistance, samples: &[SurfacePoint]) -> Vec<Way> {
    let way = |sample: &SurfacePoint, sign: f32| Way {
        from: sample.position,
        direction: sample.normal.map(|x| sign * x),
        length: 0.0,
        triangle: sample.triangle,
    };
    let down: Vec<Way> = samples.iter().map(|sample| way(sample, -1.0)).collect();
    let up: Vec<Way> = samples.iter().map(|sample| way(sample, 1.0)).collect();
    let both: Vec<[f32; 3]> = down.iter().chain(&up).map(|way| way.at(STEP)).collect();
    let inside = are_inside(oracle, &both);
    let (below, above) = inside.split_at(samples.len());
    let sides = below.iter().zip(above).zip(down.into_iter().zip(up));
    sides
        .filter_map(|((&below, &above), (down, up))| match (below, above) {
            (true, false) => Some(down),
            (false, true) => Some(up),
            _ => None,
        })
        .collect()
}

fn are_inside(oracle: &SignedDistance, points: &[[f32; 3]]) -> Vec<bool> {
    let mut distances = vec![0.0; points.len()];
    oracle.distances(points, &mut distances);
    distances
        .into_iter()
        .map(|distance| distance < 0.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::SignPolicy;
    use crate::geometry::{Mesh, shapes};

    fn measured(mesh: &Mesh, policy: SignPolicy) -> Option<f64> {
        let oracle = SignedDistance::new(mesh, policy).unwrap();
        let surface = SurfaceSampler::new(mesh);
        thickness(&walls(&oracle, &places(&surface), &CancelToken::new()).unwrap())
    }

    fn slab(thickness: f64) -> Mesh {
        shapes::cuboid([-0.9, -0.7, 0.0], [0.9, 0.7, thickness])
    }

    #[test]
    fn a_slab_is_as_thick_as_it_is_and_so_is_a_ball() {
        for exact in [0.5, 0.02, 0.001] {
            for mesh in [slab(exact), slab(exact).flipped()] {
                let found = measured(&mesh, SignPolicy::Auto).unwrap();
                assert!((found - exact).abs() < 1e-5, "{found} is not {exact}");
            }
        }
        let found = measured(&shapes::icosphere(5, 0.9), SignPolicy::Auto).unwrap();
        assert!((found - 1.8).abs() < 0.01, "{found}");
        // A tube of a ring: 0.4 across, and nowhere less.
        let found = measured(&shapes::torus(0.7, 0.2, 256, 128), SignPolicy::Auto).unwrap();
        assert!((found - 0.4).abs() < 0.005, "{found}");
    }

    #[test]
    fn a_wing_of_more_than_two_percent_counts_and_less_does_not() {
        // A thin rod beside a large block: two faces of 0.02 by its length.
        let with_rod = |length: f64| {
            let rod = shapes::cuboid([0.8, 0.0, 0.0], [0.81, 0.01, length]);
            shapes::cuboid([-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]).joined(&rod)
        };
        // 4 faces of 0.01 by 5, of an area of 6.
        assert!((measured(&with_rod(5.0), SignPolicy::Auto).unwrap() - 0.01).abs() < 1e-4);
        assert!((measured(&with_rod(0.5), SignPolicy::Auto).unwrap() - 1.0).abs() < 1e-4);
    }

    #[test]
    fn bodies_that_overlap_are_one() {
        // Two blocks that share a slice: the faces within are passed.
        let left = shapes::cuboid([-0.9, -0.4, -0.4], [0.1, 0.4, 0.4]);
        let right = shapes::cuboid([-0.1, -0.4, -0.4], [0.9, 0.4, 0.4]);
        let found = measured(&left.joined(&right), SignPolicy::Auto).unwrap();
        assert!((found - 0.8).abs() < 1e-4, "{found}");
    }

    #[test]
    fn without_an_inside_there_is_no_thickness() {
        assert_eq!(measured(&slab(0.1), SignPolicy::None), None);
        assert_eq!(
            measured(&shapes::sheet(1.0, 1.0, 4, 4), SignPolicy::Auto),
            None
        );
    }
}
