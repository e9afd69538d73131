//! The oracle that everybody asks: signed distances of many points at once.

use std::sync::OnceLock;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::boundary::{Boundary, Tangle};
use super::build::build;
use super::bvh::Bvh;
use super::closing::Closing;
use super::nearest::{self, Group};
use super::query_order::along_curve;
use super::sign::{SignPolicy, SignReport, SignRule};
use super::surface::Surface;
use super::triangle::closest_point;
use super::winding::{self, Expansions};
use crate::CancelToken;
use crate::geometry::{Bounds, Mesh, Similarity, on_lattice};
use crate::instruction_set::instruction_set;

/// Points that a caller should pass at once if it wants to look at a cancel token in between: enough to fill all threads,
/// and done in a fraction of a second.
pub const CHUNK: usize = 65_536;

/// Signed distances to one mesh. Queries take `&self` and may come from many threads.
///
/// Points and distances are in the units of the mesh. A point that is not finite has the distance NaN.
#[derive(Debug)]
pub struct SignedDistance {
    pub(super) bvh: Bvh,
    /// From the units of the mesh into the frame of the hierarchy.
    pub(super) frame: Similarity,
    pub(super) policy: SignPolicy,
    pub(super) rule: SignRule,
    pub(super) surface: Surface,
    /// What closes the surface where the winding number of an open one gives the sign.
    pub(super) closing: Option<Closing>,
    /// What bounds the inside, where walls within it do not.
    pub(super) boundary: Option<Boundary>,
    /// Whether walls within the inside are left in, because too much crosses there.
    pub(super) tangled: bool,
    expansions: OnceLock<Expansions>,
    /// Ends queries early.
    pub(super) cancel: CancelToken,
    pub(super) report: OnceLock<SignReport>,
}

/// Why there is no oracle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistanceError {
    /// The mesh has no triangles.
    #[error("there is no distance to a mesh without triangles")]
    Empty,
    /// The mesh did not pass [`validate`](crate::geometry::validate).
    #[error(
        "the mesh has no finite extent, or names vertices that do not exist: validate it first"
    )]
    NotValidated,
    /// The cancel token was set.
    #[error("cancelled")]
    Cancelled,
}

/// The closest point of the surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closest {
    /// Where it is, in the units of the mesh.
    pub point: [f32; 3],
    /// How far it is, never negative.
    pub distance: f32,
    /// Index of a triangle that it lies on.
    pub triangle: u32,
}

/// Where a ray meets the surface first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// How far from the origin of the ray, in the units of the mesh.
    pub distance: f32,
    /// Where, in the units of the mesh.
    pub point: [f32; 3],
    /// Index of the triangle.
    pub triangle: u32,
}

/// Farther than this from the origin of the unit frame, in its units, the box around the mesh stands for the mesh: the
/// relative error is of the order of `f32` rounding, and squares stay finite.
pub(super) const FAR_AWAY: f32 = 1e6;

/// Points that one thread takes along the curve before it asks for more.
pub(super) const RUN: usize = 256;

impl SignedDistance {
    /// Builds the oracle for `mesh`, which passed [`validate`](crate::geometry::validate).
    ///
    /// # Errors
    /// [`DistanceError`], but never `Cancelled`.
    pub fn new(mesh: &Mesh, policy: SignPolicy) -> Result<SignedDistance, DistanceError> {
        SignedDistance::build(mesh, policy, &CancelToken::new())
    }

    /// Like [`new`](Self::new), looking at `cancel` several times a second.
    ///
    /// # Errors
    /// [`DistanceError`].
    pub fn build(
        mesh: &Mesh,
        policy: SignPolicy,
        cancel: &CancelToken,
    ) -> Result<SignedDistance, DistanceError> {
        if mesh.triangles.is_empty() {
            return Err(DistanceError::Empty);
        }
        let vertices = mesh.positions.len();
        if mesh
            .triangles
            .par_iter()
            .any(|t| t.iter().any(|&v| v as usize >= vertices))
        {
            return Err(DistanceError::NotValidated);
        }
        let frame = Similarity::to_unit_frame(&mesh.bounds()).ok_or(DistanceError::NotValidated)?;
        let positions: Vec<[f32; 3]> = mesh
            .positions
            .par_iter()
            .map(|&p| frame.apply(p).map(on_lattice))
            .collect();
        let bvh = build(&positions, &mesh.triangles, cancel).ok_or(DistanceError::Cancelled)?;

        // Nobody asks where there is no sign.
        let unsigned = Surface {
            closed: false,
            inverted: false,
            flat: false,
        };
        let surface = if policy == SignPolicy::None {
            unsigned
        } else {
            Surface::of(mesh, &bvh)
        };
        if cancel.is_cancelled() {
            return Err(DistanceError::Cancelled);
        }
        let rule = match policy {
            SignPolicy::None => SignRule::Unsigned,
            _ if surface.flat => SignRule::Unsigned,
            SignPolicy::Auto if surface.closed => SignRule::Crossings,
            SignPolicy::Auto | SignPolicy::Winding => SignRule::Winding,
            SignPolicy::Parity => SignRule::Parity,
        };
        let open = rule == SignRule::Winding || rule == SignRule::Parity;
        let closing = (open && !surface.closed)
            .then(|| Closing::of(&positions, &mesh.triangles, cancel))
            .flatten();
        if cancel.is_cancelled() {
            return Err(DistanceError::Cancelled);
        }
        let mut oracle = SignedDistance {
            bvh,
            frame,
            policy,
            rule,
            surface,
            closing,
            boundary: None,
            tangled: false,
            expansions: OnceLock::new(),
            cancel: CancelToken::new(),
            report: OnceLock::new(),
        };
        if rule != SignRule::Unsigned {
            match Boundary::of(&oracle, mesh, cancel) {
                Ok(boundary) => oracle.boundary = boundary,
                Err(Tangle) => oracle.tangled = true,
            }
        }
        if cancel.is_cancelled() {
            return Err(DistanceError::Cancelled);
        }
        Ok(oracle)
    }

