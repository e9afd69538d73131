//! glTF 2.0, binary or as JSON, read for its geometry alone.
//!
//! Read by ourselves: the `gltf` crate checks the whole file before it hands out anything, so a material, a texture
//! format or an application's own attribute refuses a mesh that every viewer shows, and it knows neither sparse
//! accessors without a view nor instances. What is read here is what a viewer would show before anything moves: the
//! default scene, skins in the pose of their joints, morph targets at their default weights.

mod accessors;
mod buffers;
mod compression;
mod container;
mod document;
mod instances;
mod primitive;
#[cfg(test)]
pub(super) mod samples;
mod scene;
mod skin;
#[cfg(test)]
mod tests;
mod transform;

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;

use self::accessors::Accessors;
use self::buffers::Buffers;
use self::compression::DracoMesh;
use self::document::{Document, Whole};
use self::instances::Instances;
use self::primitive::{Part, Surface};
use self::scene::{Placement, counted};
use self::skin::Skins;
use self::transform::Affine;
use super::read::{Failure, Parsed};
use super::validate::COUNT_LIMIT;
use super::{Mesh, MeshError, SizeLimit};

/// Parses all triangles of the scene that the file shows into one mesh. Buffers in files of their own are looked for in
/// `folder`.
///
/// Vertices that differ only in normals or texture coordinates become one. Everything is counted before room is made for
/// it; a mesh that many nodes show is decoded once.
pub(super) fn parse(
    bytes: &[u8],
    folder: Option<&Path>,
    limit: &SizeLimit,
) -> Result<Parsed, Failure> {
    let container = container::open(bytes)?;
    let document = Document::read(&container.json, limit)?;
    let mut notes = unknown_extensions(&document)?;
    let buffers = Buffers::new(&document, &container, folder, limit);
    let accessors = Accessors {
        document: &document,
        buffers: &buffers,
        limit,
    };
    let shown = scene::shown(&document)?;
    notes.extend(shown.notes);
    let plan = Plan::new(&accessors, shown.placements)?;
    notes.extend(plan.left_out(&document));
    let mesh = plan.build(&accessors)?;
    Ok(Parsed {
        mesh,
        notes,
        ..Default::default()
    }
    .welded())
}

impl Failure {
    /// The same, of the element `place`.
    fn at(self, place: impl Display) -> Failure {
        match self {
            Failure::Truncated(words) => Failure::Truncated(format!("{place}: {words}")),
            Failure::Malformed(words) => Failure::Malformed(format!("{place}: {words}")),
            Failure::Unsupported(words) => Failure::Unsupported(format!("{place}: {words}")),
            other => other,
        }
    }
}

/// What to say of extensions that the file cannot do without.
///
/// # Errors
/// Refuses those that compress geometry in a way that is not known.
fn unknown_extensions(document: &Document) -> Result<Vec<String>, Failure> {
    const READ: [&str; 6] = [
        compression::DRACO,
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "KHR_mesh_quantization",
        "KHR_meshopt_compression",
        "KHR_node_visibility",
    ];
    /// Parts of the names of those that are about other things than geometry.
    const OTHER: [&str; 9] = [
        "material",
        "texture",
        "light",
        "animation",
        "audio",
        "metadata",
        "features",
        "technique",
        "xmp",
    ];
    let unknown = document.required.iter().filter(|name| {
        let other = |part: &&str| name.to_ascii_lowercase().contains(*part);
        !READ.contains(&name.as_str()) && !OTHER.iter().any(other)
    });
    unknown
        .map(|name| {
            if name.to_ascii_lowercase().contains("compress") {
                return Err(Failure::Unsupported(format!(
                    "its geometry is compressed by {name}, which is not known: export it without"
                )));
            }
            Ok(format!(
                "The file requires the extension {name}, which is not known: what it adds was left out."
            ))
        })
        .collect()
}

/// What will be read, counted.
struct Plan<'a> {
    groups: Vec<Group<'a>>,
    vertices: u64,
    triangles: u64,
    /// Primitives without a surface.
    bare: u64,
}

/// A mesh and everywhere it is shown.
struct Group<'a> {
    mesh: usize,
    /// With the number of each part in the mesh.
    parts: Vec<(usize, Part<'a>)>,
    places: Vec<Place>,
}

/// How a mesh is shown once.
struct Place {
    node: Option<usize>,
    map: Affine,
    /// The skin that moves it instead of its node.
    skin: Option<usize>,
    copies: Option<Instances>,
}

