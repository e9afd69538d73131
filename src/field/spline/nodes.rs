//! Sets of nodes, and numbers at them, while a level is made.

use rayon::prelude::*;

use super::lattice::{Lattice, NODES, SIDE, bits};

/// Some nodes of a lattice.
pub(super) struct Nodes {
    pub lattice: Lattice,
    /// `[B]`, ascending: bricks with any node.
    pub bricks: Vec<u32>,
    /// `[B]`: which nodes of each.
    pub masks: Vec<u64>,
    /// `[bricks of the lattice]`: 1 + the index in `bricks`, or 0.
    table: Vec<u32>,
}

/// One number a node, brick by brick; those at other places are 0.
pub(super) type Numbers = Vec<[f32; NODES]>;

/// By axis: the nodes of a brick's lowest layer, and how far apart the bits of neighbours are.
const AXES: [(u64, u32); 3] = [
    (0x1111_1111_1111_1111, 1),
    (0x000f_000f_000f_000f, 4),
    (0x0000_0000_0000_ffff, 16),
];

impl Nodes {
    /// Every node.
    pub(super) fn all(lattice: Lattice) -> Self {
        let marks = vec![u64::MAX; lattice.bricks() as usize];
        Self::marked(lattice, marks)
    }

    /// Those of a mask a brick that are nodes of the lattice.
    fn marked(lattice: Lattice, marks: Vec<u64>) -> Self {
        let mut nodes = Self {
            lattice,
            bricks: Vec::new(),
            masks: Vec::new(),
            table: vec![0; marks.len()],
        };
        for (number, mark) in (0u32..).zip(marks) {
            if mark == 0 {
                continue;
            }
            let mask = mark & valid(lattice, number);
            if mask != 0 {
                nodes.bricks.push(number);
                nodes.masks.push(mask);
                nodes.table[number as usize] = nodes.bricks.len() as u32;
            }
        }
        nodes
    }

    /// Number of nodes.
    pub(super) fn count(&self) -> usize {
        self.masks
            .iter()
            .map(|mask| mask.count_ones() as usize)
            .sum()
    }

    /// Where they lie in the unit frame, brick by brick, `[N, 3]`.
    pub(super) fn points(&self) -> Vec<[f32; 3]> {
        let bricks = self.bricks.iter().zip(&self.masks);
        let points = bricks.flat_map(|(&number, &mask)| {
            let brick = self.lattice.brick(number);
            bits(mask).map(move |bit| self.lattice.position(self.lattice.place(brick, bit)))
        });
        points.collect()
    }

    /// The numbers at these nodes, laid out by brick, out of those at all nodes of `others`, of which these are some; `numbers`
    /// is in the order of `others`' [`points`](Self::points).
    pub(super) fn picked(&self, others: &Self, numbers: &[f32]) -> Numbers {
        let mut firsts = Vec::with_capacity(others.masks.len());
        let mut first = 0;
        for mask in &others.masks {
            firsts.push(first);
            first += mask.count_ones() as usize;
        }
        let bricks = self.bricks.iter().zip(&self.masks);
        let picked = bricks.map(|(&number, &mask)| {
            let mut brick = [0.0; NODES];
            let index = others.table[number as usize] as usize - 1;
            for (bit, &number) in bits(others.masks[index]).zip(&numbers[firsts[index]..]) {
                if mask >> bit & 1 == 1 {
                    brick[bit as usize] = number;
                }
            }
            brick
        });
        picked.collect()
    }

    /// The numbers at the nodes, in the order of [`points`](Self::points).
    pub(super) fn flat(&self, numbers: &Numbers) -> Vec<f32> {
        let bricks = self.masks.iter().zip(numbers);
        let flat = bricks.flat_map(|(&mask, brick)| bits(mask).map(|bit| brick[bit as usize]));
        flat.collect()
    }

