//! Which pixels one sample does not do justice to.

use super::surfel::Surfel;

/// Neighbours whose normals are farther apart than this cosine tells lie on two sides of an edge.
const CREASE: f32 = 0.93;

/// Neighbours whose depths differ by more than this share of the longest side are no neighbours on the surface.
const STEP: f32 = 0.012;

/// Pixels `[width, height]` beside others that see something else, by their number, ascending.
pub(super) fn along_edges(
    seen: &[Option<Surfel>],
    [width, height]: [u32; 2],
    longest_side: f64,
) -> Vec<u32> {
    let (width, height) = (width as usize, height as usize);
    let mut marked = vec![false; seen.len()];
    for y in 0..height {
        for x in 0..width {
            let here = y * width + x;
            let right = (x + 1 < width).then_some(here + 1);
            let below = (y + 1 < height).then_some(here + width);
            for other in [right, below].into_iter().flatten() {
                if differ(&seen[here], &seen[other], longest_side as f32) {
                    (marked[here], marked[other]) = (true, true);
                }
            }
        }
    }
    (0..)
        .zip(marked)
        .filter_map(|(index, marked)| marked.then_some(index))
        .collect()
}

fn differ(a: &Option<Surfel>, b: &Option<Surfel>, longest_side: f32) -> bool {
    match (a, b) {
        (None, None) => false,
        (Some(a), Some(b)) => {
            let cosine: f32 = a.normal.iter().zip(b.normal).map(|(x, y)| x * y).sum();
            cosine < CREASE || (a.depth - b.depth).abs() > STEP * longest_side
        }
        _ => true,
    }
}

/// Where in a pixel `count` samples are taken, a square number: a turned grid, so that no edge along the axes meets two at once.
pub(super) fn offsets(count: u32) -> Vec<[f64; 2]> {
    let side = f64::from(count).sqrt().round() as u32;
    let place = |n: u32, by: u32| {
        (f64::from(n) + (f64::from(by) + 0.5) / f64::from(side)) / f64::from(side)
    };
    (0..side)
        .flat_map(|row| {
            (0..side).map(move |column| [place(column, row), place(row, side - 1 - column)])
        })
        .collect()
}
