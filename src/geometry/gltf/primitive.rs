//! Primitives: the parts of a mesh, each a list of corners of some mode.

use std::borrow::Cow;

use super::accessors::Accessors;
use super::compression::{DRACO, DracoMesh, DracoPrimitive};
use super::document::{Primitive, Whole, extension};
use super::skin::Influences;
use crate::geometry::read::Failure;

/// How corners follow each other to make triangles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    Triangles,
    Strip,
    Fan,
}

/// A primitive that has triangles.
pub(super) struct Part<'a> {
    primitive: Primitive<'a>,
    positions: usize,
    mode: Mode,
    /// How many vertices it has, as far as its accessors say.
    pub vertices: usize,
    /// How many triangles it has, as far as its accessors say.
    pub triangles: usize,
    /// Where it lies if it must be decompressed, and is not known to be what its accessors say.
    pub draco: Option<DracoPrimitive<'a>>,
}

/// The geometry of a primitive, where the mesh has it.
pub(super) struct Surface {
    pub positions: Vec<[f64; 3]>,
    pub triangles: Vec<[u32; 3]>,
    /// Which joints move it, if it is skinned.
    pub influences: Influences,
}

impl<'a> Part<'a> {
    /// What is known of a primitive before anything of it is read; `None` if it has no triangles.
    pub fn outline(
        primitive: Primitive<'a>,
        accessors: &Accessors,
    ) -> Result<Option<Part<'a>>, Failure> {
        let mode = match primitive.mode.map_or(4, Whole::index) {
            0..=3 => return Ok(None),
            4 => Mode::Triangles,
            5 => Mode::Strip,
            6 => Mode::Fan,
            mode => return Err(Failure::Malformed(format!("its mode {mode} is unknown"))),
        };
        let Some(positions) = primitive.attributes.get("POSITION")? else {
            return Ok(None);
        };
        let draco = draco(&primitive, positions, accessors)?;
        let count = |index: usize| match draco {
            Some(_) => Ok(accessors.document.accessors.get(index)?.count.index()),
            None => accessors.count(index),
        };
        let vertices = count(positions)?;
        let corners = match primitive.indices {
            Some(indices) => count(indices.index())?,
            None => vertices,
        };
        let triangles = match mode {
            Mode::Triangles => corners / 3,
            Mode::Strip | Mode::Fan => corners.saturating_sub(2),
        };
        Ok(Some(Part {
            primitive,
            positions,
            mode,
            vertices,
            triangles,
            draco,
        }))
    }

    /// Reads the primitive, whose Draco data, if it has some, has been decoded; what joints do to it only if it is skinned.
    pub fn read(
        &self,
        accessors: &Accessors,
        draco: Option<&DracoMesh>,
        skinned: bool,
    ) -> Result<Surface, Failure> {
        let positions = self.vectors("POSITION", accessors, draco)?;
        let Some(positions) = positions else {
            return Err(Failure::Malformed("its Draco data has no positions".into()));
        };
        let triangles = match (draco, self.primitive.indices) {
            (Some(draco), _) => draco.triangles(),
            (None, Some(indices)) => {
                let corners = accessors.indices(indices.index())?;
                triangles_of(self.mode, &corners)
            }
            (None, None) => {
                let corners: Vec<u32> = (0..positions.len() as u32).collect();
                triangles_of(self.mode, &corners)
            }
        };
        let count = positions.len();
        let corners = triangles.as_flattened().iter();
        if let Some(corner) = corners.copied().find(|&corner| corner as usize >= count) {
            return Err(Failure::Malformed(format!(
                "its indices name vertex {corner}, but accessor {} has {count}",
                self.positions
            )));
        }
        let influences = if skinned {
            self.influences(positions.len(), accessors, draco)?
        } else {
            Influences::new()
        };
        Ok(Surface {
            positions,
            triangles,
            influences,
        })
    }

    /// The accessors of the morph targets that move vertices, with their weights.
    pub fn targets(&self, weights: &[f64]) -> Result<Vec<(usize, f64)>, Failure> {
        let targets = self.primitive.targets.as_deref().unwrap_or_default();
        let weighted = targets
            .iter()
            .zip(weights)
            .filter(|(_, weight)| **weight != 0.0);
        weighted
            .filter_map(|(target, &weight)| {
                let accessor = target.get("POSITION").transpose()?;
                Some(accessor.map(|accessor| (accessor, weight)))
            })
            .collect()
    }

    /// How many numbers of a skin each vertex has, in sets of four.
    pub fn influence_sets(&self) -> Result<usize, Failure> {
        let mut sets = 0;
        while self
            .primitive
            .attributes
            .get(&format!("JOINTS_{sets}"))?
            .is_some()
        {
            sets += 1;
        }
        Ok(sets)
    }

    fn influences(
        &self,
        vertices: usize,
        accessors: &Accessors,
        draco: Option<&DracoMesh>,
    ) -> Result<Influences, Failure> {
        let mut influences = Influences::new();
        for set in 0..self.influence_sets()? {
            let joints = self.vectors(&format!("JOINTS_{set}"), accessors, draco)?;
            let weights = self.vectors(&format!("WEIGHTS_{set}"), accessors, draco)?;
            let (Some(joints), Some(weights)) = (joints, weights) else {
                return Err(Failure::Malformed(format!(
                    "it has no WEIGHTS_{set} for its JOINTS_{set}"
                )));
            };
            if joints.len() != vertices || weights.len() != vertices {
                return Err(Failure::Malformed(format!(
                    "it has {vertices} vertices, but {} items of JOINTS_{set} and {} of WEIGHTS_{set}",
                    joints.len(),
                    weights.len()
                )));
            }
            influences.push((joints, weights));
        }
        Ok(influences)
    }

    fn vectors<const N: usize>(
        &self,
        name: &str,
        accessors: &Accessors,
        draco: Option<&DracoMesh>,
    ) -> Result<Option<Vec<[f64; N]>>, Failure> {
        let Some(accessor) = self.primitive.attributes.get(name)? else {
            return Ok(None);
        };
        if let (Some(mesh), Some(from)) = (draco, &self.draco)
            && let Some(attribute) = from.attributes.get(name)?
        {
            let one = accessors.one(accessor)?;
            let numbers = mesh.numbers(attribute);
            return Ok(numbers.map(|items: Vec<[f64; N]>| {
                items
                    .into_iter()
                    .map(|item| item.map(|x| x / one))
                    .collect()
            }));
        }
        // Of so many items that a file cannot have it read more than it will keep.
        let count = accessors.count(accessor)?;
        if draco.is_none() && count != self.vertices {
            return Err(Failure::Malformed(format!(
                "accessor {accessor} of {name} has {count} items for {} vertices",
                self.vertices
            )));
        }
        accessors.vectors(accessor).map(Some)
    }
}

