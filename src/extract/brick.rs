//! A brick: 32³ cells of the grid, whose corners are found from coarse to fine.

/// Cells along the edge of a brick.
pub(super) const BRICK_CELLS: usize = 32;

/// Corners along the edge of a brick: its last layer is the first of the next brick.
pub(super) const BRICK_POINTS: usize = BRICK_CELLS + 1;

/// Local index step along `x`, `y` and `z`.
pub(super) const STRIDES: [usize; 3] = [BRICK_POINTS * BRICK_POINTS, BRICK_POINTS, 1];

/// All corners of a brick.
pub(super) const BRICK_VOLUME: usize = BRICK_POINTS * BRICK_POINTS * BRICK_POINTS;

/// The value of a corner that nothing is known about yet.
const UNKNOWN: f32 = f32::NAN;

/// The value of a corner that waits for its evaluation.
const PENDING: f32 = f32::INFINITY;

/// What lets a corner go unevaluated.
#[derive(Clone, Copy, Debug)]
pub(super) struct SkipRule {
    /// Half the width of the band in which every corner must be evaluated, unit lengths. 0 for a surface.
    pub reach: f32,
    /// The most by which the value changes over one cell: slope bound times cell size.
    pub slope: f32,
    /// Whether bricks keep a list of the cells that they skip.
    pub record: bool,
}

/// The corners of a brick by local index `(x * 33 + y) * 33 + z`, relative to iso, unit lengths, negative inside.
///
/// A corner is unknown (in a skipped cell), inferred (its value is a lower bound of its magnitude, with the right
/// sign) or exact. Whether a corner on a face of the brick is inferred depends on corners of that face only: two
/// bricks at a face always agree about it, even where the slope bound is wrong.
pub(super) struct Brick {
    /// Index on the grid of the lowest corner.
    pub origin: [u32; 3],
    pub values: Vec<f32>,
    /// Bit set of exact corners.
    exact: Vec<u64>,
    /// Lowest corners of the cells that are not skipped, at the current size.
    pub cells: Vec<u16>,
    /// Corners to evaluate before the brick can go on.
    pub pending: Vec<u16>,
    /// Cells larger than one that were skipped, if the rule says so.
    pub skipped: Vec<SkippedCell>,
}

/// A cell of a brick on one side of the level set, not looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct SkippedCell {
    /// Local index of its lowest corner.
    pub corner: u16,
    /// Its edge length in grid cells.
    pub size: u16,
    /// Its side.
    pub inside: bool,
}

impl Brick {
    /// A brick of which only the eight outermost corners are known, numbered as
    /// [`CORNERS`](super::marching_cubes::CORNERS).
    pub(super) fn new(origin: [u32; 3], corners: [f32; 8]) -> Brick {
        let mut brick = Brick {
            origin,
            values: vec![UNKNOWN; BRICK_VOLUME],
            exact: vec![0; BRICK_VOLUME.div_ceil(64)],
            cells: vec![0],
            pending: Vec::new(),
            skipped: Vec::new(),
        };
        for (offset, value) in corner_offsets(BRICK_CELLS).into_iter().zip(corners) {
            brick.set_exact(offset, value);
        }
        brick
    }

    /// The index on the grid of the corner with local index `point`.
    pub(super) fn index(&self, point: usize) -> [u32; 3] {
        let place = place(point);
        std::array::from_fn(|axis| self.origin[axis] + place[axis])
    }

    /// Whether the value of corner `point` was evaluated rather than inferred.
    pub(super) fn is_exact(&self, point: usize) -> bool {
        self.exact[point / 64] >> (point % 64) & 1 == 1
    }

    fn set_exact(&mut self, point: usize, value: f32) {
        self.values[point] = value;
        self.exact[point / 64] |= 1 << (point % 64);
    }

    /// Takes the evaluated `value` of a pending corner.
    ///
    /// A corner whose sign was inferred before keeps that sign: another brick may have built on it already. Such a
    /// contradiction shows that the slope bound is wrong; the surface then passes close by the corner.
    pub(super) fn settle(&mut self, point: usize, value: f32) {
        let prior = self.values[point];
        let contradicts = prior.is_finite() && (prior < 0.0) != (value < 0.0);
        self.set_exact(
            point,
            if contradicts {
                f32::MIN_POSITIVE.copysign(prior)
            } else {
                value
            },
        );
    }

