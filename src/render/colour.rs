//! Colours: light that adds up, scales, and what files hold.

use crate::words::quoted;
use std::fmt;
use std::str::FromStr;

/// Linear light: red, green and blue, already multiplied by the fourth number, which is how much of the pixel is covered.
pub(super) type Pixel = [f32; 4];

/// Linear light without a coverage.
pub(super) type Light = [f32; 3];

/// What is where there is no surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Nothing: the file has an alpha channel.
    Transparent,
    /// One colour: red, green and blue as screens take them (sRGB).
    Plain([u8; 3]),
}

impl Default for Background {
    fn default() -> Self {
        Background::Plain([255; 3])
    }
}

/// Words that are no background.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown background '{}': use transparent, white, black, or a colour such as #20242c", quoted(.0))]
pub struct UnknownBackground(pub String);

impl FromStr for Background {
    type Err = UnknownBackground;

    fn from_str(name: &str) -> Result<Self, UnknownBackground> {
        match name {
            "transparent" => return Ok(Background::Transparent),
            "white" => return Ok(Background::Plain([255; 3])),
            "black" => return Ok(Background::Plain([0; 3])),
            _ => (),
        }
        let digits = name.strip_prefix('#').filter(|digits| digits.len() == 6);
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let number = number.ok_or_else(|| UnknownBackground(name.to_owned()))?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Background::Plain([red, green, blue]))
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Background::Transparent => f.write_str("transparent"),
            Background::Plain([255, 255, 255]) => f.write_str("white"),
            Background::Plain([0, 0, 0]) => f.write_str("black"),
            Background::Plain([red, green, blue]) => {
                write!(f, "#{red:02x}{green:02x}{blue:02x}")
            }
        }
    }
}

/// The mean of samples of a pixel.
pub(super) fn mean(samples: &[Pixel]) -> Pixel {
    let count = samples.len() as f32;
    std::array::from_fn(|k| samples.iter().map(|sample| sample[k]).sum::<f32>() / count)
}

/// The four bytes of a pixel in a file, over its background.
pub(super) fn bytes(pixel: Pixel, background: Background) -> [u8; 4] {
    let [red, green, blue, covered] = pixel;
    let (light, alpha) = match background {
        Background::Transparent if covered <= 0.0 => return [0; 4],
        Background::Transparent => ([red, green, blue].map(|x| x / covered), covered),
        Background::Plain(colour) => {
            let behind = colour.map(|byte| linear(f32::from(byte) / 255.0));
            let light = [red, green, blue];
            let over = std::array::from_fn(|k| light[k] + (1.0 - covered) * behind[k]);
            (over, 1.0)
        }
    };
    let byte = |x: f32| (x.clamp(0.0, 1.0) * 255.0).round() as u8;
    let [red, green, blue] = light.map(|x| byte(encoded(x)));
    [red, green, blue, byte(alpha)]
}

/// Linear light of what screens take (sRGB, IEC 61966-2-1).
pub(super) fn linear(encoded: f32) -> f32 {
    match encoded <= 0.04045 {
        true => encoded / 12.92,
        false => ((encoded + 0.055) / 1.055).powf(2.4),
    }
}

fn encoded(linear: f32) -> f32 {
    match linear <= 0.003_130_8 {
        true => 12.92 * linear.max(0.0),
        false => 1.055 * linear.powf(1.0 / 2.4) - 0.055,
    }
}

/// Linear light of a colour in bytes.
pub(super) fn of_bytes(bytes: [u8; 3]) -> Light {
    bytes.map(|byte| linear(f32::from(byte) / 255.0))
}

pub(super) fn mixed(a: Light, b: Light, share: f32) -> Light {
    std::array::from_fn(|k| a[k] + (b[k] - a[k]) * share)
}

/// Blue at -1, nearly white at 0, red at 1 (after Moreland 2009, "Diverging color maps for scientific visualization").
pub(super) fn diverging(x: f32) -> Light {
    const STOPS: [[u8; 3]; 5] = [
        [59, 76, 192],
        [141, 176, 254],
        [221, 221, 221],
        [244, 154, 123],
        [180, 4, 38],
    ];
    along(&STOPS, 0.5 + 0.5 * x)
}

/// Dark blue at 0, green, and yellow at 1 (after viridis, van der Walt and Smith 2015).
pub(super) fn sequential(x: f32) -> Light {
    const STOPS: [[u8; 3]; 6] = [
        [68, 1, 84],
        [65, 68, 135],
        [42, 120, 142],
        [34, 168, 132],
        [122, 209, 81],
        [253, 231, 37],
    ];
    along(&STOPS, x)
}

fn along(stops: &[[u8; 3]], share: f32) -> Light {
    let last = stops.len() - 1;
    let place = share.clamp(0.0, 1.0) * last as f32;
    let low = (place as usize).min(last - 1);
    let [a, b] = [low, low + 1].map(|stop| stops[stop].map(|byte| f32::from(byte) / 255.0));
    mixed(a, b, place - low as f32).map(linear)
}