    /// The same oracle, but queries about many points end soon after `cancel` is set. What they answer then means nothing.
    pub fn ended_by(self, cancel: &CancelToken) -> SignedDistance {
        SignedDistance {
            cancel: cancel.clone(),
            ..self
        }
    }

    /// Signed distances of `points`, `[N, 3]`, into `out`, `[N]`; negative inside.
    ///
    /// Runs on the current rayon pool; the result does not depend on its size.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn distances(&self, points: &[[f32; 3]], out: &mut [f32]) {
        assert_eq!(points.len(), out.len(), "one distance a point");
        self.distances_in_place(points, None, out);
    }

    /// Like [`distances`](Self::distances), told for each point a bound that its unsigned distance is not above, as is
    /// known of points that were made by moving surface points. Tight bounds make the search faster.
    ///
    /// A bound that is too low costs time and not correctness.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn distances_within(&self, points: &[[f32; 3]], upper_bounds: &[f32], out: &mut [f32]) {
        assert_eq!(points.len(), upper_bounds.len(), "one bound a point");
        assert_eq!(points.len(), out.len(), "one distance a point");
        self.distances_in_place(points, Some(upper_bounds), out);
    }

    /// Like [`distances`](Self::distances), but first puts the points into the order in which they are searched, along a
    /// space-filling curve, and answers in that order: for samples that come in no order, and whose readers gain from
    /// neighbours that stay together. Spares the way back.
    ///
    /// `upper_bounds`, if given, are those of [`distances_within`](Self::distances_within), in the order that the points
    /// came in. The new order is the same for any number of threads; which point is which is told by its place alone.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn distances_along_curve(
        &self,
        points: &mut [[f32; 3]],
        upper_bounds: Option<&[f32]>,
        out: &mut [f32],
    ) {
        assert_eq!(points.len(), out.len(), "one distance a point");
        assert!(
            upper_bounds.is_none_or(|bounds| bounds.len() == points.len()),
            "one bound a point"
        );
        let unit = self.all_to_frame(points);
        let order = along_curve(&unit);
        self.distances_in_order(instruction_set(), &unit, upper_bounds, &order, out);
        let sorted: Vec<[f32; 3]> = order.par_iter().map(|&at| points[at as usize]).collect();
        points.copy_from_slice(&sorted);
        out.par_iter_mut()
            .for_each(|distance| *distance = (f64::from(*distance) / self.frame.scale) as f32);
    }

    /// Signed distances of `points`, `[N, 3]`, given in `f64`: for meshes so far from the origin that `f32` points would
    /// be coarse.
    pub fn distances_f64(&self, points: &[[f64; 3]]) -> Vec<f64> {
        let unit: Vec<[f32; 3]> = points
            .iter()
            .map(|&p| self.frame.apply(p).map(|x| x as f32))
            .collect();
        let order = along_curve(&unit);
        let mut sorted = vec![0.0; points.len()];
        self.distances_in_order(instruction_set(), &unit, None, &order, &mut sorted);
        let mut distances = vec![0.0; points.len()];
        for (&index, distance) in order.iter().zip(sorted) {
            distances[index as usize] = f64::from(distance) / self.frame.scale;
        }
        distances
    }

    /// What is left of the mesh without the walls that have inside on both sides, as overlapping bodies have: the surface
    /// to which distances are, in the units of the mesh. `None` if that is all of it.
    pub fn boundary(&self) -> Option<&Mesh> {
        self.boundary.as_ref().map(|boundary| &boundary.mesh)
    }

    /// The point of the surface, walls inside included, that is closest to `point`. `None` if the point is not finite.
    pub fn closest(&self, point: [f32; 3]) -> Option<Closest> {
        if !point.iter().all(|x| x.is_finite()) {
            return None;
        }
        // A point far away is searched from the border of what can be searched.
        let from = self.to_frame(point).map(|x| x.clamp(-FAR_AWAY, FAR_AWAY));
        let mut group = Group::new(&[from]);
        instruction_set().dispatch(Search(&self.bvh, &mut group));
        let slot = group.slot(0)?;
        let own = self
            .frame
            .invert(closest_point(self.bvh.corners(slot), from));
        let squared: f64 = (0..3).map(|i| (own[i] - f64::from(point[i])).powi(2)).sum();
        Some(Closest {
            point: own.map(|x| x as f32),
            distance: squared.sqrt() as f32,
            triangle: self.bvh.triangle_index(slot),
        })
    }

    /// Winding numbers of the surface around `points`, `[N, 3]`, into `out`, `[N]`; NaN where a point is not finite.
    ///
    /// About 1 inside a closed surface and 0 outside, right to a few thousandths.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn winding_numbers(&self, points: &[[f32; 3]], out: &mut [f32]) {
        assert_eq!(points.len(), out.len(), "one winding number a point");
        let expansions = self.expansions();
        let runs = points.par_chunks(RUN).zip(out.par_chunks_mut(RUN));
        let arch = instruction_set();
        runs.for_each_init(winding::Pending::default, |pending, (points, out)| {
            arch.dispatch(Windings {
                oracle: self,
                expansions,
                points,
                out,
                pending,
            });
        });
    }

    /// The first triangle that the ray from `origin` towards `direction` (of any length) hits, on either side.
    ///
    /// `None` if it misses, or if the ray is not finite or has no direction.
    pub fn first_hit(&self, origin: [f32; 3], direction: [f32; 3]) -> Option<Hit> {
        let from = self.frame.apply(origin.map(f64::from));
        let along = direction.map(f64::from);
        let length = along.iter().map(|x| x * x).sum::<f64>().sqrt();
        if !(length > 0.0 && length.is_finite() && from.iter().all(|x| x.is_finite())) {
            return None;
        }
        let along = along.map(|x| x / length);
        let (distance, slot) = self.bvh.first_hit(from, along)?;
        let unit = std::array::from_fn(|i| from[i] + distance * along[i]);
        Some(Hit {
            distance: (distance / self.frame.scale) as f32,
            point: self.frame.invert(unit).map(|x| x as f32),
            triangle: self.bvh.triangle_index(slot),
        })
    }

    pub(super) fn to_frame(&self, point: [f32; 3]) -> [f32; 3] {
        self.frame.apply(point.map(f64::from)).map(|x| x as f32)
    }

    pub(super) fn expansions(&self) -> &Expansions {
        self.expansions.get_or_init(|| Expansions::of(&self.bvh))
    }

    fn all_to_frame(&self, points: &[[f32; 3]]) -> Vec<[f32; 3]> {
        points
            .par_iter()
            .map(|&point| self.to_frame(point))
            .collect()
    }

    /// Signed distances of `points` in their own order.
    fn distances_in_place(&self, points: &[[f32; 3]], bounds: Option<&[f32]>, out: &mut [f32]) {
        let unit = self.all_to_frame(points);
        let order = along_curve(&unit);
        let mut sorted = vec![0.0; points.len()];
        self.distances_in_order(instruction_set(), &unit, bounds, &order, &mut sorted);
        for (&index, distance) in order.iter().zip(sorted) {
            out[index as usize] = (f64::from(distance) / self.frame.scale) as f32;
        }
    }

    /// The box around the mesh, in its own units.
    pub fn bounds(&self) -> Bounds {
        let corner = |p: [f32; 3]| self.frame.invert(p.map(f64::from));
        Bounds {
            min: corner(self.bvh.lo),
            max: corner(self.bvh.hi),
        }
    }
}

/// The search for one group alone.
struct Search<'a>(&'a Bvh, &'a mut Group);

impl WithSimd for Search<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0
            .search(simd, self.1, &mut nearest::Pending::default());
    }
}

/// The winding numbers around some points.
struct Windings<'a> {
    oracle: &'a SignedDistance,
    expansions: &'a Expansions,
    points: &'a [[f32; 3]],
    out: &'a mut [f32],
    pending: &'a mut winding::Pending,
}

impl WithSimd for Windings<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Windings {
            oracle, expansions, ..
        } = self;
        for (point, out) in self.points.iter().zip(self.out) {
            let unit = oracle.to_frame(*point);
            *out = match unit.iter().all(|x| x.abs() <= FAR_AWAY) {
                true => expansions.winding_number(&oracle.bvh, unit, self.pending),
                false if unit.iter().any(|x| x.is_nan()) => f32::NAN,
                false => 0.0,
            };
        }
    }
}
