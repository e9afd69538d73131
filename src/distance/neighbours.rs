//! Winding numbers that neighbours have in common.
//!
//! The ball around a point that reaches to the closest triangle holds no surface. So every point in it has the same
//! winding number with respect to a closed surface, and needs no count of its own.

use super::bvh::{Lanes, WIDTH};

/// Points whose winding number is known, with their distances to the surface.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Known {
    points: [Lanes; 3],
    /// Zero in lanes without a point.
    distances: Lanes,
    windings: [i32; WIDTH],
}

/// What a distance may be too long by, in the unit frame, with room to spare.
const ROUNDING: f32 = 2e-6;

impl Known {
    /// Nothing is known yet.
    pub const NOTHING: Known = Known {
        points: [[0.0; WIDTH]; 3],
        distances: [0.0; WIDTH],
        windings: [0; WIDTH],
    };

    /// The winding number of `point`, which is `distance` from the surface, if it shares a ball with a known point.
    #[inline(always)]
    pub fn winding_of(&self, point: [f32; 3], distance: f32) -> Option<i32> {
        let mut shared = 0_u32;
        for lane in 0..WIDTH {
            let mut squared = 0.0;
            for axis in 0..3 {
                let away = self.points[axis][lane] - point[axis];
                squared += away * away;
            }
            let known = self.distances[lane];
            let reach = (if known > distance { known } else { distance }) - ROUNDING;
            // An unused lane is no point, however far this one reaches.
            let shares = (known > 0.0) & (reach > 0.0) & (squared < reach * reach);
            shared |= u32::from(shares) << lane;
        }
        (shared != 0).then(|| self.windings[shared.trailing_zeros() as usize % WIDTH])
    }

    /// Adds a point in `lane`, in place of what was there.
    #[inline(always)]
    pub fn set(&mut self, lane: usize, point: [f32; 3], distance: f32, winding: i32) {
        for axis in 0..3 {
            self.points[axis][lane] = point[axis];
        }
        self.distances[lane] = distance;
        self.windings[lane] = winding;
    }
}
