//! What the JSON of a glTF says about geometry.
//!
//! Everything else in it is passed over, and what nothing refers to is never looked at: each element is kept as text
//! until somebody asks for it. So a file cannot fail for a material, an animation, or an accessor that nobody uses.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::check_room;
use super::container::version_1;
use crate::geometry::SizeLimit;
use crate::geometry::read::Failure;

/// The lists of a file.
pub(super) struct Document<'a> {
    pub scenes: List<'a, Scene>,
    pub nodes: List<'a, Node<'a>>,
    pub meshes: List<'a, Mesh<'a>>,
    pub accessors: List<'a, Accessor>,
    pub views: List<'a, View<'a>>,
    pub buffers: List<'a, Buffer<'a>>,
    pub skins: List<'a, Skin>,
    /// The scene that the file shows.
    pub scene: Option<usize>,
    /// Extensions without which the file does not want to be read.
    pub required: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    #[serde(borrow)]
    asset: Option<&'a RawValue>,
    scene: Option<&'a RawValue>,
    scenes: Option<&'a RawValue>,
    nodes: Option<&'a RawValue>,
    meshes: Option<&'a RawValue>,
    accessors: Option<&'a RawValue>,
    buffer_views: Option<&'a RawValue>,
    buffers: Option<&'a RawValue>,
    skins: Option<&'a RawValue>,
    extensions_required: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
pub(super) struct Scene {
    pub nodes: Option<Vec<Whole>>,
}

#[derive(serde::Deserialize)]
pub(super) struct Node<'a> {
    pub mesh: Option<Whole>,
    pub skin: Option<Whole>,
    pub children: Option<Vec<Whole>>,
    pub matrix: Option<Box<[f64; 16]>>,
    pub translation: Option<[f64; 3]>,
    /// A quaternion, the real part last.
    pub rotation: Option<[f64; 4]>,
    pub scale: Option<[f64; 3]>,
    /// Of the morph targets; takes the place of the mesh's.
    pub weights: Option<Vec<f64>>,
    #[serde(borrow)]
    pub extensions: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
pub(super) struct Mesh<'a> {
    #[serde(borrow, default)]
    pub primitives: Vec<&'a RawValue>,
    pub weights: Option<Vec<f64>>,
}

#[derive(serde::Deserialize)]
pub(super) struct Primitive<'a> {
    #[serde(borrow, default)]
    pub attributes: Attributes<'a>,
    pub indices: Option<Whole>,
    pub mode: Option<Whole>,
    #[serde(borrow)]
    pub targets: Option<Vec<Attributes<'a>>>,
    #[serde(borrow)]
    pub extensions: Option<&'a RawValue>,
}

/// Accessors by what they mean. Applications add names of their own, with anything behind them.
#[derive(Default, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Attributes<'a>(#[serde(borrow)] HashMap<String, &'a RawValue>);

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accessor {
    pub buffer_view: Option<Whole>,
    pub byte_offset: Option<Whole>,
    pub component_type: Whole,
    pub count: Whole,
    #[serde(rename = "type")]
    pub kind: String,
    pub normalized: Option<bool>,
    pub sparse: Option<Sparse>,
}

