//! The bytes behind a glTF: its chunks, its buffers, and the numbers in them.
//!
//! The gltf crate can read numbers, too, but asserts that a file keeps its promises; these functions check.

use std::path::{Component, Path};

use gltf::accessor::{DataType, Dimensions};
use gltf::buffer::Source;
use gltf::{Accessor, Document};

use super::read::Failure;

/// The JSON of a glTF and, if the file is a binary one, its buffer.
pub(super) fn split_binary(bytes: &[u8]) -> Result<(&[u8], Option<&[u8]>), Failure> {
    const HEADER: usize = 12;
    if !bytes.starts_with(b"glTF") {
        return Ok((bytes, None));
    }
    if read_u32(bytes, 4).is_some_and(|version| version != 2) {
        return Err(Failure::Unsupported(
            "only version 2 of binary glTF is read: export the file anew".into(),
        ));
    }
    match read_u32(bytes, 8) {
        Some(length) if length as usize <= bytes.len() => {}
        _ => {
            return Err(Failure::Truncated(
                "it is shorter than its header says".into(),
            ));
        }
    }
    let (json, rest) = split_chunk(&bytes[HEADER..], b"JSON")?;
    let binary = if rest.is_empty() {
        None
    } else {
        Some(split_chunk(rest, b"BIN\0")?.0)
    };
    Ok((json, binary))
}

fn split_chunk<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Result<(&'a [u8], &'a [u8]), Failure> {
    const HEADER: usize = 8;
    let cut = || Failure::Truncated("a chunk is shorter than its header says".into());
    let length = read_u32(bytes, 0).ok_or_else(cut)? as usize;
    if bytes.get(4..HEADER) != Some(kind) {
        return Err(Failure::Malformed(format!(
            "a `{}` chunk is missing",
            kind.escape_ascii()
        )));
    }
    bytes[HEADER..].split_at_checked(length).ok_or_else(cut)
}

fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..offset + 4)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

/// The contents of all buffers of a document.
pub(super) struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// Collects the buffers: `binary` is the one of a binary file, embedded ones are decoded, others are files beside
    /// the document in `folder`.
    pub fn load(
        document: &Document,
        binary: Option<&[u8]>,
        folder: Option<&Path>,
    ) -> Result<Buffers, Failure> {
        let load = |buffer: gltf::Buffer| {
            let bytes = match buffer.source() {
                Source::Bin => binary.map(<[u8]>::to_vec).ok_or_else(|| {
                    Failure::Malformed(format!(
                        "buffer {} has neither a URI nor a binary chunk",
                        buffer.index()
                    ))
                })?,
                Source::Uri(uri) => load_uri(uri, folder)?,
            };
            if bytes.len() < buffer.length() {
                return Err(Failure::Truncated(format!(
                    "buffer {} should have {} bytes, but has {}",
                    buffer.index(),
                    buffer.length(),
                    bytes.len()
                )));
            }
            Ok(bytes)
        };
        document
            .buffers()
            .map(load)
            .collect::<Result<_, _>>()
            .map(Buffers)
    }
}

