//! Which closed bodies lie within which.

use super::box_tree::BoxTree;
use super::vector::{cross, dot, minus};
use super::{Bounds, Mesh, on_lattice, turn};

/// A closed body of a mesh, as far as it matters here.
pub(super) struct Body {
    /// Whether its faces, as they are to be turned, look inwards.
    pub inwards: bool,
}

/// Faces of bodies.
pub(super) struct Bodies<'a> {
    /// In the unit frame.
    pub mesh: &'a Mesh,
    /// The body of each face; [`NO_BODY`] for faces of none.
    pub body_of: &'a [u32],
    /// Whether each face is to be turned.
    pub turned: &'a [bool],
    /// All bodies.
    pub all: &'a [Body],
}

/// Stands for no body.
pub(super) const NO_BODY: u32 = u32::MAX;

/// A body around another one, and how often it turns around that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around {
    pub body: u32,
    pub winding: i32,
}

/// Faces of a body from which it is asked what is around it, and of all bodies together.
const SAMPLES: usize = 256;
const ALL_SAMPLES: usize = 20_000;

/// Faces and boxes that may be looked at before the search is given up: bodies within one another by the ten thousand.
const MOST_WORK: usize = 50_000_000;

/// How far within a body the samples of its faces lie, so that one that touches the body around it from within is in it.
const STEP: f64 = 1e-5;

impl Bodies<'_> {
    /// For each body those that it lies in: all of it, as far as its box and samples of its faces tell, so that bodies
    /// that cut through each other are in neither. `None` if there is too much to look at.
    pub fn around_each(&self) -> Option<Vec<Vec<Around>>> {
        let mut around = vec![Vec::new(); self.all.len()];
        let (boxes, counts) = self.boxes();
        let mut work = 0;
        let candidates = candidates(&boxes, &mut work)?;
        let mut holds = vec![false; self.all.len()];
        for &outer in candidates.iter().flatten() {
            holds[outer as usize] = true;
        }
        let within: usize = candidates.iter().filter(|outer| !outer.is_empty()).count();
        if within == 0 {
            return Some(around);
        }
        let outer = Faces::of(self, |body| holds[body as usize]);
        let samples = (ALL_SAMPLES / within).clamp(1, SAMPLES);
        let samples = self.samples(&counts, samples, |body| {
            !candidates[body as usize].is_empty()
        });
        let mut windings = Vec::new();
        for (body, samples) in samples.iter().enumerate() {
            for (number, &sample) in samples.iter().enumerate() {
                outer.windings(sample, body as u32, &mut windings, &mut work);
                if work > MOST_WORK {
                    return None;
                }
                if number == 0 {
                    around[body].extend_from_slice(&windings);
                    around[body].retain(|at: &Around| candidates[body].contains(&at.body));
                } else {
                    around[body].retain(|at| windings.iter().any(|other| other.body == at.body));
                }
            }
        }
        // Two that are each in the other are at one place.
        let before = around.clone();
        for (body, around) in (0..).zip(&mut around) {
            around.retain(|at| {
                before[at.body as usize]
                    .iter()
                    .all(|back| back.body != body)
            });
        }
        Some(around)
    }

    /// The box and the number of faces of each body.
    fn boxes(&self) -> (Vec<Bounds>, Vec<usize>) {
        let mut boxes = vec![Bounds::EMPTY; self.all.len()];
        let mut counts = vec![0; self.all.len()];
        for (face, &body) in self.body_of.iter().enumerate() {
            if body != NO_BODY {
                for corner in self.mesh.corners(face) {
                    boxes[body as usize].include(corner);
                }
                counts[body as usize] += 1;
            }
        }
        (boxes, counts)
    }

    /// Points just within some bodies, at up to `most` faces of each.
    fn samples(
        &self,
        counts: &[usize],
        most: usize,
        is_asked: impl Fn(u32) -> bool,
    ) -> Vec<Vec<[f64; 3]>> {
        let mut samples = vec![Vec::new(); self.all.len()];
        let mut seen = vec![0; self.all.len()];
        for (face, &body) in self.body_of.iter().enumerate() {
            if body == NO_BODY || !is_asked(body) {
                continue;
            }
            let at = body as usize;
            let every = counts[at].div_ceil(most);
            seen[at] += 1;
            if !usize::is_multiple_of(seen[at], every) {
                continue;
            }
            let [a, b, c] = self.mesh.corners(face);
            let normal = cross(minus(b, a), minus(c, a));
            let length = dot(normal, normal).sqrt();
            if length == 0.0 {
                continue;
            }
            let looks_inwards = self.all[at].inwards ^ self.turned[face];
            let step = if looks_inwards { STEP } else { -STEP } / length;
            samples[at].push(std::array::from_fn(|i| {
                f64::from(on_lattice((a[i] + b[i] + c[i]) / 3.0 + step * normal[i]))
            }));
        }
        samples
    }
}

/// For each box those of other bodies that it lies in.
fn candidates(boxes: &[Bounds], work: &mut usize) -> Option<Vec<Vec<u32>>> {
    let tree = BoxTree::over(boxes);
    let holds = |outer: &Bounds, inner: &Bounds| {
        (0..3).all(|i| outer.min[i] <= inner.min[i] && inner.max[i] <= outer.max[i])
    };
    let mut candidates = Vec::with_capacity(boxes.len());
    for (body, bounds) in (0..).zip(boxes) {
        let mut outer = tree.indices_overlapping(bounds);
        *work += outer.len() + 1;
        if *work > MOST_WORK {
            return None;
        }
        outer.retain(|&other| other != body && holds(&boxes[other as usize], bounds));
        candidates.push(outer);
    }
    Some(candidates)
}

