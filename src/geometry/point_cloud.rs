//! Point clouds: places on a surface, without the faces between them.

use rayon::prelude::*;

use super::principal_axes::PrincipalAxes;
use super::read::left_out;
use super::vector::dot;
use super::weld::first_at_same_place;
use super::{Bounds, Similarity};

/// Points on a surface, as a scanner gives them, in their own units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PointCloud {
    /// `[N, 3]`.
    pub positions: Vec<[f64; 3]>,
    /// `[N, 3]`: which way the surface faces at each point, of any length; zero where it is not known. `None` if nothing is
    /// known of it anywhere.
    pub normals: Option<Vec<[f64; 3]>>,
}

/// What was found in a cloud and done to it on the way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PointCleanup {
    /// Points left out because a coordinate was no finite number.
    pub left_out: u64,
    /// Points left out because another one lies at exactly the same place.
    pub merged: u64,
    /// Points of a cloud with normals whose own has no direction.
    pub without_normal: u64,
}

impl PointCleanup {
    /// The same as sentences for a user.
    pub fn in_words(&self) -> Vec<String> {
        let without_normal = match self.without_normal {
            0 => None,
            1 => Some("1 point has a normal without a direction: it was estimated.".to_owned()),
            count => Some(format!(
                "{count} points have normals without a direction: these were estimated."
            )),
        };
        let said = [
            left_out(
                self.left_out,
                "point without a finite place",
                "points without a finite place",
            ),
            left_out(
                self.merged,
                "point that lies exactly at the place of another one",
                "points that lie exactly at the place of another one",
            ),
            without_normal,
        ];
        said.into_iter().flatten().collect()
    }
}

/// Why no surface can be put through points.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PointCloudError {
    /// No point has a place.
    #[error("there are no faces, and none of the {points} points is at a finite place")]
    NotFinite {
        /// How many there are.
        points: usize,
    },
    /// All points are one.
    #[error("there are no faces, and all points lie at {position:?}")]
    OnePlace {
        /// That place.
        position: [f64; 3],
    },
    /// Too few points to tell a surface from.
    #[error(
        "there are no faces, and only {points} different points: a surface is put through {} or more",
        PointCloud::LEAST
    )]
    TooFew {
        /// Different points.
        points: usize,
    },
    /// All points lie on a line or a plane.
    #[error("there are no faces, and all points lie on one {what}, which has no inside")]
    Flat {
        /// `line` or `plane`.
        what: &'static str,
    },
    /// The extent is too large or too small for the arithmetic.
    #[error(
        "the points measure {longest_side:e} along their longest side: too much or too little to compute with; rescale them"
    )]
    ExtentOutOfRange {
        /// Longest edge of the bounding box.
        longest_side: f64,
    },
    /// Positions and normals do not belong together.
    #[error("there are {normals} normals for {points} points")]
    NormalCount {
        /// Number of points.
        points: usize,
        /// Number of normals.
        normals: usize,
    },
}

impl PointCloud {
    /// The fewest different points that a surface is put through.
    pub const LEAST: usize = 10;

    /// A cloud from raw arrays, `f32` or `f64`: positions and, if there are any, normals, both `[N, 3]`.
    ///
    /// Nothing is checked: call [`checked`](Self::checked).
    pub fn from_arrays<T: Copy + Into<f64>>(
        positions: &[[T; 3]],
        normals: Option<&[[T; 3]]>,
    ) -> PointCloud {
        let wide = |rows: &[[T; 3]]| rows.iter().map(|row| row.map(Into::into)).collect();
        PointCloud {
            positions: wide(positions),
            normals: normals.map(wide),
        }
    }

    /// The box around the points.
    pub fn bounds(&self) -> Bounds {
        Bounds::around(self.positions.iter().copied())
    }

    /// Leaves out the points that have no place and those at the place of another one, and makes normals one long. The
    /// others keep their order.
    ///
    /// # Errors
    /// [`PointCloudError`] if no surface can be put through what is left.
    pub fn checked(mut self) -> Result<(PointCloud, PointCleanup), PointCloudError> {
        let points = self.positions.len();
        if let Some(normals) = &self.normals
            && normals.len() != points
        {
            let normals = normals.len();
            return Err(PointCloudError::NormalCount { points, normals });
        }
        let mut cleanup = PointCleanup::default();
        let is_finite = |position: &[f64; 3]| position.iter().all(|x| x.is_finite());
        let finite: Vec<bool> = self.positions.par_iter().map(is_finite).collect();
        cleanup.left_out = self.keep(&finite);
        let Some(&position) = self.positions.first() else {
            return Err(PointCloudError::NotFinite { points });
        };
        let first = first_at_same_place(&self.positions);
        let is_first = |(index, &place): (usize, &u32)| place as usize == index;
        let different: Vec<bool> = first.iter().enumerate().map(is_first).collect();
        cleanup.merged = self.keep(&different);
        match self.positions.len() {
            1 => return Err(PointCloudError::OnePlace { position }),
            points if points < Self::LEAST => return Err(PointCloudError::TooFew { points }),
            _ => self.check_extent()?,
        }
        if let Some(normals) = &mut self.normals {
            normals.par_iter_mut().for_each(|n| *n = direction(*n));
            let without = normals.par_iter().filter(|normal| **normal == [0.0; 3]);
            cleanup.without_normal = without.count() as u64;
            if cleanup.without_normal == normals.len() as u64 {
                self.normals = None;
            }
        }
        Ok((self, cleanup))
    }

