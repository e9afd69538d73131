//! Which faces of a mesh look the wrong way.
//!
//! Faces that meet at an edge of two run along it in opposite directions if they agree about which side is out. From face to
//! face so a patch is told which of its faces agree, and the fewer (by area) are turned. Patches that meet at edges of more
//! faces are turned so that as many run along these one way as the other. What is closed then is a body with a volume, and
//! bodies in the void have to look outwards: one that does not is turned, with all that lies in it. A body within another
//! may look either way: inwards it is a cavity.
//!
//! A mesh whose faces agree and whose bodies look outwards is left as it is.

#[cfg(test)]
mod tests;

use super::doubled::{Doubled, Role};
use super::edges::{Edges, Side};
use super::nesting::{Bodies, Body, NO_BODY};
use super::union_find::UnionFind;
use super::vector::{cross, dot, minus};
use super::{Mesh, Similarity};

/// What is to be done so that all faces look the right way.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Orientation {
    /// Whether each face is to be turned.
    pub turned: Vec<bool>,
    /// Faces turned because their neighbours look the other way.
    pub turned_faces: u64,
    /// Closed bodies whose faces agreed and were all turned.
    pub turned_bodies: u64,
    /// What is doubtful, one sentence each.
    pub notes: Vec<String>,
}

/// A volume below this share of the area (unit frame) is rounding: it tells nothing about which way a body looks.
pub(super) const NO_VOLUME: f64 = 1e-12;

/// Where more than this share of a body's area looks the other way than the rest, nobody can tell which is meant.
const UNDECIDED: f64 = 1.0 / 3.0;

/// Faces that are connected by edges of two.
#[derive(Clone, Copy, Default)]
struct Patch {
    /// Area of the faces that look as the first one does, and of the others.
    areas: [f64; 2],
    /// How many these are. Faces that may look either way do not count.
    faces: [u64; 2],
    /// What the patch adds to the volume that its body encloses, were all to look as the first one does.
    volume: f64,
    /// Whether an edge of it is run along more often one way than the other.
    open: bool,
    /// Whether it has one side only, as a Möbius strip has.
    one_sided: bool,
    /// Whether the faces that look as the first one does are to be turned, instead of the others.
    turned: bool,
}

impl Patch {
    /// 1 if the faces that look as the first one does stay, -1 if they are turned.
    fn sign(&self) -> f64 {
        if self.turned { -1.0 } else { 1.0 }
    }

    /// How many faces are turned, and the area of these.
    fn minority(&self) -> (u64, f64) {
        let at = usize::from(!self.turned);
        (self.faces[at], self.areas[at])
    }
}

/// An edge of several patches: how often each runs along it.
type Junction = Vec<(u32, i32)>;

/// Several patches that are closed together, or not at all.
#[derive(Clone, Copy, Default)]
struct Shell {
    volume: f64,
    area: f64,
    /// Area of the faces that are turned.
    turned_area: f64,
    faces: u64,
    turned_faces: u64,
    open: bool,
    /// Its number as a body.
    body: u32,
    turned: bool,
}

/// Finds the faces of `mesh` that look the wrong way.
pub(super) fn orient(mesh: &Mesh, edges: &Edges, doubled: Option<&Doubled>) -> Orientation {
    let mut surface = Surface::of(mesh, edges, doubled);
    surface.balance();
    let (shell_of, mut shells) = surface.shells();
    let mut notes = Vec::new();
    let one_sided = surface.patches.iter().filter(|patch| patch.one_sided);
    let faces: u64 = one_sided.map(|patch| patch.faces[0] + patch.faces[1]).sum();
    if faces > 0 {
        notes.push(format!(
            "A part of the surface has one side only, as a Möbius strip has ({faces} faces): what is inside there is \
             doubtful."
        ));
    }
    surface.turn_bodies(&shell_of, &mut shells, &mut notes);

    let mut orientation = Orientation {
        turned: surface.turned(&shell_of, &shells),
        notes,
        ..Orientation::default()
    };
    for shell in &shells {
        let turned = match shell.turned {
            true => shell.faces - shell.turned_faces,
            false => shell.turned_faces,
        };
        if turned == shell.faces && !shell.open {
            orientation.turned_bodies += u64::from(turned > 0);
        } else {
            orientation.turned_faces += turned;
        }
    }
    orientation
}

