//! Many copies of a mesh at one node: `EXT_mesh_gpu_instancing`.

use super::accessors::Accessors;
use super::document::{Attributes, Node, extension};
use super::transform::Affine;
use crate::geometry::read::Failure;

/// Where the copies lie: an accessor for each part of their maps, unless it is the same for all.
pub(super) struct Instances {
    translation: Option<usize>,
    rotation: Option<usize>,
    scale: Option<usize>,
    pub count: usize,
}

impl Instances {
    /// The copies that a node asks for; `None` if it shows its mesh once.
    pub fn of_node(node: &Node, accessors: &Accessors) -> Result<Option<Instances>, Failure> {
        #[derive(serde::Deserialize)]
        struct Extension<'a> {
            #[serde(borrow, default)]
            attributes: Attributes<'a>,
        }
        const NAME: &str = "EXT_mesh_gpu_instancing";
        let Some(Extension { attributes }) = extension(node.extensions, NAME)? else {
            return Ok(None);
        };
        let [translation, rotation, scale] =
            ["TRANSLATION", "ROTATION", "SCALE"].map(|name| attributes.get(name));
        let (translation, rotation, scale) = (translation?, rotation?, scale?);
        let mut count = None;
        for accessor in [translation, rotation, scale].into_iter().flatten() {
            let own = accessors.count(accessor)?;
            if *count.get_or_insert(own) != own {
                return Err(Failure::Malformed(format!(
                    "accessor {accessor} has {own} items, another one of {NAME} has not"
                )));
            }
        }
        // Without any of the three all copies lie at one place.
        let instances = |count| Instances {
            translation,
            rotation,
            scale,
            count,
        };
        Ok(count.map(instances))
    }

    /// Reads where the copies lie.
    pub fn read(&self, accessors: &Accessors) -> Result<Copies, Failure> {
        Ok(Copies {
            translations: read(accessors, self.translation)?,
            rotations: read(accessors, self.rotation)?,
            scales: read(accessors, self.scale)?,
        })
    }
}

/// Where copies lie.
pub(super) struct Copies {
    translations: Option<Vec<[f64; 3]>>,
    rotations: Option<Vec<[f64; 4]>>,
    scales: Option<Vec<[f64; 3]>>,
}

impl Copies {
    /// The map of a copy to the node.
    pub fn map(&self, copy: usize) -> Affine {
        Affine::from_parts(
            self.translations.as_ref().map_or([0.0; 3], |all| all[copy]),
            self.rotations
                .as_ref()
                .map_or([0.0, 0.0, 0.0, 1.0], |all| all[copy]),
            self.scales.as_ref().map_or([1.0; 3], |all| all[copy]),
        )
    }
}

fn read<const N: usize>(
    accessors: &Accessors,
    index: Option<usize>,
) -> Result<Option<Vec<[f64; N]>>, Failure> {
    index.map(|index| accessors.vectors(index)).transpose()
}
