//! What a network looks like: its encoding, its layers, and where each parameter lies.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::activation::Activation;

/// A field network: positions in `[-1, 1]³` are encoded, then run through a multi-layer perceptron with one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// What the positions become before the first layer.
    pub encoding: Encoding,
    /// The layers behind it.
    pub mlp: Mlp,
}

/// How a position becomes the input of the first layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Encoding {
    /// The three coordinates as they are.
    Identity,
    /// Features interpolated in grids of several resolutions (Müller et al. 2022, "Instant neural graphics primitives
    /// with a multiresolution hash encoding").
    HashGrid(HashGrid),
}

/// Sizes of a multiresolution hash grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HashGrid {
    /// Number of grids, from coarse to fine.
    pub levels: u32,
    /// Features at each grid vertex.
    pub features: u32,
    /// Base-2 logarithm of the most entries that one level may have. Levels with fewer vertices are stored densely.
    pub log2_entries: u32,
    /// Cells along an axis of the coarsest level.
    pub base_resolution: u32,
    /// Cells along an axis of the finest level; the levels between grow geometrically.
    pub finest_resolution: u32,
}

/// Sizes of the perceptron: `hidden_layers` layers of `hidden_width`, then one linear output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// Units in each hidden layer.
    pub hidden_width: u32,
    /// Number of hidden layers.
    pub hidden_layers: u32,
    /// What follows each hidden layer.
    pub activation: Activation,
}

/// One grid of the hash encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridLevel {
    /// Cells along an axis; there are `resolution + 1` vertices.
    pub resolution: u32,
    /// First entry of this level in the table of all levels.
    pub offset: u32,
    /// Entries of this level.
    pub entries: u32,
    /// Every vertex has its own entry, at `x + (r + 1) (y + (r + 1) z)`; else entries are shared by a hash.
    pub dense: bool,
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

impl HashGrid {
    /// The primes of the spatial hash `x·1 ⊕ y·p₁ ⊕ z·p₂` (Teschner et al. 2003, as in instant-ngp).
    pub const HASH_PRIMES: [u32; 3] = [1, 2_654_435_761, 805_459_861];

    /// The grids from coarse to fine.
    pub fn grid_levels(&self) -> Vec<GridLevel> {
        let growth = if self.levels > 1 {
            (f64::from(self.finest_resolution) / f64::from(self.base_resolution)).ln()
                / f64::from(self.levels - 1)
        } else {
            0.0
        };
        let capacity = 1u64 << self.log2_entries;
        let mut offset = 0;
        (0..self.levels)
            .map(|level| {
                let resolution = (f64::from(self.base_resolution)
                    * (growth * f64::from(level)).exp())
                .round() as u32;
                let vertices = u64::from(resolution + 1).pow(3);
                let entries = vertices.min(capacity) as u32;
                let this = GridLevel {
                    resolution,
                    offset,
                    entries,
                    dense: vertices <= capacity,
                };
                offset += entries;
                this
            })
            .collect()
    }

    /// Length of the encoded vector.
    pub fn width(&self) -> usize {
        (self.levels * self.features) as usize
    }
}

impl Architecture {
    /// Length of the encoded vector: the inputs of the first layer.
    pub fn encoded_width(&self) -> usize {
        match &self.encoding {
            Encoding::Identity => 3,
            Encoding::HashGrid(grid) => grid.width(),
        }
    }

    /// The linear layers in order; the last one has one output.
    pub fn layers(&self) -> Vec<LayerSize> {
        let width = self.mlp.hidden_width as usize;
        let mut inputs = self.encoded_width();
        let mut layers = Vec::new();
        for _ in 0..self.mlp.hidden_layers {
            layers.push(LayerSize {
                inputs,
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
        if let Encoding::HashGrid(grid) = &self.encoding {
            let entries: u32 = grid.grid_levels().iter().map(|level| level.entries).sum();
            push(
                "encoding.grid".to_owned(),
                vec![entries as usize, grid.features as usize],
            );
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

    /// Number of parameters: the length of the flat parameter vector.
    pub fn parameter_count(&self) -> usize {
        self.tensors().last().map_or(0, |last| last.range().end)
    }

    /// Checks every size.
    ///
    /// # Errors
    /// Names the size that is out of range.
    pub fn validate(&self) -> Result<(), ArchitectureError> {
        let refuse = |field, value: String, requirement: String| {
            Err(ArchitectureError {
                field,
                value,
                requirement,
            })
        };
        let check = |field, value: u32, min: u32, max: u32| {
            if (min..=max).contains(&value) {
                return Ok(());
            }
            refuse(field, value.to_string(), format!("from {min} to {max}"))
        };
        if let Encoding::HashGrid(grid) = &self.encoding {
            check("levels", grid.levels, 1, 32)?;
            if ![1, 2, 4, 8].contains(&grid.features) {
                let requirement = "1, 2, 4 or 8".to_owned();
                return refuse("features", grid.features.to_string(), requirement);
            }
            check("log2_entries", grid.log2_entries, 4, 20)?;
            // With 2²⁰ entries and 2¹¹ cells, hash products fit the 32-bit integers of every device.
            check("finest_resolution", grid.finest_resolution, 1, 2047)?;
            let finest = grid.finest_resolution;
            check("base_resolution", grid.base_resolution, 1, finest)?;
        }
        check("hidden_width", self.mlp.hidden_width, 1, 1024)?;
        check("hidden_layers", self.mlp.hidden_layers, 1, 16)?;
        for setting in self.mlp.activation.settings() {
            if let Some(requirement) = setting.refused() {
                return refuse(setting.name, setting.value.to_string(), requirement);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.encoding {
            Encoding::Identity => {}
            Encoding::HashGrid(grid) => write!(
                f,
                "hash grid {}x{} 2^{} ({}..{}), ",
                grid.levels,
                grid.features,
                grid.log2_entries,
                grid.base_resolution,
                grid.finest_resolution
            )?,
        }
        let (width, layers) = (self.mlp.hidden_width, self.mlp.hidden_layers);
        write!(f, "{} {layers}x{width}", self.mlp.activation.network())?;
        for setting in self.mlp.activation.settings() {
            write!(f, " {} {}", setting.name, setting.value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Relu;

    fn grid() -> HashGrid {
        HashGrid {
            levels: 8,
            features: 4,
            log2_entries: 15,
            base_resolution: 16,
            finest_resolution: 256,
        }
    }

    #[test]
    fn levels_grow_from_base_to_finest_and_do_not_overlap() {
        let levels = grid().grid_levels();
        assert_eq!(levels[0].resolution, 16);
        assert_eq!(levels[7].resolution, 256);
        assert!(levels[0].dense && !levels[7].dense);
        assert_eq!(levels[0].entries, 17 * 17 * 17);
        for pair in levels.windows(2) {
            assert_eq!(pair[0].offset + pair[0].entries, pair[1].offset);
            assert!(pair[0].resolution < pair[1].resolution);
        }
    }

    #[test]
    fn tensors_tile_the_flat_vector() {
        let architecture = Architecture {
            encoding: Encoding::HashGrid(grid()),
            mlp: Mlp {
                hidden_width: 64,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
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
    fn sizes_out_of_range_are_named() {
        let mut architecture = Architecture {
            encoding: Encoding::HashGrid(grid()),
            mlp: Mlp {
                hidden_width: 0,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
            },
        };
        let message = architecture.validate().unwrap_err().to_string();
        assert!(message.contains("hidden_width is 0"), "{message}");
        architecture.mlp.hidden_width = 64;
        assert_eq!(architecture.validate(), Ok(()));
    }
}
