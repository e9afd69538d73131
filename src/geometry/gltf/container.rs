//! The JSON of a glTF, and the buffer behind it in a binary file.

use std::borrow::Cow;

use crate::geometry::read::Failure;

/// The two parts of a file.
pub(super) struct Container<'a> {
    /// The JSON, without byte order mark and padding.
    pub json: Cow<'a, str>,
    /// The buffer of a binary file, if it has one.
    pub binary: Option<&'a [u8]>,
}

/// Takes a file apart.
///
/// A binary file is walked chunk by chunk: its header's total length decides nothing, and chunks of kinds that are not
/// known are skipped, wherever they are.
pub(super) fn open(bytes: &[u8]) -> Result<Container<'_>, Failure> {
    const HEADER: usize = 12;
    if !bytes.starts_with(b"glTF") {
        return Ok(Container {
            json: text(bytes),
            binary: None,
        });
    }
    match read_u32(bytes, 4) {
        Some(2) => {}
        Some(1) => return Err(version_1()),
        Some(version) => {
            return Err(Failure::Unsupported(format!(
                "it is binary glTF of version {version}, and only version 2 is known: export the file anew"
            )));
        }
        None => return Err(Failure::Truncated("its header is not whole".into())),
    }
    let cut = |what: &str| Failure::Truncated(format!("the {what} chunk is shorter than it says"));
    let mut json = None;
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    while let Some((length, kind, after)) = chunk_header(rest) {
        let whole = after.split_at_checked(length);
        match (kind, json) {
            (b"JSON", None) => json = Some(whole.ok_or_else(|| cut("JSON"))?.0),
            (b"BIN\0", Some(json)) => {
                return Ok(Container {
                    json: text(json),
                    binary: Some(whole.ok_or_else(|| cut("BIN"))?.0),
                });
            }
            _ => {}
        }
        rest = whole.map_or(&[], |(_, rest)| rest);
    }
    match json {
        Some(json) => Ok(Container {
            json: text(json),
            binary: None,
        }),
        None => Err(Failure::Truncated("the JSON chunk is missing".into())),
    }
}

/// glTF 1.0 shares little more than its name with 2.0.
pub(super) fn version_1() -> Failure {
    Failure::Unsupported(
        "it is glTF 1.0, an older format that is not read: convert it to glTF 2.0 (gltf-pipeline does), or export it anew"
            .into(),
    )
}

/// Length and kind of the chunk at the front, and the bytes after its header.
fn chunk_header(bytes: &[u8]) -> Option<(usize, &[u8; 4], &[u8])> {
    let length = read_u32(bytes, 0)? as usize;
    let (kind, after) = bytes.get(4..)?.split_first_chunk()?;
    Some((length, kind, after))
}

fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

/// The text, without what some writers put around it. Names in other encodings than UTF-8 must not refuse a file.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = bytes
        .iter()
        .rposition(|byte| !padding(byte))
        .map_or(0, |last| last + 1);
    let text = String::from_utf8_lossy(&bytes[..end]);
    if ["NaN", "Infinity"].iter().any(|word| text.contains(word)) {
        return without_nan(&text).into();
    }
    text
}

/// The JSON with `null` for the numbers that it cannot have, and some writers' bounds have. Where such a number is needed,
/// `null` is refused.
fn without_nan(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    let mut in_string = false;
    while let Some(at) = rest.find(['"', '\\', 'N', 'I', '-']) {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let words = ["NaN", "-Infinity", "Infinity"];
        let number = words
            .into_iter()
            .find(|word| !in_string && rest.starts_with(word));
        // What follows a backslash in a string ends no string.
        let escaped = rest.chars().nth(1).filter(|_| rest.starts_with('\\'));
        in_string ^= rest.starts_with('"');
        let length = number.map_or(1 + escaped.map_or(0, char::len_utf8), str::len);
        clean.push_str(number.map_or(&rest[..length], |_| "null"));
        rest = &rest[length..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binary file of `chunks`, with a total length that is wrong.
    fn binary(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"glTF\x02\0\0\0\x07\0\0\0".to_vec();
        for (kind, data) in chunks {
            bytes.extend((data.len() as u32).to_le_bytes());
            bytes.extend(*kind);
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn numbers_that_are_none_become_null_outside_of_strings() {
        let json = r#"{"NaN":[NaN,-Infinity,Infinity,-1],"a\"NaN\\":"-Infinity","N":"\ä"}"#;
        let clean = r#"{"NaN":[null,null,null,-1],"a\"NaN\\":"-Infinity","N":"\ä"}"#;
        assert_eq!(text(json.as_bytes()), clean);
    }

    #[test]
    fn chunks_of_any_kind_may_stand_anywhere() {
        let more: (&[u8; 4], &[u8]) = (b"ABCD", b"1234");
        let json: (&[u8; 4], &[u8]) = (b"JSON", b"\xef\xbb\xbf{}\0\0 ");
        let buffer: (&[u8; 4], &[u8]) = (b"BIN\0", b"data");
        for chunks in [
            [json, buffer, more].as_slice(),
            &[json, more, buffer],
            &[more, json, buffer],
        ] {
            let mut bytes = binary(chunks);
            bytes.extend(b"tail");
            let container = open(&bytes).unwrap();
            assert_eq!(container.json, "{}");
            assert_eq!(container.binary, Some(b"data".as_slice()));
        }
        assert!(open(&binary(&[json])).unwrap().binary.is_none());
        assert!(matches!(open(&binary(&[more])), Err(Failure::Truncated(_))));
    }
}
