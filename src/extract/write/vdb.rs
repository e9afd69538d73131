//! OpenVDB files.

use super::error::{WriteError, write_whole};
use super::vdb_tree::Tree;
use crate::extract::{Leaf, NarrowBand};
use half::f16;
use rayon::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::Path;

/// "VDB " as the format begins.
const MAGIC: i64 = 0x5644_4220;

/// The version of the format. Newer programs read it too; OpenVDB writes it from 6 on.
const FILE_VERSION: u32 = 224;

/// The release whose way of writing this follows, major and minor.
const LIBRARY_VERSION: [u32; 2] = [9, 1];

/// Values are zipped.
const COMPRESS_ZIP: u32 = 1;

/// Inactive values are not stored: a bit each tells on which side they are.
const COMPRESS_ACTIVE_MASK: u32 = 2;

/// Leaves that are in memory as the file has them.
const LEAVES_AT_A_TIME: usize = 4096;

/// How a volume file keeps its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VolumePrecision {
    /// In 32 bits, as they are.
    #[default]
    Full,
    /// In 16 bits, zipped, in little more than half the bytes: rounded to a 2048th of themselves. Values are to be less than 65504.
    Half,
}

impl VolumePrecision {
    /// What a reader of the file finds in a value's place.
    pub fn rounded(self, value: f32) -> f32 {
        match self {
            VolumePrecision::Full => value,
            VolumePrecision::Half => f16::from_f32(value).to_f32(),
        }
    }
}

/// Writes `band` to `path` as an OpenVDB level set: one float grid called `name`, distances in own units, standing
/// in own units.
///
/// The file is written beside `path`, synced and renamed, and its folder synced: afterwards `path` holds the whole volume or what it held
/// before.
///
/// # Errors
/// A file that cannot be written (the error names it).
pub fn write_vdb(band: &NarrowBand, name: &str, path: &Path) -> Result<(), WriteError> {
    let precision = VolumePrecision::default();
    write_whole(path, |file| write_vdb_to(band, name, precision, file))
}

/// Writes `band` as [`write_vdb`] does to anything that takes bytes, with values of any precision.
///
/// # Errors
/// What `to` returns.
pub fn write_vdb_to(
    band: &NarrowBand,
    name: &str,
    precision: VolumePrecision,
    to: &mut dyn Write,
) -> io::Result<()> {
    let tree = Tree::new(band, precision);
    let mut head = Bytes::default();
    head.i64(MAGIC);
    head.u32(FILE_VERSION);
    LIBRARY_VERSION.into_iter().for_each(|part| head.u32(part));
    head.u8(1); // Grids say where they begin and end.
    head.0.extend(identifier(band).into_bytes());
    head.u32(0); // No metadata of the file as a whole.
    head.u32(1); // One grid.
    head.string(name);
    head.string(match precision {
        VolumePrecision::Full => "Tree_float_5_4_3",
        VolumePrecision::Half => "Tree_float_5_4_3_HalfFloat",
    });
    head.string(""); // It shares its tree with no other grid.

    let mut grid = Bytes::default();
    grid.u32(match precision {
        VolumePrecision::Full => COMPRESS_ACTIVE_MASK,
        VolumePrecision::Half => COMPRESS_ACTIVE_MASK | COMPRESS_ZIP,
    });
    metadata(&mut grid, band, name, precision);
    transform(&mut grid, band);
    tree.write_topology(&mut grid);

    const OFFSETS_BYTES: usize = 3 * size_of::<i64>();
    let grid_at = head.0.len() + OFFSETS_BYTES;
    let blocks_at = grid_at + grid.0.len();
    let encoded = |leaf: &&Leaf| {
        let mut bytes = Bytes::default();
        tree.write_leaf(leaf, &mut bytes);
        bytes.0
    };
    // Twice, for the head says where they end, and all of them at a time may be much memory.
    let leaves: Vec<&Leaf> = tree.leaves().collect();
    let leaf_bytes: usize = leaves.par_iter().map(|leaf| encoded(leaf).len()).sum();
    for offset in [grid_at, blocks_at, blocks_at + leaf_bytes] {
        head.i64(offset as i64);
    }
    to.write_all(&head.0)?;
    to.write_all(&grid.0)?;
    for leaves in leaves.chunks(LEAVES_AT_A_TIME) {
        let leaves: Vec<Vec<u8>> = leaves.par_iter().map(encoded).collect();
        leaves.iter().try_for_each(|leaf| to.write_all(leaf))?;
    }
    Ok(())
}

