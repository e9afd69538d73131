//! Winding numbers that neighbours have in common.
//!
//! The ball around a point that reaches to the closest triangle holds no surface. So every point in it has the same
//! winding number with respect to a closed surface, and needs no count of its own.

use pulp::Simd;

use super::bvh::{Lanes, WIDTH};
use super::crossings::Heading;
use super::vector::{bits, load, take_lowest, vectors};
use crate::geometry::on_lattice;

/// A group of points with the balls around them that hold no surface, and the winding numbers of some.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Balls {
    points: [Lanes; 3],
    radii: Lanes,
    pub windings: [i32; WIDTH],
    /// One bit for each point whose winding number is known.
    pub known: u32,
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

impl Balls {
    /// No points.
    pub const NONE: Balls = Balls {
        points: [[0.0; WIDTH]; 3],
        radii: [0.0; WIDTH],
        windings: [0; WIDTH],
        known: 0,
    };

    /// Balls around `points`, at most [`WIDTH`] of them, with these `radii`; no winding number is known.
    #[inline(always)]
    pub fn around(points: &[[f32; 3]], radii: &Lanes) -> Balls {
        let mut balls = Balls::NONE;
        for (lane, point) in points.iter().enumerate() {
            for (lanes, &x) in balls.points.iter_mut().zip(point) {
                lanes[lane] = x;
            }
            balls.radii[lane] = radii[lane] - ROUNDING;
        }
        balls
    }

    /// Takes over what `other` knows of points that share a ball with one of these.
    #[inline(always)]
    pub fn learn_from<S: Simd>(&mut self, simd: S, other: &Balls, wanted: u32) {
        let mut telling = other.known;
        while let Some(lane) = take_lowest(&mut telling) {
            let asking = wanted & !self.known;
            if asking == 0 {
                return;
            }
            let mut told = self.sharing(simd, other, lane % WIDTH) & asking;
            self.known |= told;
            while let Some(at) = take_lowest(&mut told) {
                self.windings[at % WIDTH] = other.windings[lane % WIDTH];
            }
        }
    }

    /// Passes on what the points in the lanes `telling` know, from one to the next.
    #[inline(always)]
    pub fn spread<S: Simd>(&mut self, simd: S, mut telling: u32, wanted: u32) {
        while let Some(lane) = take_lowest(&mut telling) {
            let asking = wanted & !self.known;
            if asking == 0 {
                return;
            }
            let mut told = self.sharing(simd, self, lane % WIDTH) & asking;
            self.known |= told;
            telling |= told;
            while let Some(at) = take_lowest(&mut told) {
                self.windings[at % WIDTH] = self.windings[lane % WIDTH];
            }
        }
    }

    /// The points whose ball holds the point of `other` in `lane`, or which lie in the ball of that.
    #[inline(always)]
    fn sharing<S: Simd>(&self, simd: S, other: &Balls, lane: usize) -> u32 {
        let mut sharing = 0;
        for part in 0..vectors::<S>() {
            let mut squared = simd.splat_f32s(0.0);
            for axis in 0..3 {
                let there = simd.splat_f32s(other.points[axis][lane]);
                let away = simd.sub_f32s(load::<S>(&self.points[axis], part), there);
                squared = simd.mul_add_e_f32s(away, away, squared);
            }
            let theirs = simd.splat_f32s(other.radii[lane].max(0.0));
            let reach = simd.max_f32s(load::<S>(&self.radii, part), theirs);
            let shares = simd.less_than_f32s(squared, simd.mul_f32s(reach, reach));
            sharing |= bits::<S>(shares) << (part * S::F32_LANES);
        }
        sharing
    }

    /// The shortest way along an axis from the ball of `point`, of radius `own`, into that of a point that is known.
    #[inline(always)]
    pub fn way_from(&self, point: [f32; 3], own: f32) -> Option<Way> {
        let own = (own - ROUNDING).max(0.0);
        let mut shortest = f32::INFINITY;
        let mut found = (0, 0);
        for axis in 0..3 {
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let mut lengths = [f32::INFINITY; WIDTH];
            for (lane, length) in lengths.iter_mut().enumerate() {
                let du = self.points[u][lane] - point[u];
                let dv = self.points[v][lane] - point[v];
                let theirs = self.radii[lane];
                let reach = own + theirs;
                let along = (self.points[axis][lane] - point[axis]).abs();
                let meets = (theirs > 0.0) & (du * du + dv * dv < reach * reach);
                *length = if meets { along } else { f32::INFINITY };
            }
            let mut known = self.known;
            while let Some(lane) = take_lowest(&mut known) {
                if lengths[lane % WIDTH] < shortest {
                    shortest = lengths[lane % WIDTH];
                    found = (axis, lane % WIDTH);
                }
            }
        }
        if shortest == f32::INFINITY {
            return None;
        }
        let (axis, lane) = found;
        // Both balls leave room for the line, shared out as they are large.
        let share = own / (own + self.radii[lane]);
        let mut start = point;
        for i in [(axis + 1) % 3, (axis + 2) % 3] {
            start[i] += share * (self.points[i][lane] - point[i]);
        }
        let end = self.points[axis][lane];
        Some(Way {
            start: [
                on_lattice(start[0]),
                on_lattice(start[1]),
                on_lattice(start[2]),
            ],
            heading: Heading {
                axis,
                forward: end > point[axis],
            },
            end,
            winding: self.windings[lane],
        })
    }
}