/// The few items of an accessor that differ from its buffer view, or from zero.
#[derive(serde::Deserialize)]
pub(super) struct Sparse {
    pub count: Whole,
    pub indices: SparseIndices,
    pub values: SparseValues,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SparseIndices {
    pub buffer_view: Whole,
    pub byte_offset: Option<Whole>,
    pub component_type: Whole,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SparseValues {
    pub buffer_view: Whole,
    pub byte_offset: Option<Whole>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View<'a> {
    pub buffer: Option<Whole>,
    pub byte_offset: Option<Whole>,
    pub byte_length: Option<Whole>,
    pub byte_stride: Option<Whole>,
    #[serde(borrow)]
    pub extensions: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
pub(super) struct Buffer<'a> {
    /// Borrowed where nothing in it is escaped: it may hold the whole mesh.
    #[serde(borrow)]
    pub uri: Option<Cow<'a, str>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Skin {
    pub inverse_bind_matrices: Option<Whole>,
    #[serde(default)]
    pub joints: Vec<Whole>,
}

impl<'a> Document<'a> {
    /// Reads the outline of `json`.
    pub fn read(json: &'a str, limit: &SizeLimit) -> Result<Self, Failure> {
        check_length(json, limit)?;
        let root: Root = serde_json::from_str(json).map_err(|error| {
            if error.is_eof() {
                Failure::Truncated(error.to_string())
            } else {
                Failure::Malformed(error.to_string())
            }
        })?;
        if root.asset.is_some_and(|asset| names_version_1(asset.get())) {
            return Err(version_1());
        }
        let required = root.extensions_required;
        let scene: Option<Whole> = root
            .scene
            .and_then(|scene| serde_json::from_str(scene.get()).ok());
        Ok(Document {
            scenes: List::new("scene", root.scenes)?,
            nodes: List::new("node", root.nodes)?,
            meshes: List::new("mesh", root.meshes)?,
            accessors: List::new("accessor", root.accessors)?,
            views: List::new("buffer view", root.buffer_views)?,
            buffers: List::new("buffer", root.buffers)?,
            skins: List::new("skin", root.skins)?,
            scene: scene.map(Whole::index),
            required: required
                .and_then(|names| serde_json::from_str(names.get()).ok())
                .unwrap_or_default(),
        })
    }

    /// The primitives of a mesh.
    pub fn primitives(&self, mesh: usize) -> Result<Vec<Primitive<'a>>, Failure> {
        let primitives = self.meshes.get(mesh)?.primitives.iter().enumerate();
        primitives
            .map(|(number, text)| parsed(text, &format!("mesh {mesh} primitive {number}")))
            .collect()
    }
}

/// Refuses JSON that lists more than the limit has room for: every element is behind a comma or a bracket.
fn check_length(json: &str, limit: &SizeLimit) -> Result<(), Failure> {
    /// Bytes of an element, about: a node in the tree takes twice as many, and has two separators at least.
    const ELEMENT: u64 = 256;
    let separators = json
        .bytes()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    let elements = separators.count() as u64;
    check_room(limit, elements.saturating_mul(ELEMENT), || {
        format!("its JSON has {elements} entries")
    })
}

fn names_version_1(asset: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Asset<'a> {
        #[serde(borrow)]
        version: Option<&'a RawValue>,
    }
    let asset = serde_json::from_str::<Asset>(asset).ok();
    let version = asset.and_then(|asset| asset.version);
    version.is_some_and(|version| {
        let version = version.get().trim_matches('"');
        version == "1" || version.starts_with("1.")
    })
}

/// Reads one element; `place` names it in the error.
fn parsed<'a, T: Deserialize<'a>>(text: &'a RawValue, place: &str) -> Result<T, Failure> {
    serde_json::from_str(text.get())
        .map_err(|error| Failure::Malformed(format!("{place}: {error} of the element")))
}

/// What the extension `name` says in `extensions`, if it is there.
pub(super) fn extension<'a, T: Deserialize<'a>>(
    extensions: Option<&'a RawValue>,
    name: &str,
) -> Result<Option<T>, Failure> {
    // Anything but an object says nothing.
    let all: Option<HashMap<String, &'a RawValue>> =
        extensions.and_then(|all| serde_json::from_str(all.get()).ok());
    let own = all.and_then(|all| all.get(name).copied());
    own.map(|text| parsed(text, name)).transpose()
}

impl Attributes<'_> {
    /// The number behind `name`.
    pub fn get(&self, name: &str) -> Result<Option<usize>, Failure> {
        let number = self.0.get(name).map(|text| parsed::<Whole>(text, name));
        Ok(number.transpose()?.map(Whole::index))
    }
}

