//! The evaluation protocol: how far a field is from the truth, on points that training never saw.

use super::samples::{Cancelled, SampleSource, Samples};
use crate::CancelToken;
use crate::distance::{SignRule, SignedDistance};
use crate::field::{Metrics, ScalarField};
use crate::geometry::{Bounds, SurfaceSampler, UNIT_LONGEST_SIDE};

/// How many points are drawn, and by which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Points on the surface moved by N(0, 0.0056²) per axis (longest side 1).
    pub near: usize,
    /// Points in the bounding box with its edges 5% longer.
    pub uniform: usize,
    /// Seed of the points.
    pub seed: u64,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            near: 100_000,
            uniform: 200_000,
            seed: 0x5eed_00e7,
        }
    }
}

/// Standard deviation of the protocol's near points, longest side 1.
const NEAR_SIGMA: f64 = 0.0056;

/// Factor by which the edges of the bounding box are made longer.
const STRETCH: f64 = 1.05;

/// Judges a field by the protocol.
///
/// `field` is evaluated in the unit frame; `oracle` and `surface` hold the mesh in the unit frame, `bounds` is its bounding
/// box there. `None` if `cancel` was set on the way.
pub fn evaluate(
    field: &dyn ScalarField,
    oracle: &SignedDistance,
    surface: &SurfaceSampler,
    bounds: Bounds,
    protocol: &Protocol,
    cancel: &CancelToken,
) -> Option<Metrics> {
    let source = SampleSource::new(oracle, surface, bounds);
    HeldOut::draw(&source, oracle.sign_report().rule, protocol, cancel)
        .and_then(|held_out| held_out.judge(field, cancel))
        .ok()
}

/// Points with their true distances, drawn once and asked again and again.
pub(super) struct HeldOut {
    near: Samples,
    uniform: Samples,
    signed: bool,
}

impl HeldOut {
    pub(super) fn draw(
        source: &SampleSource<'_>,
        rule: SignRule,
        protocol: &Protocol,
        cancel: &CancelToken,
    ) -> Result<Self, Cancelled> {
        let sigma = (NEAR_SIGMA * UNIT_LONGEST_SIDE) as f32;
        Ok(Self {
            near: source.near(protocol.near, sigma, protocol.seed, cancel)?,
            uniform: source.uniform(
                protocol.uniform,
                &source.bounds().stretched(STRETCH),
                !protocol.seed,
                cancel,
            )?,
            signed: rule != SignRule::Unsigned,
        })
    }

    pub(super) fn judge(
        &self,
        field: &dyn ScalarField,
        cancel: &CancelToken,
    ) -> Result<Metrics, Cancelled> {
        let near = values(field, &self.near, cancel)?;
        let uniform = values(field, &self.uniform, cancel)?;
        let inside = uniform.iter().zip(&self.uniform.distances);
        let (mut both, mut either, mut truly) = (0u64, 0u64, 0u64);
        for (value, truth) in inside {
            both += u64::from(*value < 0.0 && *truth < 0.0);
            either += u64::from(*value < 0.0 || *truth < 0.0);
            truly += u64::from(*truth < 0.0);
        }
        let agree = near.iter().zip(&self.near.distances);
        let agree = agree.filter(|(value, truth)| (**value < 0.0) == (**truth < 0.0));
        Ok(Metrics {
            near_mae: mean_error(&near, &self.near.distances),
            sign_agreement: if self.signed {
                agree.count() as f64 / near.len().max(1) as f64
            } else {
                1.0
            },
            uniform_mae: mean_error(&uniform, &self.uniform.distances),
            // An open sheet has no inside: a ratio of nothing to nothing would say nothing.
            iou: (self.signed && truly > 0).then(|| both as f64 / either as f64),
        })
    }
}

fn values(
    field: &dyn ScalarField,
    samples: &Samples,
    cancel: &CancelToken,
) -> Result<Vec<f32>, Cancelled> {
    const BATCH: usize = 1 << 15;
    let mut values = vec![0.0; samples.points.len()];
    for (points, values) in samples.points.chunks(BATCH).zip(values.chunks_mut(BATCH)) {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        field.values(points, values);
    }
    Ok(values)
}

/// Mean |a - b|, longest side 1.
fn mean_error(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / a.len().max(1) as f64 / UNIT_LONGEST_SIDE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::SignPolicy;
    use crate::geometry::shapes;

    /// The distance to a sphere, too large by `offset`.
    struct Sphere {
        offset: f32,
    }

    impl ScalarField for Sphere {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            for (value, point) in values.iter_mut().zip(points) {
                let radius = point.iter().map(|x| x * x).sum::<f32>().sqrt();
                *value = radius - 0.9 + self.offset;
            }
        }

        fn values_and_gradients(&self, _: &[[f32; 3]], _: &mut [f32], _: &mut [[f32; 3]]) {
            unreachable!("the protocol takes no gradients")
        }
    }

    #[test]
    fn a_known_offset_gives_the_error_and_overlap_that_it_must() {
        let mesh = shapes::icosphere(5, 0.9);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let judge = |offset| {
            let field = Sphere { offset };
            let cancel = CancelToken::new();
            let protocol = Protocol::default();
            evaluate(&field, &oracle, &surface, mesh.bounds(), &protocol, &cancel).unwrap()
        };
        let exact = judge(0.0);
        assert!(
            exact.near_mae < 5e-4 && exact.iou.unwrap() > 0.997,
            "{exact:?}"
        );
        let shrunk = judge(0.09);
        assert!((shrunk.near_mae - 0.05).abs() < 5e-4, "{shrunk:?}");
        assert!((shrunk.uniform_mae - 0.05).abs() < 5e-4, "{shrunk:?}");
        let volumes = (0.81f64 / 0.9).powi(3);
        assert!((shrunk.iou.unwrap() - volumes).abs() < 5e-3, "{shrunk:?}");
    }
}
