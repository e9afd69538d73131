//! Batches of samples: from indices on the grid to finite values relative to the iso value.

use super::ExtractError;
use super::grid::UnitGrid;
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::Similarity;

/// Points handed to the field in one call: enough to fill any device, few enough that cancellation is seen within a
/// second on a slow one.
const BATCH: usize = 1 << 16;

/// A field seen from a grid: unit frame, values relative to the iso value (negative inside), counted.
pub(super) struct Sampler<'a> {
    field: &'a dyn ScalarField,
    frame: Similarity,
    pub(super) cancel: &'a CancelToken,
    /// The iso value in unit lengths.
    iso: f32,
    pub(super) grid: UnitGrid,
    /// Points evaluated without a gradient.
    pub(super) evaluations: u64,
    /// Points evaluated with their gradient.
    pub(super) gradient_evaluations: u64,
    /// The least and greatest value met so far, own units, not relative to iso.
    pub(super) range: (f64, f64),
}

impl<'a> Sampler<'a> {
    /// `iso` is in own units.
    pub(super) fn new(
        field: &'a dyn ScalarField,
        grid: UnitGrid,
        frame: &Similarity,
        iso: f64,
        cancel: &'a CancelToken,
    ) -> Sampler<'a> {
        Sampler {
            field,
            frame: *frame,
            cancel,
            iso: (iso * frame.scale) as f32,
            grid,
            evaluations: 0,
            gradient_evaluations: 0,
            range: (f64::INFINITY, f64::NEG_INFINITY),
        }
    }

    /// The values at `points` (unit frame), relative to iso, unit lengths.
    pub(super) fn values(&mut self, points: &[[f32; 3]]) -> Result<Vec<f32>, ExtractError> {
        let mut values = vec![0.0; points.len()];
        for (points, values) in points.chunks(BATCH).zip(values.chunks_mut(BATCH)) {
            self.stop_if_cancelled()?;
            self.field.values(points, values);
            self.note(points, values)?;
        }
        self.evaluations += points.len() as u64;
        Ok(values)
    }

    /// The values at `points`, as [`values`](Self::values), and the gradients.
    pub(super) fn values_and_gradients(
        &mut self,
        points: &[[f32; 3]],
    ) -> Result<(Vec<f32>, Vec<[f32; 3]>), ExtractError> {
        let mut values = vec![0.0; points.len()];
        let mut gradients = vec![[0.0; 3]; points.len()];
        for start in (0..points.len()).step_by(BATCH) {
            self.stop_if_cancelled()?;
            let part = start..(start + BATCH).min(points.len());
            let values = &mut values[part.clone()];
            self.field.values_and_gradients(
                &points[part.clone()],
                values,
                &mut gradients[part.clone()],
            );
            self.note(&points[part], values)?;
        }
        self.gradient_evaluations += points.len() as u64;
        Ok((values, gradients))
    }

    pub(super) fn stop_if_cancelled(&self) -> Result<(), ExtractError> {
        match self.cancel.is_cancelled() {
            true => Err(ExtractError::Cancelled),
            false => Ok(()),
        }
    }

    /// Checks the values, keeps their range, and makes them relative to iso.
    fn note(&mut self, points: &[[f32; 3]], values: &mut [f32]) -> Result<(), ExtractError> {
        let (mut low, mut high, mut finite) = (f32::INFINITY, f32::NEG_INFINITY, true);
        for value in values.iter_mut() {
            finite &= value.is_finite();
            low = low.min(*value);
            high = high.max(*value);
            *value -= self.iso;
        }
        if !finite {
            let bad = values
                .iter()
                .position(|value| !value.is_finite())
                .unwrap_or(0);
            let point = self.frame.invert(points[bad].map(f64::from));
            return Err(ExtractError::NotFinite { point });
        }
        if !values.is_empty() {
            self.range.0 = self.range.0.min(f64::from(low) / self.frame.scale);
            self.range.1 = self.range.1.max(f64::from(high) / self.frame.scale);
        }
        Ok(())
    }
}
