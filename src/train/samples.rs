//! Points with their exact signed distances: what a field is trained and judged on.

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::truth::Truth;
use crate::CancelToken;
use crate::distance::{CHUNK, SignRule, SignedDistance};
use crate::geometry::{Bounds, SurfaceSampler};

/// Points with their signed distances, in the unit frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// `[N, 3]`
    pub points: Vec<[f32; 3]>,
    /// `[N]`
    pub distances: Vec<f32>,
    /// Gradients of the exact distance, `[N, 3]`, of length 1, or 0 where there is none; empty unless they were asked for.
    pub gradients: Vec<[f32; 3]>,
}

impl Samples {
    /// One result a sample, of `work` on a chunk of them at a time; `cancel` is looked at before each.
    pub(super) fn in_chunks<T>(
        &self,
        cancel: &CancelToken,
        work: impl Fn(&[[f32; 3]], &[f32]) -> Vec<T>,
    ) -> Result<Vec<T>, Cancelled> {
        let mut results = Vec::with_capacity(self.points.len());
        let chunks = self.points.chunks(CHUNK).zip(self.distances.chunks(CHUNK));
        for (points, distances) in chunks {
            if cancel.is_cancelled() {
                return Err(Cancelled);
            }
            results.extend(work(points, distances));
        }
        Ok(results)
    }
}

/// Where samples come from: a mesh in the unit frame.
pub(super) struct SampleSource<'a> {
    pub(super) oracle: &'a SignedDistance,
    /// What values are taken from in place of the mesh's distance.
    pub(super) truth: Option<&'a Truth<'a>>,
    surface: &'a SurfaceSampler,
    bounds: Bounds,
    /// Where training is to look more closely; nowhere unless set.
    pub(super) details: Option<&'a Details>,
}

/// What training must not overlook, in the unit frame.
pub(super) struct Details {
    /// Draws from every part of the surface.
    pub surface: SurfaceSampler,
    /// `[F]`: the part that each triangle of the surface belongs to.
    pub part: Vec<u32>,
    /// How thick each part is; infinity where that is not known.
    pub thickness: Vec<f32>,
}

/// Where points are drawn.
#[derive(Clone, Copy)]
pub(super) enum Region {
    /// On the surface, moved by a normal deviate of this width per axis.
    Near(f32),
    /// On every part of the surface, moved likewise.
    NearParts(f32),
    /// The same, and by no more than half the part's thickness, so that many points lie within walls, however thin.
    NearWalls(f32),
    /// Anywhere in a box.
    Box(Bounds),
}

/// Points that one generator draws.
const BLOCK: usize = 1024;

/// The work was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

impl<'a> SampleSource<'a> {
    /// `bounds` is the mesh's bounding box in the unit frame.
    pub(super) fn new(
        oracle: &'a SignedDistance,
        surface: &'a SurfaceSampler,
        bounds: Bounds,
    ) -> Self {
        Self {
            oracle,
            truth: None,
            surface,
            bounds,
            details: None,
        }
    }

    /// The same, but values and gradients are those of `truth`, whose level 0 the mesh follows.
    pub(super) fn with_truth(self, truth: Option<&'a Truth<'a>>) -> Self {
        Self { truth, ..self }
    }

    /// The same, but training looks more closely at `details`; what fields are judged on stays as it is.
    pub(super) fn with_details(self, details: &'a Details) -> Self {
        Self {
            details: Some(details),
            ..self
        }
    }

    /// Points on the surface, moved by a normal deviate of `sigma` per axis (unit frame).
    pub(super) fn near(
        &self,
        count: usize,
        sigma: f32,
        seed: u64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        self.measured(&[(Region::Near(sigma), count)], seed, cancel)
    }

    /// Points anywhere in a box.
    pub(super) fn uniform(
        &self,
        count: usize,
        within: &Bounds,
        seed: u64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        self.measured(&[(Region::Box(*within), count)], seed, cancel)
    }

    /// Which of `samples` have a sign that a second rule contradicts.
    pub(super) fn contradicted(
        &self,
        samples: &Samples,
        cancel: &CancelToken,
    ) -> Result<Vec<bool>, Cancelled> {
        if self.truth.is_some() {
            // A field's sign is its own.
            return Ok(vec![false; samples.points.len()]);
        }
        samples.in_chunks(cancel, |points, distances| {
            self.oracle.contradicted(points, distances)
        })
    }

    /// The mesh's bounding box in the unit frame.
    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Points on the surface, with its normals: zero where there is no outside to point to.
    pub(super) fn on_surface(&self, count: usize, seed: u64) -> (Vec<[f32; 3]>, Vec<[f32; 3]>) {
        let signed = self.oracle.sign_report().rule != SignRule::Unsigned;
        let drawn = in_blocks(count, seed, |rng| {
            let found = self.parts().sample(rng);
            let normal = if signed { found.normal } else { [0.0; 3] };
            (found.position, normal)
        });
        let (points, normals) = drawn.into_iter().unzip();
        match self.truth {
            Some(truth) => truth.onto_level(points),
            None => (points, normals),
        }
    }

