//! The evaluation protocol: how far a field is from the truth, on points that training never saw.

use super::gradient_error::GradientError;
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

/// More than this share of the inside in doubt is told.
const DOUBT: f64 = 0.002;

/// Points evaluated between two looks at the cancel token.
const BATCH: usize = 1 << 15;

/// What is said about a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The protocol's figures. Points whose sign is in doubt count as wrong in all that is about signs.
    pub metrics: Metrics,
    /// What the user should know about them, in words; empty where all is well.
    pub warnings: Vec<String>,
}

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
) -> Option<Evaluation> {
    let source = SampleSource::new(oracle, surface, bounds);
    let held_out = HeldOut::draw(&source, oracle.sign_report().rule, protocol, cancel).ok()?;
    Some(Evaluation {
        metrics: held_out.judge(field, cancel).ok()?,
        warnings: held_out.warnings(),
    })
}

/// Points with their true distances, drawn once and asked again and again.
pub(super) struct HeldOut {
    near: Samples,
    /// The exact gradients there; zero where there is none.
    gradients: Vec<[f32; 3]>,
    uniform: Samples,
    rule: SignRule,
    doubt: Option<Doubt>,
}

/// Where a second rule contradicts the sign of the distances.
struct Doubt {
    /// Of the inside by either rule.
    share: f64,
    near: Vec<bool>,
    uniform: Vec<bool>,
}

impl HeldOut {
    pub(super) fn draw(
        source: &SampleSource<'_>,
        rule: SignRule,
        protocol: &Protocol,
        cancel: &CancelToken,
    ) -> Result<Self, Cancelled> {
        let sigma = (NEAR_SIGMA * UNIT_LONGEST_SIDE) as f32;
        let near = source.near(protocol.near, sigma, protocol.seed, cancel)?;
        let within = source.bounds().stretched(STRETCH);
        let uniform = source.uniform(protocol.uniform, &within, !protocol.seed, cancel)?;
        Ok(Self {
            doubt: Doubt::about(source, &near, &uniform, cancel)?,
            gradients: source.gradients(&near, cancel)?,
            near,
            uniform,
            rule,
        })
    }

    /// The points near the surface.
    pub(super) fn near(&self) -> &Samples {
        &self.near
    }

    /// What the user should know about the signs of these points.
    pub(super) fn warnings(&self) -> Vec<String> {
        let other = match self.rule {
            SignRule::Parity => ("winding", "Winding Number"),
            _ => ("parity", "Parity"),
        };
        let words = self.doubt.as_ref().map(|doubt| {
            format!(
                "The sign is doubtful: about {:.1} % of the inside the winding number and the parity of crossings \
                 contradict each other. IoU and right sign count that as wrong. Try `--sign {}` (in Blender: Inside, {}), or \
                 mend the mesh.",
                100.0 * doubt.share,
                other.0,
                other.1
            )
        });
        words.into_iter().collect()
    }

    pub(super) fn judge(
        &self,
        field: &dyn ScalarField,
        cancel: &CancelToken,
    ) -> Result<Metrics, Cancelled> {
        let (near, slopes) = values_and_gradients(field, &self.near, cancel)?;
        let gradient = GradientError::of(&slopes, &self.gradients);
        let uniform = values(field, &self.uniform, cancel)?;
        // A point in doubt is inside by one rule and outside by the other: no answer about it is right.
        let doubts = |which: fn(&Doubt) -> &Vec<bool>, point: usize| {
            (self.doubt.as_ref()).is_some_and(|doubt| which(doubt)[point])
        };
        let inside = uniform.iter().zip(&self.uniform.distances).enumerate();
        let (mut both, mut either, mut truly) = (0u64, 0u64, 0u64);
        for (point, (value, truth)) in inside {
            let doubted = doubts(|doubt| &doubt.uniform, point);
            both += u64::from(*value < 0.0 && *truth < 0.0 && !doubted);
            either += u64::from(*value < 0.0 || *truth < 0.0 || doubted);
            truly += u64::from(*truth < 0.0 || doubted);
        }
        let agree = near.iter().zip(&self.near.distances).enumerate();
        let agree = agree.filter(|&(point, (value, truth))| {
            (*value < 0.0) == (*truth < 0.0) && !doubts(|doubt| &doubt.near, point)
        });
        let signed = self.rule != SignRule::Unsigned;
        Ok(Metrics {
            near_mae: mean_error(&near, &self.near.distances),
            sign_agreement: if signed {
                agree.count() as f64 / near.len().max(1) as f64
            } else {
                1.0
            },
            uniform_mae: mean_error(&uniform, &self.uniform.distances),
            // An open sheet has no inside: a ratio of nothing to nothing would say nothing.
            iou: (signed && truly > 0).then(|| both as f64 / either as f64),
            gradient_degrees: gradient.map(|error| error.median),
            gradient_degrees_mean: gradient.map(|error| error.mean),
            gradient_length_error: gradient.map(|error| error.length),
        })
    }
}

impl Doubt {
    /// Compares the rules at the points; `None` if there is no doubt to speak of.
    fn about(
        source: &SampleSource<'_>,
        near: &Samples,
        uniform: &Samples,
        cancel: &CancelToken,
    ) -> Result<Option<Self>, Cancelled> {
        let doubted = source.contradicted(uniform, cancel)?;
        let inside = uniform.distances.iter().zip(&doubted);
        let inside = inside.filter(|(distance, doubted)| **distance < 0.0 || **doubted);
        let count = doubted.iter().filter(|doubted| **doubted).count();
        let share = count as f64 / inside.count().max(1) as f64;
        if share <= DOUBT {
            return Ok(None);
        }
        Ok(Some(Self {
            share,
            near: source.contradicted(near, cancel)?,
            uniform: doubted,
        }))
    }
}

