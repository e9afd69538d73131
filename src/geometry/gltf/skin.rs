//! Skins: meshes that follow joints, in the pose that the file shows.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::accessors::Accessors;
use super::check_room;
use super::document::Whole;
use super::scene::Joints;
use super::transform::Affine;
use crate::geometry::read::Failure;

/// The skins of a document.
pub(super) struct Skins<'r, 'a> {
    accessors: &'r Accessors<'a>,
    joints: OnceCell<Joints<'a>>,
    maps: HashMap<usize, Rc<[Affine]>>,
    /// Joints of all of `maps`.
    held: u64,
}

/// Which joints hold each vertex, and how strongly: up to four in each set.
pub(super) type Influences = Vec<(Vec<[f64; 4]>, Vec<[f64; 4]>)>;

impl<'r, 'a> Skins<'r, 'a> {
    pub fn new(accessors: &'r Accessors<'a>) -> Self {
        Skins {
            accessors,
            joints: OnceCell::new(),
            maps: HashMap::new(),
            held: 0,
        }
    }

    /// For each joint of a skin the map from where the mesh was bound to the scene.
    pub fn maps(&mut self, skin: usize) -> Result<Rc<[Affine]>, Failure> {
        if let Some(maps) = self.maps.get(&skin) {
            return Ok(maps.clone());
        }
        let maps = self
            .compute(skin)
            .map_err(|failure| failure.at(format_args!("skin {skin}")))?;
        self.maps.insert(skin, maps.clone());
        Ok(maps)
    }

    fn compute(&mut self, skin: usize) -> Result<Rc<[Affine]>, Failure> {
        let Accessors {
            document, limit, ..
        } = self.accessors;
        let skin = document.skins.get(skin)?;
        self.held += skin.joints.len() as u64;
        let bytes = self.held.saturating_mul(size_of::<Affine>() as u64);
        check_room(limit, bytes, || {
            format!("its skins have {} joints", self.held)
        })?;
        let bound: Option<Vec<[f64; 16]>> = skin
            .inverse_bind_matrices
            .map(|matrices| self.accessors.vectors(matrices.index()))
            .transpose()?;
        let joints = self.joints.get_or_init(|| Joints::new(document));
        let map = |(number, joint): (usize, &Whole)| {
            let placed = joints.place(joint.index())?;
            Ok(match &bound {
                None => placed,
                Some(bound) => {
                    let matrix = bound.get(number).ok_or_else(|| {
                        let words = "it has more joints than inverse bind matrices";
                        Failure::Malformed(words.into())
                    })?;
                    placed.after(&Affine::from_matrix(matrix))
                }
            })
        };
        skin.joints.iter().enumerate().map(map).collect()
    }
}

/// The positions moved by the joints that hold them, and for each whether it lies in a mirrored place.
///
/// # Errors
/// Names a joint that the skin does not have.
pub(super) fn follow(
    positions: &[[f64; 3]],
    influences: &Influences,
    maps: &[Affine],
) -> Result<(Vec<[f64; 3]>, Vec<bool>), Failure> {
    let map_of = |joint: f64, vertex: usize| {
        maps.get(joint as usize).ok_or_else(|| {
            Failure::Malformed(format!(
                "vertex {vertex} follows joint {joint}, but its skin has {}",
                maps.len()
            ))
        })
    };
    let mean = |vertex: usize| -> Result<Affine, Failure> {
        let (mut mean, mut sum) = (Affine::ZERO, 0.0);
        for (joints, weights) in influences {
            for (&joint, &weight) in joints[vertex].iter().zip(&weights[vertex]) {
                if weight != 0.0 {
                    mean.add(map_of(joint, vertex)?, weight);
                    sum += weight;
                }
            }
        }
        if sum == 0.0 {
            // Nothing holds it: viewers take the first joint.
            return map_of(influences[0].0[vertex][0], vertex).copied();
        }
        // Rounded and quantised weights do not add up to 1, and would scale.
        let mut scaled = Affine::ZERO;
        scaled.add(&mean, 1.0 / sum);
        Ok(scaled)
    };
    let moved = positions.iter().enumerate().map(|(vertex, &position)| {
        let map = mean(vertex)?;
        Ok((map.apply(position), map.mirrors()))
    });
    moved.collect()
}
