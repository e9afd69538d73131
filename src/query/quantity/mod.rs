//! What can be asked of a field at a point: one file a quantity, and the one list of them.
//!
//! A new one is a file with its [`Formula`] and a line in the list below. The command line's `--quantity`, the API's
//! `quantities` and the documentation of both follow from these. docs/quantities.md tells the formulas with their sources.

mod surface;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::calculus::{Algebra, Plain};
use crate::words::quoted;

/// What is known of a field at a point.
#[derive(Clone, Debug)]
pub(crate) struct Local<N> {
    /// The value.
    pub value: N,
    /// Its derivatives by x, y and z.
    pub gradient: [N; 3],
    /// Its second derivatives: xx, xy, xz, yy, yz, zz.
    pub hessian: [N; 6],
}

/// The highest derivative that a quantity is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// None.
    Value,
    /// The first.
    Gradient,
    /// The second.
    Hessian,
}

/// A quantity of `N` numbers at each point.
pub(crate) trait Formula<const N: usize> {
    /// What it is made of.
    const ORDER: Order;

    /// The power of a length that it is measured in: 1 for a distance, -1 for a curvature.
    const LENGTH_POWER: i32;

    /// What tells its numbers apart, as `xy`; one empty word where it is one number.
    const COMPONENTS: [&'static str; N];

    /// The quantity of a field that is as it is in `local`.
    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; N];
}

/// A name that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown quantity '{}': use {}", quoted(name), Quantity::ALL.map(Quantity::name).join(", "))]
pub struct UnknownQuantity {
    /// The name.
    pub name: String,
}

macro_rules! quantities {
    ($($kind:ident $name:literal in $file:ident, $words:literal;)*) => {
        $(mod $file;)*

        /// What can be asked of a field at a point.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Quantity {
            $(
                #[doc = $words]
                $kind,
            )*
        }

        impl Quantity {
            /// Every quantity, in the order in which they are told.
            pub const ALL: [Quantity; [$($name),*].len()] = [$(Quantity::$kind,)*];

            /// As users write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Quantity::$kind => $name,)*
                }
            }

            /// One line for users.
            pub fn description(self) -> &'static str {
                match self {
                    $(Quantity::$kind => $words,)*
                }
            }

            /// What tells its numbers at a point apart, as `xy`; one empty word where it is one number.
            pub fn components(self) -> &'static [&'static str] {
                match self {
                    $(Quantity::$kind => &$file::$kind::COMPONENTS,)*
                }
            }

            /// The power of a length that it is measured in: 1 for a distance, 0 for a direction, -1 for a curvature.
            pub fn length_power(self) -> i32 {
                match self {
                    $(Quantity::$kind => $file::$kind::LENGTH_POWER,)*
                }
            }

            /// The highest derivative that it is made of.
            pub(crate) fn order(self) -> Order {
                match self {
                    $(Quantity::$kind => $file::$kind::ORDER,)*
                }
            }

            /// Appends its numbers where a field is as it is in `local`.
            pub(crate) fn extend(self, numbers: &mut Vec<f64>, local: &Local<f64>) {
                match self {
                    $(Quantity::$kind => numbers.extend($file::$kind::at(&mut Plain, local)),)*
                }
            }
        }
    };
}

quantities! {
    Value "value" in value, "The signed distance: positive outside";
    Gradient "gradient" in gradient, "The derivatives of the value by x, y and z";
    Normal "normal" in normal, "The gradient at unit length: outwards, across the level set through the point";
    GradientLength "gradient-length" in gradient_length, "The length of the gradient: 1 for an exact distance";
    Hessian "hessian" in hessian, "The second derivatives of the value: xx, xy, xz, yy, yz, zz";
    Laplacian "laplacian" in laplacian, "The sum of the second derivatives by x, y and z";
    MeanCurvature "mean-curvature" in mean_curvature, "Mean curvature of the level set through the point: 1/r for a sphere of radius r";
    GaussianCurvature "gaussian-curvature" in gaussian_curvature, "Gaussian curvature of the level set through the point: 1/r² for a sphere of radius r";
    PrincipalCurvatures "principal-curvatures" in principal_curvatures, "The largest and the smallest curvature of the level set through the point";
    PrincipalDirections "principal-directions" in principal_directions, "Unit tangents in which the level set has its principal curvatures";
}

impl Quantity {
    /// Numbers at each point.
    pub fn width(self) -> usize {
        self.components().len()
    }

    /// Its unit, where `length` is that of the mesh; empty for a number without one.
    pub fn unit(self) -> &'static str {
        match self.length_power() {
            1 => "length",
            -1 => "1/length",
            -2 => "1/length²",
            _ => "",
        }
    }

    /// The names of its columns, as `hessian.xy`.
    pub fn columns(self) -> impl Iterator<Item = String> {
        self.components().iter().map(move |&component| {
            let dot = if component.is_empty() { "" } else { "." };
            format!("{}{dot}{component}", self.name())
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Quantity {
    type Err = UnknownQuantity;

    fn from_str(name: &str) -> Result<Self, UnknownQuantity> {
        let found = Quantity::ALL.into_iter().find(|q| q.name() == name);
        found.ok_or_else(|| UnknownQuantity {
            name: name.to_owned(),
        })
    }
}