    /// Keeps the points that are marked; how many went.
    fn keep(&mut self, marks: &[bool]) -> u64 {
        let gone = marks.iter().filter(|&&keep| !keep).count();
        if gone > 0 {
            for rows in [Some(&mut self.positions), self.normals.as_mut()] {
                let mut marks = marks.iter();
                if let Some(rows) = rows {
                    rows.retain(|_| marks.next().is_some_and(|&keep| keep));
                }
            }
        }
        gone as u64
    }

    fn check_extent(&self) -> Result<(), PointCloudError> {
        // Rounding of f32 coordinates is below, the noise of any scanner above.
        const FLATNESS: f64 = 1e-6;
        let bounds = self.bounds();
        let longest_side = bounds.longest_side();
        let Some(frame) = Similarity::to_unit_frame(&bounds) else {
            return Err(PointCloudError::ExtentOutOfRange { longest_side });
        };
        let unit = self.positions.iter().map(|&position| frame.apply(position));
        let [thickness, width, length] = PrincipalAxes::of(unit).variances.map(f64::sqrt);
        if width <= FLATNESS * length {
            return Err(PointCloudError::Flat { what: "line" });
        }
        if thickness <= FLATNESS * length {
            return Err(PointCloudError::Flat { what: "plane" });
        }
        Ok(())
    }
}

/// The vector made one long; zero if it has no direction.
fn direction(vector: [f64; 3]) -> [f64; 3] {
    let largest = vector.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if !vector.iter().all(|x| x.is_finite()) || largest < f64::MIN_POSITIVE {
        return [0.0; 3];
    }
    if (dot(vector, vector) - 1.0).abs() < 1e-12 {
        // It keeps its digits.
        return vector;
    }
    // Divided first: squares of very small and very large numbers would vanish.
    let scaled = vector.map(|x| x / largest);
    let length = dot(scaled, scaled).sqrt();
    scaled.map(|x| x / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    fn refused(positions: Vec<[f64; 3]>) -> String {
        let cloud = PointCloud {
            positions,
            normals: None,
        };
        cloud.checked().unwrap_err().to_string()
    }

    #[test]
    fn what_no_surface_goes_through_is_refused_in_words() {
        let line = |i: u32| [0.1, 0.2, 0.3].map(|x| x * f64::from(i));
        let plane = |i: u32| [f64::from(i % 5), f64::from(i / 5), f64::from(i % 5) * 0.1];
        let small = |i: u32| shapes::icosphere(1, 1e-310).positions[i as usize];
        let all = |point: &dyn Fn(u32) -> [f64; 3]| (0..20).map(point).collect::<Vec<_>>();
        let cases = [
            (vec![[f64::NAN; 3]; 4], "none of the 4 points"),
            (vec![[1.0, 2.0, 3.0]; 30], "lie at [1.0, 2.0, 3.0]"),
            (all(&line)[..3].to_vec(), "only 3 different points"),
            (all(&line), "on one line"),
            (all(&plane), "on one plane"),
            (all(&small), "rescale"),
        ];
        for (positions, words) in cases {
            let message = refused(positions);
            assert!(message.contains(words), "{message}");
        }
        let cloud = PointCloud {
            positions: all(&plane),
            normals: Some(vec![[0.0, 0.0, 1.0]; 3]),
        };
        let message = cloud.checked().unwrap_err().to_string();
        assert!(message.contains("3 normals for 20 points"), "{message}");
    }

    #[test]
    fn points_without_a_place_and_copies_are_left_out_with_their_normals() {
        let mut positions = shapes::icosphere(1, 2.0).positions;
        let mut normals: Vec<[f64; 3]> = positions.iter().map(|p| p.map(|x| x * 3.5)).collect();
        let expected = positions.clone();
        positions.insert(3, [f64::NAN, 0.0, 0.0]);
        normals.insert(3, [9.0; 3]);
        positions.push(positions[0]);
        normals.push([9.0; 3]);
        normals[1] = [0.0; 3];
        normals[2] = [0.0, f64::NAN, 1.0];
        let cloud = PointCloud {
            positions,
            normals: Some(normals),
        };
        let (cloud, cleanup) = cloud.checked().unwrap();
        assert_eq!(cloud.positions, expected);
        let normals = cloud.normals.unwrap();
        assert_eq!(normals[1..3], [[0.0; 3]; 2]);
        for (normal, position) in normals.iter().zip(&expected).skip(3) {
            assert!((dot(*normal, *position) - 2.0).abs() < 1e-12);
        }
        let counts = (cleanup.left_out, cleanup.merged, cleanup.without_normal);
        assert_eq!(counts, (1, 1, 2));
        assert_eq!(cleanup.in_words().len(), 3);
    }

    #[test]
    fn normals_that_say_nothing_are_none() {
        let positions = shapes::icosphere(1, 2.0).positions;
        let normals = Some(vec![[0.0; 3]; positions.len()]);
        let (cloud, _) = PointCloud { positions, normals }.checked().unwrap();
        assert_eq!(cloud.normals, None);
    }
}
