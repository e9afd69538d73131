//! Winding numbers that neighbours have in common.
//!
//! The ball around a point that reaches to the closest triangle holds no surface. So every point in it has the same
//! winding number with respect to a closed surface, and needs no count of its own.

use super::bvh::{Lanes, WIDTH};
use super::crossings::{Heading, on_lattice};

/// Points whose winding number is known, with their distances to the surface.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Known {
    points: [Lanes; 3],
    /// Zero in lanes without a point.
    distances: Lanes,
    windings: [i32; WIDTH],
}

/// A straight way from the ball around one point into the ball around another, whose winding number is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub start: [f32; 3],
    pub heading: Heading,
    /// Where it ends along its axis.
    pub end: f32,
    /// The winding number there.
    pub winding: i32,
}

impl Way {
    /// How far it is.
    pub fn length(&self) -> f32 {
        (self.end - self.start[self.heading.axis]).abs()
    }
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

    /// The shortest way along an axis from the ball around `point` into that of a known point.
    #[inline(always)]
    pub fn way_from(&self, point: [f32; 3], distance: f32) -> Option<Way> {
        let mut shortest = f32::INFINITY;
        let mut found = (0, 0);
        let own = distance - ROUNDING;
        let own = if own > 0.0 { own } else { 0.0 };
        for axis in 0..3 {
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let mut lengths = [f32::INFINITY; WIDTH];
            for lane in 0..WIDTH {
                let [du, dv] = [u, v].map(|i| self.points[i][lane] - point[i]);
                let theirs = self.distances[lane] - ROUNDING;
                let reach = own + theirs;
                let meets = (theirs > 0.0) & (du * du + dv * dv < reach * reach);
                let length = (self.points[axis][lane] - point[axis]).abs();
                lengths[lane] = if meets { length } else { f32::INFINITY };
            }
            for (lane, &length) in lengths.iter().enumerate() {
                if length < shortest {
                    shortest = length;
                    found = (axis, lane);
                }
            }
        }
        if shortest == f32::INFINITY {
            return None;
        }
        let (axis, lane) = found;
        // Both balls leave room for the line, shared out as they are large.
        let share = own / (own + self.distances[lane] - ROUNDING);
        let mut start = point;
        for i in [(axis + 1) % 3, (axis + 2) % 3] {
            start[i] += share * (self.points[i][lane] - point[i]);
        }
        let end = self.points[axis][lane];
        Some(Way {
            start: start.map(on_lattice),
            heading: Heading {
                axis,
                forward: end > point[axis],
            },
            end,
            winding: self.windings[lane],
        })
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
