//! What a formula is written in.

/// Numbers that a formula is written over, and the operations on them.
///
/// A formula is a function that is generic over an algebra. It is computed by the processor's vectors, by Burn's
/// tensors and, in tests, in `f64`; it is differentiated by [`Jet`](super::Jet), over any of them; and it becomes a
/// part of a graphics card's kernel while that is written. The operations take the algebra, because some of them write code
/// instead of computing.
///
/// What the processor's kernels are made of, [`Jet`](super::Jet) included, must be `#[inline(always)]` throughout and free of
/// closures: only so do formulas take on the instruction set that a kernel was dispatched to.
pub trait Algebra {
    /// One number, or as many as are computed with at a time.
    type Number: Clone;

    /// A number that is known when the formula is written.
    fn constant(&mut self, value: f64) -> Self::Number;

    /// `a + b`
    fn add(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number;

    /// `a - b`
    fn sub(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number;

    /// `a b`
    fn mul(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number;

    /// `a / b`
    fn div(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number;

    /// `eˣ`
    fn exp(&mut self, x: &Self::Number) -> Self::Number;

    /// The natural logarithm of a normal, positive number.
    fn ln(&mut self, x: &Self::Number) -> Self::Number;

    /// `√x` of a positive number.
    fn sqrt(&mut self, x: &Self::Number) -> Self::Number;

    /// `sin x`, exact to some 1e-6 for |x| ≤ 4096.
    fn sin(&mut self, x: &Self::Number) -> Self::Number;

    /// `cos x`, exact to some 1e-6 for |x| ≤ 4096.
    fn cos(&mut self, x: &Self::Number) -> Self::Number;

    /// The nearest whole number, for |x| < 2²²; either one halfway between two. Its derivative counts as 0.
    fn round(&mut self, x: &Self::Number) -> Self::Number;

    /// `yes` where `a > b`, elsewhere `no`.
    fn select_greater(
        &mut self,
        a: &Self::Number,
        b: &Self::Number,
        yes: &Self::Number,
        no: &Self::Number,
    ) -> Self::Number;

    /// `max(a, b)`; where they are equal it has the derivatives of `b`.
    #[inline(always)]
    fn max(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        self.select_greater(a, b, a, b)
    }

    /// `-x`
    #[inline(always)]
    fn negate(&mut self, x: &Self::Number) -> Self::Number {
        let zero = self.constant(0.0);
        self.sub(&zero, x)
    }

    /// `|x|`
    #[inline(always)]
    fn abs(&mut self, x: &Self::Number) -> Self::Number {
        let zero = self.constant(0.0);
        let minus = self.negate(x);
        self.select_greater(x, &zero, x, &minus)
    }
}
