//! Dense volumes: every sample of a grid, in memory or streamed slab by slab.

use super::grid::UnitGrid;
use super::lattice::Sampler;
use super::{ExtractError, Grid};
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::Similarity;
use rayon::prelude::*;
use std::ops::Range;

/// Samples in one slab that [`stream_dense`] hands out, about.
const SLAB_SAMPLES: usize = 1 << 20;

/// Signed distances at every sample of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseVolume {
    /// The first sample, own units.
    pub origin: [f64; 3],
    /// Distance between neighbouring samples, own units.
    pub voxel_size: f64,
    /// `[X, Y, Z]`: samples along each axis.
    pub dims: [u32; 3],
    /// `[X, Y, Z] f32`, C order (`z` fastest), own units, negative inside.
    pub values: Vec<f32>,
}

/// Samples `field` over the whole of `grid` into memory.
///
/// `frame` leads from own units to the unit frame of `field`; `progress` is told the share done, 0 to 1.
///
/// # Errors
/// More than `memory_limit` bytes (found out before anything is evaluated), a field that is not finite, or
/// cancellation.
pub fn sample_dense(
    field: &dyn ScalarField,
    grid: &Grid,
    frame: &Similarity,
    memory_limit: u64,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<DenseVolume, ExtractError> {
    grid.check_dense(memory_limit)?;
    let mut values = Vec::with_capacity(grid.samples() as usize);
    stream_dense(
        field,
        grid,
        frame,
        cancel,
        |slab: Range<u32>, part: &[f32]| {
            values.extend_from_slice(part);
            progress(slab.end as f32 / grid.dims[0] as f32);
            Ok::<(), ExtractError>(())
        },
    )?;
    Ok(DenseVolume {
        origin: grid.origin,
        voxel_size: grid.voxel_size,
        dims: grid.dims,
        values,
    })
}

/// Samples `field` over the whole of `grid`, a slab of constant-`x` layers at a time, so that memory does not grow
/// with the volume.
///
/// `receive` gets the range of `x` and the slab's values, `[x.len(), Y, Z] f32` in C order, own units, in growing
/// order of `x`: writing them one after the other gives the `[X, Y, Z]` volume. Its error ends the work.
///
/// # Errors
/// What `receive` returns, a field that is not finite, or cancellation.
pub fn stream_dense<E: From<ExtractError>>(
    field: &dyn ScalarField,
    grid: &Grid,
    frame: &Similarity,
    cancel: &CancelToken,
    mut receive: impl FnMut(Range<u32>, &[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let unit = UnitGrid::new(grid, frame);
    let mut sampler = Sampler::new(field, unit, frame, 0.0, cancel);
    let [x_count, y_count, z_count] = grid.dims;
    let layer = y_count as usize * z_count as usize;
    // A layer larger than a slab is cut further, so that points and values stay small beside the layer itself.
    let layers = (SLAB_SAMPLES / layer).max(1) as u32;
    let mut points = vec![[0.0; 3]; SLAB_SAMPLES.min(layer * layers as usize)];
    let mut slab = Vec::new();
    for x in (0..x_count).step_by(layers as usize) {
        let range = x..(x + layers).min(x_count);
        let count = layer * range.len();
        slab.clear();
        for start in (0..count).step_by(SLAB_SAMPLES) {
            let part = &mut points[..SLAB_SAMPLES.min(count - start)];
            part.par_iter_mut().enumerate().for_each(|(offset, point)| {
                let index = start + offset;
                let (x, y) = (x as usize + index / layer, index % layer / z_count as usize);
                *point = unit.point([x as f64, y as f64, (index % z_count as usize) as f64]);
            });
            let to_own = frame.scale.recip() as f32;
            slab.extend(
                sampler
                    .values(part)?
                    .into_iter()
                    .map(|value| value * to_own),
            );
        }
        receive(range, &slab)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::{length, sphere};

    fn grid(dims: [u32; 3]) -> Grid {
        Grid {
            origin: [-1.0, -1.0, -1.0],
            voxel_size: 2.0 / 1200.0,
            dims,
            resolution: 1200.0,
        }
    }

    #[test]
    fn slabs_follow_each_other_and_hold_the_field() {
        // A layer larger than a slab, and layers of which several make a slab.
        for dims in [[3, 1100, 1000], [40, 200, 190]] {
            let grid = grid(dims);
            let mut next = 0;
            let cancel = CancelToken::new();
            stream_dense(
                &sphere(0.5),
                &grid,
                &Similarity::IDENTITY,
                &cancel,
                |x: Range<u32>, values: &[f32]| {
                    assert_eq!(x.start, next);
                    next = x.end;
                    let layer = dims[1] as usize * dims[2] as usize;
                    assert_eq!(values.len(), x.len() * layer);
                    for index in (0..values.len()).step_by(9973) {
                        let at = [
                            index / layer,
                            index % layer / dims[2] as usize,
                            index % dims[2] as usize,
                        ];
                        let point =
                            grid.point([x.start + at[0] as u32, at[1] as u32, at[2] as u32]);
                        assert!((f64::from(values[index]) - (length(point) - 0.5)).abs() < 1e-6);
                    }
                    Ok::<(), ExtractError>(())
                },
            )
            .unwrap();
            assert_eq!(next, dims[0]);
        }
    }

    #[test]
    fn refuses_before_it_evaluates_and_stops_when_told() {
        let cancel = CancelToken::new();
        let sample = |limit: u64| {
            sample_dense(
                &sphere(0.5),
                &grid([100; 3]),
                &Similarity::IDENTITY,
                limit,
                &cancel,
                &mut |_| (),
            )
        };
        assert!(matches!(
            sample(3_999_999),
            Err(ExtractError::TooLarge {
                bytes: 4_000_000,
                ..
            })
        ));
        assert_eq!(sample(4_000_000).unwrap().values.len(), 1_000_000);
        cancel.cancel();
        assert_eq!(sample(4_000_000), Err(ExtractError::Cancelled));
    }
}
