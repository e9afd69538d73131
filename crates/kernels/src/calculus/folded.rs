//! Constants of formulas, worked out when the formula is written.

use MaybeKnown::{Known, Number};

use super::Algebra;

/// Numbers over `A` of which some are known: operations on those alone, and with 0 and 1, cost nothing. For algebras whose operations
/// are dear, or that write code.
pub struct Folded<'a, A>(pub &'a mut A);

/// A known number, or one of the algebra's.
#[derive(Clone)]
pub enum MaybeKnown<N> {
    /// Known before anything is computed.
    Known(f64),
    /// One of the algebra's.
    Number(N),
}

impl<A: Algebra> Folded<'_, A> {
    /// The number in the algebra itself.
    pub fn number(&mut self, x: &MaybeKnown<A::Number>) -> A::Number {
        match x {
            Known(value) => self.0.constant(*value),
            Number(number) => number.clone(),
        }
    }

    fn map(
        &mut self,
        x: &MaybeKnown<A::Number>,
        of_known: fn(f64) -> f64,
        of_number: fn(&mut A, &A::Number) -> A::Number,
    ) -> MaybeKnown<A::Number> {
        match x {
            Known(value) => Known(of_known(*value)),
            Number(number) => Number(of_number(self.0, number)),
        }
    }

    fn combine(
        &mut self,
        a: &MaybeKnown<A::Number>,
        b: &MaybeKnown<A::Number>,
        of_numbers: fn(&mut A, &A::Number, &A::Number) -> A::Number,
    ) -> MaybeKnown<A::Number> {
        let (a, b) = (self.number(a), self.number(b));
        Number(of_numbers(self.0, &a, &b))
    }
}

impl<A: Algebra> Algebra for Folded<'_, A> {
    type Number = MaybeKnown<A::Number>;

    fn constant(&mut self, value: f64) -> Self::Number {
        Known(value)
    }

    fn add(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        match (a, b) {
            (Known(a), Known(b)) => Known(a + b),
            (Known(0.0), x) | (x, Known(0.0)) => x.clone(),
            (a, b) => self.combine(a, b, A::add),
        }
    }

    fn sub(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        match (a, b) {
            (Known(a), Known(b)) => Known(a - b),
            (x, Known(0.0)) => x.clone(),
            (a, b) => self.combine(a, b, A::sub),
        }
    }

    fn mul(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        match (a, b) {
            (Known(a), Known(b)) => Known(a * b),
            (Known(0.0), _) | (_, Known(0.0)) => Known(0.0),
            (Known(1.0), x) | (x, Known(1.0)) => x.clone(),
            (a, b) => self.combine(a, b, A::mul),
        }
    }

    fn div(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        match (a, b) {
            (Known(a), Known(b)) => Known(a / b),
            (x, Known(1.0)) => x.clone(),
            (a, b) => self.combine(a, b, A::div),
        }
    }

    fn exp(&mut self, x: &Self::Number) -> Self::Number {
        self.map(x, f64::exp, A::exp)
    }

    fn ln(&mut self, x: &Self::Number) -> Self::Number {
        self.map(x, f64::ln, A::ln)
    }

    fn sqrt(&mut self, x: &Self::Number) -> Self::Number {
        self.map(x, f64::sqrt, A::sqrt)
    }

    fn sin(&mut self, x: &Self::Number) -> Self::Number {
        self.map(x, f64::sin, A::sin)
    }

    fn cos(&mut self, x: &Self::Number) -> Self::Number {
        self.map(x, f64::cos, A::cos)
    }

    fn round(&mut self, x: &Self::Number) -> Self::Number {
        self.map(x, f64::round, A::round)
    }

    fn select_greater(
        &mut self,
        a: &Self::Number,
        b: &Self::Number,
        yes: &Self::Number,
        no: &Self::Number,
    ) -> Self::Number {
        if let (Known(a), Known(b)) = (a, b) {
            return if a > b { yes.clone() } else { no.clone() };
        }
        let (a, b) = (self.number(a), self.number(b));
        let (yes, no) = (self.number(yes), self.number(no));
        Number(self.0.select_greater(&a, &b, &yes, &no))
    }

    fn max(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        match (a, b) {
            (Known(a), Known(b)) => Known(a.max(*b)),
            (a, b) => self.combine(a, b, A::max),
        }
    }
}
