//! What a spline leaves for the network to learn.

use std::sync::Arc;

use super::samples::{Cancelled, SampleSource, Samples};
use crate::CancelToken;
use crate::backend::Objective;
use crate::field::{Corrected, Refinement, SharedField, SparseSpline, SplineField, interpolate};
use crate::loss::{Loss, Needs};
use crate::network::Architecture;

/// The exact distance less a spline, in a unit in which a network learns well.
pub(super) struct Residual {
    spline: Option<Arc<SplineField>>,
    /// One unit of the network's value, in the unit frame.
    scale: f32,
}

impl Residual {
    /// What `spline` leaves; its size is taken from what it leaves at `samples`. Without a spline it is the distance itself.
    pub(super) fn of(spline: Option<&SparseSpline>, samples: &Samples) -> Self {
        let Some(spline) = spline else {
            let scale = 1.0;
            return Self {
                spline: None,
                scale,
            };
        };
        let spline = SplineField::new(spline);
        let mut left: Vec<f32> = samples.distances.iter().map(|d| -d).collect();
        spline.add(&samples.points, &mut left, None);
        let mean = left.iter().map(|x| f64::from(x.abs())).sum::<f64>() / left.len().max(1) as f64;
        Self {
            spline: Some(Arc::new(spline)),
            // A spline that leaves nothing still needs a unit.
            scale: (mean as f32 * UNITS).max(f32::EPSILON),
        }
    }

    /// Samples as rows of [`Needs::columns`]: what the network is to learn at each point, and what the loss looks at beside it.
    pub(super) fn rows(&self, samples: &Samples, needs: Needs) -> Vec<f32> {
        let count = samples.points.len();
        let mut known = vec![0.0; count];
        let mut known_slopes = vec![[0.0; 3]; samples.gradients.len()];
        if let Some(spline) = &self.spline {
            let slopes = (needs == Needs::Gradient).then_some(known_slopes.as_mut_slice());
            spline.add(&samples.points, &mut known, slopes);
        }
        let mut rows = Vec::with_capacity(count * needs.columns());
        for (index, (point, distance)) in samples.points.iter().zip(&samples.distances).enumerate()
        {
            rows.extend(point);
            rows.push((distance - known[index]) / self.scale);
            if needs >= Needs::Distance {
                rows.push(*distance);
            }
            if needs == Needs::Gradient {
                let (gradient, known) = (samples.gradients[index], known_slopes[index]);
                rows.extend((0..3).map(|axis| (gradient[axis] - known[axis]) / self.scale));
                rows.extend(gradient);
            }
        }
        rows
    }

    /// What of a field is made small.
    pub(super) fn objective(&self, loss: Loss) -> Objective {
        Objective {
            loss,
            unit: self.scale,
        }
    }

    /// The whole field, out of the network in training.
    pub(super) fn corrected(&self, network: SharedField) -> SharedField {
        match &self.spline {
            None => network,
            Some(spline) => Arc::new(Corrected {
                spline: Arc::clone(spline),
                network,
                scale: self.scale,
            }),
        }
    }

    /// Parameters of a network whose value is the distance that is left, in the unit frame.
    pub(super) fn in_unit_frame(
        &self,
        architecture: &Architecture,
        mut parameters: Vec<f32>,
    ) -> Vec<f32> {
        // The last layer is linear: its weight, then its bias.
        let tensors = architecture.tensors();
        for spec in tensors.iter().rev().take(2) {
            for parameter in &mut parameters[spec.range()] {
                *parameter *= self.scale;
            }
        }
        parameters
    }

    /// One unit of the network's value, in the unit frame.
    pub(super) fn scale(&self) -> f64 {
        self.scale.into()
    }
}

/// The unit of the network's value, as a multiple of the mean of what is left near the surface.
const UNITS: f32 = 8.0;

/// Takes a spline of the exact distance.
pub(super) fn spline_of(
    source: &SampleSource<'_>,
    refinement: &Refinement,
    cancel: &CancelToken,
) -> Result<SparseSpline, Cancelled> {
    interpolate(refinement, |points| source.distances(points, cancel))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{SignPolicy, SignedDistance};
    use crate::field::ScalarField;
    use crate::geometry::{SurfaceSampler, shapes};

    #[test]
    fn what_is_left_and_what_is_known_make_the_whole() {
        let mesh = shapes::icosphere(4, 0.9);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let source = SampleSource::new(&oracle, &surface, mesh.bounds());
        let spline = spline_of(&source, &Refinement::default(), &CancelToken::new()).unwrap();
        let samples = Samples {
            points: vec![[0.5, 0.1, 0.0], [0.0, -0.95, 0.2]],
            distances: vec![-0.3, 0.07],
            gradients: vec![[0.6, 0.8, 0.0], [0.0, -1.0, 0.0]],
        };
        let residual = Residual::of(Some(&spline), &samples);
        let unit = residual.scale;
        let (mut known, mut slopes) = ([0.0; 2], [[0.0; 3]; 2]);
        let field = SplineField::new(&spline);
        field.values_and_gradients(&samples.points, &mut known, &mut slopes);
        for needs in [Needs::Error, Needs::Distance, Needs::Gradient] {
            let rows = residual.rows(&samples, needs);
            assert_eq!(rows.len(), 2 * needs.columns());
            for (index, row) in rows.chunks_exact(needs.columns()).enumerate() {
                let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a}, not {b}");
                assert_eq!(row[..3], samples.points[index]);
                close(known[index] + unit * row[3], samples.distances[index]);
                if needs >= Needs::Distance {
                    assert_eq!(row[4], samples.distances[index]);
                }
                if needs == Needs::Gradient {
                    assert_eq!(row[8..], samples.gradients[index]);
                    for axis in 0..3 {
                        let whole = slopes[index][axis] + unit * row[5 + axis];
                        close(whole, samples.gradients[index][axis]);
                    }
                }
            }
        }
    }
}
