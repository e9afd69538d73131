//! How fine a grid must be to keep what a shape has, and what is said where it is not.

use super::{ExtractError, Grid, Resolution, SurfaceBodies};
use crate::field::{Body, Shape};
use crate::words::{bodies_in_words, length_in_words};

/// Cells that a wall must be thick to come through whole. At √3 every way across it, whatever its angle, meets a
/// sample inside and these hang together; the rest is for what a fit is off.
pub const CELLS_ACROSS: f64 = 2.0;

/// Cells along the longest side where none are asked for and nothing calls for more.
pub const USUAL_RESOLUTION: u32 = 256;

/// Bytes that a dense volume may take where no resolution is asked for: some seconds of work.
pub const DENSE_BYTES: u64 = 1 << 28;

/// The finest grid that is chosen where none is asked for.
const FINEST: f64 = 8192.0;

/// What a measured thickness may be off, as a share: a plate of 0.001 needs 2000 cells and not 2001.
const ROUNDING: f64 = 1e-4;

/// Vertices of a mesh that thin walls may make the default: twice as many triangles, some seconds, 100 MB.
const WALL_VERTICES: f64 = 2e6;

/// The same for small bodies: no more than an ordinary shape at [`USUAL_RESOLUTION`] has. Scans have specks.
const BODY_VERTICES: f64 = 6e5;

/// Edges of a grid that a surface crosses, for each square of a cell's face that it has: the mean over all angles.
const VERTICES_PER_FACE: f64 = 1.5;

/// What decides how fine a grid over a field must be, at one level.
#[derive(Clone, Copy, Debug)]
pub struct Fineness<'a> {
    shape: &'a Shape,
    iso: f64,
    /// Of the shape's bounds.
    longest: f64,
}

impl<'a> Fineness<'a> {
    /// For the level at `iso`, in own units.
    pub fn new(shape: &'a Shape, iso: f64) -> Self {
        Self {
            shape,
            iso,
            longest: shape.bounds.longest_side(),
        }
    }

    /// The resolution that keeps walls and bodies; `None` where nothing is known of them, or where the level lies within
    /// the shape and is meant to lose some.
    pub fn needed(&self) -> Option<u32> {
        let bodies = self.bodies().map(|body| body.thickness);
        let thinnest = bodies.chain(self.walls()).reduce(f64::min)?;
        Some(self.for_thickness(thinnest))
    }

    /// The resolution that keeps walls and bodies where one of `resolution` cells does not.
    pub fn finer_than(&self, resolution: f64) -> Option<u32> {
        self.needed()
            .filter(|&needed| f64::from(needed) > resolution * (1.0 + 1e-6))
    }

    /// The resolution to take where none is asked for: at least [`USUAL_RESOLUTION`], more where walls or bodies are thin
    /// and a surface that keeps them is of a size that one expects, less only where `bytes` of the grid are more than
    /// `most_bytes`.
    ///
    /// # Errors
    /// As [`Grid::covering`].
    pub fn automatic(
        &self,
        most_bytes: u64,
        bytes: impl Fn(&Grid) -> u64,
    ) -> Result<Resolution, ExtractError> {
        let mut cells = USUAL_RESOLUTION;
        if let Some(walls) = self.walls() {
            let most = self.within(WALL_VERTICES);
            cells = cells.max(self.for_thickness(walls).min(most));
        }
        let most = self.within(BODY_VERTICES);
        // The thinnest first: where it would take too much, the next may not.
        let body = self.bodies().map(|body| self.for_thickness(body.thickness));
        cells = cells.max(body.clone().find(|&cells| cells <= most).unwrap_or(0));
        loop {
            let resolution = Resolution::Cells(cells);
            let grid = Grid::around_level_set(&self.shape.bounds, resolution, self.iso)?;
            if cells == 1 || bytes(&grid) <= most_bytes {
                return Ok(resolution);
            }
            cells -= cells.div_ceil(8);
        }
    }

    /// What a grid of `resolution` cells along the longest side loses, in words; with `found`, what the surface has lost
    /// that came out of it.
    pub fn warnings(&self, resolution: f64, found: Option<&SurfaceBodies>) -> Vec<String> {
        let mut warnings = Vec::new();
        let thin = self
            .walls()
            .filter(|&thickness| self.is_lost(thickness, resolution));
        let found = found.filter(|_| self.iso == 0.0);
        warnings.extend(self.about_bodies(resolution, found, thin.is_some()));
        if let Some(thickness) = thin {
            let needed = self.for_thickness(thickness);
            warnings.push(format!(
                "Walls of {} are {:.1} cells thick at resolution {resolution:.0}: they come out with holes or not at all. Resolution {needed} keeps them, with about {} million triangles.",
                length_in_words(thickness),
                resolution * thickness / self.longest,
                length_in_words((2.0 * self.vertices(needed) / 1e6).max(0.01)),
            ));
        }
        warnings
    }

