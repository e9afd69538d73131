//! What rays of the camera meet.

use rayon::prelude::*;

use super::camera::Camera;
use super::error::RenderError;
use super::settings::{Mode, RenderSettings};
use crate::CancelToken;
use crate::distance::SignedDistance;
use crate::geometry::vector::dot;
use crate::query::{
    Evaluation, Hit, LoadedModel, Quantity, Ray, RayError, RaySettings, RayStats, cast_rays,
};

/// A piece of the surface, as a pixel sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surfel {
    /// Towards the camera, at unit length.
    pub normal: [f32; 3],
    /// From the camera, own units.
    pub depth: f32,
    /// How much of the sky is free about it, 0 to 1.
    pub openness: f32,
    /// What the mode shows: a curvature, or an error.
    pub number: f32,
    /// Whether it is seen from within the shape.
    pub from_inside: bool,
}

/// Places of the picture that are looked at in one go.
const GLANCE: usize = 1 << 18;

/// Points handed to the field in one call.
const BATCH: usize = 1 << 15;

/// Points at which curvatures are taken in one call: up to 26 evaluations each.
const FEW: usize = 1 << 12;

/// How far along the normal the field is asked for what covers the sky, as shares of the longest side, and how much each says.
const PROBES: [(f64, f32); 4] = [(0.015, 0.4), (0.045, 0.3), (0.1, 0.25), (0.19, 0.2)];

/// Looks at a model.
pub(super) struct Sight<'a> {
    loaded: &'a LoadedModel,
    settings: &'a RenderSettings,
    mesh: Option<&'a SignedDistance>,
    curvature: Option<Evaluation>,
    cancel: &'a CancelToken,
    ray_settings: RaySettings,
    /// What rays of the camera took so far.
    pub rays: RayStats,
    /// Evaluations for anything so far.
    pub evaluations: u64,
}

impl<'a> Sight<'a> {
    pub(super) fn new(
        loaded: &'a LoadedModel,
        settings: &'a RenderSettings,
        mesh: Option<&'a SignedDistance>,
        cancel: &'a CancelToken,
    ) -> Result<Sight<'a>, RenderError> {
        if settings.mode == Mode::Error && mesh.is_none() {
            return Err(RenderError::NoMesh);
        }
        let curvature = match settings.mode {
            Mode::Curvature => Some(Evaluation::new(
                loaded.shape(),
                &[Quantity::MeanCurvature],
                None,
            )?),
            _ => None,
        };
        Ok(Sight {
            loaded,
            settings,
            mesh,
            curvature,
            cancel,
            ray_settings: RaySettings {
                iso: settings.iso,
                ..RaySettings::default()
            },
            rays: RayStats::default(),
            evaluations: 0,
        })
    }

    /// What is seen at places of the picture, `[N, 2]` in pixels; `None` where nothing is. `progress` is told the share done.
    pub(super) fn seen(
        &mut self,
        camera: &Camera,
        places: &[[f64; 2]],
        progress: &mut dyn FnMut(f32),
    ) -> Result<Vec<Option<Surfel>>, RenderError> {
        let mut seen = Vec::with_capacity(places.len());
        for some in places.chunks(GLANCE) {
            let rays: Vec<Ray> = some.par_iter().map(|&place| camera.ray(place)).collect();
            let found = cast_rays(self.loaded, &rays, &self.ray_settings, self.cancel)?;
            self.rays += found.stats;
            self.evaluations += found.stats.evaluations;
            let openness = self.openness(&found.hits)?;
            let numbers = self.numbers(&found.hits)?;
            let surfel = |index: usize| {
                let hit = found.first_of(index)?;
                let at = found.first[index];
                let normal = hit.normal.map(f64::from);
                let away = dot(normal, rays[index].direction) > 0.0;
                Some(Surfel {
                    normal: hit.normal.map(|x| if away { -x } else { x }),
                    depth: hit.distance as f32,
                    openness: openness[at],
                    number: numbers[at],
                    from_inside: !hit.enters,
                })
            };
            seen.extend((0..rays.len()).map(surfel));
            progress(seen.len() as f32 / places.len() as f32);
        }
        Ok(seen)
    }

    /// How much of the sky is free about places of the surface: where the field along the normal is less than the way gone, something is
    /// near (ambient occlusion after Evans 2006, "Fast approximations for global illumination on dynamic scenes", and Quílez).
    fn openness(&mut self, hits: &[Hit]) -> Result<Vec<f32>, RenderError> {
        let mut openness = vec![1.0; hits.len()];
        if !matches!(
            self.settings.mode,
            Mode::Shaded | Mode::Curvature | Mode::Error
        ) {
            return Ok(openness);
        }
        let shape = self.loaded.shape();
        let (frame, side) = (shape.frame, shape.bounds.longest_side());
        for (hits, openness) in hits.chunks(BATCH).zip(openness.chunks_mut(BATCH)) {
            for (share, weight) in PROBES {
                if self.cancel.is_cancelled() {
                    return Err(RayError::Cancelled.into());
                }
                let far = share * side;
                let probes = hits.par_iter().map(|hit| {
                    // Seen from within, the sky is there, too.
                    let far = if hit.enters { far } else { -far };
                    let normal = hit.normal.map(f64::from);
                    let at = std::array::from_fn(|k| hit.point[k] + far * normal[k]);
                    frame.apply(at).map(|x| x as f32)
                });
                let probes: Vec<[f32; 3]> = probes.collect();
                let mut values = vec![0.0; probes.len()];
                self.loaded.unit_field().values(&probes, &mut values);
                self.evaluations += probes.len() as u64;
                for ((openness, value), hit) in openness.iter_mut().zip(values).zip(hits) {
                    let value = f64::from(value) / frame.scale - self.settings.iso;
                    let free = if hit.enters { value } else { -value } / far;
                    *openness -= weight * (1.0 - free.clamp(0.0, 1.0)) as f32;
                }
            }
        }
        for share in &mut openness {
            *share = share.max(0.0);
        }
        Ok(openness)
    }

    /// What the mode shows at places of the surface.
    fn numbers(&mut self, hits: &[Hit]) -> Result<Vec<f32>, RenderError> {
        let points: Vec<[f64; 3]> = hits.iter().map(|hit| hit.point).collect();
        let mut numbers = vec![0.0; hits.len()];
        for (points, numbers) in points.chunks(FEW).zip(numbers.chunks_mut(FEW)) {
            if self.cancel.is_cancelled() {
                return Err(RayError::Cancelled.into());
            }
            if let Some(curvature) = &self.curvature {
                numbers.copy_from_slice(&curvature.at(self.loaded, points)[0].numbers);
                // 26 for a mean over a ball, 12 for a stencil, and the point itself.
                let each = if curvature.smoothing() > 0.0 { 27 } else { 13 };
                self.evaluations += each * points.len() as u64;
            } else if let (Mode::Error, Some(mesh)) = (self.settings.mode, self.mesh) {
                for (number, distance) in numbers.iter_mut().zip(mesh.distances_f64(points)) {
                    *number = distance.abs() as f32;
                }
            }
        }
        Ok(numbers)
    }

    /// What a user should know, a sentence each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let rays = self.rays.warnings(&self.ray_settings);
        let curvature = self.curvature.iter().flat_map(Evaluation::warnings);
        rays.into_iter().chain(curvature).collect()
    }
}
