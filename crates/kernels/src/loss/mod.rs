//! What a fit makes small: one file a term, and the one list of them.
//!
//! A new one is a file with a structure of its settings and its `LossTerm`, and a line in the list below. Every backend, all
//! derivatives and the settings of every door follow from these.

mod parse;
pub mod sample;

use std::hash::{Hash, Hasher};

use serde::Serialize;
use thiserror::Error;

use crate::calculus::{Algebra, Dual, Jet};
use crate::setting::Setting;
pub use parse::UnknownTerm;
pub use sample::Needs;
pub use sample::{Sample, column};

/// A term of a loss, at one sample.
pub trait LossTerm {
    /// What it looks at.
    const NEEDS: Needs;

    /// It means nothing where inside and outside are not told apart.
    const NEEDS_SIGN: bool = false;

    /// The term, its weight apart, where the field is as it is at `sample`.
    fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> A::Number;

    /// Its settings, the weight first.
    fn settings(&self) -> Vec<Setting>;
}

/// Most weight of a term.
const MOST_WEIGHT: f32 = 1e6;

/// A loss that cannot be trained with.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum LossError {
    /// Nothing would be made small.
    #[error("loss has no term: set one, such as loss.l1.weight=1")]
    Empty,
    /// A setting is out of range.
    #[error("loss.{term}.{setting} is {value}: it must be {requirement}")]
    OutOfRange {
        /// The term.
        term: &'static str,
        /// Its setting.
        setting: &'static str,
        /// What it was.
        value: f32,
        /// What it must be.
        requirement: String,
    },
    /// The term means nothing without a sign.
    #[error(
        "loss.{term} needs inside and outside, and sign is none: leave it out (loss.{term}=none) or set another sign"
    )]
    NeedsSign {
        /// The term.
        term: &'static str,
    },
}

macro_rules! losses {
    ($($name:ident: $kind:ident in $file:ident, $words:literal;)*) => {
        $(
            mod $file;
            pub use $file::$kind;
        )*

        /// A sum of terms, each the mean over a batch of samples, times its weight.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
        pub struct Loss {
            $(
                #[doc = $words]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<$kind>,
            )*
        }

        /// The terms as a file has them.
        #[derive(Default, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        struct Terms {
            $(
                #[doc = $words]
                #[serde(deserialize_with = "parse::term")]
                $name: Option<$kind>,
            )*
        }

        impl From<Terms> for Loss {
            fn from(terms: Terms) -> Loss {
                Loss { $($name: terms.$name,)* }
            }
        }

        $(
            impl parse::Weighted for $kind {
                fn weighted(weight: f32) -> Self {
                    let mut term = $kind::default();
                    term.weight = weight;
                    term
                }
            }

            impl From<$kind> for Loss {
                /// This term alone.
                fn from(term: $kind) -> Loss {
                    Loss { $name: Some(term), ..Loss::NONE }
                }
            }
        )*

        impl Loss {
            /// The names of all terms.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];

            /// No term.
            const NONE: Loss = Loss { $($name: None,)* };

            /// Adds the term of a name, with its default settings, and with its default weight unless there is another. Tells
            /// whether there is such a term.
            fn add(&mut self, name: &str, weight: Option<f32>) -> bool {
                match name {
                    $(
                        stringify!($name) => {
                            let mut term = $kind::default();
                            term.weight = weight.unwrap_or(term.weight);
                            self.$name = Some(term);
                        }
                    )*
                    _ => return false,
                }
                true
            }

            /// What its terms look at.
            pub fn needs(&self) -> Needs {
                let mut needs = Needs::Error;
                $(
                    if self.$name.is_some() {
                        needs = needs.max($kind::NEEDS);
                    }
                )*
                needs
            }

            /// Checks every term.
            ///
            /// # Errors
            /// Names the first that cannot be trained with. `signed` tells whether inside and outside are told apart.
            pub fn validate(&self, signed: bool) -> Result<(), LossError> {
                if *self == Loss::NONE {
                    return Err(LossError::Empty);
                }
                $(
                    if let Some(term) = &self.$name {
                        check(stringify!($name), &term.settings())?;
                        if $kind::NEEDS_SIGN && !signed {
                            return Err(LossError::NeedsSign { term: stringify!($name) });
                        }
                    }
                )*
                Ok(())
            }

            /// Every term, with its default settings.
            pub fn all() -> Loss {
                Loss { $($name: Some($kind::default()),)* }
            }

            /// The settings of each of its terms, by its name.
            pub fn settings_by_term(&self) -> Vec<(&'static str, Vec<Setting>)> {
                let mut settings = Vec::new();
                $(
                    if let Some(term) = &self.$name {
                        settings.push((stringify!($name), term.settings()));
                    }
                )*
                settings
            }

            /// The settings of its terms.
            fn settings(&self) -> Vec<Setting> {
                let by_term = self.settings_by_term().into_iter();
                by_term.flat_map(|(_, settings)| settings).collect()
            }

            /// Whether it has each of the terms.
            fn has(&self) -> Vec<bool> {
                vec![$(self.$name.is_some(),)*]
            }

            /// The sum at a sample, of the terms that look at so much.
            #[inline(always)]
            fn sum<A: Algebra>(
                &self,
                a: &mut A,
                sample: &Sample<A::Number>,
                least: Needs,
            ) -> A::Number {
                let mut sum = a.constant(0.0);
                $(
                    if let Some(term) = &self.$name && $kind::NEEDS >= least {
                        let value = term.at(a, sample);
                        let weight = a.constant(term.weight.into());
                        let weighted = a.mul(&weight, &value);
                        sum = a.add(&sum, &weighted);
                    }
                )*
                sum
            }
        }
    };
}

