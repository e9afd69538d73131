//! A narrow band as OpenVDB's tree of nodes: 32³ slots of 16³ slots of leaves of 8³ samples.

use super::vdb::{Bytes, VolumePrecision};
use crate::extract::{Leaf, NarrowBand};
use flate2::write::ZlibEncoder;
use half::f16;
use std::collections::BTreeMap;
use std::io::Write;

/// Samples along the edge of a leaf, of a lower node (16 leaves) and of an upper node (32 lower nodes).
const LEAF: u32 = 8;
const LOWER: u32 = 128;
const UPPER: u32 = 4096;

/// Says that every value of a node follows, active or not.
const ALL_VALUES: u8 = 6;

/// Says that a leaf's active values follow, after a bit for each value that tells whether an inactive one is plus or
/// minus the background.
const ACTIVE_VALUES_AND_SIDES: u8 = 3;

/// The tree of a band. Upper nodes by origin, lower nodes by slot: the order in which the file has them.
pub(super) struct Tree<'a> {
    precision: VolumePrecision,
    background: f32,
    upper: BTreeMap<[u32; 3], BTreeMap<usize, LowerNode<'a>>>,
}

/// 16³ slots, each with a leaf, or wholly inside, or wholly outside.
#[derive(Default)]
struct LowerNode<'a> {
    leaves: BTreeMap<usize, &'a Leaf>,
    inside: std::collections::BTreeSet<usize>,
}

impl LowerNode<'_> {
    fn is_wholly_inside(&self) -> bool {
        self.inside.len() == (LOWER / LEAF).pow(3) as usize
    }
}

/// The slot of the child of `size` that holds a sample, in a node that has `count` children along its edge.
fn slot(sample: [u32; 3], size: u32, count: u32) -> usize {
    let [x, y, z] = sample.map(|c| (c / size % count) as usize);
    (x * count as usize + y) * count as usize + z
}

impl<'a> Tree<'a> {
    pub(super) fn new(band: &'a NarrowBand, precision: VolumePrecision) -> Tree<'a> {
        let mut tree = Tree {
            precision,
            background: precision.rounded(band.background),
            upper: BTreeMap::new(),
        };
        for leaf in &band.leaves {
            let at = slot(leaf.origin, LEAF, LOWER / LEAF);
            tree.lower(leaf.origin).leaves.insert(at, leaf);
        }
        for tile in &band.inside {
            let steps = 0..tile.size / LEAF;
            for (x, y) in steps
                .clone()
                .flat_map(|x| steps.clone().map(move |y| (x, y)))
            {
                for z in steps.clone() {
                    let offset = [x, y, z];
                    let sample: [u32; 3] =
                        std::array::from_fn(|axis| tile.origin[axis] + offset[axis] * LEAF);
                    tree.lower(sample)
                        .inside
                        .insert(slot(sample, LEAF, LOWER / LEAF));
                }
            }
        }
        tree
    }

    fn lower(&mut self, sample: [u32; 3]) -> &mut LowerNode<'a> {
        let upper = self
            .upper
            .entry(sample.map(|c| c / UPPER * UPPER))
            .or_default();
        upper.entry(slot(sample, LOWER, UPPER / LOWER)).or_default()
    }

    /// Leaves in the order of the file.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &'a Leaf> + '_ {
        let lower = self.upper.values().flat_map(BTreeMap::values);
        lower.flat_map(|node| node.leaves.values().copied())
    }

    /// Writes which nodes there are, and their tiles.
    pub(super) fn write_topology(&self, to: &mut Bytes) {
        to.u32(1); // One buffer of values.
        to.f32(self.background);
        to.u32(0); // No tiles at the root.
        to.u32(self.upper.len() as u32);
        for (origin, children) in &self.upper {
            origin.iter().for_each(|&c| to.u32(c));
            let count = (UPPER / LOWER).pow(3) as usize;
            let is_child = |slot: usize| {
                children
                    .get(&slot)
                    .is_some_and(|node| !node.is_wholly_inside())
            };
            let is_inside = |slot: usize| children.contains_key(&slot);
            self.write_node(count, &is_child, &is_inside, to);
            for node in children.values().filter(|node| !node.is_wholly_inside()) {
                let count = (LOWER / LEAF).pow(3) as usize;
                let is_child = |slot: usize| node.leaves.contains_key(&slot);
                self.write_node(count, &is_child, &|slot| node.inside.contains(&slot), to);
                for leaf in node.leaves.values() {
                    leaf.active.iter().for_each(|&word| to.u64(word));
                }
            }
        }
    }

    /// Writes the masks of a node and the values of its tiles, none of which is active.
    fn write_node(
        &self,
        count: usize,
        is_child: &dyn Fn(usize) -> bool,
        is_inside: &dyn Fn(usize) -> bool,
        to: &mut Bytes,
    ) {
        for word in 0..count / 64 {
            to.u64((0..64).fold(0, |bits, bit| {
                bits | u64::from(is_child(word * 64 + bit)) << bit
            }));
        }
        (0..count / 64).for_each(|_| to.u64(0));
        to.u8(ALL_VALUES);
        let tile = |slot| match (is_child(slot), is_inside(slot)) {
            (true, _) => 0.0,
            (false, true) => -self.background,
            (false, false) => self.background,
        };
        self.write_values((0..count).map(tile), to);
    }

    /// Writes the values of a leaf.
    pub(super) fn write_leaf(&self, leaf: &Leaf, to: &mut Bytes) {
        leaf.active.iter().for_each(|&word| to.u64(word));
        to.u8(ACTIVE_VALUES_AND_SIDES);
        for (word, values) in leaf.active.iter().zip(leaf.values.chunks(64)) {
            let outside = values
                .iter()
                .enumerate()
                .fold(0, |bits, (i, &v)| bits | u64::from(v > 0.0) << i);
            to.u64(!word & outside);
        }
        let values = leaf.values.iter().enumerate();
        let active = values.filter(|(i, _)| leaf.active[i / 64] >> (i % 64) & 1 == 1);
        self.write_values(active.map(|(_, &value)| value), to);
    }

    /// Writes values as the file keeps them: as they are, or as a zip of halves after its size.
    fn write_values(&self, values: impl Iterator<Item = f32>, to: &mut Bytes) {
        if self.precision == VolumePrecision::Full {
            return values.for_each(|value| to.f32(value));
        }
        let halves: Vec<u8> = values
            .flat_map(|value| f16::from_f32(value).to_le_bytes())
            .collect();
        // Of nothing there is no zip either.
        if halves.is_empty() {
            return;
        }
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        let zipped = encoder.write_all(&halves).and_then(|()| encoder.finish());
        let zipped = zipped.expect("memory takes every byte");
        match zipped.len() < halves.len() {
            true => to.sized(zipped.len() as i64, &zipped),
            // A negative size says that it is no zip.
            false => to.sized(-(halves.len() as i64), &halves),
        }
    }
}
