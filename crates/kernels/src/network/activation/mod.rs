//! What follows each hidden layer: one file an activation, and the one list of them.
//!
//! A new one is a file with a structure of its settings and its [`ActivationFunction`], and a line in the list below. Every
//! backend, all derivatives, the model file and the settings of every door follow from these.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::calculus::{Algebra, Dual, Jet};
use crate::setting::Setting;

/// A function that follows each hidden layer, `f(z)`, and what is known of it.
pub trait ActivationFunction {
    /// What a network of it is called.
    const NETWORK: &'static str;

    /// How many derivatives are continuous; `u32::MAX` for all of them.
    const SMOOTHNESS: u32;

    /// Two straight pieces that meet in 0 and keep the sign: the slope at `f(z)` is that at `z`, and there is no curvature.
    /// Kernels keep less then.
    const PIECEWISE_LINEAR: bool = false;

    /// Nearly 0 for `z` far below 0 and nearly `z` far above: a network of it can start as the distance to a sphere.
    const RECTIFIER: bool = false;

    /// `f(z)` in a layer whose frequency is `omega`, see [`omega`](Self::omega).
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, omega: &A::Number) -> A::Number;

    /// The frequency ω of hidden layer `layer`, counted from 0: the one number that may differ from layer to layer.
    fn omega(&self, _layer: usize) -> f32 {
        1.0
    }

    /// What the weights of hidden layer `layer` with so many inputs start from.
    fn start(&self, layer: usize, inputs: usize) -> Start;

    /// Its settings.
    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }
}

/// Weights and biases start uniform in ± these.
pub struct Start {
    /// For weights.
    pub weight: f32,
    /// For biases.
    pub bias: f32,
}

impl Start {
    /// Keeps the variance of what goes through layers of which half is cut off, with zero biases (He et al. 2015).
    pub fn he(inputs: usize) -> Start {
        Start {
            weight: (6.0 / inputs as f32).sqrt(),
            bias: 0.0,
        }
    }

    /// Keeps the variance of what goes through sines (Sitzmann et al. 2020, section 3.2), biases aside.
    pub fn siren(layer: usize, inputs: usize, omega: f32, bias: f32) -> Start {
        let inputs = inputs as f32;
        let weight = match layer {
            0 => 1.0 / inputs,
            _ => (6.0 / inputs).sqrt() / omega,
        };
        Start { weight, bias }
    }
}

/// What is done with an activation once its kind is known.
pub trait WithActivation {
    /// What comes of it.
    type Output;

    /// Does it.
    fn with<F: ActivationFunction>(self, function: &F) -> Self::Output;
}

macro_rules! activations {
    ($($kind:ident in $file:ident, $words:literal;)*) => {
        $(
            mod $file;
            pub use $file::$kind;
        )*

        /// The non-linearity behind each hidden layer.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Activation {
            $(#[doc = $words] $kind($kind),)*
        }

        impl Activation {
            /// One of each kind, with its default settings.
            pub fn all() -> Vec<Activation> {
                vec![$(Activation::$kind($kind::default()),)*]
            }

            /// Hands the function itself to `visitor`.
            #[inline(always)]
            pub fn visit<V: WithActivation>(&self, visitor: V) -> V::Output {
                match self {
                    $(Activation::$kind(function) => visitor.with(function),)*
                }
            }

            /// What a network of it is called.
            pub fn network(&self) -> &'static str {
                match self {
                    $(Activation::$kind(_) => $kind::NETWORK,)*
                }
            }

            /// How many of its derivatives are continuous; `u32::MAX` for all of them.
            pub fn smoothness(&self) -> u32 {
                match self {
                    $(Activation::$kind(_) => $kind::SMOOTHNESS,)*
                }
            }

            /// Its slope can be told from its value, and it has no curvature.
            pub fn is_piecewise_linear(&self) -> bool {
                match self {
                    $(Activation::$kind(_) => $kind::PIECEWISE_LINEAR,)*
                }
            }

            /// Nearly 0 far below 0 and nearly straight far above.
            pub fn is_rectifier(&self) -> bool {
                match self {
                    $(Activation::$kind(_) => $kind::RECTIFIER,)*
                }
            }

            /// ω of hidden layer `layer`, counted from 0; 1 for activations without one.
            pub fn omega(&self, layer: usize) -> f32 {
                match self {
                    $(Activation::$kind(function) => function.omega(layer),)*
                }
            }

            /// What the weights of hidden layer `layer` with so many inputs start from.
            pub fn start(&self, layer: usize, inputs: usize) -> Start {
                match self {
                    $(Activation::$kind(function) => function.start(layer, inputs),)*
                }
            }

            /// Its settings.
            pub fn settings(&self) -> Vec<Setting> {
                match self {
                    $(Activation::$kind(function) => function.settings(),)*
                }
            }
        }
    };
}

activations! {
    Relu in relu, "`max(0, z)` (Nair and Hinton 2010).";
    Sine in sine, "`sin(ω z)` (Sitzmann et al. 2020, SIREN).";
    Finer in finer, "`sin(ω (|z| + 1) z)` (Liu et al. 2024, FINER).";
    Gaussian in gaussian, "`exp(-z² / 2 w²)` (Ramasinghe and Lucey 2022).";
    Wire in wire, "`cos(ω z) exp(-(s z)²)`, a real Gabor wavelet (Saragadam et al. 2023, WIRE).";
    Softplus in softplus, "`ln(1 + exp(β z)) / β` (Dugas et al. 2001), a ReLU with a round corner.";
    Silu in silu, "`z / (1 + exp(-z))` (Elfwing et al. 2018; also called swish).";
    Gelu in gelu, "`z Φ(z)`, approximately (Hendrycks and Gimpel 2016).";
    Tanh in tanh, "`tanh z`";
}

// What is known when a kernel is written names it: settings are numbers (validated), compared bit for bit.
impl Eq for Activation {}

impl Hash for Activation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        for setting in self.settings() {
            setting.value.to_bits().hash(state);
        }
    }
}

/// `f(z)`, and by how much it changes where `z` changes by `change`.
#[inline(always)]
pub fn value_and_change<A: Algebra, F: ActivationFunction>(
    a: &mut A,
    function: &F,
    z: &A::Number,
    change: &A::Number,
    omega: &A::Number,
) -> (A::Number, A::Number) {
    let z = Dual::moving(z.clone(), change.clone());
    let omega = Dual::fixed(omega.clone());
    let result = function.apply(&mut Jet(a), &z, &omega);
    let slope = match result.slope {
        Some(slope) => slope,
        None => a.constant(0.0),
    };
    (result.value, slope)
}

/// `f(z)`, `f'(z)` and `f''(z)`.
#[inline(always)]
pub fn value_slope_curvature<A: Algebra, F: ActivationFunction>(
    a: &mut A,
    function: &F,
    z: &A::Number,
    omega: &A::Number,
) -> [A::Number; 3] {
    let one = a.constant(1.0);
    let z = Dual::moving(Dual::moving(z.clone(), one.clone()), Dual::fixed(one));
    let omega = Dual::fixed(Dual::fixed(omega.clone()));
    let result = function.apply(&mut Jet(&mut Jet(a)), &z, &omega);
    let zero = a.constant(0.0);
    let slope = match result.value.slope {
        Some(slope) => slope,
        None => zero.clone(),
    };
    let curvature = match result.slope {
        Some(Dual {
            slope: Some(curvature),
            ..
        }) => curvature,
        _ => zero,
    };
    [result.value.value, slope, curvature]
}

#[cfg(test)]
mod tests;
