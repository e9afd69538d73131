//! The mesh as data: positions and triangles, nothing derived.

/// A triangle mesh in its own units.
///
/// Positions are `f64`, so that a mesh far from the origin loses nothing before it is moved into the unit frame.
/// Nothing is promised about it beyond indices in range: it may be open, inverted or self-intersecting
/// (see [`crate::geometry::HealthReport`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Vertex positions, `[V, 3]`.
    pub positions: Vec<[f64; 3]>,
    /// Vertex indices of each triangle, `[F, 3]`, counter-clockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
}

impl Mesh {
    /// A mesh from raw arrays, `f32` or `f64`: positions `[V, 3]` and vertex indices `[F, 3]`.
    ///
    /// Nothing is checked: pass the result to [`validate`](super::validate()).
    pub fn from_arrays<T: Copy + Into<f64>>(positions: &[[T; 3]], triangles: &[[u32; 3]]) -> Mesh {
        Mesh {
            positions: positions.iter().map(|p| p.map(Into::into)).collect(),
            triangles: triangles.to_vec(),
        }
    }

    /// The three corners of triangle `index`.
    pub fn corners(&self, index: usize) -> [[f64; 3]; 3] {
        self.triangles[index].map(|v| self.positions[v as usize])
    }

    /// The box around the vertices that triangles use; [`Bounds::EMPTY`] without triangles.
    pub fn bounds(&self) -> Bounds {
        let vertices = self.triangles.iter().flatten();
        Bounds::around(vertices.map(|&vertex| self.positions[vertex as usize]))
    }

    /// The mesh moved by `offset`.
    pub fn translated(mut self, offset: [f64; 3]) -> Mesh {
        for position in &mut self.positions {
            *position = std::array::from_fn(|axis| position[axis] + offset[axis]);
        }
        self
    }

    /// The mesh with every coordinate multiplied by `factor`. A negative factor turns it inside out.
    pub fn scaled(mut self, factor: f64) -> Mesh {
        for position in &mut self.positions {
            *position = position.map(|x| x * factor);
        }
        self
    }

    /// The mesh with every face looking the other way.
    pub fn flipped(mut self) -> Mesh {
        for triangle in &mut self.triangles {
            triangle.swap(1, 2);
        }
        self
    }

    /// Both meshes as one; nothing is welded.
    ///
    /// # Panics
    /// If the sum of the vertices does not fit into `u32`.
    pub fn joined(mut self, other: &Mesh) -> Mesh {
        let offset = u32::try_from(self.positions.len()).expect("fewer than 2^32 vertices");
        self.positions.extend_from_slice(&other.positions);
        let moved = other.triangles.iter().map(|t| t.map(|v| v + offset));
        self.triangles.extend(moved);
        self
    }
}

/// An axis-aligned box in the units of whatever it bounds.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// The corner with the smallest coordinates.
    pub min: [f64; 3],
    /// The corner with the largest coordinates.
    pub max: [f64; 3],
}

impl Bounds {
    /// The box that contains nothing: including a point gives that point.
    pub const EMPTY: Bounds = Bounds {
        min: [f64::INFINITY; 3],
        max: [f64::NEG_INFINITY; 3],
    };

    /// The smallest box that holds `points`; [`Bounds::EMPTY`] for none.
    pub fn around(points: impl IntoIterator<Item = [f64; 3]>) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        for point in points {
            bounds.include(point);
        }
        bounds
    }

    /// Grows the box to hold `point`.
    pub fn include(&mut self, point: [f64; 3]) {
        for (axis, x) in point.into_iter().enumerate() {
            self.min[axis] = self.min[axis].min(x);
            self.max[axis] = self.max[axis].max(x);
        }
    }

    /// Edge lengths of the box.
    pub fn size(&self) -> [f64; 3] {
        std::array::from_fn(|axis| self.max[axis] - self.min[axis])
    }

    /// The middle of the box.
    pub fn center(&self) -> [f64; 3] {
        // Halved before the sum: coordinates near f64::MAX must not overflow.
        std::array::from_fn(|axis| self.min[axis] * 0.5 + self.max[axis] * 0.5)
    }

    /// The longest edge: the length by which every figure of the evaluation protocol is divided.
    pub fn longest_side(&self) -> f64 {
        self.size().into_iter().fold(0.0, f64::max)
    }

    /// The box with every edge `factor` times as long about the same middle.
    pub fn stretched(&self, factor: f64) -> Bounds {
        let center = self.center();
        let corner = |corner: [f64; 3]| {
            std::array::from_fn(|axis| center[axis] + (corner[axis] - center[axis]) * factor)
        };
        Bounds {
            min: corner(self.min),
            max: corner(self.max),
        }
    }

    /// Where a ray enters the box, 0 if it begins in it, and where it leaves it, in lengths of its direction; `None` if it passes by.
    /// `inverse` has one over each coordinate of the direction.
    pub(crate) fn stretch_within(&self, origin: [f64; 3], inverse: [f64; 3]) -> Option<(f64, f64)> {
        let (mut entry, mut exit) = (0.0_f64, f64::INFINITY);
        for axis in 0..3 {
            let to_min = (self.min[axis] - origin[axis]) * inverse[axis];
            let to_max = (self.max[axis] - origin[axis]) * inverse[axis];
            // Zero times infinity: the ray runs in a face, and its axis says nothing.
            if !to_min.is_nan() && !to_max.is_nan() {
                entry = entry.max(to_min.min(to_max));
                exit = exit.min(to_min.max(to_max));
            }
        }
        // A little more room, so that rounding loses nothing that lies in a face of the box.
        (entry <= exit * (1.0 + 1e-12) + 1e-12).then_some((entry, exit.max(entry)))
    }

    /// The box grown by `margin` on each of its six sides.
    pub fn grown(&self, margin: f64) -> Bounds {
        Bounds {
            min: self.min.map(|x| x - margin),
            max: self.max.map(|x| x + margin),
        }
    }
}
