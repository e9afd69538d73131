//! How parameters move against a gradient: one file a rule, and the one list of them.
//!
//! A new one is a file with a structure of its settings and its [`UpdateRule`], and a line in the list below. Every backend and the
//! settings of every door follow from these.

use serde::{Deserialize, Serialize};

use crate::calculus::Algebra;
use crate::setting::Setting;

/// Numbers of a step that are the same for all parameters.
pub const CONSTANTS: usize = 8;

/// Numbers that are kept for each parameter, at 0 before the first step.
pub const MOMENTS: usize = 2;

/// A rule, for one parameter.
///
/// It is not asked where the gradient is exactly 0: such a parameter keeps its value and its moments, so that an entry of a grid
/// that no sample of a batch touched costs nothing.
pub trait UpdateRule {
    /// The constants of step number `step`, counted from 1.
    fn constants(&self, step: u64, learning_rate: f64) -> [f64; CONSTANTS];

    /// The parameter after the step, and its moments.
    fn apply<A: Algebra>(
        a: &mut A,
        parameter: &A::Number,
        gradient: &A::Number,
        moments: &[A::Number; MOMENTS],
        constants: &[A::Number; CONSTANTS],
    ) -> (A::Number, [A::Number; MOMENTS]);

    /// Its settings.
    fn settings(&self) -> Vec<Setting>;
}

/// What is done with a rule once its kind is known.
pub trait WithRule {
    /// What comes of it.
    type Output;

    /// Does it.
    fn with<R: UpdateRule>(self) -> Self::Output;
}

macro_rules! updates {
    ($($kind:ident in $file:ident, $words:literal;)*) => {
        $(
            mod $file;
            pub use $file::$kind;
        )*

        /// How parameters move against a gradient.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Update {
            $(#[doc = $words] $kind($kind),)*
        }

        /// The rules without their settings, as kernels know them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(#[doc = $words] $kind,)*
        }

        impl Update {
            /// One of each kind, with its default settings.
            pub fn all() -> Vec<Update> {
                vec![$(Update::$kind($kind::default()),)*]
            }

            /// Its rule.
            pub fn rule(&self) -> Rule {
                match self {
                    $(Update::$kind(_) => Rule::$kind,)*
                }
            }

            /// The constants of step number `step`, counted from 1.
            pub fn constants(&self, step: u64, learning_rate: f64) -> [f64; CONSTANTS] {
                match self {
                    $(Update::$kind(rule) => rule.constants(step, learning_rate),)*
                }
            }

            /// Its settings.
            pub fn settings(&self) -> Vec<Setting> {
                match self {
                    $(Update::$kind(rule) => rule.settings(),)*
                }
            }
        }

        impl Rule {
            /// Hands the rule itself to `visitor`.
            #[inline(always)]
            pub fn visit<V: WithRule>(self, visitor: V) -> V::Output {
                match self {
                    $(Rule::$kind => visitor.with::<$kind>(),)*
                }
            }
        }
    };
}

updates! {
    Adam in adam, "Adam (Kingma and Ba 2015); with a weight decay AdamW (Loshchilov and Hutter 2019).";
    Lion in lion, "The sign of a mean gradient (Chen et al. 2023, Lion).";
}

impl Default for Update {
    fn default() -> Self {
        Update::Adam(Adam::default())
    }
}

#[cfg(test)]
mod tests;