/// Elements of one kind, read when they are asked for.
pub(super) struct List<'a, T> {
    /// What the elements are, in the singular.
    kind: &'static str,
    items: Vec<(&'a RawValue, OnceCell<Box<T>>)>,
}

impl<'a, T: Deserialize<'a>> List<'a, T> {
    fn new(kind: &'static str, text: Option<&'a RawValue>) -> Result<Self, Failure> {
        let text = text.map_or("[]", RawValue::get);
        if text.starts_with('{') {
            // Version 1 had names instead of numbers.
            return Err(version_1());
        }
        let items: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|_| Failure::Malformed(format!("what should list each {kind} is no list")))?;
        Ok(List {
            kind,
            items: items
                .into_iter()
                .map(|text| (text, OnceCell::new()))
                .collect(),
        })
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Refuses a number that none of the elements has.
    pub fn check(&self, index: usize) -> Result<(), Failure> {
        if index < self.len() {
            return Ok(());
        }
        let (kind, count) = (self.kind, self.len());
        Err(Failure::Malformed(format!(
            "{kind} {index} does not exist: there are {count}, counted from 0"
        )))
    }

    /// The element `index`.
    pub fn get(&self, index: usize) -> Result<&T, Failure> {
        self.check(index)?;
        let (text, cell) = &self.items[index];
        if let Some(element) = cell.get() {
            return Ok(element);
        }
        let element = parsed(text, &format!("{} {index}", self.kind))?;
        Ok(cell.get_or_init(|| Box::new(element)))
    }
}

/// A whole number; writers in languages without them write `3.0`.
#[derive(Clone, Copy)]
pub(super) struct Whole(u64);

impl Whole {
    /// The number as an index; one beyond memory is beyond every list.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Whole;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                // Beyond this not every whole number is a double.
                let exact = (0.0..9e15).contains(&number) && number.fract() == 0.0;
                if exact {
                    Ok(Whole(number as u64))
                } else {
                    Err(E::custom(format!("{number} is no whole number")))
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Document<'_>, Failure> {
        Document::read(json, &SizeLimit::default())
    }

    #[test]
    fn only_what_is_asked_for_can_be_wrong() {
        let json = r#"{"asset":7,"scene":1.0,"materials":{"a":[]},"accessors":[{"type":[]},
            {"componentType":5126.0,"count":3,"type":"VEC3","name":["?"]}]}"#;
        let document = read(json).unwrap();
        assert_eq!(document.scene, Some(1));
        assert_eq!(
            document.accessors.get(1).unwrap().component_type.index(),
            5126
        );
        let words = |index| match document.accessors.get(index) {
            Err(Failure::Malformed(words)) => words,
            _ => panic!("accessor {index} is fine"),
        };
        assert!(words(0).starts_with("accessor 0: "), "{}", words(0));
        assert!(words(2).contains("accessor 2 does not exist: there are 2"));
    }

    #[test]
    fn the_first_version_is_known_by_its_number_and_by_its_lists() {
        for json in [
            r#"{"asset":{"version":"1.0"}}"#,
            r#"{"asset":{"version":1.1}}"#,
            r#"{"nodes":{"root":{}}}"#,
        ] {
            let Err(Failure::Unsupported(words)) = read(json) else {
                panic!("{json} is read");
            };
            assert!(words.contains("glTF 1.0"), "{words}");
        }
        assert!(read(r#"{"asset":{"version":"2.0"},"textures":{}}"#).is_ok());
    }

    #[test]
    fn lists_beyond_the_limit_are_refused_before_they_are_read() {
        let json = format!("{{\"nodes\":[{}0]}}", "0,".repeat(100));
        assert!(Document::read(&json, &SizeLimit { bytes: 102 * 256 }).is_ok());
        assert!(matches!(
            Document::read(&json, &SizeLimit { bytes: 101 * 256 }),
            Err(Failure::OverLimit { .. })
        ));
    }
}
