//! How a network is laid out in a workgroup: sizes that are known when its kernels are compiled.

use cubecl::ir::HardwareProperties;

use super::tensor_cores;
use crate::loss::Needs;
use crate::network::Architecture;
use crate::network::activation::Activation;
use crate::network::encoding::formula::FeatureFormula;
use crate::network::encoding::{Interpolation, PositionEncoding};

/// Sizes of a network's kernels. Each distinct plan compiles kernels of its own.
///
/// A workgroup works on one tile of samples at a time. All that is kept of a tile lies in shared memory as rows of
/// columns, four columns an element: the encoded position, then one row a unit of each hidden layer. A sample is one
/// column, or where the gradient by position takes part two: its value and the derivative along its direction, which lie
/// half a row apart. Each unit of the workgroup computes blocks of four rows by four columns in registers, a pass
/// of `rows` rows at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Columns in a tile: a multiple of 4 times `channels`.
    pub tile: usize,
    /// Columns of a sample: 1, or 2 with a derivative by position.
    pub channels: usize,
    /// Rows that one pass over a layer computes: a multiple of 4.
    pub rows: usize,
    /// Length of the encoded position.
    pub encoded: usize,
    /// Units in a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub layers: usize,
    /// Levels of the grid; 0 without one.
    pub levels: usize,
    /// Features of a grid entry.
    pub features: usize,
    /// How features between a grid's vertices are made of those at the vertices.
    pub interpolation: Interpolation,
    /// Features of a position that are formulas, by formula.
    pub formulas: [usize; FeatureFormula::COUNT],
    /// Features of an entry that are read and added to at a time.
    pub vector: usize,
    /// A workgroup's sums are in shared memory until its last tile is done.
    pub sums_at_hand: bool,
    /// Matrices are multiplied on tensor cores.
    pub tensor_cores: bool,
    /// The grid's gradient is summed exactly; else by additions of floats, in whatever order they come.
    pub exact: bool,
    /// Parameters of the grid, which come first in the flat vector.
    pub table: usize,
    /// What follows each hidden layer.
    pub activation: Activation,
}

/// Columns in a tile, the most wanted first: a larger one reads the weights less often.
const TILES: [usize; 4] = [64, 32, 16, 8];

/// Columns that kernels take of a sample with a derivative by position: a point, the derivatives by value and gradient, the
/// loss.
const COLUMNS_WITH_SLOPES: usize = 8;

/// Inputs of a layer whose weights are in shared memory at a time, without tensor cores and with them.
const DEPTHS: [usize; 2] = [16, 32];

/// Units of a workgroup at most: each has registers for its block.
const UNITS: usize = 512;

/// Bytes of an element of shared memory: four samples.
const ELEMENT: usize = 16;

/// Workgroups, if there are tiles for them, where the device does not tell how many it runs at once.
const CUBES: usize = 256;

/// Turns of loops that a unit may take in a kernel where the device may be software: Mesa leaves every loop of a shader after
/// 65,535 turns in all, as a guard against endless ones, and goes on with what there is.
const TURNS: usize = 50_000;

/// Workgroups for each multiprocessor, where the device tells their number and shared memory has room for so many.
const CUBES_PER_MULTIPROCESSOR: usize = 4;

impl Plan {
    /// The plan of a network on a device, with exact sums; none if its shared memory has no room for the smallest tile.
    pub fn new(
        architecture: &Architecture,
        device: &HardwareProperties,
        channels: usize,
        tensor_cores: bool,
    ) -> Option<Self> {
        let parts = architecture.encoding.parts();
        let (levels, features) = (parts.levels.len(), parts.features);
        let mlp = &architecture.mlp;
        // The kernels' middle layers are all of one shape.
        if mlp.skip > 0 {
            return None;
        }
        let width = mlp.hidden_width as usize;
        let plan = Self {
            tile: 0,
            channels,
            rows: 0,
            encoded: parts.width(),
            width,
            layers: mlp.hidden_layers as usize,
            levels,
            features,
            interpolation: parts.interpolation,
            formulas: FeatureFormula::ALL.map(|formula| parts.rows(formula).len()),
            vector: features.clamp(1, 4),
            tensor_cores,
            exact: true,
            sums_at_hand: false,
            table: parts.entries() * features,
            activation: mlp.activation,
        };
        let fits = |plan: &Self| {
            let units = plan.units() as u32;
            plan.shared_bytes() <= device.max_shared_memory_size
                && units <= device.max_units_per_cube
                && units <= device.max_cube_dim.0
        };
        let tiles = TILES.into_iter();
        let mut plans = tiles
            .filter(|tile| tile % (4 * channels) == 0)
            .map(|tile| plan.with_tile(tile));
        let plan = plans.find(fits)?;
        // Two workgroups are to have room at a time, as without.
        let at_hand = Self {
            sums_at_hand: true,
            ..plan
        };
        let room = 2 * at_hand.shared_bytes() <= device.max_shared_memory_size;
        Some(if room { at_hand } else { plan })
    }

