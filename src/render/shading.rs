//! From what a pixel sees to its colour.

use super::camera::Camera;
use super::colour::{Light, Pixel, diverging, mixed, of_bytes, sequential};
use super::settings::{Mode, RenderSettings};
use super::surfel::Surfel;
use crate::geometry::vector::dot;
use crate::words::length_in_words;

/// Clay, from outside and from within.
const OUTSIDE: [u8; 3] = [214, 205, 193];
const INSIDE: [u8; 3] = [126, 146, 176];

/// The sky above and the ground below.
const SKY: Light = [0.34, 0.37, 0.42];
const GROUND: Light = [0.13, 0.115, 0.10];

/// A light: right, up and backwards from the camera, and its colour.
const KEY: ([f64; 3], Light) = ([-0.55, 0.75, 0.65], [0.80, 0.77, 0.72]);
const FILL: ([f64; 3], Light) = ([0.9, 0.15, 0.55], [0.13, 0.15, 0.18]);
const RIM: ([f64; 3], Light) = ([0.3, 0.55, -0.9], [0.30, 0.30, 0.30]);

/// Of the key light in a smooth surface.
const GLOSS: f32 = 0.06;
const SHARPNESS: i32 = 28;

/// The share of what is seen that lies within an automatic scale of colours.
const CURVATURES_WITHIN: f64 = 0.95;
const ERRORS_WITHIN: f64 = 0.99;

/// How what is seen becomes colours.
pub(super) struct Shading {
    mode: Mode,
    up: [f64; 3],
    key: [f64; 3],
    fill: [f64; 3],
    rim: [f64; 3],
    /// The value at the end of the scale of colours.
    range: f32,
    longest_side: f64,
}

impl Shading {
    pub(super) fn new(
        settings: &RenderSettings,
        camera: &Camera,
        seen: &[Option<Surfel>],
        longest_side: f64,
    ) -> Shading {
        let [_, up, _] = settings.up.front();
        let within = match settings.mode {
            Mode::Curvature => CURVATURES_WITHIN,
            _ => ERRORS_WITHIN,
        };
        let range = settings
            .range
            .map_or_else(|| most_of(seen, within), |range| range as f32);
        Shading {
            mode: settings.mode,
            up,
            key: camera.turned(KEY.0),
            fill: camera.turned(FILL.0),
            rim: camera.turned(RIM.0),
            range,
            longest_side,
        }
    }

    /// The colour of what is seen along a direction.
    pub(super) fn colour(&self, direction: [f64; 3], surfel: Option<&Surfel>) -> Pixel {
        let Some(surfel) = surfel else {
            return [0.0; 4];
        };
        let [red, green, blue] = match self.mode {
            Mode::Normals => {
                // As screens take them: what is halfway is to look so.
                surfel.normal.map(|x| super::colour::linear(0.5 + 0.5 * x))
            }
            Mode::Curvature => self.tinted(diverging(surfel.number / self.range), surfel),
            Mode::Error => self.tinted(sequential(surfel.number / self.range), surfel),
            Mode::Shaded | Mode::Slice => self.lit(direction, surfel),
        };
        [red, green, blue, 1.0]
    }

    /// Clay in a studio.
    fn lit(&self, direction: [f64; 3], surfel: &Surfel) -> Light {
        let clay = of_bytes(if surfel.from_inside { INSIDE } else { OUTSIDE });
        let normal = surfel.normal.map(f64::from);
        let towards = |light: [f64; 3]| dot(normal, light).max(0.0) as f32;
        let open = surfel.openness;
        let sky = 0.5 + 0.5 * dot(normal, self.up) as f32;
        let around = mixed(GROUND, SKY, sky);
        // What is narrow about a place also keeps some of the key light off.
        let key = towards(self.key) * (0.35 + 0.65 * open);
        let (fill, rim) = (towards(self.fill) * open, towards(self.rim) * open);
        let half: [f64; 3] = std::array::from_fn(|k| self.key[k] - direction[k]);
        let length = dot(half, half).sqrt().max(1e-9);
        let shine = (dot(normal, half) / length).max(0.0) as f32;
        let gloss = GLOSS * shine.powi(SHARPNESS) * open;
        std::array::from_fn(|k| {
            let light = around[k] * open + KEY.1[k] * key + FILL.1[k] * fill + RIM.1[k] * rim;
            clay[k] * light + gloss * KEY.1[k]
        })
    }

    /// A colour that means something, with just enough shade to show the form.
    fn tinted(&self, colour: Light, surfel: &Surfel) -> Light {
        let normal = surfel.normal.map(f64::from);
        let key = dot(normal, self.key).max(0.0) as f32;
        let shade = (0.55 + 0.45 * key) * (0.6 + 0.4 * surfel.openness);
        colour.map(|x| x * shade)
    }

    /// The value at the end of the scale of colours, where there is one.
    pub(super) fn range(&self) -> Option<f64> {
        let scaled = matches!(self.mode, Mode::Curvature | Mode::Error);
        scaled.then_some(self.range.into())
    }

    /// What the colours mean, a line each.
    pub(super) fn legend(&self) -> Vec<String> {
        let range = length_in_words(self.range.into());
        match self.mode {
            Mode::Shaded | Mode::Slice => Vec::new(),
            Mode::Normals => {
                vec![
                    "red, green, blue: x, y, z of the normal, dark at -1 and bright at 1"
                        .to_owned(),
                ]
            }
            Mode::Curvature => vec![format!(
                "blue: hollow, mean curvature -{range}; white: 0; red: bulging, {range} (1/length; a sphere of radius {} has it)",
                length_in_words(1.0 / f64::from(self.range))
            )],
            Mode::Error => {
                let share = f64::from(self.range) / self.longest_side;
                vec![format!(
                    "dark blue: on the mesh; yellow: {range} away or more ({} of the longest side)",
                    length_in_words(share)
                )]
            }
        }
    }
}

/// What a share of the numbers that are seen is at most, whatever their sign.
fn most_of(seen: &[Option<Surfel>], share: f64) -> f32 {
    let numbers = seen.iter().flatten().map(|surfel| surfel.number.abs());
    let mut numbers: Vec<f32> = numbers.filter(|number| number.is_finite()).collect();
    let Some(last) = numbers.len().checked_sub(1) else {
        return 1.0;
    };
    let place = (last as f64 * share) as usize;
    let (_, &mut most, _) = numbers.select_nth_unstable_by(place, f32::total_cmp);
    most.max(f32::MIN_POSITIVE)
}
