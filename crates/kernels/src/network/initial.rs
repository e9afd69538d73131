//! The parameters that training starts from.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::activation::Start;
use super::architecture::Architecture;
use super::encoding::PositionEncoding;

/// Half-width of the uniform start of grid features, as in instant-ngp: near zero, so that the perceptron sees no noise.
const GRID_START: f32 = 1e-4;

/// Draws the flat parameter vector for `seed`.
///
/// Grid features start uniform in ±1e-4; what layers start from is their activation's. See [`Start`](super::Start) for another way.
pub fn initial_parameters(architecture: &Architecture, seed: u64) -> Vec<f32> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut parameters = Vec::with_capacity(architecture.parameter_count());
    let mut uniform = |count: usize, half_width: f32, parameters: &mut Vec<f32>| {
        parameters.extend((0..count).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * half_width));
    };
    let mut tensors = architecture.tensors().into_iter();
    if !architecture.encoding.parts().levels.is_empty() {
        let grid = tensors.next().expect("levels have a table");
        uniform(grid.len(), GRID_START, &mut parameters);
    }
    for (index, layer) in architecture.layers().iter().enumerate() {
        let Start { weight, bias } = architecture.mlp.activation.start(index, layer.inputs);
        uniform(layer.inputs * layer.outputs, weight, &mut parameters);
        uniform(layer.outputs, bias, &mut parameters);
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Encoding, Identity, Mlp, Sine};

    #[test]
    fn siren_starts_within_its_published_bounds_and_repeats() {
        let siren = Architecture {
            encoding: Encoding::Identity(Identity {}),
            mlp: Mlp {
                hidden_width: 32,
                hidden_layers: 2,
                activation: Activation::Sine(Sine::default()),
                skip: 0,
            },
        };
        let parameters = initial_parameters(&siren, 7);
        assert_eq!(parameters.len(), siren.parameter_count());
        assert_eq!(parameters, initial_parameters(&siren, 7));
        assert_ne!(parameters, initial_parameters(&siren, 8));
        let hidden = &parameters[siren.tensors()[2].range()];
        let bound = (6.0f32 / 32.0).sqrt() / 30.0;
        let largest = hidden.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(largest <= bound && largest > 0.8 * bound);
    }
}
