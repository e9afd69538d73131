//! Where rays of a picture begin, and which way they go.

use super::error::RenderError;
use super::settings::{Axis, RenderSettings, View};
use crate::geometry::Bounds;
use crate::geometry::vector::{cross, dot, length, minus};
use crate::query::Ray;

/// The share of the picture that a shape fills, of which all is to be seen.
const FILLED: f64 = 0.92;

/// Views from which a shape that turns must be seen whole.
const ALL_AROUND: u32 = 24;

/// A camera that sees in perspective.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    eye: [f64; 3],
    /// Right, up and backwards, each of unit length.
    axes: [[f64; 3]; 3],
    /// Pixels from the middle of the picture to its borders.
    half: [f64; 2],
    /// What a pixel covers at a distance of 1.
    pixel: f64,
}

impl Camera {
    /// The camera of a picture of what lies in `bounds`.
    ///
    /// # Errors
    /// An eye at its target.
    pub(super) fn new(settings: &RenderSettings, bounds: &Bounds) -> Result<Camera, RenderError> {
        let half = [settings.width, settings.height].map(|side| 0.5 * f64::from(side));
        let spread = (0.5 * settings.field_of_view).to_radians().tan();
        let pixel = spread / half[0].min(half[1]);
        let center = bounds.center();
        let (eye, axes) = match settings.view {
            View::Orbit {
                azimuth,
                elevation,
                all_around,
            } => {
                let axes = orbit_axes(settings.up, azimuth, elevation);
                let turned = |step| {
                    let turn = f64::from(step) * 360.0 / f64::from(ALL_AROUND);
                    orbit_axes(settings.up, azimuth + turn, elevation)
                };
                let spreads = half.map(|half| FILLED * half * pixel);
                let away = (0..if all_around { ALL_AROUND } else { 1 })
                    .map(|step| whole_from(bounds, turned(step), spreads))
                    .fold(0.0, f64::max);
                let eye = std::array::from_fn(|k| center[k] + away * axes[2][k]);
                (eye, axes)
            }
            View::Eye { eye, target } => {
                let back = minus(eye, target.unwrap_or(center));
                if length(back) == 0.0 {
                    return Err(RenderError::NoDirection);
                }
                (eye, axes_from(settings.up, back))
            }
        };
        Ok(Camera {
            eye,
            axes,
            half,
            pixel,
        })
    }

    /// The direction of a place of the picture, in pixels from its upper left corner, at unit length.
    pub(super) fn direction(&self, [x, y]: [f64; 2]) -> [f64; 3] {
        let across = (x - self.half[0]) * self.pixel;
        let upwards = (self.half[1] - y) * self.pixel;
        let [right, up, back] = self.axes;
        let way = std::array::from_fn(|k| across * right[k] + upwards * up[k] - back[k]);
        let far = length(way);
        way.map(|x| x / far)
    }

    /// The ray through a place of the picture.
    pub(super) fn ray(&self, place: [f64; 2]) -> Ray {
        Ray {
            origin: self.eye,
            direction: self.direction(place),
        }
    }

    /// A direction given by how far it leads right, up and backwards, at unit length in own axes.
    pub(super) fn turned(&self, way: [f64; 3]) -> [f64; 3] {
        let far = length(way);
        std::array::from_fn(|k| {
            (0..3)
                .map(|axis| way[axis] / far * self.axes[axis][k])
                .sum()
        })
    }
}

/// Right, up and backwards of a camera that looks at the middle from around.
fn orbit_axes(up: Axis, azimuth: f64, elevation: f64) -> [[f64; 3]; 3] {
    let [right, upwards, front] = up.front();
    let (sin, cos) = azimuth.to_radians().sin_cos();
    let (rise, level) = elevation.to_radians().sin_cos();
    let horizontal: [f64; 3] = std::array::from_fn(|k| sin * right[k] + cos * front[k]);
    let right: [f64; 3] = std::array::from_fn(|k| cos * right[k] - sin * front[k]);
    let back = std::array::from_fn(|k| level * horizontal[k] + rise * upwards[k]);
    [right, cross(back, right), back]
}

/// Right, up and backwards of a camera that looks against `back`, which is of any length.
fn axes_from(up: Axis, back: [f64; 3]) -> [[f64; 3]; 3] {
    let [front_right, upwards, _] = up.front();
    // Scaled first: squares of what is far away must be numbers.
    let most = back.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let back = unit(back.map(|x| x / most));
    let across = cross(upwards, back);
    // Straight from above or below every way is as much to the right.
    let right = match length(across) > 1e-6 {
        true => unit(across),
        false => front_right,
    };
    let back_up = cross(back, right);
    [right, unit(back_up), back]
}

/// How far from the middle of a box a camera must be, so that its corners lie within `spreads` a length away.
fn whole_from(bounds: &Bounds, [right, up, back]: [[f64; 3]; 3], spreads: [f64; 2]) -> f64 {
    let center = bounds.center();
    let corner = |n: usize| -> [f64; 3] {
        std::array::from_fn(|axis| match n >> axis & 1 {
            0 => bounds.min[axis] - center[axis],
            _ => bounds.max[axis] - center[axis],
        })
    };
    let needed = (0..8).map(corner).map(|way| {
        let across = dot(way, right).abs() / spreads[0];
        let upwards = dot(way, up).abs() / spreads[1];
        dot(way, back) + across.max(upwards)
    });
    needed.fold(0.0, f64::max)
}

fn unit(v: [f64; 3]) -> [f64; 3] {
    let length = length(v);
    v.map(|x| x / length)
}
