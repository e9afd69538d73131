//! What formulas over whole tensors are written in.

use crate::calculus::{Algebra, Dual, Jet};

/// An [`Algebra`] whose numbers are tensors, which broadcast as NumPy's do: rows are points, `[N, 1]` is a number of each.
///
/// A [`Jet`] over one is one, too: only what is linear has to be told how derivatives pass.
pub(super) trait TensorAlgebra: Algebra {
    /// Tensors of whole numbers, which say where something lies.
    type Whole: Clone;

    /// A constant, row-major.
    fn tensor(&mut self, shape: &[usize], numbers: &[f32]) -> Self::Number;

    /// A constant of numbers of half precision.
    fn half_tensor(&mut self, shape: &[usize], numbers: &[half::f16]) -> Self::Number;

    /// The same, without derivatives.
    fn still(&mut self, x: &Self::Number) -> Self::Number;

    /// The largest whole number that is not larger. Its derivative counts as 0.
    fn floor(&mut self, x: &Self::Number) -> Self::Number;

    /// `x W` of `[N, I]` and a constant `[I, O]`.
    fn linear(&mut self, x: &Self::Number, weights: &Self::Number) -> Self::Number;

    /// Columns `[N, 1]` as `[N, C]`. All of them have derivatives, or none.
    fn side_by_side(&mut self, columns: &[Self::Number]) -> Self::Number;

    /// The sum over the last axis of `[N, .., W]`, of a rank, of products with weights `[N, W]`. A result of rank 1 stays a column.
    fn contracted(&mut self, x: &Self::Number, weights: &Self::Number, rank: usize)
    -> Self::Number;

    /// A number that is whole as such.
    fn whole_of(&mut self, x: &Self::Number) -> Self::Whole;

    /// `a + b`
    fn whole_sum(&mut self, a: &Self::Whole, b: &Self::Whole) -> Self::Whole;

    /// `x + by`
    fn whole_shifted(&mut self, x: &Self::Whole, by: i64) -> Self::Whole;

    /// `x factor`
    fn whole_times(&mut self, x: &Self::Whole, factor: i64) -> Self::Whole;

    /// The exclusive or, bit by bit.
    fn exclusive_or(&mut self, a: &Self::Whole, b: &Self::Whole) -> Self::Whole;

    /// Of `x / by`, neither negative.
    fn quotient_and_rest(&mut self, x: &Self::Whole, by: i64) -> [Self::Whole; 2];

    /// `[N, length]`: the whole numbers from a column `first` on.
    fn run_from(&mut self, first: &Self::Whole, length: usize) -> Self::Whole;

    /// `[N, W]` as `[N, 1 or W, ..]` of rank 4, with `W` at `axis` 1, 2 or 3.
    fn along(&mut self, x: &Self::Whole, axis: usize) -> Self::Whole;

    /// A constant table of whole numbers.
    fn whole_table(&mut self, numbers: &[i32]) -> Self::Whole;

    /// Entries of a table of whole numbers.
    fn whole_at(&mut self, table: &Self::Whole, places: &Self::Whole) -> Self::Whole;

    /// Entries of a constant table, or rows of one of rank 2.
    fn at(&mut self, table: &Self::Number, places: &Self::Whole) -> Self::Number;

    /// A column as `[N]`, to take rows by.
    fn row(&mut self, x: &Self::Whole) -> Self::Whole;

    /// `[N, 1]`: where the least of a row is.
    fn place_of_least(&mut self, x: &Self::Number) -> Self::Whole;
}

impl<A: TensorAlgebra> TensorAlgebra for Jet<'_, A> {
    type Whole = A::Whole;

    fn tensor(&mut self, shape: &[usize], numbers: &[f32]) -> Self::Number {
        Dual::fixed(self.0.tensor(shape, numbers))
    }

    fn half_tensor(&mut self, shape: &[usize], numbers: &[half::f16]) -> Self::Number {
        Dual::fixed(self.0.half_tensor(shape, numbers))
    }

    fn still(&mut self, x: &Self::Number) -> Self::Number {
        Dual::fixed(x.value.clone())
    }

    fn floor(&mut self, x: &Self::Number) -> Self::Number {
        Dual::fixed(self.0.floor(&x.value))
    }

    fn linear(&mut self, x: &Self::Number, weights: &Self::Number) -> Self::Number {
        Dual {
            value: self.0.linear(&x.value, &weights.value),
            slope: (x.slope.as_ref()).map(|slope| self.0.linear(slope, &weights.value)),
        }
    }

    fn side_by_side(&mut self, columns: &[Self::Number]) -> Self::Number {
        let values: Vec<A::Number> = columns.iter().map(|column| column.value.clone()).collect();
        let slopes: Option<Vec<A::Number>> =
            columns.iter().map(|column| column.slope.clone()).collect();
        Dual {
            value: self.0.side_by_side(&values),
            slope: slopes.map(|slopes| self.0.side_by_side(&slopes)),
        }
    }

    fn contracted(
        &mut self,
        x: &Self::Number,
        weights: &Self::Number,
        rank: usize,
    ) -> Self::Number {
        let by_x = (x.slope.as_ref()).map(|slope| self.0.contracted(slope, &weights.value, rank));
        let by_weights =
            (weights.slope.as_ref()).map(|slope| self.0.contracted(&x.value, slope, rank));
        let slope = match (by_x, by_weights) {
            (Some(a), Some(b)) => Some(self.0.add(&a, &b)),
            (one, other) => one.or(other),
        };
        Dual {
            value: self.0.contracted(&x.value, &weights.value, rank),
            slope,
        }
    }

    fn whole_of(&mut self, x: &Self::Number) -> Self::Whole {
        self.0.whole_of(&x.value)
    }

    fn whole_sum(&mut self, a: &Self::Whole, b: &Self::Whole) -> Self::Whole {
        self.0.whole_sum(a, b)
    }

    fn whole_shifted(&mut self, x: &Self::Whole, by: i64) -> Self::Whole {
        self.0.whole_shifted(x, by)
    }

    fn whole_times(&mut self, x: &Self::Whole, factor: i64) -> Self::Whole {
        self.0.whole_times(x, factor)
    }

    fn exclusive_or(&mut self, a: &Self::Whole, b: &Self::Whole) -> Self::Whole {
        self.0.exclusive_or(a, b)
    }

    fn quotient_and_rest(&mut self, x: &Self::Whole, by: i64) -> [Self::Whole; 2] {
        self.0.quotient_and_rest(x, by)
    }

    fn run_from(&mut self, first: &Self::Whole, length: usize) -> Self::Whole {
        self.0.run_from(first, length)
    }

    fn along(&mut self, x: &Self::Whole, axis: usize) -> Self::Whole {
        self.0.along(x, axis)
    }

    fn whole_table(&mut self, numbers: &[i32]) -> Self::Whole {
        self.0.whole_table(numbers)
    }

    fn whole_at(&mut self, table: &Self::Whole, places: &Self::Whole) -> Self::Whole {
        self.0.whole_at(table, places)
    }

    fn at(&mut self, table: &Self::Number, places: &Self::Whole) -> Self::Number {
        Dual::fixed(self.0.at(&table.value, places))
    }

    fn row(&mut self, x: &Self::Whole) -> Self::Whole {
        self.0.row(x)
    }

    fn place_of_least(&mut self, x: &Self::Number) -> Self::Whole {
        self.0.place_of_least(&x.value)
    }
}