    /// Values at points; in chunks, so that `cancel` is looked at often enough.
    pub(super) fn distances(
        &self,
        points: &[[f32; 3]],
        cancel: &CancelToken,
    ) -> Result<Vec<f32>, Cancelled> {
        let mut distances = vec![0.0; points.len()];
        for (points, distances) in points.chunks(CHUNK).zip(distances.chunks_mut(CHUNK)) {
            if cancel.is_cancelled() {
                return Err(Cancelled);
            }
            match self.truth {
                Some(truth) => truth.values(points, distances),
                None => self.oracle.distances(points, distances),
            }
        }
        // The last of them may be unfinished.
        match cancel.is_cancelled() {
            true => Err(Cancelled),
            false => Ok(distances),
        }
    }

    /// Points of some regions, so many of each, with their distances; neighbours stay together.
    pub(super) fn measured(
        &self,
        regions: &[(Region, usize)],
        seed: u64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        let (mut points, mut bounds) = (Vec::new(), Vec::new());
        for (number, &(region, count)) in regions.iter().enumerate() {
            let seed = seed.wrapping_add((number as u64) << 56);
            let (region_points, region_bounds) = self.draw(region, count, seed);
            points.extend(region_points);
            bounds.extend(region_bounds);
        }
        let mut distances = vec![0.0; points.len()];
        let chunks = points.chunks_mut(CHUNK).zip(bounds.chunks(CHUNK));
        for ((points, bounds), distances) in chunks.zip(distances.chunks_mut(CHUNK)) {
            if cancel.is_cancelled() {
                return Err(Cancelled);
            }
            match self.truth {
                Some(truth) => truth.values(points, distances),
                None => (self.oracle).distances_along_curve(points, Some(bounds), distances),
            }
        }
        // The last of them may be unfinished.
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        Ok(Samples {
            points,
            distances,
            gradients: Vec::new(),
        })
    }

    /// Points of one region, and for each a bound that its unsigned distance is not above.
    fn draw(&self, region: Region, count: usize, seed: u64) -> (Vec<[f32; 3]>, Vec<f32>) {
        let parts = self.parts();
        let drawn = in_blocks(count, seed, |rng| match region {
            Region::Near(sigma) => near(self.surface, &|_| sigma, rng),
            Region::NearParts(sigma) => near(parts, &|_| sigma, rng),
            Region::NearWalls(sigma) => {
                let width = |triangle| sigma.min(0.5 * self.thickness_at(triangle));
                near(parts, &width, rng)
            }
            Region::Box(within) => {
                let size = within.size();
                let point = std::array::from_fn(|axis| {
                    (within.min[axis] + size[axis] * rng.random::<f64>()) as f32
                });
                (point, f32::INFINITY)
            }
        });
        drawn.into_iter().unzip()
    }

    /// What points on and near the surface are drawn from.
    fn parts(&self) -> &SurfaceSampler {
        match self.details {
            Some(details) => &details.surface,
            None => self.surface,
        }
    }

    /// The thickness of the part that a triangle belongs to.
    fn thickness_at(&self, triangle: u32) -> f32 {
        self.details.map_or(f32::INFINITY, |details| {
            details.thickness[details.part[triangle as usize] as usize]
        })
    }
}

/// `count` draws: each block has a generator of its own, so they do not depend on the number of threads.
fn in_blocks<T: Send + Default>(
    count: usize,
    seed: u64,
    draw: impl Fn(&mut Pcg64Mcg) -> T + Sync,
) -> Vec<T> {
    let mut drawn: Vec<T> = std::iter::repeat_with(T::default).take(count).collect();
    let blocks = drawn.par_chunks_mut(BLOCK).enumerate();
    blocks.for_each(|(block, drawn)| {
        // Odd and large: seeds of neighbouring blocks and draws differ in many bits.
        let seed = seed ^ (block as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        drawn.fill_with(|| draw(&mut rng));
    });
    drawn
}

/// A point near a surface, moved off it by a normal deviate of a width per axis that its triangle decides, and a bound on
/// its unsigned distance: the way back to where it came from, so that the search starts tight.
fn near(
    surface: &SurfaceSampler,
    width: &dyn Fn(u32) -> f32,
    rng: &mut Pcg64Mcg,
) -> ([f32; 3], f32) {
    let deviate: [f32; 3] = std::array::from_fn(|_| rng.sample::<f32, _>(StandardNormal));
    let on_surface = surface.sample(rng);
    let away = deviate.map(|x| x * width(on_surface.triangle));
    let point = std::array::from_fn(|axis| on_surface.position[axis] + away[axis]);
    (point, away.iter().map(|x| x * x).sum::<f32>().sqrt())
}
