//! Updates by tensor operations.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::tensors::Tensors;
use crate::backend::OptimizerState;
use crate::calculus::{Folded, MaybeKnown};
use crate::optimizer::{CONSTANTS, MOMENTS, UpdateRule, UpdateStep, WithRule};

/// [`FieldBackend::update`](crate::backend::FieldBackend::update) by tensor operations.
pub fn update<B: Backend>(
    state: OptimizerState<B>,
    gradient: Tensor<B, 1>,
    step: UpdateStep,
) -> OptimizerState<B> {
    let rule = step.update.rule();
    rule.visit(Step {
        state,
        gradient,
        constants: step.constants(),
    })
}

struct Step<B: Backend> {
    state: OptimizerState<B>,
    gradient: Tensor<B, 1>,
    constants: [f64; CONSTANTS],
}

impl<B: Backend> WithRule for Step<B> {
    type Output = OptimizerState<B>;

    fn with<R: UpdateRule>(self) -> OptimizerState<B> {
        let OptimizerState {
            parameters,
            moments,
        } = self.state;
        let count = parameters.dims()[0];
        let row = |tensor: &Tensor<B, 1>| tensor.clone().reshape([1, count]);
        let like = row(&parameters);
        let mut tensors = Tensors::like(&like);
        let mut folded = Folded(&mut tensors);
        let number = |tensor: &Tensor<B, 1>| MaybeKnown::Number(row(tensor));
        let (parameter, moved): (_, [_; MOMENTS]) = R::apply(
            &mut folded,
            &number(&parameters),
            &number(&self.gradient),
            &moments.each_ref().map(number),
            &self.constants.map(MaybeKnown::Known),
        );
        let untouched = self.gradient.equal_elem(0.0);
        let mut kept_where_untouched = |after: &MaybeKnown<Tensor<B, 2>>, before| {
            let after = folded.number(after).reshape([count]);
            after.mask_where(untouched.clone(), before)
        };
        let [first, second] = moments;
        OptimizerState {
            parameters: kept_where_untouched(&parameter, parameters),
            moments: [
                kept_where_untouched(&moved[0], first),
                kept_where_untouched(&moved[1], second),
            ],
        }
    }
}
