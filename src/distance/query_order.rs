//! The order in which a batch of points is searched.

use rayon::prelude::*;

/// Indices of `points` along a Morton curve: each point has near predecessors, which make its search start tight.
///
/// The same for any number of threads. Points that are not numbers come out somewhere.
pub(super) fn along_curve(points: &[[f32; 3]]) -> Vec<u32> {
    let mut keys: Vec<u64> = points
        .par_iter()
        .enumerate()
        .map(|(index, &point)| u64::from(curve_key(point)) << 32 | index as u64)
        .collect();
    keys.par_sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

/// The cell of a point in the unit frame, of 1024 along each axis; points beyond the frame fall into its border.
fn curve_key(point: [f32; 3]) -> u32 {
    let [x, y, z] = point.map(|x| spread(((x + 1.0) * 512.0).clamp(0.0, 1023.0) as u32));
    x | y << 1 | z << 2
}

/// Moves the ten lowest bits three places apart.
fn spread(bits: u32) -> u32 {
    let bits = (bits | bits << 16) & 0x0300_00ff;
    let bits = (bits | bits << 8) & 0x0300_f00f;
    let bits = (bits | bits << 4) & 0x030c_30c3;
    (bits | bits << 2) & 0x0924_9249
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_comes_once_and_neighbours_stay_together() {
        let points: Vec<[f32; 3]> = (0..4096)
            .map(|i| [i / 256, i / 16 % 16, i % 16].map(|x| x as f32 / 8.0 - 1.0))
            .collect();
        let order = along_curve(&points);
        let length: f32 = order
            .windows(2)
            .map(|pair| {
                let [a, b] = [pair[0], pair[1]].map(|i| points[i as usize]);
                (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
            })
            .sum();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..4096).collect::<Vec<u32>>());
        // Neighbours are 1/8 apart; the mean step of the curve is less than twice that.
        assert!(length / 4095.0 < 0.25, "{}", length / 4095.0);
    }

    #[test]
    fn points_that_are_no_points_do_no_harm() {
        let order = along_curve(&[[f32::NAN; 3], [f32::INFINITY; 3], [-1e30; 3]]);
        assert_eq!(order.len(), 3);
    }
}
