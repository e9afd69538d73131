//! Products of matrices on tensor cores, nearly to the accuracy of `f32`.
//!
//! A tensor core multiplies numbers of 11 bits (TF32) and adds in `f32`. So each number is taken apart into its leading bits
//! and the rest, and of the four products of two such pairs all but the smallest are added up: 3xTF32, as in Ootomo and Yokota,
//! "Recovering single precision accuracy from Tensor Cores" (2022). A product is off by about 2^-21 of itself.
//!
//! A plane of 32 units holds matrices in its registers: of the left one `[16, 8]` four numbers a unit, of the right one
//! `[8, 8]` two, of the sums `[16, 8]` four. Which rows and columns of a layer these stand for is the caller's choice, as
//! long as both factors agree about the dimension that is summed over. Columns stand for samples or inputs that lie in
//! memory one behind the other, so that each unit reads four numbers at a time.

use cubecl::cmma::MmaDefinition;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{DeviceProperties, ElemType, FloatKind};
use cubecl::prelude::*;

use super::Lanes;

/// Units of a plane.
pub(super) const PLANE: usize = 32;

/// Rows of the left matrix, and of the sums.
pub(super) const ROWS: usize = 16;

/// Length of the dimension that is summed over.
pub(super) const DEPTH_OF_ONE: usize = 8;

/// Right matrices that a plane works with at a time: their columns are the four numbers that a unit reads at a time.
pub(super) const SIDE_BY_SIDE: usize = 4;

/// Columns of right matrices side by side.
pub(super) const COLUMNS: usize = 8 * SIDE_BY_SIDE;

/// Bits of a float that TF32 has.
const LEADING: u32 = 0xffff_e000;

/// Whether a device has them.
pub(super) fn are_there(device: &DeviceProperties) -> bool {
    let [tf32, f32] = [FloatKind::TF32, FloatKind::F32].map(|kind| ElemType::Float(kind).into());
    let product = MmaConfig {
        a_type: tf32,
        b_type: tf32,
        cd_type: f32,
        m: ROWS as u32,
        n: 8,
        k: DEPTH_OF_ONE as u32,
    };
    let plane = PLANE as u32;
    let planes = device.hardware.plane_size_min == plane && device.hardware.plane_size_max == plane;
    planes && device.features.matmul.mma.contains(&product)
}

/// Numbers of a matrix that one unit holds.
type Registers = Array<Vector<tf32, Const<1>>>;

/// A unit's numbers of a matrix, taken apart.
#[derive(CubeType)]
pub(super) struct Split {
    leading: Registers,
    rest: Registers,
}

#[cube]
impl Split {
    /// Room for so many numbers.
    fn new(#[comptime] count: usize) -> Split {
        Split {
            leading: Registers::new(count),
            rest: Registers::new(count),
        }
    }

    fn set(&mut self, #[comptime] place: usize, number: f32) {
        let leading = f32::reinterpret(u32::reinterpret(number) & LEADING);
        self.leading[place] = Vector::reinterpret(leading);
        // The rest has 13 bits, of which tensor cores take 11.
        self.rest[place] = Vector::reinterpret(number - leading);
    }

    /// A left matrix: by unit, with `u` its number in the plane, rows `u / 4` and 8 more at place `u % 4` of what is summed over,
    /// then the same at 4 more.
    pub(super) fn left(numbers: Lanes) -> Split {
        let mut split = Split::new(4usize);
        #[unroll]
        for place in 0..4usize {
            split.set(place, numbers[place]);
        }
        split
    }

    /// A right matrix: by unit at place `u % 4` of what is summed over, and at 4 more, column `u / 4`.
    fn right(first: f32, second: f32) -> Split {
        let mut split = Split::new(2usize);
        split.set(0usize, first);
        split.set(1usize, second);
        split
    }
}

/// Right matrices side by side.
#[derive(CubeType)]
pub(super) struct Rights {
    matrices: Sequence<Split>,
}

#[cube]
impl Rights {
    /// Matrix `i` has number `i` of each: see [`Split::right`].
    pub(super) fn of_columns(first: Lanes, second: Lanes) -> Rights {
        let mut matrices = Sequence::new();
        #[unroll]
        for index in 0..SIDE_BY_SIDE {
            matrices.push(Split::right(first[index], second[index]));
        }
        Rights { matrices }
    }

    /// Matrix `i` has numbers `first` and `first + 1` of row `i`.
    pub(super) fn of_rows(rows: &Array<Lanes>, #[comptime] first: usize) -> Rights {
        let mut matrices = Sequence::new();
        #[unroll]
        for index in 0..SIDE_BY_SIDE {
            let row = rows[index];
            matrices.push(Split::right(row[first], row[comptime!(first + 1)]));
        }
        Rights { matrices }
    }
}

/// Sums of products with matrices side by side.
#[derive(CubeType)]
pub(super) struct Sums {
    matrices: Sequence<Array<Vector<f32, Const<2>>>>,
}

#[cube]
impl Sums {
    /// Zeros.
    pub(super) fn new() -> Sums {
        let mut matrices = Sequence::new();
        #[unroll]
        for _ in 0..SIDE_BY_SIDE {
            let mut sums = Array::<Vector<f32, Const<2>>>::new(2usize);
            sums[0] = Vector::new(0.0);
            sums[1] = Vector::new(0.0);
            matrices.push(sums);
        }
        Sums { matrices }
    }

    /// Adds the products. All units of the plane must be here.
    pub(super) fn add_products(&mut self, left: &Split, rights: &Rights) {
        let product = MmaDefinition::<tf32, tf32, f32>::new(ROWS, 8usize, DEPTH_OF_ONE);
        // The small ones first; one after the other, so that none waits for its own sum.
        #[unroll]
        for index in 0..SIDE_BY_SIDE {
            let right = rights.matrices.index(index);
            let sums = self.matrices.index_mut(index);
            product.execute_inplace(&left.rest, &right.leading, sums);
        }
        #[unroll]
        for index in 0..SIDE_BY_SIDE {
            let right = rights.matrices.index(index);
            let sums = self.matrices.index_mut(index);
            product.execute_inplace(&left.leading, &right.rest, sums);
        }
        #[unroll]
        for index in 0..SIDE_BY_SIDE {
            let right = rights.matrices.index(index);
            let sums = self.matrices.index_mut(index);
            product.execute_inplace(&left.leading, &right.leading, sums);
        }
    }

    /// Number `column` of each matrix, side by side: by unit in row `u / 4`, and with `low` 8 rows below, those at columns
    /// `2 (u % 4) + column`.
    pub(super) fn row(&self, #[comptime] low: usize, #[comptime] column: usize) -> Lanes {
        let mut row = Lanes::new(0.0);
        #[unroll]
        for index in 0..SIDE_BY_SIDE {
            let sums = self.matrices.index(index);
            let pair = sums[low];
            row[index] = pair[column];
        }
        row
    }
}