fn values(
    field: &dyn ScalarField,
    samples: &Samples,
    cancel: &CancelToken,
) -> Result<Vec<f32>, Cancelled> {
    let mut values = vec![0.0; samples.points.len()];
    for (points, values) in samples.points.chunks(BATCH).zip(values.chunks_mut(BATCH)) {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        field.values(points, values);
    }
    Ok(values)
}

/// Values and gradients.
fn values_and_gradients(
    field: &dyn ScalarField,
    samples: &Samples,
    cancel: &CancelToken,
) -> Result<(Vec<f32>, Vec<[f32; 3]>), Cancelled> {
    let count = samples.points.len();
    let (mut values, mut gradients) = (vec![0.0; count], vec![[0.0; 3]; count]);
    let outputs = values.chunks_mut(BATCH).zip(gradients.chunks_mut(BATCH));
    for (points, (values, gradients)) in samples.points.chunks(BATCH).zip(outputs) {
        if cancel.is_cancelled() {
            return Err(Cancelled);
        }
        field.values_and_gradients(points, values, gradients);
    }
    Ok((values, gradients))
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

        fn values_and_gradients(
            &self,
            points: &[[f32; 3]],
            values: &mut [f32],
            gradients: &mut [[f32; 3]],
        ) {
            self.values(points, values);
            for (gradient, point) in gradients.iter_mut().zip(points) {
                let radius = point.iter().map(|x| x * x).sum::<f32>().sqrt();
                *gradient = point.map(|x| x / radius);
            }
        }
    }

    /// A field whose gradient is turned by 10 degrees towards the axes' sum, and 3 % too long.
    struct Turned(Sphere);

    impl ScalarField for Turned {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            self.0.values(points, values);
        }

        fn values_and_gradients(
            &self,
            points: &[[f32; 3]],
            values: &mut [f32],
            gradients: &mut [[f32; 3]],
        ) {
            self.0.values_and_gradients(points, values, gradients);
            let (sine, cosine) = 10f32.to_radians().sin_cos();
            for gradient in gradients {
                let [x, y, z] = *gradient;
                // Some direction across it.
                let across = match x.abs() < 0.5 {
                    true => [0.0, -z, y],
                    false => [-z, 0.0, x],
                };
                let length = across.iter().map(|x| x * x).sum::<f32>().sqrt();
                *gradient = std::array::from_fn(|axis| {
                    1.03 * (cosine * gradient[axis] + sine * across[axis] / length)
                });
            }
        }
    }

    /// A perfect fit of whatever sign an oracle takes.
    struct Copy<'a>(&'a SignedDistance);

    impl ScalarField for Copy<'_> {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            self.0.distances(points, values);
        }

        fn values_and_gradients(
            &self,
            points: &[[f32; 3]],
            values: &mut [f32],
            gradients: &mut [[f32; 3]],
        ) {
            self.values(points, values);
            gradients.fill([1.0, 0.0, 0.0]);
        }
    }

    #[test]
    fn a_fit_is_not_praised_for_a_wrong_sign() {
        // Not validated: nobody turned the faces.
        let mut mesh = shapes::icosphere(4, 0.9);
        let half = mesh.triangles.len() / 2;
        for triangle in &mut mesh.triangles[..half] {
            triangle.swap(0, 1);
        }
        let surface = SurfaceSampler::new(&mesh);
        let judge = |policy| {
            let oracle = SignedDistance::new(&mesh, policy).unwrap();
            let (cancel, protocol) = (CancelToken::new(), Protocol::default());
            let field = Copy(&oracle);
            evaluate(&field, &oracle, &surface, mesh.bounds(), &protocol, &cancel).unwrap()
        };
        let wrong = judge(SignPolicy::Auto);
        assert_eq!((wrong.metrics.near_mae, wrong.warnings.len()), (0.0, 1));
        assert!(wrong.warnings[0].contains("--sign parity"));
        assert!(wrong.metrics.iou.unwrap() < 0.5, "{wrong:?}");
        assert!(wrong.metrics.sign_agreement < 0.95, "{wrong:?}");
        let right = judge(SignPolicy::Parity);
        assert_eq!((right.metrics.iou, right.warnings.len()), (Some(1.0), 0));
    }

    #[test]
    fn the_angle_and_length_of_gradients_are_measured() {
        let mesh = shapes::icosphere(6, 0.9);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let judge = |field: &dyn ScalarField| {
            let (cancel, protocol) = (CancelToken::new(), Protocol::default());
            let found = evaluate(field, &oracle, &surface, mesh.bounds(), &protocol, &cancel);
            found.unwrap().metrics
        };
        let exact = judge(&Sphere { offset: 0.0 });
        // A fine polyhedron's faces are turned from the sphere by up to a degree.
        assert!(exact.gradient_degrees.unwrap() < 1.0, "{exact:?}");
        assert!(exact.gradient_length_error.unwrap() < 1e-5, "{exact:?}");
        let turned = judge(&Turned(Sphere { offset: 0.0 }));
        for degrees in [turned.gradient_degrees, turned.gradient_degrees_mean] {
            assert!((degrees.unwrap() - 10.0).abs() < 0.5, "{turned:?}");
        }
        let length = turned.gradient_length_error.unwrap();
        assert!((length - 0.03).abs() < 1e-4, "{turned:?}");
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
            let found = evaluate(&field, &oracle, &surface, mesh.bounds(), &protocol, &cancel);
            let found = found.unwrap();
            assert!(found.warnings.is_empty());
            found.metrics
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
