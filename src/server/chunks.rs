//! Large results in pieces that every client takes.

use bytemuck::NoUninit;
use prost::bytes::Bytes;

/// Largest piece. Well under the 4 MiB that gRPC clients take unless told otherwise.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

// The wire is little-endian: memory is sent as it is.
const _: () = assert!(cfg!(target_endian = "little"));

/// Cuts runs of bytes into pieces of at most [`CHUNK_BYTES`], without copying them.
pub(super) fn chunks(runs: Vec<Bytes>) -> impl Iterator<Item = Bytes> + Send {
    runs.into_iter().flat_map(|mut run| {
        std::iter::from_fn(move || {
            let length = run.len().min(CHUNK_BYTES);
            (length > 0).then(|| run.split_to(length))
        })
    })
}

/// The memory of an array, handed over without copying it.
pub(super) fn bytes_of<T: NoUninit + Send + 'static>(values: Vec<T>) -> Bytes {
    Bytes::from_owner(Array(values))
}

struct Array<T>(Vec<T>);

impl<T: NoUninit> AsRef<[u8]> for Array<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_no_piece_is_too_large() {
        let long: Vec<u32> = (0..600_000).collect();
        let runs = vec![
            bytes_of(long.clone()),
            Bytes::new(),
            bytes_of(vec![[7.5f32; 3]]),
        ];
        let pieces: Vec<Bytes> = chunks(runs.clone()).collect();
        assert!(
            pieces
                .iter()
                .all(|piece| (1..=CHUNK_BYTES).contains(&piece.len()))
        );
        assert_eq!(pieces.concat(), runs.concat());
        assert_eq!(pieces[0][..8], [0, 0, 0, 0, 1, 0, 0, 0]);
    }
}
