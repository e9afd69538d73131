//! Dense volumes as NumPy files.

use super::error::{WriteError, WriteFailure, write_whole};
use crate::CancelToken;
use crate::extract::{Grid, stream_dense};
use crate::field::ScalarField;
use crate::geometry::Similarity;
use npyz::WriterBuilder;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

/// Samples `field` over `grid` straight into a `.npy` file: float32 `[X, Y, Z]` in C order (`z` fastest), signed
/// distances in own units. The volume is never in memory as a whole.
///
/// The file has no room for origin and voxel size: they are those of `grid`. Written beside `path` and renamed when
/// whole. `progress` is told the share done, 0 to 1.
///
/// # Errors
/// A file that cannot be written (the error names it), a field that is not finite, or cancellation.
pub fn write_npy(
    field: &dyn ScalarField,
    grid: &Grid,
    frame: &Similarity,
    path: &Path,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<(), WriteError> {
    let shape = grid.dims.map(u64::from);
    write_whole(path, |file: &mut dyn Write| {
        let mut npy = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(file)
            .begin_nd()?;
        stream_dense(
            field,
            grid,
            frame,
            cancel,
            |slab: Range<u32>, values: &[f32]| {
                npy.extend(values.iter().copied())?;
                progress(slab.end as f32 / grid.dims[0] as f32);
                Ok::<(), WriteFailure>(())
            },
        )?;
        npy.finish()?;
        Ok::<(), WriteFailure>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::Closed;
    use crate::extract::{DEFAULT_MEMORY_LIMIT, sample_dense};

    #[test]
    fn reads_back_as_the_dense_volume_in_c_order() {
        let grid = Grid {
            origin: [1.0, 2.0, 3.0],
            voxel_size: 0.5,
            dims: [5, 4, 3],
            resolution: 4.0,
        };
        let frame = Similarity {
            center: [1.0, 2.0, 3.0],
            scale: 2.0,
        };
        // In own units: 100 x + 10 y + z, counted in samples.
        let field = Closed(|p: [f64; 3]| (p[0] * 100.0 + p[1] * 10.0 + p[2]) * 2.0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume.npy");
        write_npy(
            &field,
            &grid,
            &frame,
            &path,
            &CancelToken::new(),
            &mut |_| (),
        )
        .unwrap();
        let npy = npyz::NpyFile::new(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!((npy.shape(), npy.order()), (&[5, 4, 3][..], npyz::Order::C));
        let values: Vec<f32> = npy.into_vec().unwrap();
        assert_eq!(values[..5], [0.0, 1.0, 2.0, 10.0, 11.0]);
        assert_eq!(values[59], 432.0);
        let limit = DEFAULT_MEMORY_LIMIT;
        let dense = sample_dense(
            &field,
            &grid,
            &frame,
            limit,
            &CancelToken::new(),
            &mut |_| (),
        )
        .unwrap();
        assert_eq!(values, dense.values);
    }
}
