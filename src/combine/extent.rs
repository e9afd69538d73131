//! How far a part of an expression reaches.

use crate::geometry::Bounds;

/// A box beyond which a field is at least as large as the way to the box, along the axis where that is longest; own units. It may be
/// without bounds in some directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    pub bounds: Bounds,
    /// How far beyond it a fit may bulge.
    pub bulge: f64,
}

impl Extent {
    /// A box that holds all of something exact.
    pub fn of(min: [f64; 3], max: [f64; 3]) -> Extent {
        Extent {
            bounds: Bounds { min, max },
            bulge: 0.0,
        }
    }

    /// All of space.
    pub const EVERYWHERE: Extent = Extent {
        bounds: Bounds {
            min: [f64::NEG_INFINITY; 3],
            max: [f64::INFINITY; 3],
        },
        bulge: 0.0,
    };

    /// Whether it is finite.
    pub fn is_bounded(&self) -> bool {
        let Bounds { min, max } = self.bounds;
        min.iter().chain(&max).all(|x| x.is_finite())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        let Bounds { min, max } = self.bounds;
        (0..3).any(|axis| min[axis] > max[axis])
    }

    /// What holds both.
    pub fn joined(&self, other: &Extent) -> Extent {
        let mut bounds = self.bounds;
        bounds.include(other.bounds.min);
        bounds.include(other.bounds.max);
        Extent {
            bounds,
            bulge: self.bulge.max(other.bulge),
        }
    }

    /// What lies in both.
    pub fn cut(&self, other: &Extent) -> Extent {
        let (a, b) = (self.bounds, other.bounds);
        Extent {
            bounds: Bounds {
                min: std::array::from_fn(|axis| a.min[axis].max(b.min[axis])),
                max: std::array::from_fn(|axis| a.max[axis].min(b.max[axis])),
            },
            bulge: self.bulge.max(other.bulge),
        }
    }

    /// Grown on each side; shrunk where `margin` is negative.
    pub fn grown(&self, margin: f64) -> Extent {
        Extent {
            bounds: self.bounds.grown(margin),
            bulge: self.bulge,
        }
    }

    /// How far apart the two are along the axis where that is longest; 0 where they meet.
    pub fn gap(&self, other: &Extent) -> f64 {
        let (a, b) = (self.bounds, other.bounds);
        (0..3)
            .map(|axis| (a.min[axis] - b.max[axis]).max(b.min[axis] - a.max[axis]))
            .fold(0.0, f64::max)
    }

    /// What the field is at least at a point beyond it, if no fit bulges further than it may; 0 within.
    pub fn least(&self, point: [f64; 3]) -> f64 {
        let Bounds { min, max } = self.bounds;
        let way = (0..3).map(|axis| (min[axis] - point[axis]).max(point[axis] - max[axis]));
        (way.fold(0.0, f64::max) - self.bulge).max(0.0)
    }
}
