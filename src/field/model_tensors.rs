//! Those tensors of a model file that are no parameters of the network: its spline and its outer surface.

use std::borrow::Cow;

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, View};

use super::model_error::ModelError;
use super::outer_surface::OuterSurface;
use super::spline::{Degree, SparseSpline, SplineLevel};

/// A tensor on its way into a file.
pub(super) struct Stored<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Stored<'a> {
    /// `bytes` are those of that shape.
    pub(super) fn new(dtype: Dtype, shape: Vec<usize>, bytes: Cow<'a, [u8]>) -> Self {
        Self {
            dtype,
            shape,
            bytes,
        }
    }
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Names of the tensors that hold the outer surface.
const OUTER_PLACES: &str = "outer.places";
const OUTER_NEAREST: &str = "outer.nearest";
const OUTER_CELLS: &str = "outer.cells";

/// The tensors of an outer surface, with their names.
pub(super) fn outer_tensors(outer: &OuterSurface) -> [(String, Stored<'_>); 3] {
    let tensor = |name: &str, dtype, shape: [usize; 2], bytes| {
        let bytes = Cow::Borrowed(bytes);
        (name.to_owned(), Stored::new(dtype, shape.to_vec(), bytes))
    };
    let (count, cells) = (outer.places.len(), outer.cells.len());
    [
        tensor(
            OUTER_PLACES,
            Dtype::U8,
            [count, 3],
            outer.places.as_flattened(),
        ),
        tensor(
            OUTER_NEAREST,
            Dtype::F32,
            [count, 3],
            bytemuck::cast_slice(&outer.nearest),
        ),
        tensor(
            OUTER_CELLS,
            Dtype::U32,
            [cells, 4],
            bytemuck::cast_slice(&outer.cells),
        ),
    ]
}

/// The outer surface, if the file has one.
pub(super) fn read_outer(tensors: &SafeTensors<'_>) -> Result<Option<OuterSurface>, ModelError> {
    if tensors.tensor(OUTER_PLACES).is_err() {
        return Ok(None);
    }
    let places = rows_of(tensors, OUTER_PLACES, Dtype::U8, u8::from_le_bytes)?;
    let nearest = rows_of(tensors, OUTER_NEAREST, Dtype::F32, f32::from_le_bytes)?;
    let cells = rows_of(tensors, OUTER_CELLS, Dtype::U32, u32::from_le_bytes)?;
    Ok(Some(OuterSurface {
        places,
        nearest,
        cells,
    }))
}

/// Fails if what was read as an outer surface is none.
pub(super) fn check_outer(outer: Option<&OuterSurface>) -> Result<(), ModelError> {
    let wrong = |text| ModelError::Incomplete(format!("its outer surface is damaged: {text}"));
    outer.map_or(Ok(()), |outer| outer.check().map_err(wrong))
}

/// Fails if what was read as a spline is none.
pub(super) fn check_spline(spline: Option<&SparseSpline>) -> Result<(), ModelError> {
    let wrong = |text| ModelError::Incomplete(format!("its spline is damaged: {text}"));
    spline.map_or(Ok(()), |spline| spline.check().map_err(wrong))
}

/// The tensor of a name, if it is of this kind and, but for its first dimension, of this shape.
pub(super) fn checked<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    rest: &[usize],
) -> Result<TensorView<'a>, ModelError> {
    let tensor = (tensors.tensor(name))
        .map_err(|_| ModelError::Incomplete(format!("tensor '{name}' is missing")))?;
    let fits = matches!(tensor.shape(), [_, others @ ..] if others == rest);
    if tensor.dtype() == dtype && fits {
        return Ok(tensor);
    }
    let rest: String = rest.iter().map(|size| format!(", {size}")).collect();
    Err(ModelError::Incomplete(format!(
        "tensor '{name}' is {:?} {:?}, it must be {dtype:?} [N{rest}]",
        tensor.dtype(),
        tensor.shape()
    )))
}

/// A tensor `[N, COLUMNS]` of numbers of `BYTES` bytes.
fn rows_of<T: Copy, const BYTES: usize, const COLUMNS: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    from_bytes: fn([u8; BYTES]) -> T,
) -> Result<Vec<[T; COLUMNS]>, ModelError> {
    let tensor = checked(tensors, name, dtype, &[COLUMNS])?;
    let (numbers, _) = tensor.data().as_chunks::<BYTES>();
    let (rows, _) = numbers.as_chunks::<COLUMNS>();
    Ok(rows.iter().map(|row| row.map(from_bytes)).collect())
}

/// Names of the tensors of a spline's level.
fn spline_names(level: usize) -> [String; 3] {
    ["bricks", "masks", "coefficients"].map(|part| format!("spline.{level}.{part}"))
}

/// The tensors of a spline, with their names.
pub(super) fn spline_tensors(spline: &SparseSpline) -> Vec<(String, Stored<'_>)> {
    let tensors = spline.levels.iter().enumerate().flat_map(|(index, level)| {
        let [bricks, masks, coefficients] = spline_names(index);
        let (dtype, bytes) = match index {
            0 => (
                Dtype::F32,
                Cow::Borrowed(bytemuck::cast_slice(&level.coefficients)),
            ),
            _ => {
                let numbers = level.coefficients.iter().map(|&c| f16::from_f32(c));
                let bytes = numbers.flat_map(f16::to_le_bytes);
                (Dtype::F16, Cow::Owned(bytes.collect()))
            }
        };
        let borrowed = |bytes| Cow::Borrowed(bytes);
        let (numbers, marks) = (level.bricks.as_slice(), level.masks.as_slice());
        [
            (
                bricks,
                Stored::new(
                    Dtype::U32,
                    vec![numbers.len()],
                    borrowed(bytemuck::cast_slice(numbers)),
                ),
            ),
            (
                masks,
                Stored::new(
                    Dtype::U64,
                    vec![marks.len()],
                    borrowed(bytemuck::cast_slice(marks)),
                ),
            ),
            (
                coefficients,
                Stored::new(dtype, vec![level.coefficients.len()], bytes),
            ),
        ]
    });
    tensors.collect()
}

/// The spline of a file, whose levels have so many cells an axis.
pub(super) fn read_spline(
    tensors: &SafeTensors<'_>,
    degree: Degree,
    cells: &[u32],
) -> Result<SparseSpline, ModelError> {
    let levels = cells.iter().enumerate().map(|(index, &cells)| {
        let [bricks, masks, coefficients] = spline_names(index);
        Ok(SplineLevel {
            cells,
            bricks: numbers_of(tensors, &bricks, Dtype::U32, u32::from_le_bytes)?,
            masks: numbers_of(tensors, &masks, Dtype::U64, u64::from_le_bytes)?,
            coefficients: match index {
                0 => numbers_of(tensors, &coefficients, Dtype::F32, f32::from_le_bytes)?,
                _ => {
                    let numbers =
                        numbers_of(tensors, &coefficients, Dtype::F16, f16::from_le_bytes)?;
                    numbers.into_iter().map(f16::to_f32).collect()
                }
            },
        })
    });
    Ok(SparseSpline {
        degree,
        levels: levels.collect::<Result<_, ModelError>>()?,
    })
}

/// A tensor `[N]` of numbers of `BYTES` bytes.
fn numbers_of<T, const BYTES: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    from_bytes: fn([u8; BYTES]) -> T,
) -> Result<Vec<T>, ModelError> {
    let tensor = checked(tensors, name, dtype, &[])?;
    let (numbers, _) = tensor.data().as_chunks::<BYTES>();
    Ok(numbers.iter().copied().map(from_bytes).collect())
}