impl<'a> Plan<'a> {
    fn new(accessors: &Accessors<'a>, placements: Vec<Placement>) -> Result<Self, Failure> {
        let mut plan = Plan {
            groups: Vec::new(),
            vertices: 0,
            triangles: 0,
            bare: 0,
        };
        let mut group_of = HashMap::new();
        for Placement { mesh, node } in placements {
            let group = *group_of.entry(mesh).or_insert(plan.groups.len());
            if group == plan.groups.len() {
                let group = plan.group(accessors, mesh)?;
                plan.groups.push(group);
            }
            let place = Place::new(accessors, node)?;
            plan.groups[group].places.push(place);
        }
        let mut moved = 0_u64;
        for group in &plan.groups {
            let times: u64 = group.places.iter().map(Place::times).sum();
            for (_, part) in &group.parts {
                let add =
                    |sum: u64, count: usize| sum.saturating_add(times.saturating_mul(count as u64));
                plan.vertices = add(plan.vertices, part.vertices);
                plan.triangles = add(plan.triangles, part.triangles);
            }
            moved = moved.saturating_add(group.moved(accessors)?);
        }
        accessors.limit.check(plan.vertices, plan.triangles)?;
        check_room(accessors.limit, moved, || {
            "it has many skins and morph targets".into()
        })?;
        check_counts(plan.vertices, plan.triangles)?;
        if plan.triangles == 0 && plan.bare > 0 {
            return Err(Failure::Unsupported(
                "it has points or lines only, and no surface: reconstruct one first".into(),
            ));
        }
        Ok(plan)
    }

    fn group(&mut self, accessors: &Accessors<'a>, mesh: usize) -> Result<Group<'a>, Failure> {
        let mut parts = Vec::new();
        for (number, primitive) in accessors.document.primitives(mesh)?.into_iter().enumerate() {
            let part = Part::outline(primitive, accessors);
            match part.map_err(|failure| failure.at(place(mesh, number)))? {
                Some(part) => parts.push((number, part)),
                None => self.bare += 1,
            }
        }
        Ok(Group {
            mesh,
            parts,
            places: Vec::new(),
        })
    }

    /// What is in the file and not in the plan, one sentence each.
    fn left_out(&self, document: &Document) -> Vec<String> {
        let mut notes = Vec::new();
        if self.bare > 0 {
            notes.push(format!(
                "{} points or lines and left out.",
                counted(self.bare, "primitive is", "primitives are")
            ));
        }
        let unused = (document.meshes.len() - self.groups.len()) as u64;
        if unused > 0 {
            notes.push(format!(
                "{} not in the scene that the file shows and left out.",
                counted(unused, "mesh is", "meshes are")
            ));
        }
        notes
    }

    fn build(&self, accessors: &Accessors<'a>) -> Result<Mesh, Failure> {
        let mut mesh = Mesh::default();
        // What Draco unfolds to is known only then.
        if !self.groups.iter().any(Group::is_by_draco) {
            mesh.positions.reserve_exact(self.vertices as usize);
            mesh.triangles.reserve_exact(self.triangles as usize);
        }
        let mut skins = Skins::new(accessors);
        for group in &self.groups {
            group.push(&mut mesh, accessors, &mut skins)?;
        }
        Ok(mesh)
    }
}

impl Place {
    fn new(accessors: &Accessors, node: Option<(usize, Affine)>) -> Result<Place, Failure> {
        let Some((index, map)) = node else {
            return Ok(Place {
                node: None,
                map: Affine::IDENTITY,
                skin: None,
                copies: None,
            });
        };
        let node = accessors.document.nodes.get(index)?;
        let skin = node.skin.map(Whole::index);
        let copies = Instances::of_node(node, accessors)
            .map_err(|failure| failure.at(format_args!("node {index}")))?;
        Ok(Place {
            node: Some(index),
            map,
            skin,
            // Joints say where a skinned mesh is.
            copies: copies.filter(|_| skin.is_none()),
        })
    }

    fn times(&self) -> u64 {
        self.copies.as_ref().map_or(1, |copies| copies.count as u64)
    }
}

impl<'a> Group<'a> {
    fn is_by_draco(&self) -> bool {
        self.parts.iter().any(|(_, part)| part.draco.is_some())
    }

    fn is_skinned(&self) -> bool {
        self.places.iter().any(|place| place.skin.is_some())
    }

