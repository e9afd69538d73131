//! Activations of two straight pieces: computed in the product that they follow, while its sums are in registers, and their slopes
//! told by the values that they leave, see [`ActivationFunction::PIECEWISE_LINEAR`].

use pulp::Simd;

use super::matrix::{Left, Matrix, Output, multiply, vector_at, vector_at_mut};
use super::vectors::Vectors;
use crate::network::activation::{ActivationFunction, WithActivation, value_and_change};

/// A hidden layer of straight pieces.
pub(super) struct StraightLayer<'a, S> {
    pub simd: S,
    /// `[in, out]`
    pub weights: &'a Matrix,
    /// `[out]`, padded. None where `hidden` holds sums already.
    pub bias: Option<&'a [f32]>,
    pub input: &'a Matrix,
    /// Points of the tile.
    pub count: usize,
    /// Points that there is room for.
    pub rows: usize,
    pub hidden: &'a mut Matrix,
}

impl<S: Simd> WithActivation for StraightLayer<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<F: ActivationFunction>(self, function: &F) {
        if !F::PIECEWISE_LINEAR {
            unreachable!("others have a pass of their own");
        }
        let shape = [self.count, self.input.columns()];
        let mut output = Pieces {
            function,
            bias: self.bias,
            hidden: self.hidden,
        };
        let left = Left::Rows(self.input);
        multiply(self.simd, shape, left, self.weights, self.rows, &mut output);
    }
}

/// From the gradient by a hidden layer's preactivations to that by those of the layer below, whose values tell its slopes.
pub(super) struct BackIntoPieces<'a, S> {
    pub simd: S,
    pub shape: [usize; 2],
    pub by_layer: &'a Matrix,
    pub weights: &'a Matrix,
    pub rows: usize,
    pub hidden: &'a mut Matrix,
}

impl<S: Simd> WithActivation for BackIntoPieces<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<F: ActivationFunction>(self, function: &F) {
        if !F::PIECEWISE_LINEAR {
            unreachable!("slopes are kept");
        }
        let hidden = self.hidden;
        let mut output = BackThroughPieces { function, hidden };
        let left = Left::Rows(self.by_layer);
        multiply(
            self.simd,
            self.shape,
            left,
            self.weights,
            self.rows,
            &mut output,
        );
    }
}

/// From the gradient by the network's values to that by the preactivations of the last hidden layer, whose values tell its
/// slopes.
pub(super) struct BackIntoLastPieces<'a, S> {
    pub simd: S,
    pub weight: &'a Matrix,
    pub by_values: &'a [f32],
    pub hidden: &'a mut Matrix,
}

impl<S: Simd> WithActivation for BackIntoLastPieces<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<F: ActivationFunction>(self, function: &F) {
        if !F::PIECEWISE_LINEAR {
            unreachable!("slopes are kept");
        }
        let Self {
            simd,
            weight,
            by_values,
            hidden,
        } = self;
        let mut column = 0;
        while column < Matrix::padded(weight.columns()) {
            let weights = vector_at::<S>(weight.elements(), weight.place(0, column));
            let (start, step) = hidden.column(column);
            for (row, &by_value) in by_values.iter().enumerate() {
                let hidden = vector_at_mut::<S>(hidden.elements_mut(), start + row * step);
                let by_hidden = simd.mul_f32s(simd.splat_f32s(by_value), weights);
                *hidden = back_through_pieces(simd, function, *hidden, by_hidden);
            }
            column += S::F32_LANES;
        }
    }
}

/// `f(z)` of straight pieces, which costs an instruction or two.
struct Pieces<'a, F> {
    function: &'a F,
    /// `[out]`, padded. None where `hidden` holds sums already.
    bias: Option<&'a [f32]>,
    /// `[N, out]`
    hidden: &'a mut Matrix,
}

impl<S: Simd, F: ActivationFunction> Output<S> for Pieces<'_, F> {
    #[inline(always)]
    fn start(&self, _simd: S, place: usize, column: usize) -> S::f32s {
        match self.bias {
            Some(bias) => vector_at::<S>(bias, column),
            None => vector_at::<S>(self.hidden.elements(), place),
        }
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let omega = simd.splat_f32s(1.0);
        let value = self.function.apply(&mut Vectors(simd), &sums, &omega);
        *vector_at_mut::<S>(self.hidden.elements_mut(), place) = value;
    }
}

/// Back through an activation of two straight pieces: the gradient by `z` takes the place of the hidden values, which tell
/// the slope.
struct BackThroughPieces<'a, F> {
    function: &'a F,
    hidden: &'a mut Matrix,
}

impl<S: Simd, F: ActivationFunction> Output<S> for BackThroughPieces<'_, F> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let hidden = vector_at_mut::<S>(self.hidden.elements_mut(), place);
        *hidden = back_through_pieces(simd, self.function, *hidden, sums);
    }
}

/// The gradient by `z`, given the activation's value at it and the gradient by that.
#[inline(always)]
fn back_through_pieces<S: Simd, F: ActivationFunction>(
    simd: S,
    function: &F,
    value: S::f32s,
    by_value: S::f32s,
) -> S::f32s {
    let omega = simd.splat_f32s(1.0);
    value_and_change(&mut Vectors(simd), function, &value, &by_value, &omega).1
}
