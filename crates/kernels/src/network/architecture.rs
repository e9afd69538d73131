//! What a network looks like: its encoding, its layers, and where each parameter lies.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::activation::Activation;
use super::encoding::{Encoding, PositionEncoding};
use crate::setting::{Refused, Setting, check};

/// A field network: positions in `[-1, 1]³` are encoded, then run through a multi-layer perceptron with one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Architecture {
    /// What the positions become before the first layer.
    pub encoding: Encoding,
    /// The layers behind it.
    pub mlp: Mlp,
}

/// Sizes of the perceptron: `hidden_layers` layers of `hidden_width`, then one linear output.
///
/// Hidden layer `skip`, counted from 0, sees the encoded position once more, behind what the layer before gives it (a skip connection as in
/// Park et al. 2019, "DeepSDF"). The first layer sees it anyway: 0 stands for none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Mlp {
    /// Units in each hidden layer.
    pub hidden_width: u32,
    /// Number of hidden layers.
    pub hidden_layers: u32,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// The hidden layer that sees the encoded position again, counted from 0; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u32,
}

/// Models without a skip connection are described as they were before there were any.
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Name, shape and place of one parameter tensor in the flat parameter vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Such as `encoding.grid`, `mlp.0.weight`, `mlp.0.bias`.
    pub name: String,
    /// Row-major shape: weights are `[out, in]`, biases `[out]`, the grid `[entries, features]`.
    pub shape: Vec<usize>,
    /// First element in the flat vector.
    pub offset: usize,
}

impl TensorSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its elements' places in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// Sizes of one linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSize {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
}

/// An architecture that cannot be built.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("architecture: {field} is {value}, which must be {requirement}")]
pub struct ArchitectureError {
    field: &'static str,
    value: String,
    requirement: String,
}

impl Architecture {
    /// Length of the encoded vector: the inputs of the first layer.
    pub fn encoded_width(&self) -> usize {
        self.encoding.parts().width()
    }

    /// The linear layers in order; the last one has one output.
    pub fn layers(&self) -> Vec<LayerSize> {
        let width = self.mlp.hidden_width as usize;
        let mut inputs = self.encoded_width();
        let mut layers = Vec::new();
        for index in 0..self.mlp.hidden_layers as usize {
            let again = match self.mlp.skips_to(index) {
                true => self.encoded_width(),
                false => 0,
            };
            layers.push(LayerSize {
                inputs: inputs + again,
                outputs: width,
            });
            inputs = width;
        }
        layers.push(LayerSize { inputs, outputs: 1 });
        layers
    }

    /// Every parameter tensor, in the order of the flat parameter vector: the grid, then each layer's weight and bias.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut specs: Vec<TensorSpec> = Vec::new();
        let mut push = |name: String, shape: Vec<usize>| {
            let offset = specs.last().map_or(0, |last| last.range().end);
            specs.push(TensorSpec {
                name,
                shape,
                offset,
            });
        };
        let parts = self.encoding.parts();
        if !parts.levels.is_empty() {
            let shape = vec![parts.entries(), parts.features];
            push("encoding.grid".to_owned(), shape);
        }
        for (index, layer) in self.layers().iter().enumerate() {
            push(
                format!("mlp.{index}.weight"),
                vec![layer.outputs, layer.inputs],
            );
            push(format!("mlp.{index}.bias"), vec![layer.outputs]);
        }
        specs
    }

    /// The part of the flat parameter vector that is asleep while only a share of the levels of tables, from 0 to 1, learns: the finest levels. The
    /// coarsest level never sleeps.
    pub fn asleep(&self, awake: f64) -> Range<usize> {
        let parts = self.encoding.parts();
        let finer = parts.levels.len().saturating_sub(1);
        let awake = 1 + (awake * finer as f64) as usize;
        let end = parts.entries();
        let start = parts
            .levels
            .get(awake)
            .map_or(end, |level| level.offset as usize);
        start * parts.features..end * parts.features
    }

    /// The matrices from one hidden layer to the next.
    pub fn hidden_matrices(&self) -> Vec<TensorSpec> {
        let mut specs = self.tensors();
        let between = |layer| format!("mlp.{layer}.weight");
        let names: Vec<String> = (1..self.mlp.hidden_layers).map(between).collect();
        specs.retain(|spec| names.contains(&spec.name));
        specs
    }

    /// Number of parameters: the length of the flat parameter vector.
    pub fn parameter_count(&self) -> usize {
        self.tensors().last().map_or(0, |last| last.range().end)
    }

    /// Its sizes, such as `hash-grid 8x4 2^15 16..256, mlp 64x2`.
    pub fn in_short(&self) -> String {
        let (width, layers) = (self.mlp.hidden_width, self.mlp.hidden_layers);
        let mut perceptron = format!("{} {width}x{layers}", self.mlp.activation.network());
        if self.mlp.skip > 0 {
            perceptron += &format!(" skip {}", self.mlp.skip);
        }
        match self.encoding.words() {
            encoding if encoding.is_empty() => perceptron,
            encoding => format!("{encoding}, {perceptron}"),
        }
    }

    /// Checks every size.
    ///
    /// # Errors
    /// Names the size that is out of range.
    pub fn validate(&self) -> Result<(), ArchitectureError> {
        self.encoding.check()?;
        check(&self.mlp.settings())?;
        Ok(check(&self.mlp.activation.settings())?)
    }
}