    /// The same for tiles of so many columns.
    fn with_tile(self, tile: usize) -> Self {
        let passes = self.width.div_ceil(UNITS / (tile / 4) * 4);
        let tensor_cores = self.tensor_cores && tile.is_multiple_of(tensor_cores::COLUMNS);
        let whole = if tensor_cores { tensor_cores::ROWS } else { 4 };
        let rows = self.width.div_ceil(passes).next_multiple_of(whole);
        Self {
            tile,
            rows,
            tensor_cores,
            ..self
        }
    }

    /// Inputs of a layer whose weights are in shared memory at a time.
    pub fn depth(&self) -> usize {
        DEPTHS[usize::from(self.tensor_cores)]
    }

    /// Units of a workgroup: one for each block of four rows by four columns.
    pub fn units(&self) -> usize {
        self.rows / 4 * self.groups()
    }

    /// Groups of four columns in a tile.
    pub fn groups(&self) -> usize {
        self.tile / 4
    }

    /// Samples in a tile.
    pub fn samples(&self) -> usize {
        self.tile / self.channels
    }

    /// Groups of four samples in a tile: the first of the groups, which hold their values.
    pub fn sample_groups(&self) -> usize {
        self.groups() / self.channels
    }

    /// Elements of the columns of a tile's samples.
    pub fn sample_elements(&self) -> usize {
        let columns = match self.channels {
            1 => Needs::Distance.columns(),
            _ => COLUMNS_WITH_SLOPES,
        };
        columns * self.sample_groups()
    }

    /// Vectors of features in a grid entry.
    pub fn vectors(&self) -> usize {
        self.features / self.vector
    }

    /// Vertices of a cell that take part in a feature.
    pub fn corners(&self) -> usize {
        self.interpolation.taps().pow(3)
    }

    /// Features that come from the grid; those that are formulas follow.
    pub fn interpolated(&self) -> usize {
        self.levels * self.features
    }

    /// The row of a formula's first feature.
    pub fn first_feature(&self, formula: FeatureFormula) -> usize {
        let before = &self.formulas[..formula as usize];
        self.interpolated() + before.iter().sum::<usize>()
    }

    /// The constants of a formula's first feature.
    pub fn first_constants(&self, formula: FeatureFormula) -> usize {
        2 * self.levels + self.first_feature(formula) - self.interpolated()
    }

    /// Elements of the encoding's constants: two a level, then one for each feature that is a formula.
    pub fn constants(&self) -> usize {
        2 * self.levels + self.encoded - self.interpolated()
    }

    /// Elements from one row to the next: one more than needed, so that the rows of a column lie in different banks.
    pub fn stride(&self) -> usize {
        self.groups() + 1
    }

    /// Rows of a hidden layer, in whole blocks.
    pub fn padded(&self) -> usize {
        self.width.next_multiple_of(4)
    }

    /// First row of the first hidden layer.
    pub fn first_hidden(&self) -> usize {
        self.encoded.next_multiple_of(4)
    }

    /// Layers keep what goes into their activation, from which slopes are computed; else what comes out of it, which tells
    /// them, too.
    pub fn keeps_sums(&self) -> bool {
        !self.activation.is_piecewise_linear()
    }

    /// First row of the activated layer, unless that is what a layer keeps, see [`keeps_sums`](Self::keeps_sums). With
    /// derivatives by position the gradient by a layer's output comes here, too, because what the layer kept is needed
    /// beside it.
    pub fn activated(&self) -> usize {
        self.first_hidden() + self.layers * self.padded()
    }

    /// Elements of all rows.
    pub fn elements(&self) -> usize {
        let one_more = self.keeps_sums() || self.channels > 1;
        let rows = self.activated() + if one_more { self.padded() } else { 0 };
        rows * self.stride()
    }

