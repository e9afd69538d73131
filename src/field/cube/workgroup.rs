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
    /// The table of levels: what is added to the grid's gradient would hold up reads from elsewhere.
    pub levels: SharedMemory<Words>,
}

#[cube]
impl Workgroup {
    /// Takes the table of levels; synchronise before it is read.
    pub(super) fn new(levels: &Array<Words>, #[comptime] plan: Plan) -> Workgroup {
        let elements = comptime!(plan.elements());
        let staged = comptime!(plan.staged());
        let sums = comptime!(plan.partial_sums());
        let groups = comptime!(plan.groups());
        let mut own_levels = SharedMemory::<Words>::new(comptime!(plan.levels.max(1)));
        for level in range_stepped(UNIT_POS as usize, plan.levels, comptime!(plan.units())) {
            own_levels[level] = levels[level];
        }
        Workgroup {
            levels: own_levels,
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
