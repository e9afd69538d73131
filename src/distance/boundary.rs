//! The boundary of the inside: the surface without the walls within it.
//!
//! Where bodies overlap, their union has an inside, and what one body has of its surface within another is no part of the
//! union's. A field that were zero along such a wall would have its zero where no surface is. So triangles are cut where
//! others cross them, and of the pieces those are left out that have inside on both sides.
//!
//! From outside the nearest point is never on such a wall: the straight way there meets the boundary first. So distances
//! outside are those to the whole surface, and only points inside are asked again.

use pulp::{Simd, WithSimd};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::build::build;
use super::bvh::{Bvh, Lanes, WIDTH};
use super::groups::Scratch;
use super::nearest::Group;
use super::neighbours::Balls;
use super::sign::SignRule;
use super::signed_distance::{RUN, SignedDistance};
use super::surface::normal_of;
use crate::CancelToken;
use crate::geometry::{Arrangement, GAP, Mesh, SurfaceSampler, on_lattice};
use crate::instruction_set::instruction_set;

/// What bounds the inside.
#[derive(Debug)]
pub(super) struct Boundary {
    /// In the units of the mesh.
    pub mesh: Mesh,
    bvh: Bvh,
}

/// So many triangles cross each other that the surface is not cut along them.
#[derive(Debug)]
pub(super) struct Tangle;

/// Places of the surface where walls are looked for first: what is too small to be met by one of so many is no harm.
const SAMPLES: usize = 8192;

/// How far to either side of a surface it is asked what is inside, in the unit frame.
const STEP: f64 = GAP / 2.0;

/// A wall of an open surface has winding numbers beyond one half by this on both sides. An open sheet in the void has one
/// half on either side, and what is computed is right to a few thousandths only.
const BEYOND_DOUBT: f32 = 0.55;

/// A place on the surface and the direction across it, in the unit frame.
#[derive(Clone, Copy)]
struct Place {
    position: [f64; 3],
    normal: [f64; 3],
}

impl Place {
    /// The point so far off the surface.
    fn beside(&self, step: f64) -> [f32; 3] {
        std::array::from_fn(|i| (self.position[i] + step * self.normal[i]) as f32)
    }
}

impl Boundary {
    /// The boundary of what `oracle`, which has none yet, takes as inside of `mesh`.
    ///
    /// `None` if it is the whole surface, for all that samples of it show.
    ///
    /// # Errors
    /// [`Tangle`] if it is one, or if cancelled.
    pub fn of(
        oracle: &SignedDistance,
        mesh: &Mesh,
        cancel: &CancelToken,
    ) -> Result<Option<Boundary>, Tangle> {
        if !oracle.surface.closed && oracle.rule == SignRule::Parity {
            return Ok(None); // rays leave through the holes: that is no ground to leave out a surface
        }
        let unit = oracle.frame.apply_to_mesh(mesh);
        if !oracle.has_walls_inside(&unit, cancel) {
            return Ok(None);
        }
        let arrangement = Arrangement::of(&unit, cancel).ok_or(Tangle)?;
        let whole = arrangement.whole.par_iter();
        let whole = whole.map(|&index| place_in(&unit, index, &unit.corners(index as usize)));
        let pieces = arrangement.pieces.par_iter();
        let pieces = pieces.map(|piece| place_in(&unit, piece.triangle, &piece.corners));
        let places: Vec<Option<Place>> = whole.chain(pieces).collect();
        let walls = oracle.are_walls(&places, cancel).ok_or(Tangle)?;
        if walls.iter().all(|wall| !wall) || walls.iter().all(|wall| *wall) {
            return Ok(None);
        }
        let (whole_walls, piece_walls) = walls.split_at(arrangement.whole.len());

        let whole = arrangement.whole.iter().zip(whole_walls);
        let whole = whole.filter(|(_, wall)| !**wall);
        let mut boundary = Mesh {
            positions: mesh.positions.clone(),
            triangles: whole
                .map(|(&index, _)| mesh.triangles[index as usize])
                .collect(),
        };
        let mut corners = unit.positions;
        let pieces = arrangement.pieces.iter().zip(piece_walls);
        for (piece, _) in pieces.filter(|(_, wall)| !**wall) {
            let first = u32::try_from(corners.len()).map_err(|_| Tangle)?;
            corners.extend(&piece.corners);
            let own = piece.corners.iter().map(|&p| oracle.frame.invert(p));
            boundary.positions.extend(own);
            let fan = 1..piece.corners.len() as u32 - 1;
            let fan = fan.map(|second| [first, first + second, first + second + 1]);
            boundary.triangles.extend(fan);
        }
        let corners: Vec<[f32; 3]> = corners.iter().map(|p| p.map(on_lattice)).collect();
        let bvh = build(&corners, &boundary.triangles, cancel).ok_or(Tangle)?;
        Ok(Some(Boundary {
            mesh: boundary,
            bvh,
        }))
    }

