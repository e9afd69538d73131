//! Evaluation between the wire and the library: points in, values and gradients out.

use prost::bytes::Bytes;

use super::chunks::bytes_of;
use super::error::ApiError;
use crate::CancelToken;
use crate::query::LoadedModel;

/// Points that are evaluated between two looks at the cancel token.
const BATCH: usize = 1 << 16;

/// Values and gradients as they are sent.
pub(super) struct Evaluated {
    pub(super) values: Bytes,
    pub(super) gradients: Bytes,
}

/// The points of a request: `[N, 3]`.
///
/// # Errors
/// [`ApiError::Field`] for a length that is no multiple of 12 bytes, too many points, and coordinates that are no numbers.
pub(super) fn decode_points(bytes: &[u8], limit: u64) -> Result<Vec<[f64; 3]>, ApiError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let (rows, more) = numbers.as_chunks::<3>();
    if !rest.is_empty() || !more.is_empty() {
        let message = format!(
            "points has {} bytes: f32 [N, 3] is a multiple of 12",
            bytes.len()
        );
        return Err(ApiError::field("points", message));
    }
    if rows.len() as u64 > limit {
        let message = format!(
            "{} points in one request: at most {limit} are taken; send them in several, over one stream",
            rows.len()
        );
        return Err(ApiError::field("points", message));
    }
    let points: Vec<[f64; 3]> = rows
        .iter()
        .map(|row| row.map(|x| f64::from(f32::from_le_bytes(x))))
        .collect();
    match points
        .iter()
        .position(|point| !point.iter().all(|x| x.is_finite()))
    {
        Some(index) => {
            let message = format!(
                "point {index} is at {:?}: every coordinate must be a finite number",
                points[index]
            );
            Err(ApiError::field("points", message))
        }
        None => Ok(points),
    }
}

/// Evaluates a model, batch by batch.
///
/// # Errors
/// [`ApiError::Cancelled`].
pub(super) fn evaluate(
    model: &LoadedModel,
    points: &[[f64; 3]],
    gradient: bool,
    cancel: &CancelToken,
) -> Result<Evaluated, ApiError> {
    let mut values = Vec::with_capacity(points.len());
    let mut gradients = Vec::with_capacity(if gradient { points.len() } else { 0 });
    for batch in points.chunks(BATCH) {
        if cancel.is_cancelled() {
            return Err(ApiError::Cancelled);
        }
        let (batch_values, batch_gradients) = model.evaluate(batch, gradient);
        values.extend(batch_values);
        gradients.extend(batch_gradients.into_iter().flatten());
    }
    Ok(Evaluated {
        values: bytes_of(values),
        gradients: bytes_of(gradients),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_counted_and_checked() {
        let bytes =
            |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let points = decode_points(&bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.5]), 2).unwrap();
        assert_eq!(points, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]);
        assert_eq!(decode_points(&[], 2).unwrap().len(), 0);
        let refused = |bytes: &[u8]| decode_points(bytes, 2).unwrap_err().to_string();
        assert!(refused(&[0; 13]).contains("13 bytes"));
        assert!(refused(&[0; 16]).contains("16 bytes"));
        assert!(refused(&[0; 36]).contains("at most 2"));
        assert!(refused(&bytes(&[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0])).contains("point 1"));
    }
}
