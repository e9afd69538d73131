//! Damaged files: every reader gets thousands of them, made from a small corpus of odd but good ones.
//!
//! None may panic, take more than ten seconds, or become more than the limit. `OVERFIT_FUZZ_INPUTS=1000000 cargo test
//! geometry::fuzz -- --nocapture` tries a million for each reader and reports the slowest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::{
    LoadedShape, MeshFormat, SizeLimit, gltf, obj, off, parse_shape_within, ply, stl, xyz,
};

/// Inputs for each reader when nobody asks for more.
const INPUTS: u64 = 100_000;

/// Good files of a format, each odd in its way.
fn corpus(format: MeshFormat) -> Vec<Vec<u8>> {
    let bytes =
        |texts: &[&str]| -> Vec<Vec<u8>> { texts.iter().map(|&text| text.into()).collect() };
    let mut files = match format {
        MeshFormat::Obj => bytes(&[&[obj::tests::SAMPLE], &obj::tests::ODDITIES[..]].concat()),
        MeshFormat::Off => bytes(&[&[off::tests::SAMPLE], &off::tests::ODDITIES[..]].concat()),
        MeshFormat::Xyz => bytes(&xyz::tests::ODDITIES),
        MeshFormat::Ply => {
            let mut files = vec![ply::tests::binary(false), ply::tests::binary(true)];
            files.extend(ply::tests::odd_binaries());
            files.extend(ply::tests::oddities().into_iter().map(String::into_bytes));
            files
        }
        MeshFormat::Stl => {
            let mut files = vec![stl::tests::binary(), stl::tests::ASCII.into()];
            files.extend(
                stl::tests::odd_binaries()
                    .into_iter()
                    .map(|(bytes, _)| bytes),
            );
            files.extend(stl::tests::oddities());
            files
        }
        MeshFormat::Glb | MeshFormat::Gltf => (gltf::samples::all().into_iter())
            .filter(|(of, _)| *of == format)
            .map(|(_, bytes)| bytes)
            .collect(),
    };
    let first = String::from_utf8_lossy(&files[0]).into_owned();
    files.push(first.encode_utf16().flat_map(u16::to_le_bytes).collect());
    files
}

/// Words that numbers are replaced by.
const WORDS: [&str; 24] = [
    "0",
    "-1",
    "1",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e308",
    "1e999",
    "-1e-320",
    "nan",
    "-nan(ind)",
    "inf",
    "1,5",
    "0x10",
    "",
    "3.0",
    "1/1/1",
    "#",
    "\\",
    "\"",
];

/// Numbers that binary ones are replaced by.
const NUMBERS: [u32; 10] = [
    0,
    1,
    3,
    255,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7f80_0000,
    0x7fc0_0000,
    0x0000_ffff,
];

/// Does one thing to a file that a broken program, disk or hand may do.
fn damage(file: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut impl Rng) {
    if file.is_empty() {
        file.push(rng.random());
    }
    let at = rng.random_range(0..file.len());
    let near = (at + rng.random_range(1..24)).min(file.len());
    match rng.random_range(0..14) {
        0 => file[at] ^= 1 << rng.random_range(0..8),
        1 => file[at] = rng.random(),
        2 => file[at] = b"-0919eE \n\r\\#,/{}[]\""[rng.random_range(0..19)],
        3 => {
            let other = rng.random_range(0..file.len());
            file.swap(at, other);
        }
        4 => drop(file.drain(at..near)),
        5 => {
            let copy = file[at..near].to_vec();
            file.splice(at..at, copy);
        }
        6 => file.truncate(at),
        7 => drop(file.drain(..at)),
        8..=10 => replace_number(file, at, rng),
        11 => {
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
            let bytes = if rng.random() {
                number.to_le_bytes()
            } else {
                number.to_be_bytes()
            };
            let end = (at + 4).min(file.len());
            file[at..end].copy_from_slice(&bytes[..end - at]);
        }
        12 => change_lines(file, rng),
        _ => {
            let other = &corpus[rng.random_range(0..corpus.len())];
            let from = rng.random_range(0..other.len());
            file.truncate(at);
            file.extend_from_slice(&other[from..]);
        }
    }
}

/// Replaces the next number behind `at` by one that programs trip over.
fn replace_number(file: &mut Vec<u8>, at: usize, rng: &mut impl Rng) {
    let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-.".contains(byte);
    let Some(start) = file[at..].iter().position(is_number) else {
        return;
    };
    let start = at + start;
    let length = file[start..].iter().position(|byte| !is_number(byte));
    let end = length.map_or(file.len(), |length| start + length);
    let word = WORDS[rng.random_range(0..WORDS.len())];
    file.splice(start..end, word.bytes());
}