fn load_uri(uri: &str, folder: Option<&Path>) -> Result<Vec<u8>, Failure> {
    if let Some(data) = uri.strip_prefix("data:") {
        let encoded = data.split_once(";base64,").map(|(_, encoded)| encoded);
        return encoded
            .and_then(decode_base64)
            .ok_or_else(|| Failure::Malformed("an embedded buffer is not valid base64".into()));
    }
    let Some(folder) = folder else {
        return Err(Failure::Unsupported(format!(
            "its geometry lies in another file, `{uri}`: export it as one .glb file"
        )));
    };
    let relative = decode_percent(uri);
    let inside = Path::new(&relative)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || uri.contains("://") {
        return Err(Failure::Unsupported(format!(
            "its geometry lies outside its folder, in `{uri}`: export it as one .glb file"
        )));
    }
    std::fs::read(folder.join(&relative)).map_err(|error| {
        Failure::Unsupported(format!(
            "the file `{uri}` with its geometry cannot be read: {error}"
        ))
    })
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

fn decode_percent(uri: &str) -> String {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one number from the front of its bytes.
type Number = dyn Fn(&[u8]) -> f64;

/// Reads positions, `[N, 3]`: floats, or the integers of quantised files.
pub(super) fn read_positions(
    accessor: &Accessor,
    buffers: &Buffers,
) -> Result<Vec<[f64; 3]>, Failure> {
    if accessor.dimensions() != Dimensions::Vec3 {
        return Err(malformed(accessor, "positions must have three coordinates"));
    }
    let normalized = accessor.normalized();
    let whole = move |x: f64, largest: f64| {
        if normalized {
            (x / largest).max(-1.0)
        } else {
            x
        }
    };
    let number: Box<Number> = match accessor.data_type() {
        DataType::F32 => Box::new(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()),
        DataType::I8 => Box::new(move |b| whole((b[0] as i8).into(), i8::MAX.into())),
        DataType::U8 => Box::new(move |b| whole(b[0].into(), u8::MAX.into())),
        DataType::I16 => {
            Box::new(move |b| whole(i16::from_le_bytes([b[0], b[1]]).into(), i16::MAX.into()))
        }
        DataType::U16 => {
            Box::new(move |b| whole(u16::from_le_bytes([b[0], b[1]]).into(), u16::MAX.into()))
        }
        DataType::U32 => Box::new(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()),
    };
    let size = accessor.data_type().size();
    let items = items(accessor, buffers)?;
    Ok(items
        .map(|item| std::array::from_fn(|axis| number(&item[axis * size..])))
        .collect())
}

/// Reads vertex indices.
pub(super) fn read_indices(accessor: &Accessor, buffers: &Buffers) -> Result<Vec<u32>, Failure> {
    if accessor.dimensions() != Dimensions::Scalar {
        return Err(malformed(accessor, "indices must be single numbers"));
    }
    let items = items(accessor, buffers)?;
    Ok(match accessor.data_type() {
        DataType::U8 => items.map(|b| b[0].into()).collect(),
        DataType::U16 => items
            .map(|b| u16::from_le_bytes([b[0], b[1]]).into())
            .collect(),
        DataType::U32 => items
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        _ => return Err(malformed(accessor, "indices must be unsigned integers")),
    })
}

/// The bytes of each item of an accessor.
fn items<'a>(
    accessor: &Accessor,
    buffers: &'a Buffers,
) -> Result<impl Iterator<Item = &'a [u8]>, Failure> {
    if accessor.sparse().is_some() {
        let index = accessor.index();
        return Err(Failure::Unsupported(format!(
            "accessor {index} is sparse, which is not read: export the file anew"
        )));
    }
    let view = accessor
        .view()
        .ok_or_else(|| malformed(accessor, "it has no data"))?;
    let size = accessor.size();
    let stride = view.stride().unwrap_or(size);
    if stride < size {
        return Err(malformed(accessor, "its items overlap"));
    }
    let count = accessor.count();
    let end = |start: usize, length: usize| start.checked_add(length);
    let bytes = end(view.offset(), view.length())
        .and_then(|last| buffers.0[view.buffer().index()].get(view.offset()..last))
        .and_then(|bytes| bytes.get(accessor.offset()..));
    let needed = count
        .saturating_sub(1)
        .checked_mul(stride)
        .and_then(|before| before.checked_add(size));
    match (bytes, needed) {
        (Some(bytes), Some(needed)) if bytes.len() >= needed => Ok(bytes
            .chunks(stride)
            .take(count)
            .map(move |item| &item[..size])),
        _ => Err(Failure::Truncated(format!(
            "accessor {} reaches beyond its buffer",
            accessor.index()
        ))),
    }
}

fn malformed(accessor: &Accessor, what: &str) -> Failure {
    Failure::Malformed(format!("accessor {}: {what}", accessor.index()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        assert_eq!(decode_base64("Zm9vYg==").unwrap(), b"foob");
        assert_eq!(decode_base64("Zm9vYg").unwrap(), b"foob");
        assert_eq!(decode_base64("Zm9v").unwrap(), b"foo");
        assert_eq!(decode_base64("Zm 9v"), None);
    }

    #[test]
    fn percent_codes_are_decoded_and_broken_ones_kept() {
        assert_eq!(decode_percent("a%20b%2Fc"), "a b/c");
        assert_eq!(decode_percent("100%"), "100%");
        assert_eq!(decode_percent("%zz%C3%A4"), "%zzä");
    }
}
