//! Features that are formulas, by tensor operations.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::LayerInput;
use super::tensors::Tensors;
use crate::calculus::{Folded, MaybeKnown};
use crate::network::encoding::Parts;
use crate::network::encoding::formula::{FeatureFormula, Formula, WithFormula, slopes};

/// The features of points that are formulas. They do not depend on parameters.
pub(super) struct Formulas<B: Backend> {
    /// `[N, F]`
    features: Tensor<B, 2>,
    /// Their derivatives by the axes, `[3 N, F]`.
    tangents: Option<Tensor<B, 2>>,
}

impl<B: Backend> Formulas<B> {
    /// `points` is `[N, 3]`. None where no feature is a formula.
    pub(super) fn new(parts: &Parts, points: &Tensor<B, 2>, tangents: bool) -> Option<Self> {
        let used = FeatureFormula::ALL.into_iter().filter_map(|formula| {
            let rows = parts.rows(formula);
            (!rows.is_empty()).then(|| {
                formula.visit(Features {
                    points,
                    rows,
                    tangents,
                })
            })
        });
        let (features, tangents): (Vec<_>, Vec<_>) = used.unzip();
        if features.is_empty() {
            return None;
        }
        let tangents: Option<Vec<_>> = tangents.into_iter().collect();
        Some(Self {
            features: Tensor::cat(features, 1),
            tangents: tangents.map(|tangents| Tensor::cat(tangents, 1)),
        })
    }

    pub(super) fn features(&self) -> LayerInput<B> {
        LayerInput {
            hidden: self.features.clone(),
            tangents: self.tangents.clone(),
        }
    }
}

/// The features of one formula, and on request their derivatives.
struct Features<'a, B: Backend> {
    points: &'a Tensor<B, 2>,
    rows: &'a [[f32; 4]],
    tangents: bool,
}

impl<B: Backend> WithFormula for Features<'_, B> {
    type Output = (Tensor<B, 2>, Option<Tensor<B, 2>>);

    fn with<F: Formula>(self) -> Self::Output {
        let [points, _] = self.points.dims();
        let position = [0, 1, 2].map(|axis| {
            let coordinates = self.points.clone().narrow(1, axis, 1);
            MaybeKnown::Number(coordinates.repeat(&[1, self.rows.len()]))
        });
        let device = self.points.device();
        let constants = [0, 1, 2, 3].map(|place| {
            let constants: Vec<f32> = self.rows.iter().map(|row| row[place]).collect();
            let data = TensorData::new(constants, [1, self.rows.len()]);
            let constants = Tensor::<B, 2>::from_data(data, &device);
            MaybeKnown::Number(constants.repeat(&[points, 1]))
        });
        let MaybeKnown::Number(like) = &position[0] else {
            unreachable!("coordinates are not known");
        };
        let mut tensors = Tensors::like(like);
        let mut folded = Folded(&mut tensors);
        let features = F::at(&mut folded, &position, &constants);
        let features = folded.number(&features);
        let tangents = self.tangents.then(|| {
            let slopes = slopes::<_, F>(&mut folded, &position, &constants);
            let slopes = slopes.iter().map(|slope| folded.number(slope));
            Tensor::cat(slopes.collect(), 0)
        });
        (features, tangents)
    }
}
