//! Points with their exact signed distances: what a field is trained and judged on.

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;

use super::settings::Sampling;
use crate::CancelToken;
use crate::distance::{CHUNK, SignedDistance};
use crate::geometry::{Bounds, SurfaceSampler, UNIT_LONGEST_SIDE};

/// Points with their signed distances, in the unit frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// `[N, 3]`
    pub points: Vec<[f32; 3]>,
    /// `[N]`
    pub distances: Vec<f32>,
}

/// Where samples come from: a mesh in the unit frame.
pub(super) struct SampleSource<'a> {
    oracle: &'a SignedDistance,
    surface: &'a SurfaceSampler,
    bounds: Bounds,
}

/// Samples kept for use and reuse: the oldest are replaced, a few at a time, while training draws from all.
pub(super) struct SamplePool {
    kept: Samples,
    capacity: usize,
    oldest: usize,
    sampling: Sampling,
    rng: Pcg64,
}

/// Margin about the bounding box that uniform samples fill: the rest of the unit frame gets fewer.
const BOX_MARGIN: f64 = 0.05 * UNIT_LONGEST_SIDE;

/// The work was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

impl Samples {
    fn with_points(points: Vec<[f32; 3]>) -> Self {
        let distances = vec![0.0; points.len()];
        Self { points, distances }
    }
}

impl<'a> SampleSource<'a> {
    /// `bounds` is the mesh's bounding box in the unit frame.
    pub(super) fn new(
        oracle: &'a SignedDistance,
        surface: &'a SurfaceSampler,
        bounds: Bounds,
    ) -> Self {
        Self {
            oracle,
            surface,
            bounds,
        }
    }

    /// Points on the surface, moved by a normal deviate of `sigma` per axis (unit frame).
    pub(super) fn near(
        &self,
        count: usize,
        sigma: f32,
        rng: &mut Pcg64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        let mut bounds = Vec::with_capacity(count);
        let points = (0..count).map(|_| {
            let away: [f32; 3] =
                std::array::from_fn(|_| sigma * rng.sample::<f32, _>(StandardNormal));
            let on_surface = self.surface.sample(rng).position;
            // The way back to where it came from bounds its distance: the search starts tight.
            bounds.push(away.iter().map(|x| x * x).sum::<f32>().sqrt());
            std::array::from_fn(|axis| on_surface[axis] + away[axis])
        });
        let mut samples = Samples::with_points(points.collect());
        let chunks = samples.points.chunks(CHUNK).zip(bounds.chunks(CHUNK));
        for ((points, bounds), distances) in chunks.zip(samples.distances.chunks_mut(CHUNK)) {
            if cancel.is_cancelled() {
                return Err(Cancelled);
            }
            self.oracle.distances_within(points, bounds, distances);
        }
        Ok(samples)
    }

    /// Points anywhere in a box.
    pub(super) fn uniform(
        &self,
        count: usize,
        within: &Bounds,
        rng: &mut Pcg64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        let size = within.size();
        let points = (0..count).map(|_| {
            std::array::from_fn(|axis| (within.min[axis] + size[axis] * rng.random::<f64>()) as f32)
        });
        let mut samples = Samples::with_points(points.collect());
        let chunks = samples
            .points
            .chunks(CHUNK)
            .zip(samples.distances.chunks_mut(CHUNK));
        for (points, distances) in chunks {
            if cancel.is_cancelled() {
                return Err(Cancelled);
            }
            self.oracle.distances(points, distances);
        }
        Ok(samples)
    }

