//! Where rays meet a level set of a model, in the mesh's own units.
//!
//! A value of a field is the distance within which there is no surface, if the field is no steeper than a bound: a ray steps from one such
//! ball to the next (sphere tracing, Hart 1996). Here a step may be longer than its ball, as far as the ball at its other end is expected to
//! meet the first one (Keinert et al. 2014, "Enhanced sphere tracing"; the expectation is that of a plane, Bálint and Valasek 2018,
//! "Accelerating sphere tracing"), and is taken back where they do not. A hit is a change of sign, never a small value, and is
//! then enclosed. So what is left unseen between two balls is known, and never longer than [`RaySettings::thickness`]. docs/rays.md tells more.

mod cast;
mod march;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{LoadedModel, SettingOutOfRange};
use crate::CancelToken;
use crate::field::Shape;
use crate::words::length_in_words;
use cast::Scene;

/// A half-line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ray {
    /// Where it begins, own units.
    pub origin: [f64; 3],
    /// Which way it goes; of any length but 0.
    pub direction: [f64; 3],
}

/// How rays are cast. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaySettings {
    /// The level, own units: 0 is the surface itself, positive values lie outside it.
    pub iso: f64,
    /// Most hits that are looked for along a ray: 1 is the first one.
    pub most_hits: u32,
    /// How far a ray goes, own units; infinite unless set.
    pub reach: f64,
    /// Parts that a ray runs through for less than this, and gaps, may be missed; own units. `None` takes 1/400 of the longest side, or half
    /// of what 98 % of the mesh's surface is thicker than, if that is less.
    pub thickness: Option<f64>,
    /// A bound on the field's slope: 1 for an exact distance; fitted fields are a little steeper in places. Where it does not hold, more
    /// may be missed; [`RayStats::steepest_slope`] is what was met.
    pub slope_bound: f64,
    /// How far along the ray a hit may be off, as a share of the longest side, where the field is smooth.
    pub tolerance: f64,
}

impl Default for RaySettings {
    fn default() -> Self {
        RaySettings {
            iso: 0.0,
            most_hits: 1,
            reach: f64::INFINITY,
            thickness: None,
            slope_bound: 1.1,
            tolerance: 1e-6,
        }
    }
}

/// The thickness that is taken where the walls of the mesh do not ask for less, as a share of the longest side.
const THICKNESS: f64 = 1.0 / 400.0;

/// The least thickness, as a share of the longest side: a ray takes at most some hundred thousand steps.
const LEAST_THICKNESS: f64 = 1e-5;

/// Most hits along one ray.
pub const MOST_HITS: u32 = 256;

impl RaySettings {
    /// The thickness for a field, own units.
    pub fn thickness_for(&self, shape: &Shape) -> f64 {
        let side = shape.bounds.longest_side();
        let walls = shape.thickness.map_or(side, |walls| 0.5 * walls);
        let otherwise = walls.min(THICKNESS * side).max(0.1 * THICKNESS * side);
        self.thickness.unwrap_or(otherwise)
    }

    fn check(&self, side: f64) -> Result<(), SettingOutOfRange> {
        fn refused<T: ToString>(
            name: &'static str,
            value: T,
            expected: impl Into<String>,
        ) -> Result<(), SettingOutOfRange> {
            Err(SettingOutOfRange::new(name, value, expected))
        }
        if !self.iso.is_finite() {
            return refused("iso", self.iso, "a finite length");
        }
        if !(1..=MOST_HITS).contains(&self.most_hits) {
            let expected = format!("from 1 to {MOST_HITS}");
            return refused("most_hits", self.most_hits, expected);
        }
        if self.reach.is_nan() || self.reach <= 0.0 {
            return refused("reach", self.reach, "a length above 0");
        }
        let least = LEAST_THICKNESS * side;
        if let Some(thickness) = self.thickness
            && !(least..=side).contains(&thickness)
        {
            let expected = format!("from {least:.3e} to {side:.3e}, the longest side of the mesh");
            return refused("thickness", thickness, expected);
        }
        if !(0.1..=1e3).contains(&self.slope_bound) {
            let expected = "from 0.1 to 1000 (1 for an exact distance)";
            return refused("slope_bound", self.slope_bound, expected);
        }
        if !(1e-7..=1e-2).contains(&self.tolerance) {
            let expected = "from 1e-7 to 0.01 of the longest side";
            return refused("tolerance", self.tolerance, expected);
        }
        Ok(())
    }
}