    /// Looks at the corners halfway between those of the cells of `size`: each is inferred, or put on the pending
    /// list.
    pub(super) fn infer_midpoints(&mut self, size: usize, midpoints: &[Midpoint], rule: SkipRule) {
        let half = size / 2;
        let cells = std::mem::take(&mut self.cells);
        for &cell in &cells {
            for midpoint in midpoints {
                let point = usize::from(cell) + midpoint.offset * half;
                if !self.values[point].is_nan() {
                    continue;
                }
                let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
                for &parent in &midpoint.parents {
                    let value = self.values[usize::from(cell) + parent * half];
                    low = if value < low { value } else { low };
                    high = if value > high { value } else { high };
                }
                let fall = rule.slope * midpoint.distance * half as f32;
                self.values[point] = if low >= 0.0 && high - fall > rule.reach {
                    high - fall
                } else if high < 0.0 && low + fall < -rule.reach {
                    low + fall
                } else {
                    self.pending.push(point as u16);
                    PENDING
                };
            }
        }
        self.cells = cells;
    }

    /// Replaces the cells of `size`, whose midpoints are known by now, by those of their eight parts that the rule
    /// does not let skip.
    pub(super) fn split(&mut self, size: usize, rule: SkipRule) {
        let half = size / 2;
        let offsets = corner_offsets(half);
        let mut parts = Vec::with_capacity(self.cells.len() * 2);
        for cell in std::mem::take(&mut self.cells).into_iter().map(usize::from) {
            if half == 1 && self.is_on_one_side(cell) {
                continue;
            }
            for part in offsets {
                let part = cell + part;
                let corners = offsets.map(|offset| self.values[part + offset]);
                if !can_skip(&corners, half, rule) {
                    parts.push(part as u16);
                } else if rule.record && half > 1 {
                    self.skipped.push(SkippedCell {
                        corner: part as u16,
                        size: half as u16,
                        inside: corners[0] < 0.0,
                    });
                }
            }
        }
        self.cells = parts;
    }

    /// Whether all 27 corners in a cell of size 2 are on the same side, as in most such cells.
    fn is_on_one_side(&self, cell: usize) -> bool {
        let mut inside = 0;
        for x in 0..3 {
            for y in 0..3 {
                let row = cell + x * STRIDES[0] + y * STRIDES[1];
                inside += self.values[row..row + 3]
                    .iter()
                    .map(|&value| u32::from(value < 0.0))
                    .sum::<u32>();
            }
        }
        inside == 0 || inside == 27
    }
}

/// Whether a cell with these corner values needs no closer look.
///
/// For a cell of one grid unit that is a matter of signs. For a larger one its corners must all be on one side,
/// farther from the level set than the band and than the field can fall over 0.9 of the cell's size. No point of the
/// cell is farther than `0.87 * size` from a corner; the rest of the margin makes sure that the cell next door, if it
/// is not skipped, infers every corner on their common face, and finds no surface there.
pub(super) fn can_skip(corners: &[f32; 8], size: usize, rule: SkipRule) -> bool {
    let (mut low, mut high) = (corners[0], corners[0]);
    for &value in corners {
        low = if value < low { value } else { low };
        high = if value > high { value } else { high };
    }
    if size == 1 {
        return low >= 0.0 || high < 0.0;
    }
    let margin = rule.reach + rule.slope * 0.9 * size as f32;
    low > margin || high < -margin
}

/// Local index offsets of the corners of a cell of `size`, numbered as [`CORNERS`](super::marching_cubes::CORNERS).
pub(super) fn corner_offsets(size: usize) -> [usize; 8] {
    super::marching_cubes::CORNERS.map(|corner| {
        (0..3)
            .map(|axis| corner[axis] as usize * STRIDES[axis] * size)
            .sum()
    })
}

/// The place of a local index in the brick.
pub(super) fn place(point: usize) -> [u32; 3] {
    [
        (point / STRIDES[0]) as u32,
        (point / STRIDES[1] % BRICK_POINTS) as u32,
        (point % BRICK_POINTS) as u32,
    ]
}