impl Mlp {
    /// Its sizes.
    pub fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::whole("hidden_width", self.hidden_width, 1, 1024),
            Setting::whole("hidden_layers", self.hidden_layers, 1, 16),
            Setting::whole("skip", self.skip, 0, self.hidden_layers.saturating_sub(1)),
        ]
    }

    /// Whether that layer, counted from 0, sees the encoded position behind what the layer before gives it.
    pub fn skips_to(&self, layer: usize) -> bool {
        layer > 0 && layer == self.skip as usize
    }
}

impl From<Refused> for ArchitectureError {
    fn from(refused: Refused) -> Self {
        ArchitectureError {
            field: refused.name,
            value: refused.value,
            requirement: refused.requirement,
        }
    }
}

impl fmt::Display for Architecture {
    /// As in [`in_short`](Self::in_short), with the activation's settings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_short())?;
        for setting in self.mlp.activation.settings() {
            write!(f, " {} {}", setting.name, setting.value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HashGrid, Relu};

    #[test]
    fn tensors_tile_the_flat_vector() {
        let architecture = Architecture {
            encoding: Encoding::HashGrid(HashGrid::default()),
            mlp: Mlp {
                hidden_width: 64,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
                skip: 0,
            },
        };
        let specs = architecture.tensors();
        for pair in specs.windows(2) {
            assert_eq!(pair[0].range().end, pair[1].offset);
        }
        assert_eq!(specs[1].shape, [64, 32]);
        assert_eq!(specs.last().map(|spec| spec.shape.clone()), Some(vec![1]));
        assert_eq!(
            architecture.parameter_count(),
            specs.iter().map(TensorSpec::len).sum::<usize>()
        );
    }

    #[test]
    fn the_finest_levels_sleep_longest() {
        let architecture = Architecture {
            encoding: Encoding::HashGrid(HashGrid::default()),
            mlp: Mlp {
                hidden_width: 16,
                hidden_layers: 1,
                activation: Activation::Relu(Relu {}),
                skip: 0,
            },
        };
        let parts = architecture.encoding.parts();
        let (levels, features) = (parts.levels.len(), parts.features);
        let table = architecture.tensors()[0].range();
        let from = |level: usize| parts.levels[level].offset as usize * features;
        assert_eq!(architecture.asleep(0.0), from(1)..table.end);
        assert_eq!(
            architecture.asleep(0.5),
            from(1 + (levels - 1) / 2)..table.end
        );
        assert!(architecture.asleep(1.0).is_empty());
    }

    #[test]
    fn sizes_out_of_range_are_named() {
        let mut architecture = Architecture {
            encoding: Encoding::HashGrid(HashGrid::default()),
            mlp: Mlp {
                hidden_width: 0,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
                skip: 0,
            },
        };
        let message = architecture.validate().unwrap_err().to_string();
        assert!(message.contains("hidden_width is 0"), "{message}");
        architecture.mlp.hidden_width = 64;
        assert_eq!(architecture.validate(), Ok(()));
        architecture.mlp.skip = 2;
        let message = architecture.validate().unwrap_err().to_string();
        assert!(message.contains("skip is 2"), "{message}");
    }

    #[test]
    fn a_skip_connection_widens_one_layer_and_is_described_only_where_it_is() {
        let mut mlp = Mlp {
            hidden_width: 64,
            hidden_layers: 4,
            activation: Activation::Relu(Relu {}),
            skip: 0,
        };
        let architecture = |mlp| Architecture {
            encoding: Encoding::HashGrid(HashGrid::default()),
            mlp,
        };
        let described = serde_json::to_string(&mlp).unwrap();
        assert!(!described.contains("skip"), "{described}");
        assert_eq!(serde_json::from_str::<Mlp>(&described).unwrap(), mlp);
        mlp.skip = 2;
        let skipping = architecture(mlp);
        let inputs = skipping.layers().into_iter().map(|layer| layer.inputs);
        assert_eq!(inputs.collect::<Vec<_>>(), [32, 64, 96, 64, 64]);
        assert!(skipping.in_short().ends_with("mlp 64x4 skip 2"));
    }
}
