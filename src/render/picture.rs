//! Pictures as bytes, and as PNG files.

use std::io::{self, Write};

use super::colour::{Background, Pixel, bytes};

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `[height, width, 4]`: red, green, blue as screens take them (sRGB) and alpha, row by row from the top.
    pub rgba: Vec<u8>,
}

impl Picture {
    pub(super) fn of([width, height]: [u32; 2], pixels: &[Pixel], background: Background) -> Self {
        let rgba = pixels
            .iter()
            .flat_map(|&pixel| bytes(pixel, background))
            .collect();
        Picture {
            width,
            height,
            rgba,
        }
    }
}

/// Writes a picture as a PNG file.
///
/// # Errors
/// What writing says.
pub fn write_png(file: &mut dyn Write, picture: &Picture) -> io::Result<()> {
    let mut writer = encoder(file, picture).write_header()?;
    writer.write_image_data(&picture.rgba)?;
    Ok(writer.finish()?)
}

/// Writes an animated PNG of `count` pictures of one size, which plays for ever. `frame` makes the pictures, one after the other.
///
/// # Errors
/// What `frame` says, or writing.
pub fn write_animation<E: From<io::Error>>(
    file: &mut dyn Write,
    count: u32,
    frames_a_second: u16,
    mut frame: impl FnMut(u32) -> Result<Picture, E>,
) -> Result<(), E> {
    let first = frame(0)?;
    let written = |error: png::EncodingError| E::from(error.into());
    let mut encoder = encoder(file, &first);
    encoder.set_animated(count, 0).map_err(written)?;
    encoder
        .set_frame_delay(1, frames_a_second)
        .map_err(written)?;
    let mut writer = encoder.write_header().map_err(written)?;
    writer.write_image_data(&first.rgba).map_err(written)?;
    drop(first);
    for index in 1..count {
        writer
            .write_image_data(&frame(index)?.rgba)
            .map_err(written)?;
    }
    writer.finish().map_err(written)
}

fn encoder<'a>(
    file: &'a mut dyn Write,
    picture: &Picture,
) -> png::Encoder<'static, &'a mut dyn Write> {
    let mut encoder = png::Encoder::new(file, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    encoder
}