/// Why rays cannot be cast.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RayError {
    /// A ray is no half-line.
    #[error(
        "ray {ray} (counted from 0) goes from {origin:?} along {direction:?}: every coordinate must be a finite number"
    )]
    NotFinite {
        /// Which.
        ray: usize,
        /// Its origin.
        origin: [f64; 3],
        /// Its direction.
        direction: [f64; 3],
    },
    /// A ray goes nowhere.
    #[error("ray {ray} (counted from 0) has a direction of length 0: give it one")]
    NoDirection {
        /// Which.
        ray: usize,
    },
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingOutOfRange),
    /// The field has no value there.
    #[error("the model's value at {point:?} is not finite: its file is damaged, fit it again")]
    FieldNotFinite {
        /// Where, own units.
        point: [f64; 3],
    },
    /// The token was set.
    #[error("cancelled")]
    Cancelled,
}

/// Where a ray meets the level set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// From the ray's origin, own units, whatever the length of its direction.
    pub distance: f64,
    /// The place, own units.
    pub point: [f64; 3],
    /// The field's gradient there at unit length: it points out of the shape, and so against a ray that enters. All 0 where there is none.
    pub normal: [f32; 3],
    /// Whether the ray goes from outside to inside.
    pub enters: bool,
}

/// What became of rays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RayHits {
    /// Hits of all rays, ray by ray, along each.
    pub hits: Vec<Hit>,
    /// `[N + 1]`: those of ray `i` are `hits[first[i]..first[i + 1]]`.
    pub first: Vec<usize>,
    /// `[N]`: whether the ray begins within the level set.
    pub starts_inside: Vec<bool>,
    /// `[N]`: points at which the field was evaluated for it.
    pub evaluations: Vec<u32>,
    /// What it took.
    pub stats: RayStats,
}

/// What casting rays took and met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RayStats {
    /// Rays that were cast.
    pub rays: u64,
    /// Those that pass the box around the shape: the others are told without an evaluation.
    pub rays_in_box: u64,
    /// Those that met the level set.
    pub rays_that_hit: u64,
    /// Points at which the field was evaluated.
    pub evaluations: u64,
    /// Those of them at which its gradient was, too.
    pub gradient_evaluations: u64,
    /// Parts that a ray runs through for less than this, and gaps, may have been missed; own units.
    pub thickness: f64,
    /// The steepest slope between two neighbouring samples of a ray. Above the bound, more may have been missed.
    pub steepest_slope: f64,
    /// Rays that have as many hits as were looked for, where that was more than one: there may be more.
    pub rays_cut_short: u64,
}

impl std::ops::AddAssign for RayStats {
    fn add_assign(&mut self, other: RayStats) {
        self.rays += other.rays;
        self.rays_in_box += other.rays_in_box;
        self.rays_that_hit += other.rays_that_hit;
        self.evaluations += other.evaluations;
        self.gradient_evaluations += other.gradient_evaluations;
        self.thickness = self.thickness.max(other.thickness);
        self.steepest_slope = self.steepest_slope.max(other.steepest_slope);
        self.rays_cut_short += other.rays_cut_short;
    }
}

impl RayStats {
    /// What a user should know, a sentence each.
    pub fn warnings(&self, settings: &RaySettings) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.steepest_slope > settings.slope_bound * SLOPE_SLACK {
            warnings.push(format!(
                "The field is steeper than the slope bound of {} in places ({}): a few parts thicker than {} may have been missed. A higher bound misses less and takes longer.",
                length_in_words(settings.slope_bound),
                length_in_words(self.steepest_slope),
                length_in_words(self.thickness)
            ));
        }
        if self.rays_cut_short > 0 {
            warnings.push(format!(
                "{} rays have {} hits, as many as are looked for: there may be more along them.",
                self.rays_cut_short, settings.most_hits
            ));
        }
        warnings
    }
}

/// A slope that is so much above the bound is worth a word.
const SLOPE_SLACK: f64 = 1.5;

impl RayHits {
    /// The hits of a ray.
    pub fn of(&self, ray: usize) -> &[Hit] {
        &self.hits[self.first[ray]..self.first[ray + 1]]
    }

    /// The first hit of a ray.
    pub fn first_of(&self, ray: usize) -> Option<&Hit> {
        self.of(ray).first()
    }
}

/// Casts rays against a level set of a model.
///
/// Nothing is missed that a ray runs through for at least [`RaySettings::thickness`], as far as the field keeps to the slope bound. Rays
/// that pass by the shape's bounding box cost nothing, wherever they come from.
///
/// # Errors
/// A ray without a direction or that is not finite, a setting out of range, a field that is not finite, or cancellation.
pub fn cast_rays(
    loaded: &LoadedModel,
    rays: &[Ray],
    settings: &RaySettings,
    cancel: &CancelToken,
) -> Result<RayHits, RayError> {
    let shape = loaded.shape();
    settings.check(shape.bounds.longest_side())?;
    let scene = Scene::new(
        loaded.unit_field(),
        shape.frame,
        &shape.bounds,
        settings.thickness_for(shape),
        settings,
    );
    scene.cast(rays, cancel)
}
