//! The outer surface as bits: each number by how it differs from the one before.

use super::bits::Bits;
use super::number::{Chances, number};
use crate::field::OuterSurface;

/// Nearest points are in steps of this, in the unit frame: no distance is farther off than half of that by axis.
const STEP: f32 = 1.0 / 16_384.0;

/// Writes or reads so many places and cells.
pub(super) fn code(
    bits: &mut impl Bits,
    [places, cells]: [usize; 2],
    given: Option<&OuterSurface>,
) -> OuterSurface {
    let mut outer = OuterSurface::default();
    let mut chances = vec![Chances::default(); 10];
    let mut next = |column: usize, value: i32, before: i32| {
        number(bits, &mut chances[column], value.wrapping_sub(before)).wrapping_add(before)
    };
    let mut place = [0i32; 3];
    let mut foot = [0i32; 3];
    for index in 0..places {
        for (axis, last) in place.iter_mut().enumerate() {
            let value = given.map_or(0, |given| given.places[index][axis].into());
            *last = next(axis, value, *last);
        }
        // What lies beyond is no place: the check of the surface says so.
        outer
            .places
            .push(place.map(|x| u8::try_from(x).unwrap_or(u8::MAX)));
        for (axis, last) in foot.iter_mut().enumerate() {
            let value = given.map_or(0, |given| in_steps(given.nearest[index][axis]));
            *last = next(3 + axis, value, *last);
        }
        outer.nearest.push(foot.map(|x| x as f32 * STEP));
    }
    let mut first = 0;
    for index in 0..cells {
        let mut cell = [0; 4];
        let mut before = first;
        for (corner, read) in cell.iter_mut().enumerate() {
            let value = given.map_or(0, |given| given.cells[index][corner] as i32);
            before = next(6 + corner, value, before);
            *read = before as u32;
        }
        first = cell[0] as i32;
        outer.cells.push(cell);
    }
    outer
}

/// The surface as it is read back.
pub(super) fn rounded(outer: &OuterSurface) -> OuterSurface {
    let nearest = outer.nearest.iter();
    OuterSurface {
        nearest: nearest
            .map(|foot| foot.map(|x| in_steps(x) as f32 * STEP))
            .collect(),
        ..outer.clone()
    }
}

fn in_steps(x: f32) -> i32 {
    (x / STEP).round() as i32
}
