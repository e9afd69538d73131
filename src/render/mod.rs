//! Pictures of a model, by rays against its field: no mesh in between.
//!
//! What each pixel sees is found first (`surfel.rs`), then coloured (`shading.rs`), so that a scale of colours can be chosen from all that is seen.
//! Pixels along edges are looked at again, several times each (`edges.rs`). A slice needs no rays (`slice.rs`).

mod camera;
mod colour;
mod edges;
mod error;
mod picture;
mod settings;
mod shading;
mod slice;
mod surfel;
#[cfg(test)]
mod tests;

use self::camera::Camera;
use self::colour::Pixel;
use self::shading::Shading;
use self::surfel::{Sight, Surfel};
use crate::CancelToken;
use crate::distance::SignedDistance;
use crate::query::{LoadedModel, RayStats};

pub use self::colour::{Background, UnknownBackground};
pub use self::error::RenderError;
pub use self::picture::{Picture, write_animation, write_png};
pub use self::settings::{
    Axis, MOST_PIXELS, MOST_SAMPLES, Mode, RenderSettings, UnknownName, View,
};

/// A picture, and what it took.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// The picture.
    pub picture: Picture,
    /// What its colours mean, a line each.
    pub legend: Vec<String>,
    /// The value at the end of the scale of colours, or between two lines of a slice, own units; `None` where colours mean no number.
    pub range: Option<f64>,
    /// What a user should know, a sentence each.
    pub warnings: Vec<String>,
    /// What the rays from the camera took; nothing for a slice.
    pub rays: RayStats,
    /// Points at which the field was evaluated for anything.
    pub evaluations: u64,
}

/// Renders a model. `mesh` is what [`Mode::Error`] measures against; other modes need none. `progress` is told the share done, 0 to 1.
///
/// # Errors
/// Settings out of range, a mode without what it needs, a field that is not finite, or cancellation.
pub fn render(
    loaded: &LoadedModel,
    settings: &RenderSettings,
    mesh: Option<&SignedDistance>,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Rendering, RenderError> {
    settings.check()?;
    if settings.mode == Mode::Slice {
        return slice::render(loaded, settings, cancel, progress);
    }
    let bounds = loaded.shape().bounds.grown(settings.iso.max(0.0));
    let camera = Camera::new(settings, &bounds)?;
    let mut sight = Sight::new(loaded, settings, mesh, cancel)?;
    let size = [settings.width, settings.height];
    let centers: Vec<[f64; 2]> = (0..settings.height)
        .flat_map(|y| (0..settings.width).map(move |x| [x, y].map(|at| f64::from(at) + 0.5)))
        .collect();
    let first_share = if settings.samples > 1 { 0.7 } else { 1.0 };
    let seen = sight.seen(&camera, &centers, &mut |share| {
        progress(first_share * share)
    })?;
    let longest_side = loaded.shape().bounds.longest_side();
    let shading = Shading::new(settings, &camera, &seen, longest_side);
    let mut pixels: Vec<Pixel> = (centers.iter().zip(&seen))
        .map(|(&at, surfel)| shading.colour(camera.direction(at), surfel.as_ref()))
        .collect();
    let rays = sight.rays;
    if settings.samples > 1 {
        let found = edges::along_edges(&seen, size, longest_side);
        drop(seen);
        soften(
            &mut pixels,
            &found,
            settings,
            &camera,
            &mut sight,
            &shading,
            &mut |share| {
                progress(0.7 + 0.3 * share);
            },
        )?;
    }
    let mut warnings = sight.warnings();
    if rays.rays_that_hit == 0 {
        warnings.push("No ray of the camera meets the surface: the picture is empty. Look from elsewhere, or take another iso.".to_owned());
    }
    Ok(Rendering {
        picture: Picture::of(size, &pixels, settings.background),
        legend: shading.legend(),
        range: shading.range(),
        warnings,
        rays,
        evaluations: sight.evaluations,
    })
}

/// Pixels along edges become the mean of several samples.
fn soften(
    pixels: &mut [Pixel],
    edges: &[u32],
    settings: &RenderSettings,
    camera: &Camera,
    sight: &mut Sight<'_>,
    shading: &Shading,
    progress: &mut dyn FnMut(f32),
) -> Result<(), RenderError> {
    /// Pixels that are softened at a time.
    const SOME: usize = 1 << 14;
    let offsets = edges::offsets(settings.samples);
    let mut done = 0;
    for some in edges.chunks(SOME) {
        let places: Vec<[f64; 2]> = some
            .iter()
            .flat_map(|&index| {
                let corner = [index % settings.width, index / settings.width].map(f64::from);
                offsets
                    .iter()
                    .map(move |offset| [corner[0] + offset[0], corner[1] + offset[1]])
            })
            .collect();
        let seen: Vec<Option<Surfel>> = sight.seen(camera, &places, &mut |_| ())?;
        let colours: Vec<Pixel> = (places.iter().zip(&seen))
            .map(|(&at, surfel)| shading.colour(camera.direction(at), surfel.as_ref()))
            .collect();
        for (&index, colours) in some.iter().zip(colours.chunks(offsets.len())) {
            pixels[index as usize] = colour::mean(colours);
        }
        done += some.len();
        progress(done as f32 / edges.len() as f32);
    }
    Ok(())
}