/// A corner halfway between corners of a cell of size 2; multiply offsets and distance by half the size of another.
pub(super) struct Midpoint {
    /// From the cell's lowest corner, as a local index.
    pub offset: usize,
    /// The cell's corners of which this is the middle, from the cell's lowest corner: the two ends of an edge, the
    /// four corners of a face, or all eight.
    pub parents: Vec<usize>,
    /// To each of the parents.
    pub distance: f32,
}

/// The 19 midpoints of a cell: 12 on edges, 6 on faces, 1 in the middle.
pub(super) fn midpoints() -> Vec<Midpoint> {
    let local = |[x, y, z]: [usize; 3]| x * STRIDES[0] + y * STRIDES[1] + z * STRIDES[2];
    let places = (0..27).map(|i| [i / 9, i / 3 % 3, i % 3]);
    let is_midpoint = |place: &[usize; 3]| place.contains(&1);
    let midpoint = |place: [usize; 3]| {
        let is_parent = |parent: &[usize; 3]| {
            (0..3).all(|axis| place[axis] == 1 || place[axis] == parent[axis])
        };
        let corners = (0..8).map(|i| [i / 4 * 2, i / 2 % 2 * 2, i % 2 * 2]);
        Midpoint {
            offset: local(place),
            parents: corners.filter(is_parent).map(local).collect(),
            distance: (place.iter().filter(|&&at| at == 1).count() as f32).sqrt(),
        }
    };
    places.filter(is_midpoint).map(midpoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midpoints_lie_in_the_middle_of_their_parents() {
        let midpoints = midpoints();
        assert_eq!(midpoints.len(), 19);
        for midpoint in &midpoints {
            let at = place(midpoint.offset).map(f64::from);
            let mut mean = [0.0; 3];
            for &parent in &midpoint.parents {
                let parent_at = place(parent).map(f64::from);
                let distance: f64 = (0..3)
                    .map(|k| (parent_at[k] - at[k]).powi(2))
                    .sum::<f64>()
                    .sqrt();
                assert!((distance - f64::from(midpoint.distance)).abs() < 1e-6);
                for axis in 0..3 {
                    mean[axis] += parent_at[axis] / midpoint.parents.len() as f64;
                }
            }
            assert_eq!(mean, at);
        }
    }

    /// What `can_skip` promises: where a cell is skipped, another brick that refines only their common face infers
    /// all of it, on the same side.
    #[test]
    fn a_face_of_a_skipped_cell_is_inferred_by_its_neighbour() {
        let size = BRICK_CELLS;
        let rule = SkipRule {
            reach: 0.3,
            slope: 1.7,
            record: false,
        };
        let barely = rule.reach + rule.slope * 0.9 * size as f32 * 1.001;
        // The face x = 0 belongs to a skipped cell; the others are as near the level set as can be.
        let corners = [barely, barely, barely, barely, 0.0, -1.0, 0.0, 1.0];
        let mut brick = Brick::new([0; 3], corners);
        let midpoints = midpoints();
        let mut size = size;
        while size > 1 {
            brick.infer_midpoints(size, &midpoints, rule);
            for point in std::mem::take(&mut brick.pending) {
                assert_ne!(
                    place(usize::from(point))[0],
                    0,
                    "a corner of the face was not inferred"
                );
                brick.settle(
                    usize::from(point),
                    if point % 2 == 0 { 0.01 } else { -0.01 },
                );
            }
            size /= 2;
            // The neighbour looks into every cell, whatever it could skip.
            let cells = (0..BRICK_CELLS).step_by(size).flat_map(|x| {
                let rows = (0..BRICK_CELLS).step_by(size);
                rows.flat_map(move |y| (0..BRICK_CELLS).step_by(size).map(move |z| [x, y, z]))
            });
            let local =
                |at: [usize; 3]| (0..3).map(|axis| at[axis] * STRIDES[axis]).sum::<usize>() as u16;
            brick.cells = cells.map(local).collect();
        }
        assert!(brick.values[..STRIDES[0]].iter().all(|&value| value > 0.0));
    }
}
