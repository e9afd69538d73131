//! Features that are formulas of the position: one file a formula, and the one list of them.

use crate::calculus::{Algebra, Dual, Jet};

/// A feature of a position `[x, y, z]` in `[-1, 1]³` with four constants of its own. All its derivatives are continuous.
pub trait Formula {
    /// The feature.
    fn at<A: Algebra>(
        a: &mut A,
        position: &[A::Number; 3],
        constants: &[A::Number; 4],
    ) -> A::Number;
}

/// What is done with a formula once its kind is known.
pub trait WithFormula {
    /// What comes of it.
    type Output;

    /// Does it.
    fn with<F: Formula>(self) -> Self::Output;
}

macro_rules! formulas {
    ($($kind:ident in $file:ident;)*) => {
        $(mod $file;)*

        /// The formulas, in the order in which their features come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FeatureFormula {
            $(#[doc = concat!("`", stringify!($file), "`.")] $kind,)*
        }

        impl FeatureFormula {
            /// Every formula.
            pub const ALL: [FeatureFormula; [$(stringify!($kind),)*].len()] =
                [$(FeatureFormula::$kind,)*];

            /// How many there are.
            pub const COUNT: usize = FeatureFormula::ALL.len();

            /// Hands the formula itself to `visitor`.
            #[inline(always)]
            pub fn visit<V: WithFormula>(self, visitor: V) -> V::Output {
                match self {
                    $(FeatureFormula::$kind => visitor.with::<$file::$kind>(),)*
                }
            }
        }
    };
}

formulas! {
    Linear in linear;
    Wave in wave;
}

/// A feature, and by how much it changes where the position moves by `direction`.
#[inline(always)]
pub fn feature_and_change<A: Algebra, F: Formula>(
    a: &mut A,
    position: &[A::Number; 3],
    direction: &[A::Number; 3],
    constants: &[A::Number; 4],
) -> (A::Number, A::Number) {
    let [x, y, z] = position;
    let [by_x, by_y, by_z] = direction;
    let [c0, c1, c2, c3] = constants;
    let moving = [
        Dual::moving(x.clone(), by_x.clone()),
        Dual::moving(y.clone(), by_y.clone()),
        Dual::moving(z.clone(), by_z.clone()),
    ];
    let fixed = [
        Dual::fixed(c0.clone()),
        Dual::fixed(c1.clone()),
        Dual::fixed(c2.clone()),
        Dual::fixed(c3.clone()),
    ];
    let result = F::at(&mut Jet(a), &moving, &fixed);
    let change = match result.slope {
        Some(slope) => slope,
        None => a.constant(0.0),
    };
    (result.value, change)
}

/// The derivatives of a feature by the three coordinates.
#[inline(always)]
pub fn slopes<A: Algebra, F: Formula>(
    a: &mut A,
    position: &[A::Number; 3],
    constants: &[A::Number; 4],
) -> [A::Number; 3] {
    let (zero, one) = (a.constant(0.0), a.constant(1.0));
    let x = [one.clone(), zero.clone(), zero.clone()];
    let y = [zero.clone(), one.clone(), zero.clone()];
    let z = [zero.clone(), zero, one];
    [
        feature_and_change::<A, F>(a, position, &x, constants).1,
        feature_and_change::<A, F>(a, position, &y, constants).1,
        feature_and_change::<A, F>(a, position, &z, constants).1,
    ]
}
