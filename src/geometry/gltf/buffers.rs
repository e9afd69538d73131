//! The bytes behind a glTF: its buffers, and the views of them.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::container::Container;
use super::document::{Document, Whole};
use super::{check_room, compression};
use crate::geometry::SizeLimit;
use crate::geometry::read::Failure;
use crate::words::quoted;

/// The buffers of a document, each brought in when something in it is asked for.
pub(super) struct Buffers<'a> {
    document: &'a Document<'a>,
    /// The buffer of a binary file.
    binary: Option<&'a [u8]>,
    /// Where buffers in files of their own are looked for.
    folder: Option<&'a Path>,
    loaded: Vec<OnceCell<Cow<'a, [u8]>>>,
    /// The buffer that brought in a file: other buffers may name the same one.
    files: RefCell<HashMap<PathBuf, usize>>,
    /// Views that are compressed, decoded.
    decoded: Vec<OnceCell<Vec<u8>>>,
    /// Bytes of files and decoded views so far.
    held: Cell<u64>,
    limit: &'a SizeLimit,
}

/// A part of a buffer.
#[derive(Clone, Copy)]
pub(super) struct ViewBytes<'a> {
    pub bytes: &'a [u8],
    /// From one item to the next; `None` where they lie close together.
    pub stride: Option<usize>,
}

impl<'a> Buffers<'a> {
    pub fn new(
        document: &'a Document<'a>,
        container: &Container<'a>,
        folder: Option<&'a Path>,
        limit: &'a SizeLimit,
    ) -> Self {
        let empty = |count| (0..count).map(|_| OnceCell::new()).collect();
        Buffers {
            document,
            binary: container.binary,
            folder,
            loaded: empty(document.buffers.len()),
            files: RefCell::default(),
            decoded: (0..document.views.len()).map(|_| OnceCell::new()).collect(),
            held: Cell::new(0),
            limit,
        }
    }

    /// The bytes of a buffer view, decompressed.
    pub fn view(&self, index: usize) -> Result<ViewBytes<'_>, Failure> {
        let place = |failure: Failure| failure.at(format_args!("buffer view {index}"));
        let view = self.document.views.get(index)?;
        // Decompressed even where the file holds the plain bytes, too: those often lie in a file that nobody keeps.
        if let Some(packed) = compression::packed_view(view.extensions).map_err(place)? {
            let cell = &self.decoded[index];
            if cell.get().is_none() {
                let from = self
                    .range(packed.buffer, packed.byte_offset, Some(packed.byte_length))
                    .map_err(place)?;
                let what = || format!("buffer view {index}, with what was read before");
                self.hold(packed.decoded_length(), what)?;
                let bytes = packed.decode(from, self.limit).map_err(place)?;
                cell.get_or_init(|| bytes);
            }
            return Ok(ViewBytes {
                bytes: cell.get().map_or(&[], Vec::as_slice),
                stride: Some(packed.byte_stride.index()),
            });
        }
        let Some(buffer) = view.buffer else {
            return Err(place(Failure::Malformed("it names no buffer".into())));
        };
        Ok(ViewBytes {
            bytes: self
                .range(buffer, view.byte_offset, view.byte_length)
                .map_err(place)?,
            stride: view
                .byte_stride
                .map(Whole::index)
                .filter(|&stride| stride > 0),
        })
    }

    /// The bytes of a buffer from `offset` on.
    fn range(
        &self,
        buffer: Whole,
        offset: Option<Whole>,
        length: Option<Whole>,
    ) -> Result<&[u8], Failure> {
        let index = buffer.index();
        let bytes = self.buffer(index)?;
        let start = offset.map_or(0, Whole::index);
        let end = match length {
            Some(length) => start.saturating_add(length.index()),
            None => bytes.len().max(start),
        };
        bytes.get(start..end).ok_or_else(|| {
            Failure::Truncated(format!(
                "bytes {start} to {end} of buffer {index} are needed, which has {}",
                bytes.len()
            ))
        })
    }

    fn buffer(&self, index: usize) -> Result<&[u8], Failure> {
        let buffer = self.document.buffers.get(index)?;
        let cell = &self.loaded[index];
        if let Some(bytes) = cell.get() {
            return Ok(bytes);
        }
        let place = |failure: Failure| failure.at(format_args!("buffer {index}"));
        let bytes = match (&buffer.uri, self.binary) {
            (None, Some(binary)) => Cow::Borrowed(binary),
            (None, None) => {
                return Err(place(Failure::Malformed(
                    "it has neither a URI nor a binary chunk".into(),
                )));
            }
            (Some(uri), _) => match embedded(uri).map_err(place)? {
                Some(bytes) => Cow::Owned(bytes),
                None => {
                    let path = self.path(uri).map_err(place)?;
                    let first = *self.files.borrow_mut().entry(path.clone()).or_insert(index);
                    if first != index {
                        return self.buffer(first);
                    }
                    let what = || format!("buffer {index}, with what was read before");
                    Cow::Owned(self.read_file(&path, uri, what).map_err(place)?)
                }
            },
        };
        Ok(cell.get_or_init(|| bytes))
    }

    /// The file that a URI names, which must lie in the folder of the document or below it.
    fn path(&self, uri: &str) -> Result<PathBuf, Failure> {
        let refuse = |words: String| Err(Failure::Unsupported(words));
        if let Some(scheme) = scheme(uri) {
            return refuse(format!(
                "its geometry lies outside its folder, in `{}`, and nothing is fetched by `{scheme}:`: export it as one \
                 .glb file",
                quoted(uri)
            ));
        }
        let Some(folder) = self.folder else {
            return refuse(format!(
                "its geometry lies in another file, `{}`: export it as one .glb file",
                quoted(uri)
            ));
        };
        // Some writers leave the separators of Windows as they are.
        let decoded = String::from_utf8_lossy(&decode_percent(uri)).replace('\\', "/");
        let inside = |part: &Component| matches!(part, Component::Normal(_) | Component::CurDir);
        let relative = Path::new(&decoded);
        if !relative.components().all(|part| inside(&part)) {
            return refuse(format!(
                "its geometry lies outside its folder, in `{}`: export it as one .glb file",
                quoted(uri)
            ));
        }
        // Without `.`, so that one file has one path.
        Ok(relative
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .fold(folder.to_owned(), |path, part| path.join(part)))
    }

    fn read_file(
        &self,
        path: &Path,
        uri: &str,
        what: impl FnOnce() -> String,
    ) -> Result<Vec<u8>, Failure> {
        let failed = |words: String| {
            Failure::Unsupported(format!(
                "the file `{}` with its geometry cannot be read: {words}; put it beside the .gltf file, or export that \
                 as one .glb file",
                quoted(uri)
            ))
        };
        // Asked before it is opened: a pipe would wait for ever.
        let metadata = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("it is no file".into()));
        }
        self.hold(metadata.len(), what)?;
        std::fs::read(path).map_err(|error| failed(error.to_string()))
    }

    /// Refuses more bytes than a mesh within the limit can need.
    fn hold(&self, bytes: u64, what: impl FnOnce() -> String) -> Result<(), Failure> {
        let sum = self.held.get().saturating_add(bytes);
        check_room(self.limit, sum, what)?;
        self.held.set(sum);
        Ok(())
    }
}