    /// Elements of the weights that are in shared memory at a time.
    pub fn staged(&self) -> usize {
        // Without tensor cores one more, so that inputs lie in different banks.
        self.depth() * (self.rows / 4 + usize::from(!self.tensor_cores))
    }

    /// Columns of weights that a unit brings into shared memory at a time.
    pub fn columns_of_a_unit(&self) -> usize {
        (self.depth() * self.rows / 4).div_ceil(self.units())
    }

    /// Units that share a cell of the grid while positions are encoded: 1, or 2 where its corners can be halved.
    pub fn encoding_shares(&self) -> usize {
        let even = self.corners().is_multiple_of(2);
        let enough = 2 * self.levels * self.sample_groups() <= self.units();
        // The second share's place until both are added up.
        let room = self.interpolated() <= self.layers * self.padded();
        1 + usize::from(even && enough && room)
    }

    /// Elements that partial sums over the units of a layer take.
    pub fn partial_sums(&self) -> usize {
        self.units()
    }

    fn shared_bytes(&self) -> usize {
        // With the gradient by the outputs, an element a group.
        let samples = self.sample_elements() + self.groups();
        let elements =
            self.elements() + self.staged() + self.partial_sums() + samples + self.constants();
        elements * ELEMENT + 4 * self.numbers_at_hand()
    }

    /// Parameters of a hidden layer behind the first: weights, then biases.
    pub fn middle_parameters(&self) -> usize {
        self.width * (self.width + 1)
    }

    /// Parameters of the first hidden layer.
    pub fn first_parameters(&self) -> usize {
        self.width * (self.encoded + 1)
    }

    /// Place of the output layer's weights, counted from the first layer's.
    pub fn output_weights(&self) -> usize {
        self.first_parameters() + (self.layers - 1) * self.middle_parameters()
    }

    /// Parameters of the perceptron.
    pub fn perceptron(&self) -> usize {
        self.output_weights() + self.width + 1
    }

    /// Numbers that each workgroup sums for itself: the perceptron's gradient, then the loss.
    pub fn sums(&self) -> usize {
        self.perceptron() + 1
    }

    /// Those of them that shared memory has room for; a buffer has a length even where there are none.
    pub fn numbers_at_hand(&self) -> usize {
        if self.sums_at_hand { self.sums() } else { 1 }
    }

    /// Workgroups for `samples` samples: each takes every so many tiles, so that the sums do not depend on timing.
    pub fn cubes(&self, samples: usize, device: &HardwareProperties) -> usize {
        let tiles = samples.div_ceil(self.samples()).max(1);
        match device.num_streaming_multiprocessors {
            Some(multiprocessors) => {
                let at_once = device.max_shared_memory_size / self.shared_bytes();
                let at_once = at_once.clamp(1, CUBES_PER_MULTIPROCESSOR);
                tiles.min(multiprocessors as usize * at_once)
            }
            None => {
                let tiles_of_a_cube = (TURNS / self.turns()).max(1);
                tiles.min(CUBES.max(tiles.div_ceil(tiles_of_a_cube)))
            }
        }
    }

    /// Turns that a unit takes in the loops of one tile, at most.
    fn turns(&self) -> usize {
        let (units, groups, depth) = (self.units(), self.groups(), self.depth());
        let product = |inputs: usize, outputs: usize| {
            let stage = (depth * self.rows / 4).div_ceil(units);
            let chunk = depth + stage + 1;
            outputs.div_ceil(self.rows) * (inputs.div_ceil(depth) * chunk + 1)
        };
        let gradient = |inputs: usize| {
            let blocks = self.width.div_ceil(4) * inputs.div_ceil(4);
            (blocks.div_ceil(units) + self.width.div_ceil(units) + 1) * (groups + 1)
        };
        let layer = |inputs: usize| {
            let activate = 3 * (self.padded() * groups).div_ceil(units);
            let back = product(self.width, inputs);
            product(inputs, self.width) + back + gradient(inputs) + activate + 1
        };
        let output = 2 * self.width.div_ceil(self.rows / 4) + gradient(1) + self.rows;
        let samples = 4 * groups.div_ceil(units) + 4;
        let formulas = self.encoded - self.interpolated();
        let corners = self.corners();
        let encoding = (2 * corners + 1) * (self.levels * groups).div_ceil(units)
            + (corners + 1) * self.levels
            + 2 * (formulas * groups).div_ceil(units)
            + formulas
            + 9;
        layer(self.encoded) + (self.layers - 1) * layer(self.width) + output + samples + encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Encoding, HashGrid, Identity, Mlp, Relu, Sine};

