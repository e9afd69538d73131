//! What a workgroup keeps of the tile that it works on.

use cubecl::prelude::*;

use super::draw::drawn_index;
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

    /// Takes the samples of the tile that starts at `first`: drawn from rows of so many columns.
    pub(super) fn draw(
        &mut self,
        pool: &Array<f32>,
        first: usize,
        seed: u32,
        kept: u32,
        count: u32,
        #[comptime] columns: usize,
        #[comptime] plan: Plan,
    ) {
        let groups = comptime!(plan.sample_groups());
        let items = comptime!(columns * plan.sample_groups());
        let units = comptime!(plan.units());
        for item in range_stepped(UNIT_POS as usize, items, units) {
            let column = item % columns;
            let group = item / columns;
            let mut values = Lanes::new(0.0);
            #[unroll]
            for lane in 0..4usize {
                let place = (first + group * 4 + lane) as u32;
                if place < count {
                    let index = drawn_index(place, seed, kept, count) as usize;
                    values[lane] = pool[index * columns + column];
                }
            }
            self.samples[column * groups + group] = values;
        }
    }

    /// Takes the points of the tile that starts at `first` from rows of three.
    pub(super) fn take_points(
        &mut self,
        points: &Array<f32>,
        first: usize,
        count: usize,
        #[comptime] plan: Plan,
    ) {
        let groups = comptime!(plan.groups());
        let columns = comptime!(3 * groups);
        let units = comptime!(plan.units());
        for item in range_stepped(UNIT_POS as usize, columns, units) {
            let column = item % 3;
            let group = item / 3;
            let mut values = Lanes::new(0.0);
            #[unroll]
            for lane in 0..4usize {
                let place = first + group * 4 + lane;
                if place < count {
                    values[lane] = points[place * 3 + column];
                }
            }
            self.samples[column * groups + group] = values;
        }
    }
}