losses! {
    l1: Absolute in absolute, "`|e|`";
    l2: Squared in squared, "`e²`";
    huber: Huber in huber, "`e²` for small errors, `|e|` for large ones (Huber 1964).";
    relative: Relative in relative, "The error as a share of the distance (Müller et al. 2022, instant-ngp).";
    clamped: Clamped in clamped, "`|e|` of values cut off far from the surface (Park et al. 2019, DeepSDF).";
    importance: Importance in importance, "`|e|` with a weight that falls with the distance (Davies et al. 2020).";
    gradient: GradientError in gradient, "`|∇f - ∇d|²` (Czarnecki et al. 2017).";
    eikonal: Eikonal in eikonal, "`(|∇f| - 1)²` (Gropp et al. 2020).";
    normal: NormalAlignment in normal, "The angle to the surface's normal, on it (Sitzmann et al. 2020).";
    off_surface: OffSurface in off_surface, "`exp(-k |f|)` off the surface (Sitzmann et al. 2020).";
    occupancy: Occupancy in occupancy, "The cross-entropy of inside and outside (Mescheder et al. 2019).";
    side: Side in side, "The sign of the value alone.";
    heat: Heat in heat, "The energy of heat that the surface gives off (Wang et al. 2025, HotSpot).";
}

impl Default for Loss {
    fn default() -> Self {
        Absolute::default().into()
    }
}

// What is known when a kernel is written names it: settings are numbers (validated), compared bit for bit.
impl Eq for Loss {}

impl Hash for Loss {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.has().hash(state);
        for setting in self.settings() {
            setting.value.to_bits().hash(state);
        }
    }
}

/// The first setting of a term that is out of range.
fn check(term: &'static str, settings: &[Setting]) -> Result<(), LossError> {
    for setting in settings {
        if let Some(requirement) = setting.refused() {
            return Err(LossError::OutOfRange {
                term,
                setting: setting.name,
                value: setting.value,
                requirement,
            });
        }
    }
    Ok(())
}

/// A loss at a sample, and how it changes.
pub struct LossAt<N> {
    /// The loss.
    pub loss: N,
    /// By the field's value.
    pub by_value: N,
    /// By the components of the field's gradient; zeros where no term looks at it.
    pub by_slopes: [N; 3],
}

impl Loss {
    /// The loss at a sample with its derivatives.
    #[inline(always)]
    pub fn at<A: Algebra>(&self, a: &mut A, sample: &Sample<A::Number>) -> LossAt<A::Number> {
        let by_value = self.along(a, sample, 0);
        let zero = a.constant(0.0);
        let mut by_slopes = [zero.clone(), zero.clone(), zero];
        if self.needs() == Needs::Gradient {
            by_slopes = [
                self.along(a, sample, 1).1,
                self.along(a, sample, 2).1,
                self.along(a, sample, 3).1,
            ];
        }
        LossAt {
            loss: by_value.0,
            by_value: by_value.1,
            by_slopes,
        }
    }

    /// The loss and its derivative by the value (0), or by a component of the gradient (1 to 3), of those terms that depend
    /// on it.
    #[inline(always)]
    fn along<A: Algebra>(
        &self,
        a: &mut A,
        sample: &Sample<A::Number>,
        direction: usize,
    ) -> (A::Number, A::Number) {
        let one = a.constant(1.0);
        let [ex, ey, ez] = &sample.slope_errors;
        let [gx, gy, gz] = &sample.gradient;
        let moving = Sample {
            error: moving_if(direction == 0, &sample.error, &one),
            distance: Dual::fixed(sample.distance.clone()),
            slope_errors: [
                moving_if(direction == 1, ex, &one),
                moving_if(direction == 2, ey, &one),
                moving_if(direction == 3, ez, &one),
            ],
            gradient: [
                Dual::fixed(gx.clone()),
                Dual::fixed(gy.clone()),
                Dual::fixed(gz.clone()),
            ],
        };
        let least = match direction {
            0 => Needs::Error,
            _ => Needs::Gradient,
        };
        let sum = self.sum(&mut Jet(a), &moving, least);
        let slope = match sum.slope {
            Some(slope) => slope,
            None => a.constant(0.0),
        };
        (sum.value, slope)
    }
}

/// A number that changes by `one` if it is the one that moves.
#[inline(always)]
fn moving_if<N: Clone>(moves: bool, number: &N, one: &N) -> Dual<N> {
    match moves {
        true => Dual::moving(number.clone(), one.clone()),
        false => Dual::fixed(number.clone()),
    }
}

#[cfg(test)]
mod tests;