/// Faces that rays may meet.
struct Faces {
    tree: BoxTree,
    faces: Vec<Face>,
    bounds: Bounds,
}

/// A face on the lattice, as it is to be turned.
struct Face {
    corners: [[f64; 3]; 3],
    body: u32,
}

impl Faces {
    /// The faces of some bodies.
    fn of(bodies: &Bodies<'_>, is_meant: impl Fn(u32) -> bool) -> Faces {
        let all = bodies.body_of.iter().enumerate();
        let faces: Vec<Face> = all
            .filter(|&(_, &body)| body != NO_BODY && is_meant(body))
            .map(|(face, &body)| {
                let mut corners = bodies.mesh.corners(face);
                if bodies.turned[face] {
                    corners.swap(1, 2);
                }
                Face {
                    corners: corners.map(|corner| corner.map(|x| f64::from(on_lattice(x)))),
                    body,
                }
            })
            .collect();
        let boxes: Vec<Bounds> = faces
            .iter()
            .map(|face| Bounds::around(face.corners))
            .collect();
        let corners = boxes.iter().flat_map(|bounds| [bounds.min, bounds.max]);
        Faces {
            bounds: Bounds::around(corners),
            tree: BoxTree::over(&boxes),
            faces,
        }
    }

    /// The bodies, but for `own`, that turn around `point`, by the ray that leaves all of them soonest.
    fn windings(&self, point: [f64; 3], own: u32, found: &mut Vec<Around>, work: &mut usize) {
        let ways = [0, 1, 2].into_iter().flat_map(|axis| {
            let up = self.bounds.max[axis] - point[axis];
            let down = point[axis] - self.bounds.min[axis];
            [(up, axis, true), (down, axis, false)]
        });
        let shortest = ways.min_by(|a, b| a.0.total_cmp(&b.0));
        let (_, axis, forward) = shortest.unwrap_or((0.0, 0, true));
        let mut way = Bounds::around([point]);
        let end = if forward {
            way.max[axis] = f64::INFINITY;
            f64::INFINITY
        } else {
            way.min[axis] = f64::NEG_INFINITY;
            f64::NEG_INFINITY
        };
        let met = self.tree.indices_overlapping(&way);
        *work += met.len() + 1;
        found.clear();
        for face in met.iter().map(|&index| &self.faces[index as usize]) {
            if face.body == own {
                continue;
            }
            let corners = face.corners;
            let winding = match (axis, forward) {
                (0, true) => turn::<0, true>(corners, point, end),
                (0, false) => turn::<0, false>(corners, point, end),
                (1, true) => turn::<1, true>(corners, point, end),
                (1, false) => turn::<1, false>(corners, point, end),
                (_, true) => turn::<2, true>(corners, point, end),
                (_, false) => turn::<2, false>(corners, point, end),
            };
            match found.iter_mut().find(|at| at.body == face.body) {
                _ if winding == 0 => {}
                Some(at) => at.winding += winding,
                None => found.push(Around {
                    body: face.body,
                    winding,
                }),
            }
        }
        *work += found.len().pow(2);
        found.retain(|at| at.winding != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    /// What is around each of some bodies, which look outwards unless told otherwise.
    fn around(bodies: &[(Mesh, bool)]) -> Vec<Vec<(u32, i32)>> {
        let mut mesh = Mesh::default();
        let mut body_of = Vec::new();
        for (body, (part, _)) in (0..).zip(bodies) {
            body_of.extend(part.triangles.iter().map(|_| body));
            mesh = mesh.joined(part);
        }
        let all: Vec<Body> = bodies
            .iter()
            .map(|&(_, inwards)| Body { inwards })
            .collect();
        let bodies = Bodies {
            mesh: &mesh,
            body_of: &body_of,
            turned: &vec![false; body_of.len()],
            all: &all,
        };
        let around = bodies.around_each().unwrap();
        let pairs = |around: Vec<Around>| around.iter().map(|at| (at.body, at.winding)).collect();
        around.into_iter().map(pairs).collect()
    }

    #[test]
    fn nested_bodies_are_told_from_overlapping_and_disjoint_ones() {
        let ball = |radius| shapes::icosphere(2, radius);
        let found = around(&[
            (ball(0.3).flipped(), true),
            (ball(0.9), false),
            (ball(0.1), false),
            // Beside all others, in the box around the largest.
            (ball(0.05).translated([0.8, 0.8, 0.8]), false),
            // Through the wall of the largest, within its box.
            (ball(0.2).translated([0.5, 0.5, 0.5]), false),
        ]);
        assert_eq!(found[0], [(1, 1)]);
        assert!(found[1].is_empty());
        assert_eq!(found[2].len(), 2);
        assert!(found[2].contains(&(0, -1)) && found[2].contains(&(1, 1)));
        assert!(found[3].is_empty() && found[4].is_empty());
    }

    #[test]
    fn a_body_that_touches_from_within_is_within_and_one_at_the_same_place_is_not() {
        let block = shapes::cuboid([-0.9; 3], [0.9; 3]);
        let corner = shapes::cuboid([-0.9; 3], [-0.2, 0.1, 0.3]);
        let found = around(&[(block.clone(), false), (corner.flipped(), true)]);
        assert_eq!(found, [vec![], vec![(0, 1)]]);
        let found = around(&[(block.clone(), false), (block, false)]);
        assert_eq!(found, [vec![], vec![]]);
    }
}