    /// Where no surface was found, says which resolution would have shown one.
    pub fn explain(&self, error: ExtractError, resolution: f64) -> ExtractError {
        match error {
            ExtractError::NoSurface {
                iso,
                min,
                max,
                voxel_size,
                ..
            } => ExtractError::NoSurface {
                iso,
                min,
                max,
                voxel_size,
                finer: self.finer_than(resolution),
            },
            error => error,
        }
    }

    fn about_bodies(
        &self,
        resolution: f64,
        found: Option<&SurfaceBodies>,
        thin: bool,
    ) -> Option<String> {
        let expected = self.shape.bodies.as_ref()?.count;
        let small = self
            .bodies()
            .filter(|body| self.is_lost(body.thickness, resolution));
        let small: Vec<Body> = small.collect();
        let smallest = small.first().map(|body| {
            format!(
                "the smallest is {} thick: resolution {} keeps it",
                length_in_words(body.thickness),
                self.for_thickness(body.thickness)
            )
        });
        let Some(found) = found else {
            // One body is its walls.
            let smallest = smallest.filter(|_| expected > 1)?;
            return Some(format!(
                "{} of {} may be lost at resolution {resolution:.0}; {smallest}.",
                small.len(),
                bodies_in_words(expected),
            ));
        };
        if found.count < expected {
            let of = format!(
                "{} of {} came through",
                found.count,
                bodies_in_words(expected)
            );
            return Some(match smallest {
                Some(smallest) => format!("{of}; {smallest}."),
                None => format!(
                    "{of}: the others are lost in the field or have grown together. Fit longer or with the preset detail, or mesh at a higher resolution."
                ),
            });
        }
        if found.count == expected {
            return None;
        }
        let of = format!(
            "The surface has {}, the mesh had {expected}",
            bodies_in_words(found.count)
        );
        Some(match thin {
            true => format!("{of}: thin walls broke into pieces."),
            false => format!(
                "{of}, the smallest of them {} long: specks, or pieces of walls that the field has lost. Fit longer, or with the preset detail.",
                length_in_words(found.smallest)
            ),
        })
    }

    /// How thick the walls of this level are, that is 98% of it at least.
    fn walls(&self) -> Option<f64> {
        let thickness = self.shape.thickness.filter(|_| self.iso >= 0.0)?;
        (thickness > 0.0).then_some(thickness + 2.0 * self.iso)
    }

    /// The bodies that are lost first, as thick as they are at this level.
    fn bodies(&self) -> impl Iterator<Item = Body> + Clone + use<'a> {
        let iso = self.iso;
        let known = self.shape.bodies.as_ref().filter(|_| iso >= 0.0);
        let listed = known.map_or(&[][..], |bodies| &bodies.thinnest);
        let listed = listed.iter().filter(|body| body.thickness > 0.0);
        listed.map(move |body| Body {
            longest_side: body.longest_side + 2.0 * iso,
            thickness: body.thickness + 2.0 * iso,
        })
    }

    fn for_thickness(&self, thickness: f64) -> u32 {
        (CELLS_ACROSS * self.longest / thickness * (1.0 - ROUNDING))
            .ceil()
            .clamp(1.0, f64::from(u32::MAX)) as u32
    }

    fn is_lost(&self, thickness: f64, resolution: f64) -> bool {
        CELLS_ACROSS * self.longest > thickness * resolution * (1.0 + 2.0 * ROUNDING)
    }

    /// Vertices of the surface, about.
    fn vertices(&self, resolution: u32) -> f64 {
        let [x, y, z] = self.shape.bounds.size();
        let area = self.shape.area;
        let area = area.unwrap_or(2.0 * (x * y + y * z + z * x));
        VERTICES_PER_FACE * area * (f64::from(resolution) / self.longest).powi(2)
    }

    /// The finest resolution at which the surface has about so many vertices.
    fn within(&self, vertices: f64) -> u32 {
        (vertices / self.vertices(1)).sqrt().clamp(1.0, FINEST) as u32
    }
}

#[cfg(test)]
mod tests;
