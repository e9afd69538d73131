//! A plane through a field: which side is in, and lines of equal distance.

use rayon::prelude::*;

use super::Rendering;
use super::colour::{Light, Pixel, mixed, of_bytes};
use super::error::RenderError;
use super::picture::Picture;
use super::settings::{Axis, RenderSettings};
use crate::CancelToken;
use crate::geometry::vector::dot;
use crate::query::{LoadedModel, RayError, RayStats};
use crate::words::length_in_words;

/// Room around the shape, as a share of its longest side.
const MARGIN: f64 = 0.12;

/// Lines from one end of the picture to the other, about.
const LINES: f64 = 32.0;

/// Points handed to the field in one call.
const BATCH: usize = 1 << 15;

/// Half the width of lines, pixels.
const THIN: f32 = 0.55;
const THICK: f32 = 1.3;

/// Near the surface and far from it, by side.
const INSIDE: [[u8; 3]; 2] = [[188, 214, 240], [52, 104, 168]];
const OUTSIDE: [[u8; 3]; 2] = [[252, 232, 206], [226, 148, 84]];
const LINE: [u8; 3] = [40, 36, 34];

/// A slice: where its picture lies in space.
struct Plane {
    /// The middle of the picture, own units.
    middle: [f64; 3],
    right: [f64; 3],
    down: [f64; 3],
    /// Own units of a pixel.
    pixel: f64,
    axis: Axis,
}

impl Plane {
    fn new(loaded: &LoadedModel, settings: &RenderSettings) -> Plane {
        let bounds = loaded.shape().bounds.grown(settings.iso.max(0.0));
        let [front_right, front_up, front] = settings.up.front();
        let along = |v: [f64; 3]| Axis::ALL.into_iter().find(|axis| v[axis.index()] != 0.0);
        let axis = settings
            .plane
            .or(along(front))
            .expect("an axis leads to the front");
        // From the right where that is what it is at right angles to; from above, the front is below.
        let [right, up] = match Some(axis) {
            axis if axis == along(front) => [front_right, front_up],
            axis if axis == along(front_right) => [front.map(|x| 0.0 - x), front_up],
            _ => [front_right, front.map(|x| 0.0 - x)],
        };
        let mut middle = bounds.center();
        if let Some(offset) = settings.offset {
            middle[axis.index()] = offset;
        }
        let shown = bounds.grown(MARGIN * bounds.longest_side()).size();
        let extent = |way: [f64; 3]| dot(shown, way.map(f64::abs));
        let pixel = f64::max(
            extent(right) / f64::from(settings.width),
            extent(up) / f64::from(settings.height),
        );
        Plane {
            middle,
            right,
            down: up.map(|x| 0.0 - x),
            pixel,
            axis,
        }
    }

    fn point(&self, settings: &RenderSettings, index: u64) -> [f64; 3] {
        let (width, height) = (u64::from(settings.width), u64::from(settings.height));
        let across = ((index % width) as f64 + 0.5 - 0.5 * width as f64) * self.pixel;
        let downwards = ((index / width) as f64 + 0.5 - 0.5 * height as f64) * self.pixel;
        std::array::from_fn(|k| self.middle[k] + across * self.right[k] + downwards * self.down[k])
    }
}

/// Renders a slice.
pub(super) fn render(
    loaded: &LoadedModel,
    settings: &RenderSettings,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Rendering, RenderError> {
    let plane = Plane::new(loaded, settings);
    let side = loaded.shape().bounds.longest_side();
    let shown = plane.pixel * f64::from(settings.width.max(settings.height));
    let spacing = settings
        .range
        .unwrap_or_else(|| round_number(shown / LINES));
    let count = u64::from(settings.width) * u64::from(settings.height);
    let mut pixels: Vec<Pixel> = Vec::with_capacity(count as usize);
    let mut inside = 0_u64;
    while (pixels.len() as u64) < count {
        if cancel.is_cancelled() {
            return Err(RayError::Cancelled.into());
        }
        let start = pixels.len() as u64;
        let end = count.min(start + BATCH as u64);
        let points = (start..end)
            .into_par_iter()
            .map(|index| plane.point(settings, index));
        let points: Vec<[f64; 3]> = points.collect();
        let (values, gradients) = loaded.evaluate(&points, true);
        let gradients = gradients.expect("asked for");
        inside += values
            .iter()
            .filter(|&&value| f64::from(value) < settings.iso)
            .count() as u64;
        let coloured = values.par_iter().zip(&gradients).map(|(&value, gradient)| {
            let gradient = gradient.map(f64::from);
            let steepness = dot(gradient, plane.right).hypot(dot(gradient, plane.down));
            let value = f64::from(value) - settings.iso;
            colour(value, steepness * plane.pixel, spacing, side)
        });
        pixels.extend(coloured.collect::<Vec<Pixel>>());
        progress(pixels.len() as f32 / count as f32);
    }
    let mut warnings = Vec::new();
    if inside == 0 {
        warnings.push(format!(
            "Nothing on this plane is inside: it lies at {} = {}.",
            plane.axis,
            length_in_words(plane.middle[plane.axis.index()])
        ));
    }
    let size = [settings.width, settings.height];
    Ok(Rendering {
        picture: Picture::of(size, &pixels, settings.background),
        legend: vec![format!(
            "the plane {} = {}; blue: inside; orange: outside; a line every {}",
            plane.axis,
            length_in_words(plane.middle[plane.axis.index()]),
            length_in_words(spacing)
        )],
        range: Some(spacing),
        warnings,
        rays: RayStats::default(),
        evaluations: count,
    })
}

/// The colour of a place, by its value, and by how much that changes over a pixel.
fn colour(value: f64, a_pixel: f64, spacing: f64, side: f64) -> Pixel {
    let [near, far] = if value < 0.0 { INSIDE } else { OUTSIDE }.map(of_bytes);
    let deep = 1.0 - (-5.0 * value.abs() / side).exp();
    let ground = mixed(near, far, deep as f32);
    // Lines no narrower than a pixel, no wider where the field is flat.
    let a_pixel = a_pixel.max(1e-12);
    let line = |away: f64, half: f32| -> f32 {
        let pixels = (away / a_pixel) as f32;
        (half + 0.5 - pixels).clamp(0.0, 1.0)
    };
    let away = (value / spacing - (value / spacing).round()).abs() * spacing;
    // Where lines would run together they fade.
    let apart = ((spacing / a_pixel - 3.0) / 4.0).clamp(0.0, 1.0) as f32;
    let thin = 0.28 * apart * line(away, THIN);
    let thick = line(value.abs(), THICK);
    let with_lines = mixed(ground, of_bytes(LINE), thin);
    let [red, green, blue]: Light = mixed(with_lines, of_bytes(LINE), thick);
    [red, green, blue, 1.0]
}

/// The nearest of 1, 2 and 5 times a power of ten.
fn round_number(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    let share = x / power;
    let round = match share {
        share if share < 1.5 => 1.0,
        share if share < 3.5 => 2.0,
        share if share < 7.5 => 5.0,
        _ => 10.0,
    };
    round * power
}