    /// The mesh's bounding box in the unit frame.
    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// A training mixture: on the surface, near it in two widths, and anywhere in the bounding box and in the frame.
    fn mixture(
        &self,
        count: usize,
        sampling: &Sampling,
        rng: &mut Pcg64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        let shares = &sampling.shares;
        let sum = shares.surface + shares.near + shares.uniform;
        let near = (count as f64 * shares.near / sum).round() as usize;
        let uniform = ((count as f64 * shares.uniform / sum).round() as usize).min(count - near);
        let surface = count - near - uniform;
        let sigma = (sampling.near_sigma * UNIT_LONGEST_SIDE) as f32;
        let frame = Bounds {
            min: [-1.0; 3],
            max: [1.0; 3],
        };
        let on_surface = (0..surface).map(|_| self.surface.sample(rng).position);
        let mut all = Samples::with_points(on_surface.collect());
        let parts = [
            self.near(near - near / 2, sigma, rng, cancel)?,
            self.near(near / 2, 4.0 * sigma, rng, cancel)?,
            self.uniform(
                uniform - uniform / 4,
                &self.bounds.grown(BOX_MARGIN),
                rng,
                cancel,
            )?,
            // The field answers in the whole frame, far corners included.
            self.uniform(uniform / 4, &frame, rng, cancel)?,
        ];
        for part in parts {
            all.points.extend(part.points);
            all.distances.extend(part.distances);
        }
        Ok(all)
    }
}

impl SamplePool {
    /// An empty pool that will draw by `seed`.
    pub(super) fn new(sampling: Sampling, seed: u64) -> Self {
        Self {
            kept: Samples::default(),
            capacity: sampling.pool_size as usize,
            oldest: 0,
            sampling,
            rng: Pcg64::seed_from_u64(seed),
        }
    }

    /// Adds fresh samples; once the pool is full, the oldest make room.
    pub(super) fn refresh(
        &mut self,
        source: &SampleSource<'_>,
        count: usize,
        cancel: &CancelToken,
    ) -> Result<(), Cancelled> {
        let fresh = source.mixture(count, &self.sampling, &mut self.rng, cancel)?;
        for (point, distance) in fresh.points.into_iter().zip(fresh.distances) {
            if self.kept.points.len() < self.capacity {
                self.kept.points.push(point);
                self.kept.distances.push(distance);
            } else {
                self.kept.points[self.oldest] = point;
                self.kept.distances[self.oldest] = distance;
                self.oldest = (self.oldest + 1) % self.capacity;
            }
        }
        Ok(())
    }

    /// Fills a batch with samples drawn from all that are kept.
    ///
    /// # Panics
    /// Panics if the pool is empty.
    pub(super) fn draw(&mut self, batch: &mut Samples) {
        let kept = self.kept.points.len();
        for (point, distance) in batch.points.iter_mut().zip(&mut batch.distances) {
            let index = self.rng.random_range(0..kept);
            *point = self.kept.points[index];
            *distance = self.kept.distances[index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::SignPolicy;
    use crate::geometry::shapes;
    use crate::train::Preset;

    #[test]
    fn the_pool_stays_within_its_size_and_holds_true_distances() {
        let mesh = shapes::icosphere(4, 0.9);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let source = SampleSource::new(&oracle, &surface, mesh.bounds());
        let mut sampling = Preset::Standard.settings().sampling;
        sampling.pool_size = 1000;
        let mut pool = SamplePool::new(sampling, 1);
        for _ in 0..3 {
            pool.refresh(&source, 400, &CancelToken::new()).unwrap();
        }
        assert_eq!(pool.kept.points.len(), 1000);
        assert_eq!(pool.oldest, 200);
        let mut batch = Samples::with_points(vec![[0.0; 3]; 500]);
        pool.draw(&mut batch);
        for (point, distance) in batch.points.iter().zip(&batch.distances) {
            let radius = point.iter().map(|x| x * x).sum::<f32>().sqrt();
            // A fine polyhedron of a sphere lies within 4e-3 of it.
            assert!((radius - 0.9 - distance).abs() < 4e-3);
        }
        let cancelled = CancelToken::new();
        cancelled.cancel();
        assert_eq!(pool.refresh(&source, 400, &cancelled), Err(Cancelled));
    }
}
