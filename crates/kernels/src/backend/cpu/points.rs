//! The points of a tile, one array per coordinate.

/// Points whose cells are worked out at a time: one AVX-512 vector of each coordinate.
pub(super) const GROUP: usize = 16;

/// Up to as many points as there is room for.
pub(super) struct Points {
    axes: [Vec<f32>; 3],
    count: usize,
}

impl Points {
    /// Room for `capacity` points, a multiple of [`GROUP`].
    pub(super) fn new(capacity: usize) -> Self {
        assert_eq!(capacity % GROUP, 0);
        Self {
            axes: [0, 1, 2].map(|_| vec![0.0; capacity]),
            count: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes other points in place of those that it has.
    #[inline(always)]
    pub(super) fn set(&mut self, points: impl ExactSizeIterator<Item = [f32; 3]>) {
        self.count = points.len();
        for (index, point) in points.enumerate() {
            for axis in 0..3 {
                self.axes[axis][index] = point[axis];
            }
        }
    }

    /// The points, one after the other.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = [f32; 3]> {
        (0..self.count).map(|index| [0, 1, 2].map(|axis| self.axes[axis][index]))
    }

    /// Numbers of the groups, and how many points each has. The last group's other places hold points of earlier tiles.
    #[inline(always)]
    pub(super) fn groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let count = self.count;
        (0..count.div_ceil(GROUP)).map(move |group| (group, GROUP.min(count - group * GROUP)))
    }

    /// The coordinates of a group.
    #[inline(always)]
    pub(super) fn group(&self, group: usize) -> [&[f32; GROUP]; 3] {
        [0, 1, 2].map(|axis| {
            self.axes[axis][group * GROUP..]
                .first_chunk()
                .expect("capacity is a multiple of the group")
        })
    }
}