    fn device(shared_memory: usize, multiprocessors: Option<u32>) -> HardwareProperties {
        HardwareProperties {
            load_width: 128,
            plane_size_min: 32,
            plane_size_max: 32,
            max_bindings: 8,
            max_shared_memory_size: shared_memory,
            max_cube_count: (65_535, 65_535, 65_535),
            max_units_per_cube: 1024,
            max_cube_dim: (1024, 1024, 64),
            num_streaming_multiprocessors: multiprocessors,
            num_cpu_cores: None,
            num_tensor_cores: None,
            min_tensor_cores_dim: None,
            max_vector_size: 4,
        }
    }

    fn grid() -> Architecture {
        Architecture {
            encoding: Encoding::HashGrid(HashGrid::default()),
            mlp: Mlp {
                hidden_width: 64,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
                skip: 0,
            },
        }
    }

    fn siren() -> Architecture {
        Architecture {
            encoding: Encoding::Identity(Identity {}),
            mlp: Mlp {
                hidden_width: 256,
                hidden_layers: 4,
                activation: Activation::Sine(Sine::default()),
                skip: 0,
            },
        }
    }

    #[test]
    fn tiles_are_as_large_as_shared_memory_allows() {
        let tile = |architecture: &Architecture, bytes: usize| {
            Plan::new(architecture, &device(bytes, None), 1, false).map(|plan| plan.tile)
        };
        assert_eq!(tile(&grid(), 227 << 10), Some(64));
        assert_eq!(tile(&siren(), 227 << 10), Some(32));
        assert_eq!(tile(&grid(), 32 << 10), Some(32));
        assert_eq!(tile(&siren(), 32 << 10), None);
    }

    #[test]
    fn places_of_parameters_are_those_of_the_architecture() {
        for architecture in [grid(), siren()] {
            let plan = Plan::new(&architecture, &device(227 << 10, None), 1, false).unwrap();
            let specs = architecture.tensors();
            let offset = |name: &str| specs.iter().find(|s| s.name == name).unwrap().offset;
            assert_eq!(plan.table, offset("mlp.0.weight"));
            assert_eq!(plan.table + plan.first_parameters(), offset("mlp.1.weight"));
            let output = format!("mlp.{}.weight", plan.layers);
            assert_eq!(plan.table + plan.output_weights(), offset(&output));
            assert_eq!(
                plan.table + plan.perceptron(),
                architecture.parameter_count()
            );
        }
    }

    #[test]
    fn planes_cover_a_pass_on_tensor_cores() {
        let card = device(227 << 10, Some(132));
        let plan = |width, bytes| {
            let mut architecture = grid();
            architecture.mlp.hidden_width = width;
            Plan::new(&architecture, &device(bytes, None), 1, true).unwrap()
        };
        for width in [16, 20, 64, 100, 128, 200] {
            let plan = plan(width, card.max_shared_memory_size);
            assert!(plan.tensor_cores, "{width}");
            let planes = plan.rows / tensor_cores::ROWS * (plan.tile / tensor_cores::COLUMNS);
            assert_eq!(plan.units(), planes * tensor_cores::PLANE, "{width}");
        }
        // A tile that has room is narrower than a plane's product.
        assert!(!plan(200, 60 << 10).tensor_cores);
    }

    #[test]
    fn workgroups_fill_a_card_and_keep_to_the_turns_of_software() {
        let cubes = |architecture: &Architecture, samples| {
            let card = device(227 << 10, Some(132));
            Plan::new(architecture, &card, 1, false)
                .unwrap()
                .cubes(samples, &card)
        };
        assert_eq!(cubes(&grid(), 1 << 18), 132 * 2);
        // Shared memory has room for one at a time.
        assert_eq!(cubes(&siren(), 1 << 18), 132);
        assert_eq!(cubes(&siren(), 33), 2);

        let software = device(32 << 10, None);
        let plan = Plan::new(&grid(), &software, 1, false).unwrap();
        let samples = 1 << 20;
        let tiles = samples / plan.tile;
        let tiles_of_a_cube = tiles.div_ceil(plan.cubes(samples, &software));
        assert!(tiles_of_a_cube * plan.turns() <= TURNS);
    }
}