/// What programs show of a grid, and how they know that it is a level set.
fn metadata(to: &mut Bytes, band: &NarrowBand, name: &str, precision: VolumePrecision) {
    let strings = [
        ("class", "level set"),
        ("creator", concat!("Overfit ", env!("CARGO_PKG_VERSION"))),
        (
            "file_compression",
            match precision {
                VolumePrecision::Full => "active values",
                VolumePrecision::Half => "zip + active values",
            },
        ),
        ("name", name),
    ];
    let active = |leaf: &Leaf| {
        leaf.active
            .iter()
            .map(|word| word.count_ones() as i64)
            .sum::<i64>()
    };
    to.u32(strings.len() as u32 + 2);
    for (key, value) in strings {
        to.string(key);
        to.string("string");
        to.string(value);
    }
    to.string("file_voxel_count");
    to.string("int64");
    to.u32(size_of::<i64>() as u32);
    to.i64(band.leaves.iter().map(active).sum());
    to.string("is_saved_as_half_float");
    to.string("bool");
    to.u32(1);
    to.u8(u8::from(precision == VolumePrecision::Half));
}

/// From indices to own units: the index of a sample times the voxel size, plus the origin.
fn transform(to: &mut Bytes, band: &NarrowBand) {
    let voxel = band.voxel_size;
    to.string("UniformScaleTranslateMap");
    band.origin.into_iter().for_each(|x| to.f64(x));
    // Scale, voxel size, and what the library would compute from them.
    for value in [
        voxel,
        voxel,
        voxel.recip(),
        (voxel * voxel).recip(),
        0.5 / voxel,
    ] {
        (0..3).for_each(|_| to.f64(value));
    }
}