impl Surface {
    /// The positions with morph targets added.
    pub fn morphed(
        &self,
        targets: &[(usize, f64)],
        accessors: &Accessors,
    ) -> Result<Cow<'_, [[f64; 3]]>, Failure> {
        let mut positions = Cow::Borrowed(self.positions.as_slice());
        for &(accessor, weight) in targets {
            let (count, vertices) = (accessors.count(accessor)?, positions.len());
            if count != vertices {
                return Err(Failure::Malformed(format!(
                    "accessor {accessor} of a morph target has {count} items for {vertices} vertices"
                )));
            }
            let moves: Vec<[f64; 3]> = accessors.vectors(accessor)?;
            for (position, by) in positions.to_mut().iter_mut().zip(moves) {
                *position = std::array::from_fn(|i| position[i] + weight * by[i]);
            }
        }
        Ok(positions)
    }
}

/// The Draco data of a primitive, unless its accessors hold the same uncompressed.
fn draco<'a>(
    primitive: &Primitive<'a>,
    positions: usize,
    accessors: &Accessors,
) -> Result<Option<DracoPrimitive<'a>>, Failure> {
    let Some(draco) = extension(primitive.extensions, DRACO)? else {
        return Ok(None);
    };
    let needed = [Some(positions), primitive.indices.map(Whole::index)];
    for index in needed.into_iter().flatten() {
        let accessor = accessors.document.accessors.get(index)?;
        if accessor.buffer_view.is_none() && accessor.sparse.is_none() {
            return Ok(Some(draco));
        }
    }
    Ok(None)
}

/// The triangles that a row of corners stands for. Strips and fans turn back by triangles without an area: those are left
/// out.
fn triangles_of(mode: Mode, corners: &[u32]) -> Vec<[u32; 3]> {
    let kept = |[a, b, c]: &[u32; 3]| a != b && b != c && c != a;
    match mode {
        Mode::Triangles => corners.as_chunks().0.to_vec(),
        // Every other triangle of a strip runs backwards.
        Mode::Strip => {
            let turned = |(i, w): (usize, &[u32])| {
                if i % 2 == 0 {
                    [w[0], w[1], w[2]]
                } else {
                    [w[1], w[0], w[2]]
                }
            };
            corners
                .windows(3)
                .enumerate()
                .map(turned)
                .filter(kept)
                .collect()
        }
        Mode::Fan => {
            let pairs = corners.windows(2).skip(1);
            pairs
                .map(|w| [corners[0], w[0], w[1]])
                .filter(kept)
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_and_fans_are_triangles() {
        let corners = [0, 1, 2, 3, 4];
        assert_eq!(
            triangles_of(Mode::Strip, &corners),
            [[0, 1, 2], [2, 1, 3], [2, 3, 4]]
        );
        assert_eq!(
            triangles_of(Mode::Fan, &corners),
            [[0, 1, 2], [0, 2, 3], [0, 3, 4]]
        );
        // Two strips in one, joined by corners that are there twice: four triangles vanish.
        assert_eq!(
            triangles_of(Mode::Strip, &[0, 1, 2, 2, 5, 5, 6, 7]),
            [[0, 1, 2], [6, 5, 7]]
        );
        assert!(triangles_of(Mode::Triangles, &corners[..2]).is_empty());
        assert!(triangles_of(Mode::Fan, &corners[..1]).is_empty());
    }
}