    /// The weights of morph targets where the mesh is shown.
    fn weights<'d>(
        &self,
        document: &'d Document,
        node: Option<usize>,
    ) -> Result<&'d [f64], Failure> {
        let own = match node {
            Some(node) => document.nodes.get(node)?.weights.as_deref(),
            None => None,
        };
        let shared = document.meshes.get(self.mesh)?.weights.as_deref();
        Ok(own.or(shared).unwrap_or_default())
    }

    /// Bytes of the numbers that skins and morph targets take.
    fn moved(&self, accessors: &Accessors) -> Result<u64, Failure> {
        /// Of a vertex in a morph target, as positions are.
        const TARGET: u64 = size_of::<[f64; 3]>() as u64;
        /// Of a vertex in a set of joints and weights.
        const SET: u64 = 2 * size_of::<[f64; 4]>() as u64;
        let mut sum = 0_u64;
        let mut add = |vertices: usize, times: usize, bytes: u64| {
            let own = (vertices as u64).saturating_mul(times as u64);
            sum = sum.saturating_add(own.saturating_mul(bytes));
        };
        for (_, part) in &self.parts {
            if self.is_skinned() {
                add(part.vertices, part.influence_sets()?, SET);
            }
            for place in &self.places {
                let weights = self.weights(accessors.document, place.node)?;
                add(part.vertices, part.targets(weights)?.len(), TARGET);
            }
        }
        Ok(sum)
    }

    fn push(
        &self,
        mesh: &mut Mesh,
        accessors: &Accessors<'a>,
        skins: &mut Skins,
    ) -> Result<(), Failure> {
        // Nothing to show: its copies, of any number, need not be known.
        let is_empty = |part: &Part| part.draco.is_none() && part.triangles == 0;
        if self.parts.iter().all(|(_, part)| is_empty(part)) {
            return Ok(());
        }
        let surfaces = self.read(mesh, accessors)?;
        for place in &self.places {
            let weights = self.weights(accessors.document, place.node)?;
            let copies = place.copies.as_ref().map(|copies| copies.read(accessors));
            let copies = copies.transpose()?;
            for ((number, part), surface) in self.parts.iter().zip(&surfaces) {
                let at = |failure: Failure| failure.at(self::place(self.mesh, *number));
                let targets = part.targets(weights).map_err(at)?;
                let positions = surface.morphed(&targets, accessors).map_err(at)?;
                match place.skin {
                    Some(skin) if !surface.influences.is_empty() => {
                        let joints = skins.maps(skin)?;
                        let moved = skin::follow(&positions, &surface.influences, &joints);
                        let (positions, mirrored) = moved.map_err(at)?;
                        push_surface(mesh, positions.into_iter(), &surface.triangles, |corner| {
                            mirrored[corner as usize]
                        });
                    }
                    _ => {
                        for copy in 0..place.times() as usize {
                            let map = match &copies {
                                Some(copies) => place.map.after(&copies.map(copy)),
                                None => place.map,
                            };
                            let placed = positions.iter().map(|&position| map.apply(position));
                            let mirrors = map.mirrors();
                            push_surface(mesh, placed, &surface.triangles, |_| mirrors);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The geometry of each part; Draco's within what the limit leaves beside `mesh`.
    fn read(&self, mesh: &Mesh, accessors: &Accessors<'a>) -> Result<Vec<Surface>, Failure> {
        let times = self.places.iter().map(Place::times).sum();
        let mut sum = (mesh.positions.len() as u64, mesh.triangles.len() as u64);
        let mut read = |part: &Part| {
            let draco = match &part.draco {
                None => None,
                Some(draco) => {
                    let view = accessors.buffers.view(draco.buffer_view.index())?;
                    Some(DracoMesh::decode(view.bytes, accessors.limit)?)
                }
            };
            if let Some(draco) = &draco {
                draco.check(accessors.limit, times, sum)?;
            }
            let surface = part.read(accessors, draco.as_ref(), self.is_skinned())?;
            let add =
                |sum: u64, count: usize| sum.saturating_add(times.saturating_mul(count as u64));
            sum = (
                add(sum.0, surface.positions.len()),
                add(sum.1, surface.triangles.len()),
            );
            check_counts(sum.0, sum.1)?;
            Ok(surface)
        };
        self.parts
            .iter()
            .map(|(number, part)| {
                read(part).map_err(|failure: Failure| failure.at(place(self.mesh, *number)))
            })
            .collect()
    }
}

/// Refuses what takes more bytes than the limit has; `what` says what that is.
fn check_room(limit: &SizeLimit, bytes: u64, what: impl FnOnce() -> String) -> Result<(), Failure> {
    let limit = limit.bytes;
    if bytes <= limit {
        return Ok(());
    }
    let what = what();
    Err(Failure::OverLimit { what, bytes, limit })
}

fn place(mesh: usize, primitive: usize) -> String {
    format!("mesh {mesh} primitive {primitive}")
}

/// Refuses more vertices or triangles than indices can count.
fn check_counts(vertices: u64, triangles: u64) -> Result<(), MeshError> {
    for (what, count) in [("vertices", vertices), ("triangles", triangles)] {
        if count >= COUNT_LIMIT as u64 {
            let (count, limit) = (
                usize::try_from(count).unwrap_or(usize::MAX),
                COUNT_LIMIT - 1,
            );
            return Err(MeshError::TooLarge { what, count, limit });
        }
    }
    Ok(())
}

/// Adds a surface, with those triangles turned that begin at a mirrored corner.
fn push_surface(
    mesh: &mut Mesh,
    positions: impl Iterator<Item = [f64; 3]>,
    triangles: &[[u32; 3]],
    is_mirrored: impl Fn(u32) -> bool,
) {
    let first = mesh.positions.len() as u32;
    mesh.positions.extend(positions);
    mesh.triangles.extend(triangles.iter().map(|&[a, b, c]| {
        let turned = if is_mirrored(a) { [a, c, b] } else { [a, b, c] };
        turned.map(|corner| first + corner)
    }));
}
