//! The products that a perceptron is made of.

use super::plan::Plan;

/// What a product's sums become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Finish {
    /// A layer: biases are added; an activation of straight pieces follows, others later.
    Layer,
    /// The gradient by a layer's sums, in the place of what the layer kept.
    Slopes,
    /// The sums as they are.
    Keep,
}

impl Finish {
    /// What a hidden layer's sums become: samples of several columns are finished afterwards, as wholes.
    pub(super) fn of_layer(plan: &Plan) -> Self {
        match plan.channels {
            1 => Finish::Layer,
            _ => Finish::Keep,
        }
    }

    /// What the gradient by a hidden layer's output becomes, likewise.
    pub(super) fn of_slopes(plan: &Plan) -> Self {
        match plan.channels {
            1 => Finish::Slopes,
            _ => Finish::Keep,
        }
    }
}

/// A product of a layer's weights with rows of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Product {
    /// Rows that go in.
    pub inputs: usize,
    /// Rows that come out.
    pub outputs: usize,
    /// From a layer's inputs to its outputs; else from the gradient by the outputs to the one by the inputs.
    pub forward: bool,
    pub finish: Finish,
}