    /// Puts the distances to the boundary in the place of those to the whole surface, for the points that lie inside.
    #[inline(always)]
    pub fn replace_inside<S: Simd>(
        &self,
        simd: S,
        points: &[[f32; 3]],
        inside: &[bool; WIDTH],
        distances: &mut Lanes,
        scratch: &mut Scratch,
    ) {
        let mut gathered = [[0.0; 3]; WIDTH];
        let mut lanes = [0; WIDTH];
        let mut count = 0;
        for (lane, &point) in points.iter().enumerate() {
            if inside[lane] {
                gathered[count] = point;
                lanes[count] = lane;
                count += 1;
            }
        }
        if count == 0 {
            return;
        }
        let mut group = Group::new(&gathered[..count]);
        self.bvh.search(simd, &mut group, &mut scratch.nearest);
        let found = group.distances(&self.bvh);
        for (lane, distance) in lanes.into_iter().zip(found).take(count) {
            distances[lane] = distance;
        }
    }
}

impl SignedDistance {
    /// Whether samples of the surface, which in the unit frame is `mesh`, have inside on both sides.
    fn has_walls_inside(&self, mesh: &Mesh, cancel: &CancelToken) -> bool {
        let sampler = SurfaceSampler::new(mesh);
        let mut rng = Pcg64Mcg::seed_from_u64(0xb0d1e5);
        let places: Vec<Option<Place>> = (0..SAMPLES)
            .map(|_| {
                let sample = sampler.sample(&mut rng);
                Some(Place {
                    position: sample.position.map(f64::from),
                    normal: sample.normal.map(f64::from),
                })
            })
            .collect();
        self.are_walls(&places, cancel)
            .is_some_and(|walls| walls.contains(&true))
    }

    /// Whether the surface at each place has inside on both sides; `None` if cancelled. Where there is no direction, there
    /// is no area, and whatever it is belongs to no boundary.
    fn are_walls(&self, places: &[Option<Place>], cancel: &CancelToken) -> Option<Vec<bool>> {
        let arch = instruction_set();
        let mut walls = vec![false; places.len()];
        let runs = places.par_chunks(RUN).zip(walls.par_chunks_mut(RUN));
        runs.for_each_init(Scratch::default, |scratch, (places, walls)| {
            for (places, walls) in places.chunks(WIDTH).zip(walls.chunks_mut(WIDTH)) {
                if !cancel.is_cancelled() {
                    arch.dispatch(AreWalls {
                        oracle: self,
                        places,
                        walls,
                        scratch,
                    });
                }
            }
        });
        (!cancel.is_cancelled()).then_some(walls)
    }
}

/// At most [`WIDTH`] places.
struct AreWalls<'a> {
    oracle: &'a SignedDistance,
    places: &'a [Option<Place>],
    walls: &'a mut [bool],
    scratch: &'a mut Scratch,
}

impl WithSimd for AreWalls<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.walls.fill(true);
        let mut nobody = Balls::NONE;
        // Most places have their outside where the faces look: those need no second question.
        let first = if self.oracle.surface.inverted {
            -STEP
        } else {
            STEP
        };
        for step in [first, -first] {
            if !self.walls.contains(&true) {
                return;
            }
            let mut points = [[0.0; 3]; WIDTH];
            for (point, place) in points.iter_mut().zip(self.places) {
                if let Some(place) = place {
                    *point = place.beside(step);
                }
            }
            let inside = self.oracle.are_inside(
                simd,
                &points[..self.places.len()],
                // Nothing is known of how far the surface is: it is very near.
                &[0.0; WIDTH],
                &mut nobody,
                self.scratch,
            );
            for ((wall, inside), place) in self.walls.iter_mut().zip(inside).zip(self.places) {
                *wall &= inside | place.is_none();
            }
        }
        if !self.oracle.surface.closed {
            self.drop_doubtful();
        }
    }
}

impl AreWalls<'_> {
    /// Takes back walls of an open surface that are not walls by far.
    fn drop_doubtful(self) {
        let oracle = self.oracle;
        for (wall, place) in self.walls.iter_mut().zip(self.places) {
            if let (true, Some(place)) = (*wall, place) {
                *wall = [STEP, -STEP].into_iter().all(|step| {
                    let point = place.beside(step);
                    let pending = &mut self.scratch.winding;
                    let winding = (oracle.expansions()).winding_number(&oracle.bvh, point, pending);
                    winding.abs() > BEYOND_DOUBT
                });
            }
        }
    }
}

/// The middle of a convex piece of a triangle, and the triangle's normal; `None` if that has no area but for rounding.
fn place_in(mesh: &Mesh, triangle: u32, piece: &[[f64; 3]]) -> Option<Place> {
    let count = piece.len() as f64;
    let position =
        std::array::from_fn(|i| piece.iter().map(|corner| corner[i]).sum::<f64>() / count);
    let across = normal_of(mesh.corners(triangle as usize));
    let length = across.iter().map(|x| x * x).sum::<f64>().sqrt();
    (length > 1e-14).then(|| Place {
        position,
        normal: across.map(|x| x / length),
    })
}
