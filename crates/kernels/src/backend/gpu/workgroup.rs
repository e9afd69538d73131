//! What a workgroup keeps of the tile that it works on.

use cubecl::prelude::*;

use super::draw::Batch;
use super::plan::Plan;
use super::{Lanes, Words};

/// Shared memory of a workgroup. Every element holds four neighbouring samples.
#[derive(CubeType)]
pub(super) struct Workgroup {
    /// Encoded position, hidden layers, and mostly an activated layer: see [`Plan`].
    pub rows: SharedMemory<Lanes>,
    /// Weights of a layer, as far as they are needed at a time.
    pub staged: SharedMemory<Lanes>,
    /// Partial sums over units.
    pub sums: SharedMemory<Lanes>,
    /// Columns of the samples, the point first.
    pub samples: SharedMemory<Lanes>,
    /// The loss's derivatives by the network's outputs.
    pub by_values: SharedMemory<Lanes>,
    /// The encoding's constants: what is added to the grid's gradient would hold up reads from elsewhere.
    pub constants: SharedMemory<Words>,
}

#[cube]
impl Workgroup {
    /// Takes the encoding's constants; synchronise before they are read.
    pub(super) fn new(constants: &Array<Words>, #[comptime] plan: Plan) -> Workgroup {
        let elements = comptime!(plan.elements());
        let staged = comptime!(plan.staged());
        let sums = comptime!(plan.partial_sums());
        let groups = comptime!(plan.groups());
        let count = comptime!(plan.constants());
        let mut own_constants = SharedMemory::<Words>::new(count);
        for place in range_stepped(UNIT_POS as usize, count, comptime!(plan.units())) {
            own_constants[place] = constants[place];
        }
        Workgroup {
            constants: own_constants,
            rows: SharedMemory::new(elements),
            staged: SharedMemory::new(staged),
            sums: SharedMemory::new(sums),
            samples: SharedMemory::new(comptime!(plan.sample_elements())),
            by_values: SharedMemory::new(groups),
        }
    }

    /// Takes the tile that starts at `first` of a batch: the first columns of samples that are drawn from rows of so many.
    pub(super) fn draw(
        &mut self,
        pool: &Array<f32>,
        first: usize,
        batch: &Batch,
        #[comptime] taken: usize,
        #[comptime] columns: usize,
        #[comptime] plan: Plan,
    ) {
        let groups = comptime!(plan.sample_groups());
        let items = comptime!(taken * plan.sample_groups());
        let units = comptime!(plan.units());
        for item in range_stepped(UNIT_POS as usize, items, units) {
            let column = item % taken;
            let group = item / taken;
            self.samples[column * groups + group] =
                batch.column(pool, first + group * 4, column, columns);
        }
    }
}
