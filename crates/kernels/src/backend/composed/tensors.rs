//! Formulas over Burn's tensors.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::calculus::Algebra;

/// The algebra of tensors `[N, M]`, on any backend.
pub(super) struct Tensors<B: Backend> {
    zeros: Tensor<B, 2>,
}

impl<B: Backend> Tensors<B> {
    /// For numbers of the shape and on the device of `tensor`.
    pub(super) fn like(tensor: &Tensor<B, 2>) -> Self {
        let zeros = tensor.zeros_like();
        Self { zeros }
    }
}

impl<B: Backend> Algebra for Tensors<B> {
    type Number = Tensor<B, 2>;

    fn constant(&mut self, value: f64) -> Tensor<B, 2> {
        self.zeros.clone().add_scalar(value)
    }

    fn add(&mut self, a: &Tensor<B, 2>, b: &Tensor<B, 2>) -> Tensor<B, 2> {
        a.clone().add(b.clone())
    }

    fn sub(&mut self, a: &Tensor<B, 2>, b: &Tensor<B, 2>) -> Tensor<B, 2> {
        a.clone().sub(b.clone())
    }

    fn mul(&mut self, a: &Tensor<B, 2>, b: &Tensor<B, 2>) -> Tensor<B, 2> {
        a.clone().mul(b.clone())
    }

    fn div(&mut self, a: &Tensor<B, 2>, b: &Tensor<B, 2>) -> Tensor<B, 2> {
        a.clone().div(b.clone())
    }

    fn exp(&mut self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().exp()
    }

    fn ln(&mut self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().log()
    }

    fn sqrt(&mut self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().sqrt()
    }

    fn sin(&mut self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().sin()
    }

    fn cos(&mut self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().cos()
    }

    fn round(&mut self, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        x.clone().round()
    }

    fn select_greater(
        &mut self,
        a: &Tensor<B, 2>,
        b: &Tensor<B, 2>,
        yes: &Tensor<B, 2>,
        no: &Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let is_greater = a.clone().greater(b.clone());
        no.clone().mask_where(is_greater, yes.clone())
    }
}
