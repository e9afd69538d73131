//! What pictures show: figures of quality, and what they are drawn against.

use super::axis::{bytes, plain, scientific};
use super::{Figures, Row};

/// A figure of quality, the less the better.
pub(super) struct Quality {
    pub(super) name: &'static str,
    pub(super) of: fn(&Figures) -> Option<f64>,
    /// Less than this is drawn as this: a logarithmic axis has no zero.
    pub(super) least: f64,
    pub(super) tick: fn(f64) -> String,
}

pub(super) const NEAR: Quality = Quality {
    name: "near error (longest side 1)",
    of: |figures| figures.near_mae,
    least: 1e-8,
    tick: scientific,
};
pub(super) const GRADIENT: Quality = Quality {
    name: "gradient's angle, median (degrees)",
    of: |figures| figures.gradient_degrees,
    least: 1e-3,
    tick: plain,
};
pub(super) const OVERLAP: Quality = Quality {
    name: "1 - IoU",
    of: |figures| figures.iou.map(|iou| 1.0 - iou),
    least: 1e-6,
    tick: scientific,
};
pub(super) const SIGN: Quality = Quality {
    name: "wrong sign near the surface (share)",
    of: |figures| figures.sign_agreement.map(|share| 1.0 - share),
    least: 1e-6,
    tick: scientific,
};

/// What quality is drawn against.
pub(super) struct Cost {
    pub(super) name: &'static str,
    pub(super) of: fn(&Figures) -> Option<f64>,
    pub(super) tick: fn(f64) -> String,
    /// Whether that of a volume is one, too; else its quality is a line across.
    pub(super) of_volumes: bool,
}

pub(super) const COSTS: [Cost; 2] = [
    Cost {
        name: "training (seconds)",
        of: |figures| figures.seconds,
        tick: plain,
        of_volumes: false,
    },
    Cost {
        name: "bytes of the file",
        of: |figures| figures.bytes.map(|bytes| bytes as f64),
        tick: bytes,
        of_volumes: true,
    },
];

impl Quality {
    pub(super) fn at(&self, row: &Row<'_>) -> Option<f64> {
        let value = (self.of)(row.figures).filter(|value| value.is_finite());
        value.map(|value| value.max(self.least))
    }
}

impl Cost {
    pub(super) fn at(&self, row: &Row<'_>) -> Option<f64> {
        (self.of)(row.figures).filter(|&value| value > 0.0 && value.is_finite())
    }
}
