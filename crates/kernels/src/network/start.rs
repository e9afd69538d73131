//! What a network is before training.

use std::f32::consts::PI;

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::encoding::PositionEncoding;
use super::encoding::formula::FeatureFormula;
use super::{Architecture, initial_parameters};

/// What a network is before training.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Random numbers, as the paper of its activation has them.
    #[default]
    Random,
    /// Roughly the signed distance to a sphere about the middle of the unit frame (Atzmon and Lipman 2020, "SAL: sign agnostic learning of shapes from
    /// raw data"), so that inside and outside are told apart from the first step on.
    Sphere,
}

/// Radius of the sphere: half as far as the unit frame reaches.
const RADIUS: f32 = 0.5;

impl Start {
    /// The flat parameter vector for `seed`.
    ///
    /// # Panics
    /// For a sphere, if the network [cannot be one](Architecture::can_be_a_sphere).
    pub fn parameters(self, architecture: &Architecture, seed: u64) -> Vec<f32> {
        let mut parameters = initial_parameters(architecture, seed);
        if self == Start::Sphere {
            assert!(architecture.can_be_a_sphere());
            become_a_sphere(architecture, seed, &mut parameters);
        }
        parameters
    }
}

impl Architecture {
    /// Its activation is a rectifier, and the position itself is among the features of its encoding.
    pub fn can_be_a_sphere(&self) -> bool {
        let parts = self.encoding.parts();
        self.mlp.activation.is_rectifier() && !parts.rows(FeatureFormula::Linear).is_empty()
    }
}

/// Changes the layers: the first sees the position alone, hidden weights are normal deviates of variance 2 over the number of outputs, and the last takes
/// the mean of what is left, less the radius. Then the length of what goes through the layers is kept, and so is the value's slope of 1.
fn become_a_sphere(architecture: &Architecture, seed: u64, parameters: &mut [f32]) {
    let mut rng = Pcg64::seed_from_u64(seed);
    let parts = architecture.encoding.parts();
    let first = parts.interpolated();
    let position = first..first + parts.rows(FeatureFormula::Linear).len();
    let tensors = architecture.tensors();
    let layers = architecture.layers();
    let of_layers = &tensors[tensors.len() - 2 * layers.len()..];
    for (index, (layer, tensors)) in layers.iter().zip(of_layers.chunks_exact(2)).enumerate() {
        let is_last = index + 1 == layers.len();
        for (place, weight) in parameters[tensors[0].range()].iter_mut().enumerate() {
            let deviate: f32 = rng.sample(StandardNormal);
            *weight = match (is_last, index) {
                (true, _) => (PI / layer.inputs as f32).sqrt(),
                (false, 0) if !position.contains(&(place % layer.inputs)) => 0.0,
                // What a skip connection brings is not looked at yet.
                (false, 1..) if place % layer.inputs >= layer.outputs => 0.0,
                (false, _) => (2.0 / layer.outputs as f32).sqrt() * deviate,
            };
        }
        parameters[tensors[1].range()].fill(if is_last { -RADIUS } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::NdArray;
    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::backend::FieldBackend;
    use crate::network::{
        Activation, Encoding, Fourier, HashGrid, Identity, Joined, Mlp, Relu, Sine, Softplus,
    };

    fn network(encoding: Encoding, activation: Activation) -> Architecture {
        Architecture {
            encoding,
            mlp: Mlp {
                hidden_width: 256,
                hidden_layers: 4,
                activation,
                skip: 0,
            },
        }
    }

    #[test]
    fn rectifiers_start_as_a_sphere() {
        let identity = Encoding::Identity(Identity {});
        let joined = Encoding::Joined(Joined {
            parts: vec![identity.clone(), Encoding::HashGrid(HashGrid::default())],
        });
        let softplus = Activation::Softplus(Softplus::default());
        // A softplus lies above 0 by up to ln 2 / β, which adds up.
        for (architecture, above) in [
            (network(identity.clone(), Activation::Relu(Relu {})), 0.0),
            (network(joined, softplus), 0.2),
        ] {
            let parameters = Start::Sphere.parameters(&architecture, 1);
            let points = [
                [0.9, 0.0, 0.0],
                [0.0, -0.3, 0.0],
                [0.4, 0.4, -0.4],
                [0.0, 0.1, 0.0],
            ];
            let values = NdArray::<f32>::field(
                &architecture,
                Tensor::from_data(&parameters[..], &Default::default()),
                Tensor::from_data(TensorData::from(points), &Default::default()),
                false,
            );
            let values: Vec<f32> = values.into_data().iter().collect();
            for (point, value) in points.iter().zip(values) {
                let radius = point.iter().map(|x| x * x).sum::<f32>().sqrt();
                // Widths are finite, and so are the means over them.
                let error = value - (radius - RADIUS);
                let slack = 0.25 * radius;
                assert!(
                    (-slack..slack + above + 1e-6).contains(&error),
                    "{value} at {point:?} by {architecture}"
                );
            }
        }
        assert!(!network(identity, Activation::Sine(Sine::default())).can_be_a_sphere());
        let waves = Encoding::Fourier(Fourier::default());
        assert!(!network(waves, Activation::Relu(Relu {})).can_be_a_sphere());
    }
}
