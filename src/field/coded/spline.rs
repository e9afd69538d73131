//! Levels of a spline as bits: which bricks there are, and each coefficient in steps, told by what is around it.

use super::bits::{Bits, Chance};
use super::number::{Chances, MOST, number};
use crate::field::spline::{Lattice, NODES, SIDE};
use crate::field::{MOST_CELLS, SplineLevel};

/// Coefficients in steps, by their places in the lattice.
pub(super) struct Steps {
    lattice: Lattice,
    /// `[bricks]`: which of `numbers` a brick has, 0 for those without.
    table: Vec<u32>,
    /// The first is all 0.
    numbers: Vec<[i32; NODES]>,
}

impl Steps {
    fn empty(cells: u32) -> Steps {
        let lattice = Lattice::new(cells);
        Steps {
            lattice,
            table: vec![0; lattice.bricks() as usize],
            numbers: vec![[0; NODES]],
        }
    }

    /// The coefficients of a level in steps; bricks without any are left out.
    pub(super) fn of(level: &SplineLevel, step: f32) -> Steps {
        let mut steps = Steps::empty(level.cells);
        let mut given = level.coefficients.iter();
        for (&brick, &mask) in level.bricks.iter().zip(&level.masks) {
            let mut numbers = [0; NODES];
            for (bit, coefficient) in (0..NODES)
                .filter(|bit| mask >> bit & 1 == 1)
                .zip(&mut given)
            {
                numbers[bit] = in_steps(*coefficient, step);
            }
            if numbers != [0; NODES] {
                steps.put(brick, numbers);
            }
        }
        steps
    }

    /// The level that they stand for.
    pub(super) fn level(&self, step: f32) -> SplineLevel {
        let mut level = SplineLevel {
            cells: self.lattice.cells,
            ..SplineLevel::default()
        };
        for (brick, &index) in (0..).zip(&self.table) {
            if index == 0 {
                continue;
            }
            let numbers = &self.numbers[index as usize];
            let marked = (0..NODES).filter(|&bit| numbers[bit] != 0);
            level.bricks.push(brick);
            level.masks.push(marked.clone().map(|bit| 1 << bit).sum());
            level
                .coefficients
                .extend(marked.map(|bit| numbers[bit] as f32 * step));
        }
        level
    }

    /// How many coefficients there are.
    pub(super) fn count(&self) -> usize {
        self.numbers
            .as_flattened()
            .iter()
            .filter(|&&number| number != 0)
            .count()
    }

    fn put(&mut self, brick: u32, numbers: [i32; NODES]) {
        self.table[brick as usize] = self.numbers.len() as u32;
        self.numbers.push(numbers);
    }

    /// The number at a place, which may lie beyond the lattice.
    fn at(&self, [x, y, z]: [i32; 3]) -> i32 {
        let last = self.lattice.nodes() as i32;
        if [x, y, z].iter().any(|&p| p < 0 || p >= last) {
            return 0;
        }
        let (brick, bit) = self.lattice.split([x as u32, y as u32, z as u32]);
        self.numbers[self.table[brick as usize] as usize][bit as usize]
    }
}

/// The nearest whole number of steps; what is little more than half a step is taken for less, which costs less and is hardly farther off.
fn in_steps(coefficient: f32, step: f32) -> i32 {
    let steps = coefficient / step;
    let whole = (steps.abs() + 0.5 - DEAD_ZONE).floor().min(MOST as f32);
    (whole as i32) * if steps < 0.0 { -1 } else { 1 }
}

/// Where steps end, beyond the middle between two.
const DEAD_ZONE: f32 = 0.08;

/// Classes of what is around a coefficient.
const AROUND: usize = 9;
/// Of where it lies among the coarser level's nodes.
const PARITIES: usize = 4;
/// Of the coarser level's coefficient there.
const COARSER: usize = 3;