/// The scheme of a URI such as `https`; a single letter is a drive of Windows.
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.len() > 1)
        .then_some(scheme)
        .filter(|scheme| scheme.chars().all(fits))
}

/// The bytes of a URI that holds them itself.
fn embedded(uri: &str) -> Result<Option<Vec<u8>>, Failure> {
    let is_data = uri
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    if !is_data {
        return Ok(None);
    }
    // What kind of data it claims to be does not matter.
    let Some((kind, data)) = uri.split_once(',') else {
        return Err(Failure::Malformed("its data URI has no data".into()));
    };
    if !kind.to_ascii_lowercase().ends_with(";base64") {
        return Ok(Some(decode_percent(data)));
    }
    match decode_base64(data) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(Failure::Malformed(
            "its data URI is not valid base64".into(),
        )),
    }
}

/// Decodes either alphabet, with and without padding and white space.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text.trim_ascii_end().trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ if digit.is_ascii_whitespace() => continue,
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

fn decode_percent(uri: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|hex| std::str::from_utf8(hex).ok());
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
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        assert_eq!(decode_base64("Zm9vYg==").unwrap(), b"foob");
        assert_eq!(decode_base64("Zm9vYg").unwrap(), b"foob");
        assert_eq!(decode_base64("Zm9v").unwrap(), b"foo");
        assert_eq!(decode_base64("Zm\n9v\n").unwrap(), b"foo");
        assert_eq!(decode_base64("Zm#9v"), None);
    }

    #[test]
    fn percent_codes_are_decoded_and_broken_ones_kept() {
        let decode = |uri| String::from_utf8(decode_percent(uri)).unwrap();
        assert_eq!(decode("a%20b%2Fc"), "a b/c");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%C3%A4%+1"), "%zzä%+1");
    }

    #[test]
    fn data_of_any_kind_is_embedded() {
        for uri in ["data:,foo", "DATA:text/x;base64,Zm9v", "data:;base64,Zm9v"] {
            assert_eq!(embedded(uri).unwrap().unwrap(), b"foo", "{uri}");
        }
        assert!(embedded("data.bin").unwrap().is_none());
        assert!(embedded("data:").is_err());
    }

    #[test]
    fn schemes_are_told_from_names() {
        assert_eq!(scheme("https://a/b.bin"), Some("https"));
        assert_eq!(scheme("file:///a"), Some("file"));
        assert_eq!(scheme("C:/a.bin"), None);
        assert_eq!(scheme("a b:c.bin"), None);
        assert_eq!(scheme("a.bin"), None);
    }
}