/// 36 characters in the form of a UUID. The library asks for random ones, to notice that a file was exchanged while
/// it is open; these follow from the content, so that equal bands give equal files.
fn identifier(band: &NarrowBand) -> String {
    let mut hasher = DefaultHasher::new();
    band.origin.map(f64::to_bits).hash(&mut hasher);
    band.voxel_size.to_bits().hash(&mut hasher);
    band.inside.hash(&mut hasher);
    for leaf in &band.leaves {
        leaf.origin.hash(&mut hasher);
        leaf.values.map(f32::to_bits).hash(&mut hasher);
    }
    let first = hasher.finish();
    first.hash(&mut hasher);
    let digits = format!("{first:016x}{:016x}", hasher.finish());
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

/// Little-endian bytes under construction.
#[derive(Default)]
pub(super) struct Bytes(pub Vec<u8>);

impl Bytes {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn f32(&mut self, value: f32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    /// Bytes after a number that tells of their size.
    pub(super) fn sized(&mut self, size: i64, bytes: &[u8]) {
        self.i64(size);
        self.0.extend(bytes);
    }

    /// A string after its length.
    pub(super) fn string(&mut self, value: &str) {
        self.u32(value.len() as u32);
        self.0.extend(value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CancelToken;
    use crate::extract::closed_forms::sphere;
    use crate::extract::{BandSettings, Grid, Resolution, extract_narrow_band};
    use crate::geometry::{Bounds, Similarity};
    use std::collections::HashMap;
    use std::io::Read;

    /// Reads what the format's documentation describes, front to back.
    struct Reader<'a>(&'a [u8], usize);

    impl Reader<'_> {
        fn take<const N: usize>(&mut self) -> [u8; N] {
            self.1 += N;
            self.0[self.1 - N..self.1].try_into().unwrap()
        }
        fn u32(&mut self) -> u32 {
            u32::from_le_bytes(self.take())
        }
        fn i64(&mut self) -> i64 {
            i64::from_le_bytes(self.take())
        }
        fn f32(&mut self) -> f32 {
            f32::from_le_bytes(self.take())
        }
        fn f64(&mut self) -> f64 {
            f64::from_le_bytes(self.take())
        }
        fn bytes(&mut self, length: usize) -> &[u8] {
            self.1 += length;
            &self.0[self.1 - length..self.1]
        }
        fn string(&mut self) -> String {
            let length = self.u32() as usize;
            String::from_utf8(self.bytes(length).to_vec()).unwrap()
        }
        fn values(&mut self, count: usize, precision: VolumePrecision) -> Vec<f32> {
            if precision == VolumePrecision::Full {
                return (0..count).map(|_| self.f32()).collect();
            }
            if count == 0 {
                return Vec::new();
            }
            let mut halves = Vec::new();
            match self.i64() {
                plain @ ..0 => halves.extend(self.bytes(-plain as usize)),
                zipped => {
                    let mut zip = flate2::read::ZlibDecoder::new(self.bytes(zipped as usize));
                    zip.read_to_end(&mut halves).unwrap();
                }
            }
            assert_eq!(halves.len(), 2 * count);
            let (halves, _) = halves.as_chunks();
            halves
                .iter()
                .map(|&half| f16::from_le_bytes(half).to_f32())
                .collect()
        }
        /// The bits that are set in a mask of `8 * bytes` bits.
        fn mask(&mut self, bytes: usize) -> Vec<bool> {
            self.1 += bytes;
            let part = &self.0[self.1 - bytes..self.1];
            (0..bytes * 8)
                .map(|bit| part[bit / 8] >> (bit % 8) & 1 == 1)
                .collect()
        }
    }

    fn child_origin(parent: [i32; 3], slot: usize, log2: usize, size: i32) -> [i32; 3] {
        let side = (1 << log2) - 1;
        let at = [slot >> (2 * log2), slot >> log2 & side, slot & side];
        std::array::from_fn(|axis| parent[axis] + at[axis] as i32 * size)
    }

    #[test]
    fn an_independent_reader_finds_every_leaf_and_tile() {
        let full = found_in_file(VolumePrecision::Full);
        let half = found_in_file(VolumePrecision::Half);
        assert!(
            10 * half < 6 * full,
            "{half} bytes, {full} in full precision"
        );
    }

    /// Compares what is in a file with the band that it was written from; its bytes.
    fn found_in_file(precision: VolumePrecision) -> usize {
        let bounds = Bounds {
            min: [-0.9; 3],
            max: [0.9; 3],
        };
        let frame = Similarity {
            center: [5.0, 6.0, 7.0],
            scale: 2.0,
        };
        let bounds = Bounds {
            min: frame.invert(bounds.min),
            max: frame.invert(bounds.max),
        };
        let grid = Grid::covering(&bounds, Resolution::Cells(300), 0.0).unwrap();
        let settings = BandSettings {
            slope_bound: 1.0,
            ..Default::default()
        };
        let band = extract_narrow_band(
            &sphere(0.8),
            &grid,
            &frame,
            &settings,
            &CancelToken::new(),
            &mut |_| (),
        )
        .unwrap();
        let mut bytes = Vec::new();
        write_vdb_to(&band, "sdf", precision, &mut bytes).unwrap();
        let half = precision == VolumePrecision::Half;

        let mut file = Reader(&bytes, 0);
        assert_eq!(&bytes[..4], b" BDV");
        assert_eq!(file.i64(), MAGIC);
        assert_eq!([file.u32(), file.u32(), file.u32()], [224, 9, 1]);
        assert_eq!(file.take::<1>(), [1]);
        assert_eq!(file.take::<36>().iter().filter(|&&c| c == b'-').count(), 4);
        assert_eq!([file.u32(), file.u32()], [0, 1]);
        assert_eq!(
            [file.string(), file.string(), file.string()],
            [
                "sdf",
                match half {
                    true => "Tree_float_5_4_3_HalfFloat",
                    false => "Tree_float_5_4_3",
                },
                ""
            ]
        );
        let [grid_at, blocks_at, end] = [file.i64(), file.i64(), file.i64()];
        assert_eq!(grid_at as usize, file.1);
        assert_eq!(end as usize, bytes.len());
        assert_eq!(file.u32(), if half { 3 } else { 2 });
        let metadata: HashMap<String, String> = (0..file.u32())
            .map(|_| {
                let (key, _kind) = (file.string(), file.string());
                let length = file.u32() as usize;
                file.1 += length;
                (
                    key,
                    String::from_utf8_lossy(&bytes[file.1 - length..file.1]).into_owned(),
                )
            })
            .collect();
        assert_eq!(metadata["class"], "level set");
        assert_eq!(
            metadata["is_saved_as_half_float"].as_bytes(),
            [u8::from(half)]
        );
        assert_eq!(file.string(), "UniformScaleTranslateMap");
        assert_eq!([file.f64(), file.f64(), file.f64()], band.origin);
        assert_eq!([file.f64(), file.f64(), file.f64()], [band.voxel_size; 3]);
        (0..12).for_each(|_| {
            file.f64();
        });

        // One root child, in it nodes of 128³, in them leaves.
        assert_eq!(file.u32(), 1);
        let background = precision.rounded(band.background);
        assert_eq!(file.f32(), background);
        assert_eq!([file.u32(), file.u32()], [0, 1]);
        let root = [file.u32() as i32, file.u32() as i32, file.u32() as i32];
        assert_eq!(root, [0; 3]);
        let (children, active) = (file.mask(4096), file.mask(4096));
        assert!(active.iter().all(|&on| !on));
        assert_eq!(file.take::<1>(), [6]);
        let values = file.values(32768, precision);
        let mut inside_samples = 0usize;
        let mut leaf_origins = Vec::new();
        for slot in 0..32768 {
            if !children[slot] {
                inside_samples += if values[slot] < 0.0 {
                    128 * 128 * 128
                } else {
                    0
                };
                continue;
            }
            let node = child_origin(root, slot, 5, 128);
            let (leaves, active) = (file.mask(512), file.mask(512));
            assert!(active.iter().all(|&on| !on));
            assert_eq!(file.take::<1>(), [6]);
            let tiles = file.values(4096, precision);
            for leaf in 0..4096 {
                match leaves[leaf] {
                    true => leaf_origins.push((child_origin(node, leaf, 4, 8), file.mask(64))),
                    false => inside_samples += if tiles[leaf] == -background { 512 } else { 0 },
                }
            }
        }
        assert_eq!(file.1, blocks_at as usize);
        let tiles: usize = band
            .inside
            .iter()
            .map(|tile| (tile.size as usize).pow(3))
            .sum();
        assert_eq!(inside_samples, tiles);
        assert_eq!(leaf_origins.len(), band.leaves.len());
        let expected: HashMap<[i32; 3], _> = band
            .leaves
            .iter()
            .map(|l| (l.origin.map(|c| c as i32), l))
            .collect();
        for (origin, topology_mask) in leaf_origins {
            let leaf = expected[&origin];
            let mask = file.mask(64);
            assert_eq!(mask, topology_mask);
            assert_eq!(file.take::<1>(), [3]);
            let outside = file.mask(64);
            let active = mask.iter().filter(|&&active| active).count();
            let mut values = file.values(active, precision).into_iter();
            for i in 0..512 {
                assert_eq!(mask[i], leaf.active[i / 64] >> (i % 64) & 1 == 1);
                let value = match (mask[i], outside[i]) {
                    (true, _) => values.next().unwrap(),
                    (false, true) => background,
                    (false, false) => -background,
                };
                assert_eq!(value, precision.rounded(leaf.values[i]));
            }
        }
        assert_eq!(file.1, bytes.len());
        bytes.len()
    }
}