/// Writes or reads a level: `given` is what is to be written. `coarser` is the level before. There are
/// `count` coefficients: behind the last nothing is told of any brick.
pub(super) fn level<B: Bits>(
    bits: &mut B,
    cells: u32,
    given: Option<&Steps>,
    coarser: Option<&Steps>,
    count: usize,
) -> Steps {
    debug_assert!(cells <= MOST_CELLS);
    let mut steps = Steps::empty(cells);
    let lattice = steps.lattice;
    let mut present = [Chance::default(); 32];
    let mut chances = vec![Chances::default(); AROUND * PARITIES * COARSER];
    let mut left = count;
    let side = lattice.side as i32;
    for brick in 0..lattice.bricks() {
        let place = lattice.brick(brick).map(|p| p as i32);
        let around = occupied_around(&steps, coarser, place, side);
        let is_given = given.is_some_and(|given| given.table[brick as usize] != 0);
        if left == 0 || !bits.bit(&mut present[around], is_given) {
            continue;
        }
        let of_brick = given.map(|given| given.numbers[given.table[brick as usize] as usize]);
        steps.put(brick, [0; NODES]);
        let index = steps.numbers.len() - 1;
        for bit in 0..NODES as u32 {
            let node = lattice.place(lattice.brick(brick), bit);
            if node.iter().any(|&p| p >= lattice.nodes()) {
                continue;
            }
            let node = node.map(|p| p as i32);
            let class = class(&steps, coarser, node);
            let predicted = predicted(&steps, coarser, node);
            let value = of_brick.map_or(0, |numbers| numbers[bit as usize]);
            let read = number(bits, &mut chances[class], value - predicted) + predicted;
            let read = read.clamp(-MOST, MOST);
            left = left.saturating_sub(usize::from(read != 0));
            steps.numbers[index][bit as usize] = read;
        }
    }
    steps
}

/// What the neighbours say of a coefficient of the dense level, whose coefficients are those of a distance (Ibarria et al. 2003, "Out-of-core
/// compression and decompression of large n-dimensional scalar fields": the Lorenzo predictor). Finer levels are what is left, about 0.
fn predicted(steps: &Steps, coarser: Option<&Steps>, [x, y, z]: [i32; 3]) -> i32 {
    if coarser.is_some() {
        return 0;
    }
    let at = |dx, dy, dz| steps.at([x - dx, y - dy, z - dz]);
    let sides = at(1, 0, 0) + at(0, 1, 0) + at(0, 0, 1);
    let edges = at(1, 1, 0) + at(1, 0, 1) + at(0, 1, 1);
    sides - edges + at(1, 1, 1)
}

/// Which bricks before this one there are, along each axis, and whether the coarser level has any about here.
fn occupied_around(
    steps: &Steps,
    coarser: Option<&Steps>,
    [x, y, z]: [i32; 3],
    side: i32,
) -> usize {
    let there = |x: i32, y: i32, z: i32| {
        let inside = [x, y, z].iter().all(|&p| (0..side).contains(&p));
        inside && steps.table[(x + side * (y + side * z)) as usize] != 0
    };
    let before = [there(x - 1, y, z), there(x, y - 1, z), there(x, y, z - 1)];
    let beside = [
        there(x + 1, y - 1, z),
        there(x, y + 1, z - 1),
        there(x + 1, y, z - 1),
    ];
    let near = coarser.is_some_and(|coarser| {
        let ratio = steps.lattice.cells / coarser.lattice.cells;
        let middle = [x, y, z].map(|p| ((p as u32 * SIDE + SIDE / 2) / ratio + 1) / SIDE);
        let brick = middle.map(|p| p.min(coarser.lattice.side - 1));
        coarser.table[coarser.lattice.number(brick) as usize] != 0
    });
    let before: usize = (0..3).map(|axis| usize::from(before[axis]) << axis).sum();
    before | usize::from(beside.contains(&true)) << 3 | usize::from(near) << 4
}

/// The class of a coefficient, by what is known around it.
fn class(steps: &Steps, coarser: Option<&Steps>, [x, y, z]: [i32; 3]) -> usize {
    let at = |dx, dy, dz| steps.at([x + dx, y + dy, z + dz]).unsigned_abs();
    let around = match coarser {
        None => 0,
        Some(_) => {
            let sides = at(-1, 0, 0) + at(0, -1, 0) + at(0, 0, -1);
            let edges = at(-1, -1, 0)
                + at(-1, 0, -1)
                + at(0, -1, -1)
                + at(1, -1, 0)
                + at(1, 0, -1)
                + at(0, 1, -1);
            match 2 * sides + edges {
                size @ 0..=3 => size as usize,
                4..=5 => 4,
                6..=8 => 5,
                9..=13 => 6,
                14..=24 => 7,
                _ => 8,
            }
        }
    };
    // Node i has the place i + 1: those at even i lie at nodes of the coarser level, where little is left.
    let odd = [x, y, z].iter().filter(|&&p| p & 1 == 0).count();
    let above = coarser.map_or(0, |coarser| {
        let ratio = (steps.lattice.cells / coarser.lattice.cells) as i32;
        let place = [x, y, z].map(|p| (p - 1).div_euclid(ratio) + 1);
        match coarser.at(place).unsigned_abs() {
            0 => 0,
            1..=2 => 1,
            _ => 2,
        }
    });
    (around * PARITIES + odd) * COARSER + above
}