    /// Those that `keep` says yes to; it is given their indices in the order of [`points`](Self::points).
    pub(super) fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut marks = vec![0; self.table.len()];
        let mut index = 0;
        for (&number, &mask) in self.bricks.iter().zip(&self.masks) {
            for bit in bits(mask) {
                marks[number as usize] |= u64::from(keep(index)) << bit;
                index += 1;
            }
        }
        Self::marked(self.lattice, marks)
    }

    /// The nodes of both.
    pub(super) fn common(&self, other: &Self) -> Self {
        let mut marks = vec![0; self.table.len()];
        for (&number, &mask) in self.bricks.iter().zip(&self.masks) {
            marks[number as usize] = mask & other.mask(number);
        }
        Self::marked(self.lattice, marks)
    }

    /// The nodes of either.
    pub(super) fn united(&self, other: &Self) -> Self {
        let mut marks = vec![0; self.table.len()];
        for nodes in [self, other] {
            for (&number, &mask) in nodes.bricks.iter().zip(&nodes.masks) {
                marks[number as usize] |= mask;
            }
        }
        Self::marked(self.lattice, marks)
    }

    /// Which nodes of a brick there are.
    fn mask(&self, number: u32) -> u64 {
        match self.table[number as usize] {
            0 => 0,
            index => self.masks[index as usize - 1],
        }
    }

    /// With all neighbours, diagonal ones included.
    pub(super) fn grown(&self) -> Self {
        let mut marks = vec![0; self.table.len()];
        for (&number, &mask) in self.bricks.iter().zip(&self.masks) {
            marks[number as usize] = mask;
        }
        for axis in 0..3 {
            marks = grown_along(self.lattice, &marks, axis);
        }
        Self::marked(self.lattice, marks)
    }

    /// The nodes of a lattice twice as fine that lie in the same places, and those up to one cell of this one away.
    pub(super) fn refined(&self) -> Self {
        let fine = Lattice::new(2 * self.lattice.cells);
        let mut marks = vec![0; fine.bricks() as usize];
        for (&number, &mask) in self.bricks.iter().zip(&self.masks) {
            let brick = self.lattice.brick(number);
            for bit in bits(mask) {
                let place = self.lattice.place(brick, bit);
                // Node i becomes node 2 i: those beyond the border by a whole coarse cell have no twin.
                let twin = place.map(|p| (2 * p).wrapping_sub(1));
                if twin.iter().all(|&p| p < fine.nodes()) {
                    let (number, bit) = fine.split(twin);
                    marks[number as usize] |= 1 << bit;
                }
            }
        }
        Self::marked(fine, marks).grown().grown()
    }

    /// The values at the nodes of the splines with these coefficients; a spline is `at_nodes` at its own node and at the next
    /// one, by axis.
    pub(super) fn spline_values(&self, coefficients: &Numbers, at_nodes: [f32; 2]) -> Numbers {
        let values = self.bricks.par_iter().zip(&self.masks);
        let values = values.map(|(&number, &mask)| {
            let around = self.around(number, coefficients);
            let mut values = convolved(&around, at_nodes);
            for (bit, value) in values.iter_mut().enumerate() {
                if mask >> bit & 1 == 0 {
                    *value = 0.0;
                }
            }
            values
        });
        values.collect()
    }

    /// A brick's numbers with one layer of its neighbours', `[6, 6, 6]`, x fastest.
    fn around(&self, number: u32, numbers: &Numbers) -> [f32; 216] {
        let brick = self.lattice.brick(number);
        let mut around = [0.0; 216];
        // Neighbours by axis: which of them, their nodes, and where those go.
        const PARTS: [(u32, std::ops::Range<u32>, u32); 3] =
            [(0, 3..4, 0), (1, 0..4, 1), (2, 0..1, 5)];
        for (dz, zs, to_z) in &PARTS {
            for (dy, ys, to_y) in &PARTS {
                for (dx, xs, to_x) in &PARTS {
                    let [x, y, z] = [(0, dx), (1, dy), (2, dz)]
                        .map(|(axis, shift): (usize, &u32)| (brick[axis] + shift).wrapping_sub(1));
                    if [x, y, z].iter().any(|&b| b >= self.lattice.side) {
                        continue;
                    }
                    let index = self.table[self.lattice.number([x, y, z]) as usize];
                    if index == 0 {
                        continue;
                    }
                    let from = &numbers[index as usize - 1];
                    for (k, z) in zs.clone().enumerate() {
                        for (j, y) in ys.clone().enumerate() {
                            for (i, x) in xs.clone().enumerate() {
                                let place = (to_x + i as u32)
                                    + 6 * (to_y + j as u32 + 6 * (to_z + k as u32));
                                around[place as usize] = from[(x + SIDE * (y + SIDE * z)) as usize];
                            }
                        }
                    }
                }
            }
        }
        around
    }
}

/// Which nodes of a brick belong to the lattice: the last bricks reach beyond it.
fn valid(lattice: Lattice, number: u32) -> u64 {
    let brick = lattice.brick(number);
    let mut mask = u64::MAX;
    for axis in 0..3 {
        let (lowest, shift) = AXES[axis];
        let mut layers = 0;
        for layer in 0..SIDE {
            if brick[axis] * SIDE + layer < lattice.nodes() {
                layers |= lowest << (layer * shift);
            }
        }
        mask &= layers;
    }
    mask
}

/// A mask a brick, with the neighbours along one axis.
fn grown_along(lattice: Lattice, marks: &[u64], axis: usize) -> Vec<u64> {
    let (lowest, shift) = AXES[axis];
    let highest = lowest << (3 * shift);
    let stride = lattice.side.pow(axis as u32) as usize;
    let mut grown = marks.to_vec();
    for (number, &mask) in marks.iter().enumerate() {
        if mask == 0 {
            continue;
        }
        grown[number] |= (mask & !highest) << shift | (mask & !lowest) >> shift;
        let along = lattice.brick(number as u32)[axis];
        if along > 0 {
            grown[number - stride] |= (mask & lowest) << (3 * shift);
        }
        if along + 1 < lattice.side {
            grown[number + stride] |= (mask & highest) >> (3 * shift);
        }
    }
    grown
}

/// Sums over a node and its neighbours along each axis, of `[6, 6, 6]` numbers for the 4 × 4 × 4 nodes in their middle.
fn convolved(around: &[f32; 216], [own, beside]: [f32; 2]) -> [f32; NODES] {
    let three = |low: f32, middle: f32, high: f32| own * middle + beside * (low + high);
    let mut by_x = [0.0; 144];
    for row in 0..36 {
        for x in 0..4 {
            let at = 6 * row + x;
            by_x[4 * row + x] = three(around[at], around[at + 1], around[at + 2]);
        }
    }
    let mut by_y = [0.0; 96];
    for z in 0..6 {
        for y in 0..4 {
            for x in 0..4 {
                let at = x + 4 * (y + 6 * z);
                by_y[x + 4 * (y + 4 * z)] = three(by_x[at], by_x[at + 4], by_x[at + 8]);
            }
        }
    }
    std::array::from_fn(|at| three(by_y[at], by_y[at + 16], by_y[at + 32]))
}