/// Drops, doubles or exchanges lines.
fn change_lines(file: &mut Vec<u8>, rng: &mut impl Rng) {
    let mut lines: Vec<Vec<u8>> = file
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let at = rng.random_range(0..lines.len());
    let other = rng.random_range(0..lines.len());
    match rng.random_range(0..3) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        _ => lines.swap(at, other),
    }
    *file = lines.join(&b'\n');
}

/// What a reader may make of so many bytes, in proportion: a byte can be the number of a vertex, hence a triangle.
const LARGER: usize = 64;

/// Reads a file and looks at what it became; whether it is a mesh, or points where those are all that there is.
fn check(bytes: &[u8], format: MeshFormat) -> bool {
    let limit = SizeLimit { bytes: 1 << 20 };
    let mesh = match parse_shape_within(bytes, format, "damaged", &limit) {
        Ok(LoadedShape::Mesh(loaded)) => loaded.mesh,
        Ok(LoadedShape::Points(points)) => {
            let cloud = points.cloud;
            let normals = cloud.normals.iter().flatten().flatten();
            let mut numbers = cloud.positions.as_flattened().iter().chain(normals);
            assert!(numbers.all(|x| x.is_finite()));
            assert!(24 * cloud.positions.len() as u64 <= limit.bytes);
            let room = 24 * cloud.positions.capacity();
            assert!(room <= LARGER * (bytes.len() + 64));
            return format == MeshFormat::Xyz;
        }
        Err(_) => return false,
    };
    let vertices = mesh.positions.len();
    let corners = mesh.triangles.as_flattened();
    assert!(corners.iter().all(|&vertex| (vertex as usize) < vertices));
    assert!(mesh.positions.as_flattened().iter().all(|x| x.is_finite()));
    let bytes_of = |positions: usize, triangles: usize| 24 * positions + 12 * triangles;
    assert!(bytes_of(vertices, mesh.triangles.len()) as u64 <= limit.bytes);
    // Instances and accessors without data make more of a glTF.
    if !matches!(format, MeshFormat::Glb | MeshFormat::Gltf) {
        let room = bytes_of(mesh.positions.capacity(), mesh.triangles.capacity());
        let length = bytes.len();
        assert!(room <= LARGER * (length + 64), "{room} bytes of {length}");
    }
    true
}

fn fuzz(format: MeshFormat) {
    let wanted = std::env::var("OVERFIT_FUZZ_INPUTS").ok();
    let inputs = wanted
        .as_ref()
        .map_or(INPUTS, |count| count.parse().expect("a count"));
    let corpus = corpus(format);
    let (slowest, meshes) = (AtomicU64::new(0), AtomicU64::new(0));
    (0..inputs).into_par_iter().for_each(|number| {
        let mut rng = Pcg64Mcg::seed_from_u64(number);
        let mut file = corpus[rng.random_range(0..corpus.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            damage(&mut file, &corpus, &mut rng);
        }
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&file, format)));
        slowest.fetch_max(start.elapsed().as_millis() as u64, Ordering::Relaxed);
        meshes.fetch_add(
            u64::from(*outcome.as_ref().unwrap_or(&false)),
            Ordering::Relaxed,
        );
        assert!(
            outcome.is_ok(),
            "input {number} of {format}: {:?}",
            file.escape_ascii().to_string()
        );
    });
    let (slowest, meshes) = (slowest.into_inner(), meshes.into_inner());
    // Where nothing is read to its end only the beginning of a reader is tried.
    assert!(
        meshes * 500 > inputs,
        "only {meshes} of {inputs} are meshes"
    );
    if wanted.is_some() {
        println!("{format}: {inputs} inputs, {meshes} still meshes, the slowest took {slowest} ms");
        assert!(slowest < 10_000, "{format}: an input took {slowest} ms");
    }
}

#[test]
fn damaged_obj() {
    fuzz(MeshFormat::Obj);
}

#[test]
fn damaged_ply() {
    fuzz(MeshFormat::Ply);
}

#[test]
fn damaged_stl() {
    fuzz(MeshFormat::Stl);
}

#[test]
fn damaged_off() {
    fuzz(MeshFormat::Off);
}

#[test]
fn damaged_glb() {
    fuzz(MeshFormat::Glb);
}

#[test]
fn damaged_gltf() {
    fuzz(MeshFormat::Gltf);
}

#[test]
fn damaged_xyz() {
    fuzz(MeshFormat::Xyz);
}
