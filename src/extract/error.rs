//! What can go wrong between a field and a mesh or volume, in words for the user.

use crate::words::length_in_words;

/// Why an extraction gave no result. Lengths are in own units.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// Zero cells along the longest side.
    #[error(
        "resolution 0 has no cells; ask for at least 1 along the longest side (256 is a good start)"
    )]
    ZeroResolution,
    /// A voxel size that is zero, negative, infinite or not a number.
    #[error("voxel size {0} is not a length; it must be a positive number in the mesh's own units")]
    VoxelSize(f64),
    /// A box that is empty, infinite or has no extent.
    #[error(
        "the bounds {min:?} to {max:?} are not a box with an extent, so there is nothing to lay a grid over"
    )]
    Bounds {
        /// Lower corner.
        min: [f64; 3],
        /// Upper corner.
        max: [f64; 3],
    },
    /// A setting outside its range.
    #[error("{name} is {value}, but must be {expected}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What is accepted.
        expected: &'static str,
    },
    /// The result would not fit the memory limit.
    #[error(
        "{what} on {} × {} × {} cells would take about {}, more than the limit of {}; {}",
        cells[0], cells[1], cells[2], bytes_in_words(*bytes), bytes_in_words(*limit), largest_in_words(*largest)
    )]
    TooLarge {
        /// "a dense volume", "a surface", …
        what: &'static str,
        /// Cells along each axis.
        cells: [u64; 3],
        /// What it would take, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
        /// The largest resolution (cells along the longest side of the bounds) that fits.
        largest: u64,
    },
    /// The field never crosses the iso value.
    #[error(
        "no surface at iso {iso}: the field's values in the grid range from {min} to {max}; {}",
        cure_in_words(*iso, *min, *max, *voxel_size, *finer)
    )]
    NoSurface {
        /// The iso value asked for.
        iso: f64,
        /// The least value met.
        min: f64,
        /// The greatest value met.
        max: f64,
        /// Distance between neighbouring samples.
        voxel_size: f64,
        /// The resolution that the thinnest parts of the shape need, if it is known and the grid was coarser.
        finer: Option<u32>,
    },
    /// The field gave NaN or infinity.
    #[error("the field is not finite at {point:?}; the model is broken, fit it again")]
    NotFinite {
        /// Where.
        point: [f64; 3],
    },
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// `bytes` as a person writes them, in powers of 1000.
fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "KB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// What to do about a level that no sample was beyond. Where the nearest value is within a cell of it, a part thinner than
/// the cells may lie between the samples.
fn cure_in_words(iso: f64, min: f64, max: f64, voxel_size: f64, finer: Option<u32>) -> String {
    let missed = if iso < min { min - iso } else { iso - max };
    match finer {
        _ if missed > voxel_size => "choose an iso between them".to_string(),
        Some(resolution) => format!(
            "the shape is thinner than the cells of {}, which no sample met: resolution {resolution} shows it",
            length_in_words(voxel_size)
        ),
        None => format!(
            "a part thinner than the cells of {} may lie between the samples: raise the resolution, or choose an iso between them",
            length_in_words(voxel_size)
        ),
    }
}

fn largest_in_words(largest: u64) -> String {
    match largest {
        0 => "not even resolution 1 fits, so raise the limit".to_string(),
        cells => format!("the largest resolution that fits is {cells}"),
    }
}
