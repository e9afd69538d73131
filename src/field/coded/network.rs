//! Parameters of a network as bits.

use super::bits::Bits;
use super::number::{Chances, MOST, number};
use crate::network::Architecture;

/// Writes or reads all tensors, each in steps of its own. Gives the parameters that are read back.
pub(super) fn code(
    bits: &mut impl Bits,
    architecture: &Architecture,
    steps: &[f32],
    given: Option<&[f32]>,
) -> Vec<f32> {
    let mut parameters = Vec::with_capacity(architecture.parameter_count());
    for (spec, &step) in architecture.tensors().iter().zip(steps) {
        let mut chances = Chances::default();
        for place in spec.range() {
            let value = given.map_or(0, |given| in_steps(given[place], step));
            parameters.push(number(bits, &mut chances, value) as f32 * step);
        }
    }
    parameters
}

/// The parameters as they are read back.
pub(super) fn rounded(architecture: &Architecture, steps: &[f32], parameters: &[f32]) -> Vec<f32> {
    let tensors = architecture.tensors().into_iter().zip(steps);
    let rounded = tensors.flat_map(|(spec, &step)| {
        let of_tensor = parameters[spec.range()].iter();
        of_tensor.map(move |&parameter| in_steps(parameter, step) as f32 * step)
    });
    rounded.collect()
}

fn in_steps(parameter: f32, step: f32) -> i32 {
    (parameter / step).round().clamp(-MOST as f32, MOST as f32) as i32
}
