//! Points so far away that `f32` has no numbers for them in the unit frame, or none for their squares.

use crate::geometry::Similarity;

/// Unit lengths beyond which a field is asked nearer by. Seen from there the shape is a point: every field of something that has bounds grows by
/// the same factor as the way to it, to less than what `f32` can tell.
const FAR: f64 = 1e9;

/// Where a field is asked in the place of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// In the unit frame.
    pub at: [f32; 3],
    /// How many times as large the value at the point is; 1 for points that are not far away.
    pub factor: f64,
}

impl Place {
    /// `point` is in own units.
    pub(super) fn of(point: [f64; 3], frame: &Similarity) -> Place {
        let unit = frame.apply(point);
        let most = unit.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let factor = (most / FAR).max(1.0);
        Place {
            at: unit.map(|x| (x / factor) as f32),
            factor,
        }
    }

    /// The places of points.
    pub(super) fn all(points: &[[f64; 3]], frame: &Similarity) -> (Vec<[f32; 3]>, Vec<f64>) {
        let places = points.iter().map(|&point| Place::of(point, frame));
        places.map(|place| (place.at, place.factor)).unzip()
    }
}
