//! Formulas over Burn's tensors.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::calculus::Algebra;

/// The algebra of tensors `[N, M]`, on any backend.
pub(super) struct Tensors<B: Backend> {
    zeros: Tensor<B, 2>,
}

/// A tensor, or one number for all of its elements: what is multiplied by 0 or 1 costs nothing then.
#[derive(Clone)]
pub(super) enum Number<B: Backend> {
    Constant(f64),
    Tensor(Tensor<B, 2>),
}

impl<B: Backend> Tensors<B> {
    /// For numbers of the shape and on the device of `tensor`.
    pub(super) fn like(tensor: &Tensor<B, 2>) -> Self {
        let zeros = tensor.zeros_like();
        Self { zeros }
    }

    /// The number as a tensor.
    pub(super) fn tensor(&self, number: Number<B>) -> Tensor<B, 2> {
        match number {
            Number::Constant(value) => self.zeros.clone().add_scalar(value),
            Number::Tensor(tensor) => tensor,
        }
    }

    fn map(
        x: &Number<B>,
        of_constant: fn(f64) -> f64,
        of_tensor: fn(Tensor<B, 2>) -> Tensor<B, 2>,
    ) -> Number<B> {
        match x {
            Number::Constant(x) => Number::Constant(of_constant(*x)),
            Number::Tensor(x) => Number::Tensor(of_tensor(x.clone())),
        }
    }
}

impl<B: Backend> Algebra for Tensors<B> {
    type Number = Number<B>;

    fn constant(&mut self, value: f64) -> Number<B> {
        Number::Constant(value)
    }

    fn add(&mut self, a: &Number<B>, b: &Number<B>) -> Number<B> {
        match (a, b) {
            (Number::Constant(a), Number::Constant(b)) => Number::Constant(a + b),
            (Number::Constant(c), Number::Tensor(x)) | (Number::Tensor(x), Number::Constant(c)) => {
                Number::Tensor(x.clone().add_scalar(*c))
            }
            (Number::Tensor(a), Number::Tensor(b)) => Number::Tensor(a.clone().add(b.clone())),
        }
    }

    fn sub(&mut self, a: &Number<B>, b: &Number<B>) -> Number<B> {
        match (a, b) {
            (Number::Constant(a), Number::Constant(b)) => Number::Constant(a - b),
            (Number::Constant(a), Number::Tensor(b)) => {
                Number::Tensor(b.clone().neg().add_scalar(*a))
            }
            (Number::Tensor(a), Number::Constant(b)) => Number::Tensor(a.clone().sub_scalar(*b)),
            (Number::Tensor(a), Number::Tensor(b)) => Number::Tensor(a.clone().sub(b.clone())),
        }
    }

    fn mul(&mut self, a: &Number<B>, b: &Number<B>) -> Number<B> {
        match (a, b) {
            (Number::Constant(a), Number::Constant(b)) => Number::Constant(a * b),
            (Number::Constant(c), x) | (x, Number::Constant(c)) if *c == 1.0 => x.clone(),
            (Number::Constant(c), Number::Tensor(x)) | (Number::Tensor(x), Number::Constant(c)) => {
                Number::Tensor(x.clone().mul_scalar(*c))
            }
            (Number::Tensor(a), Number::Tensor(b)) => Number::Tensor(a.clone().mul(b.clone())),
        }
    }

    fn div(&mut self, a: &Number<B>, b: &Number<B>) -> Number<B> {
        match (a, b) {
            (Number::Constant(a), Number::Constant(b)) => Number::Constant(a / b),
            (Number::Constant(a), Number::Tensor(b)) => {
                Number::Tensor(b.clone().recip().mul_scalar(*a))
            }
            (Number::Tensor(a), Number::Constant(b)) => Number::Tensor(a.clone().div_scalar(*b)),
            (Number::Tensor(a), Number::Tensor(b)) => Number::Tensor(a.clone().div(b.clone())),
        }
    }

    fn exp(&mut self, x: &Number<B>) -> Number<B> {
        Self::map(x, f64::exp, Tensor::exp)
    }

    fn ln(&mut self, x: &Number<B>) -> Number<B> {
        Self::map(x, f64::ln, Tensor::log)
    }

    fn sin(&mut self, x: &Number<B>) -> Number<B> {
        Self::map(x, f64::sin, Tensor::sin)
    }

    fn cos(&mut self, x: &Number<B>) -> Number<B> {
        Self::map(x, f64::cos, Tensor::cos)
    }

    fn select_greater(
        &mut self,
        a: &Number<B>,
        b: &Number<B>,
        yes: &Number<B>,
        no: &Number<B>,
    ) -> Number<B> {
        let greater = match (a, b) {
            (Number::Constant(a), Number::Constant(b)) => {
                return if a > b { yes.clone() } else { no.clone() };
            }
            (Number::Tensor(a), Number::Constant(b)) => a.clone().greater_elem(*b),
            (a, b) => self.tensor(a.clone()).greater(self.tensor(b.clone())),
        };
        let (yes, no) = (self.tensor(yes.clone()), self.tensor(no.clone()));
        Number::Tensor(no.mask_where(greater, yes))
    }
}
