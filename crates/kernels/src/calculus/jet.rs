//! Derivatives of formulas, of the same formulas: forward-mode differentiation (Wengert 1964).

use super::Algebra;

/// Numbers over `A` that carry their derivative along one direction with them. A jet over a jet carries the second, too.
pub struct Jet<'a, A>(pub &'a mut A);

/// A number and its derivative; none where that is known to be zero.
#[derive(Clone)]
pub struct Dual<N> {
    /// The number.
    pub value: N,
    /// Its derivative; none where it is zero.
    pub slope: Option<N>,
}

impl<N> Dual<N> {
    /// A number that does not change.
    #[inline(always)]
    pub fn fixed(value: N) -> Self {
        Dual { value, slope: None }
    }

    /// A number that changes by `slope`.
    #[inline(always)]
    pub fn moving(value: N, slope: N) -> Self {
        Dual {
            value,
            slope: Some(slope),
        }
    }
}

impl<A: Algebra> Jet<'_, A> {
    /// `factor` times a derivative.
    #[inline(always)]
    fn scaled(&mut self, slope: &Option<A::Number>, factor: &A::Number) -> Option<A::Number> {
        match slope {
            Some(slope) => Some(self.0.mul(factor, slope)),
            None => None,
        }
    }

    /// The sum of two derivatives.
    #[inline(always)]
    fn sum(&mut self, a: Option<A::Number>, b: Option<A::Number>) -> Option<A::Number> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.0.add(&a, &b)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }

    /// The difference of two derivatives.
    #[inline(always)]
    fn difference(&mut self, a: &Option<A::Number>, b: &Option<A::Number>) -> Option<A::Number> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.0.sub(a, b)),
            (Some(a), None) => Some(a.clone()),
            (None, Some(b)) => Some(self.0.negate(b)),
            (None, None) => None,
        }
    }

    #[inline(always)]
    fn or_zero(&mut self, slope: &Option<A::Number>) -> A::Number {
        match slope {
            Some(slope) => slope.clone(),
            None => self.0.constant(0.0),
        }
    }
}

impl<A: Algebra> Algebra for Jet<'_, A> {
    type Number = Dual<A::Number>;

    #[inline(always)]
    fn constant(&mut self, value: f64) -> Self::Number {
        Dual::fixed(self.0.constant(value))
    }

    #[inline(always)]
    fn add(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        Dual {
            value: self.0.add(&a.value, &b.value),
            slope: self.sum(a.slope.clone(), b.slope.clone()),
        }
    }

    #[inline(always)]
    fn sub(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        Dual {
            value: self.0.sub(&a.value, &b.value),
            slope: self.difference(&a.slope, &b.slope),
        }
    }

    #[inline(always)]
    fn mul(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        let by_a = self.scaled(&a.slope, &b.value);
        let by_b = self.scaled(&b.slope, &a.value);
        Dual {
            value: self.0.mul(&a.value, &b.value),
            slope: self.sum(by_a, by_b),
        }
    }

    #[inline(always)]
    fn div(&mut self, a: &Self::Number, b: &Self::Number) -> Self::Number {
        let value = self.0.div(&a.value, &b.value);
        let by_b = self.scaled(&b.slope, &value);
        let slope = match self.difference(&a.slope, &by_b) {
            Some(above) => Some(self.0.div(&above, &b.value)),
            None => None,
        };
        Dual { value, slope }
    }

    #[inline(always)]
    fn exp(&mut self, x: &Self::Number) -> Self::Number {
        let value = self.0.exp(&x.value);
        Dual {
            slope: self.scaled(&x.slope, &value),
            value,
        }
    }

    #[inline(always)]
    fn ln(&mut self, x: &Self::Number) -> Self::Number {
        let slope = match &x.slope {
            Some(slope) => Some(self.0.div(slope, &x.value)),
            None => None,
        };
        Dual {
            value: self.0.ln(&x.value),
            slope,
        }
    }

    #[inline(always)]
    fn sqrt(&mut self, x: &Self::Number) -> Self::Number {
        let value = self.0.sqrt(&x.value);
        let slope = match &x.slope {
            Some(slope) => {
                let half = self.0.constant(0.5);
                let half = self.0.mul(&half, slope);
                Some(self.0.div(&half, &value))
            }
            None => None,
        };
        Dual { value, slope }
    }

    #[inline(always)]
    fn sin(&mut self, x: &Self::Number) -> Self::Number {
        let slope = match &x.slope {
            Some(slope) => {
                let factor = self.0.cos(&x.value);
                Some(self.0.mul(&factor, slope))
            }
            None => None,
        };
        Dual {
            value: self.0.sin(&x.value),
            slope,
        }
    }

    #[inline(always)]
    fn cos(&mut self, x: &Self::Number) -> Self::Number {
        let slope = match &x.slope {
            Some(slope) => {
                let sine = self.0.sin(&x.value);
                let factor = self.0.negate(&sine);
                Some(self.0.mul(&factor, slope))
            }
            None => None,
        };
        Dual {
            value: self.0.cos(&x.value),
            slope,
        }
    }

    #[inline(always)]
    fn round(&mut self, x: &Self::Number) -> Self::Number {
        Dual::fixed(self.0.round(&x.value))
    }

    #[inline(always)]
    fn select_greater(
        &mut self,
        a: &Self::Number,
        b: &Self::Number,
        yes: &Self::Number,
        no: &Self::Number,
    ) -> Self::Number {
        let slope = match (&yes.slope, &no.slope) {
            (None, None) => None,
            _ => {
                let (yes, no) = (self.or_zero(&yes.slope), self.or_zero(&no.slope));
                Some(self.0.select_greater(&a.value, &b.value, &yes, &no))
            }
        };
        Dual {
            value: self
                .0
                .select_greater(&a.value, &b.value, &yes.value, &no.value),
            slope,
        }
    }
}
