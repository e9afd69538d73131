//! Evaluation between the wire and the library: points in, quantities out.

use super::chunks::bytes_of;
use super::error::ApiError;
use super::proto;
use crate::CancelToken;
use crate::query::{Column, Evaluation, LoadedModel, Quantity};

/// Points that are evaluated between two looks at the cancel token: second derivatives take up to 26 evaluations each.
const BATCH: usize = 1 << 14;

/// Points that are asked for without standing behind more.
pub(super) const FEW: usize = BATCH;

/// Bytes of a point in a request.
pub(super) const POINT_BYTES: usize = 12;

/// What a request asks of a model.
pub(super) struct Asked {
    quantities: Vec<Quantity>,
    smoothing: Option<f64>,
    /// Whether the answer is in `values` and `gradients`, as before there were quantities.
    plain: bool,
}

impl Asked {
    /// From the fields of a request.
    ///
    /// # Errors
    /// [`ApiError::Field`] for a quantity that there is not, and for both ways of asking at once.
    pub(super) fn new(
        gradient: bool,
        names: &[String],
        smoothing: Option<f64>,
    ) -> Result<Asked, ApiError> {
        if gradient && !names.is_empty() {
            let message = "gradient is set beside quantities: name it as one of them";
            return Err(ApiError::field("gradient", message));
        }
        let quantities = match (names.is_empty(), gradient) {
            (true, false) => vec![Quantity::Value],
            (true, true) => vec![Quantity::Value, Quantity::Gradient],
            (false, _) => {
                let known = names.iter().map(|name| name.parse::<Quantity>());
                let known: Result<_, _> = known.collect();
                known.map_err(|error| ApiError::field("quantities", error.to_string()))?
            }
        };
        Ok(Asked {
            quantities,
            smoothing,
            plain: names.is_empty(),
        })
    }

    /// Bytes that each point takes: itself in double precision, and its answer.
    pub(super) fn bytes_each(&self) -> u64 {
        let widths = self.quantities.iter().map(|quantity| quantity.width());
        (size_of::<[f64; 3]>() + size_of::<f32>() * widths.sum::<usize>()) as u64
    }
}

/// The points of a request: `[N, 3]`.
///
/// # Errors
/// As [`decode_rows`].
pub(super) fn decode_points(bytes: &[u8], limit: u64) -> Result<Vec<[f64; 3]>, ApiError> {
    decode_rows("points", bytes, limit)
}

/// The points or rays of a request, in its field `what`: `[N, W]`.
///
/// # Errors
/// [`ApiError::Field`] for a length that is no whole number of rows, too many rows, and coordinates that are no numbers.
pub(super) fn decode_rows<const W: usize>(
    what: &'static str,
    bytes: &[u8],
    limit: u64,
) -> Result<Vec<[f64; W]>, ApiError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let (rows, more) = numbers.as_chunks::<W>();
    if !rest.is_empty() || !more.is_empty() {
        let message = format!(
            "{what} has {} bytes: f32 [N, {W}] is a multiple of {}",
            bytes.len(),
            4 * W
        );
        return Err(ApiError::field(what, message));
    }
    if rows.len() as u64 > limit {
        let message = format!(
            "{} {what} in one request: at most {limit} are taken; send them in several",
            rows.len()
        );
        return Err(ApiError::field(what, message));
    }
    let rows: Vec<[f64; W]> = rows
        .iter()
        .map(|row| row.map(|x| f64::from(f32::from_le_bytes(x))))
        .collect();
    match rows
        .iter()
        .position(|row| !row.iter().all(|x| x.is_finite()))
    {
        Some(index) => {
            let message = format!(
                "{} {index} is {:?}: every coordinate must be a finite number",
                what.trim_end_matches('s'),
                rows[index]
            );
            Err(ApiError::field(what, message))
        }
        None => Ok(rows),
    }
}

/// Evaluates a model, batch by batch.
///
/// # Errors
/// [`ApiError::Cancelled`], and [`ApiError::Field`] for a smoothing that this model has no answer for, and for an answer of more than
/// `most_bytes`.
pub(super) fn evaluate(
    model: &LoadedModel,
    points: &[[f64; 3]],
    asked: &Asked,
    most_bytes: usize,
    cancel: &CancelToken,
) -> Result<proto::EvaluateResponse, ApiError> {
    let evaluation = Evaluation::new(model.shape(), &asked.quantities, asked.smoothing)?;
    let bytes = points.len() * evaluation.width() * size_of::<f32>();
    if bytes > most_bytes && !asked.plain {
        let message = format!(
            "the answer would have {bytes} bytes: a message has at most {most_bytes}; send fewer points at a time, over one stream"
        );
        return Err(ApiError::field("points", message));
    }
    let mut columns = evaluation.at(model, &[]);
    for column in &mut columns {
        column
            .numbers
            .reserve_exact(points.len() * column.quantity.width());
    }
    for batch in points.chunks(BATCH) {
        if cancel.is_cancelled() {
            return Err(ApiError::Cancelled);
        }
        let parts = evaluation.finite_at(model, batch)?;
        for (column, part) in columns.iter_mut().zip(parts) {
            column.numbers.extend(part.numbers);
        }
    }
    let mut response = proto::EvaluateResponse {
        smoothing: evaluation.smoothing(),
        warnings: evaluation.warnings(),
        ..Default::default()
    };
    if asked.plain {
        let mut bytes = columns.into_iter().map(|column| bytes_of(column.numbers));
        response.values = bytes.next().unwrap_or_default();
        response.gradients = bytes.next().unwrap_or_default();
    } else {
        response.columns = columns.into_iter().map(message).collect();
    }
    Ok(response)
}

fn message(column: Column) -> proto::QuantityColumn {
    proto::QuantityColumn {
        quantity: column.quantity.name().to_owned(),
        numbers: bytes_of(column.numbers),
    }
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
