//! The checksum in a model's file: what the disk gives back is what was written, or is not used.
//!
//! It is the CRC-32 (ISO-HDLC) of the description without it and of every tensor's name, type, shape and bytes, so it outlives programs that order
//! the file in another way.

use safetensors::{SafeTensors, View};

use super::model_error::ModelError;

/// How a description with a checksum begins: eight hexadecimal digits follow.
const BEGIN: &str = "{\"checksum\":\"";

/// What stands behind the digits.
const END: &str = "\",";

/// A description, which is a JSON object with at least one entry, with the checksum of it and the tensors in front.
pub(super) fn with_checksum(description: &str, tensors: &[(String, impl View)]) -> String {
    let tensors = tensors.iter().map(|(name, tensor)| (&**name, tensor));
    let checksum = checksum(description, tensors.collect());
    let entries = description.strip_prefix('{').unwrap_or(description);
    format!("{BEGIN}{checksum:08x}{END}{entries}")
}

/// Checks what was read against the checksum in its description; there is none in files of older versions and of other programs.
///
/// # Errors
/// [`ModelError::Damaged`].
pub(super) fn verify(description: &str, tensors: &SafeTensors<'_>) -> Result<(), ModelError> {
    let told = description.strip_prefix(BEGIN);
    let Some((told, entries)) = told.and_then(|told| told.split_once(END)) else {
        return Ok(());
    };
    let tensors = tensors.tensors();
    let named = tensors.iter().map(|(name, tensor)| (&**name, tensor));
    let found = checksum(&format!("{{{entries}"), named.collect());
    match told == format!("{found:08x}") {
        true => Ok(()),
        false => Err(ModelError::Damaged(format!(
            "its checksum is {told}, that of its content {found:08x}"
        ))),
    }
}

fn checksum(description: &str, mut tensors: Vec<(&str, &impl View)>) -> u32 {
    tensors.sort_unstable_by_key(|(name, _)| *name);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(description.as_bytes());
    for (name, tensor) in tensors {
        let head = format!("\n{name} {:?} {:?}\n", tensor.dtype(), tensor.shape());
        hasher.update(head.as_bytes());
        hasher.update(&tensor.data());
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{Dtype, TensorView, serialize};

    use super::*;

    const DESCRIPTION: &str = "{\"format\":\"x\"}";

    /// A file with these tensors of two bytes each.
    fn file(description: &str, tensors: &[(&str, [u8; 2])]) -> Vec<u8> {
        let tensors = views(tensors);
        let metadata = HashMap::from([("overfit".to_owned(), description.to_owned())]);
        serialize(tensors, Some(metadata)).unwrap()
    }

    fn views<'a>(tensors: &'a [(&str, [u8; 2])]) -> Vec<(String, TensorView<'a>)> {
        let view = |bytes| TensorView::new(Dtype::U8, vec![2], bytes).unwrap();
        let named = tensors
            .iter()
            .map(|(name, bytes)| (name.to_string(), view(bytes)));
        named.collect()
    }

    fn verified(description: &str, tensors: &[(&str, [u8; 2])]) -> Result<(), ModelError> {
        let file = file(description, tensors);
        verify(description, &SafeTensors::deserialize(&file).unwrap())
    }

    #[test]
    fn the_checksum_is_that_of_zlib() {
        // zlib.crc32(b'{"format":"x"}\na U8 [2]\n\x01\x02\nb U8 [2]\n\x03\x04')
        let tensors = [("b", [3, 4]), ("a", [1, 2])];
        let described = with_checksum(DESCRIPTION, &views(&tensors));
        assert_eq!(described, "{\"checksum\":\"ce316e34\",\"format\":\"x\"}");
    }

    #[test]
    fn every_change_is_found_and_order_is_none() {
        let tensors = [("a", [1, 2]), ("b", [3, 4])];
        let described = with_checksum(DESCRIPTION, &views(&tensors));
        verified(&described, &tensors).unwrap();
        verified(&described, &[tensors[1], tensors[0]]).unwrap();
        // Of an older version.
        verified(DESCRIPTION, &tensors).unwrap();
        for changed in [
            [("a", [1, 2]), ("b", [3, 5])],
            [("a", [1, 2]), ("c", [3, 4])],
            [("a", [3, 4]), ("b", [1, 2])],
        ] {
            let error = verified(&described, &changed).unwrap_err();
            assert!(matches!(error, ModelError::Damaged(_)), "{error}");
        }
        for (from, to) in [("\"x\"", "\"y\""), ("format", "fromat")] {
            verified(&described.replace(from, to), &tensors).unwrap_err();
        }
    }
}