/// A mesh as patches.
struct Surface<'a> {
    mesh: &'a Mesh,
    frame: Similarity,
    /// For each face its patch, and in the last bit whether it looks the other way than the first of it; [`NO_PATCH`]
    /// for faces that have no part in it.
    sides: Vec<u32>,
    patches: Vec<Patch>,
    junctions: Vec<Junction>,
}

const NO_PATCH: u32 = u32::MAX;

impl<'a> Surface<'a> {
    fn of(mesh: &'a Mesh, edges: &Edges, doubled: Option<&Doubled>) -> Surface<'a> {
        let mut sets = UnionFind::new(mesh.triangles.len());
        let mut torn = Vec::new();
        each_edge(edges, doubled, |sides| {
            if let [a, b] = sides
                && !sets.join(a.face(), b.face(), a.backward() == b.backward())
            {
                torn.push(a.face());
            }
        });
        let mut surface = Surface {
            mesh,
            // Validated meshes have a frame; without one all volumes are nothing.
            frame: Similarity::to_unit_frame(&mesh.bounds()).unwrap_or(Similarity::IDENTITY),
            sides: Vec::with_capacity(mesh.triangles.len()),
            patches: Vec::new(),
            junctions: Vec::new(),
        };
        surface.measure(&mut sets, doubled);
        for face in torn {
            let patch = surface.sides[face as usize] >> 1;
            surface.patches[patch as usize].one_sided = true;
        }
        for patch in &mut surface.patches {
            patch.open = patch.one_sided;
            patch.turned = !patch.one_sided && patch.areas[0] < patch.areas[1] * (1.0 - 1e-9);
        }
        surface.find_junctions(edges, doubled);
        surface
    }

    /// Numbers the patches and adds up what is known about their faces.
    fn measure(&mut self, sets: &mut UnionFind, doubled: Option<&Doubled>) {
        let mut numbers = vec![NO_PATCH; self.mesh.triangles.len()];
        for (face, triangle) in (0_u32..).zip(&self.mesh.triangles) {
            let role = doubled.map_or(Role::Single, |doubled| doubled.role(face));
            let corners = triangle.map(|v| self.mesh.positions[v as usize]);
            let [a, b, c] = corners;
            if a == b || b == c || c == a || matches!(role, Role::Wall | Role::Dropped) {
                self.sides.push(NO_PATCH);
                continue;
            }
            let [a, b, c] = corners.map(|corner| self.frame.apply(corner));
            let (root, other) = sets.find(face);
            let number = &mut numbers[root as usize];
            if *number == NO_PATCH {
                // The last bit: the first face of a patch defines its side.
                *number = (self.patches.len() as u32) << 1 | u32::from(other);
                self.patches.push(Patch::default());
            }
            let side = *number ^ u32::from(other);
            self.sides.push(side);
            let patch = &mut self.patches[(side >> 1) as usize];
            let at = (side & 1) as usize;
            let normal = cross(minus(b, a), minus(c, a));
            let volume = dot(normal, a) / 6.0;
            patch.volume += if at == 1 { -volume } else { volume };
            if role == Role::Single {
                patch.areas[at] += dot(normal, normal).sqrt() / 2.0;
                patch.faces[at] += 1;
            }
        }
    }

    /// Looks at the edges of one face and of more than two.
    fn find_junctions(&mut self, edges: &Edges, doubled: Option<&Doubled>) {
        let Surface {
            sides,
            patches,
            junctions,
            ..
        } = self;
        each_edge(edges, doubled, |around| {
            if let [side] = around {
                patches[(sides[side.face() as usize] >> 1) as usize].open = true;
            }
            if around.len() < 3 {
                return;
            }
            let mut along: Junction = around
                .iter()
                .map(|side| {
                    let at = sides[side.face() as usize];
                    let turned = at & 1 == 1;
                    (at >> 1, if turned { -side.sign() } else { side.sign() })
                })
                .collect();
            along.sort_unstable();
            let same_patch = along.chunk_by(|a, b| a.0 == b.0);
            let mut junction: Junction = same_patch
                .map(|same| (same[0].0, same.iter().map(|(_, along)| along).sum()))
                .collect();
            // A patch that runs along the edge as often one way as the other needs no other.
            junction.retain(|(_, sum)| *sum != 0);
            if !junction.is_empty() {
                junctions.push(junction);
            }
        });
    }

    /// Turns patches as long as that lets the edges where several meet be run along more evenly.
    fn balance(&mut self) {
        /// More rounds than this are not needed by anything that has bodies.
        const ROUNDS: usize = 16;
        let patches = &mut self.patches;
        let signed = |patches: &[Patch], &(patch, along): &(u32, i32)| {
            let turned = patches[patch as usize].turned;
            if turned { -along } else { along }
        };
        let mut sums: Vec<i32> = (self.junctions.iter())
            .map(|junction| junction.iter().map(|at| signed(patches, at)).sum())
            .collect();
        // An edge of three faces cannot be even, and one of four with all but one alike is not.
        if sums.iter().any(|sum| sum.unsigned_abs() > 1) {
            let mut meets: Vec<Vec<(u32, i32)>> = vec![Vec::new(); patches.len()];
            for (index, junction) in (0..).zip(&self.junctions) {
                for &(patch, along) in junction {
                    meets[patch as usize].push((index, along));
                }
            }
            // The smallest first: what most of the surface says counts.
            let area = |patch: usize| patches[patch].areas[0] + patches[patch].areas[1];
            let mut order: Vec<usize> = (0..patches.len())
                .filter(|&patch| !meets[patch].is_empty() && !patches[patch].one_sided)
                .collect();
            order.sort_by(|&a, &b| area(a).total_cmp(&area(b)));
            for _ in 0..ROUNDS {
                let mut changed = false;
                for &patch in &order {
                    let turned = patches[patch].turned;
                    let after = |&(junction, along): &(u32, i32)| {
                        let sum = sums[junction as usize];
                        sum - 2 * if turned { -along } else { along }
                    };
                    let gain = meets[patch].iter().map(|at| {
                        i64::from(sums[at.0 as usize].abs()) - i64::from(after(at).abs())
                    });
                    if gain.sum::<i64>() > 0 {
                        let after: Vec<i32> = meets[patch].iter().map(after).collect();
                        for (&(junction, _), sum) in meets[patch].iter().zip(after) {
                            sums[junction as usize] = sum;
                        }
                        patches[patch].turned = !turned;
                        changed = true;
                    }
                }
                if !changed {
                    break;
                }
            }
        }
        for (junction, sum) in self.junctions.iter().zip(sums) {
            if sum != 0 {
                for &(patch, _) in junction {
                    patches[patch as usize].open = true;
                }
            }
        }
    }

    /// The shell of each patch, and all shells.
    fn shells(&self) -> (Vec<u32>, Vec<Shell>) {
        let mut sets = UnionFind::new(self.patches.len());
        for junction in &self.junctions {
            for pair in junction.windows(2) {
                sets.join(pair[0].0, pair[1].0, false);
            }
        }
        let mut shell_of = Vec::with_capacity(self.patches.len());
        let mut shells: Vec<Shell> = Vec::new();
        for (index, patch) in (0_u32..).zip(&self.patches) {
            let (root, _) = sets.find(index);
            let shell = if root == index {
                shells.push(Shell {
                    body: NO_BODY,
                    ..Shell::default()
                });
                shells.len() as u32 - 1
            } else {
                // The root of a set is its smallest member.
                shell_of[root as usize]
            };
            shell_of.push(shell);
            let shell = &mut shells[shell as usize];
            let (turned_faces, turned_area) = match patch.one_sided {
                true => (0, 0.0),
                false => patch.minority(),
            };
            shell.volume += patch.sign() * patch.volume;
            shell.area += patch.areas[0] + patch.areas[1];
            shell.faces += patch.faces[0] + patch.faces[1];
            shell.turned_faces += turned_faces;
            shell.turned_area += turned_area;
            shell.open |= patch.open;
        }
        (shell_of, shells)
    }

    /// Turns the closed bodies that look the wrong way.
    fn turn_bodies(&self, shell_of: &[u32], shells: &mut [Shell], notes: &mut Vec<String>) {
        let mut bodies: Vec<u32> = Vec::new();
        let mut asks = false;
        for (index, shell) in (0..).zip(shells.iter_mut()) {
            if !shell.open && shell.volume.abs() > NO_VOLUME * shell.area {
                shell.body = bodies.len() as u32;
                bodies.push(index);
                asks |= shell.volume < 0.0 || shell.is_undecided();
            }
        }
        if !asks {
            return;
        }
        if let [body] = *bodies {
            let shell = &mut shells[body as usize];
            shell.turned = shell.volume < 0.0;
            return;
        }
        let around = {
            let body_of = self.sides.iter().map(|&side| match side {
                NO_PATCH => NO_BODY,
                side => shells[shell_of[(side >> 1) as usize] as usize].body,
            });
            let all = bodies.iter().map(|&shell| Body {
                inwards: shells[shell as usize].volume < 0.0,
            });
            let bodies = Bodies {
                mesh: &self.frame.apply_to_mesh(self.mesh),
                body_of: &body_of.collect::<Vec<_>>(),
                turned: &self.turned(shell_of, shells),
                all: &all.collect::<Vec<_>>(),
            };
            bodies.around_each()
        };
        let Some(around) = around else {
            notes.push(format!(
                "{} bodies lie within one another, too many to tell which of them look the wrong way: none was turned.",
                bodies.len()
            ));
            return;
        };
        // From outside inwards: those around a body are done before it.
        let mut order: Vec<usize> = (0..bodies.len()).collect();
        order.sort_by_key(|&body| around[body].len());
        let mut undecided = 0;
        for body in order {
            let is_turned =
                |shells: &[Shell], body: u32| shells[bodies[body as usize] as usize].turned;
            let innermost = around[body]
                .iter()
                .max_by_key(|at| around[at.body as usize].len());
            let with_it = innermost.is_some_and(|at| is_turned(shells, at.body));
            let windings = around[body].iter().map(|at| {
                let turned = is_turned(shells, at.body);
                if turned { -at.winding } else { at.winding }
            });
            let winding: i32 = windings.sum();
            let shell = &mut shells[bodies[body] as usize];
            shell.turned = with_it;
            let inwards = (shell.volume < 0.0) ^ with_it;
            if winding == 0 {
                shell.turned ^= inwards;
            } else if shell.is_undecided() {
                shell.turned ^= !inwards;
                undecided += 1;
            }
        }
        if undecided > 0 {
            notes.push(format!(
                "Within other bodies there are {undecided} with faces that look inwards and outwards in nearly equal \
                 parts: they were taken as cavities."
            ));
        }
    }

    /// Whether each face is to be turned.
    fn turned(&self, shell_of: &[u32], shells: &[Shell]) -> Vec<bool> {
        let turned = self.sides.iter().map(|&side| {
            if side == NO_PATCH {
                return false;
            }
            let patch = &self.patches[(side >> 1) as usize];
            let shell = &shells[shell_of[(side >> 1) as usize] as usize];
            !patch.one_sided && (side & 1 == 1) ^ patch.turned ^ shell.turned
        });
        turned.collect()
    }
}

impl Shell {
    fn is_undecided(&self) -> bool {
        let turned = self.turned_area.min(self.area - self.turned_area);
        turned > UNDECIDED * self.area
    }
}

/// Calls `visit` with the sides of every edge that has a part in the surface: those of walls cancel each other out.
fn each_edge(edges: &Edges, doubled: Option<&Doubled>, mut visit: impl FnMut(&[Side])) {
    let Some(doubled) = doubled else {
        edges.iter().for_each(|(_, sides)| visit(sides));
        return;
    };
    let mut kept = Vec::new();
    for (_, sides) in edges.iter() {
        kept.clear();
        let has_a_part =
            |side: &&Side| matches!(doubled.role(side.face()), Role::Single | Role::One);
        kept.extend(sides.iter().filter(has_a_part));
        if !kept.is_empty() {
            visit(&kept);
        }
    }
}
