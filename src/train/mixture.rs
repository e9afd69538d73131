//! What a batch is made of: how many samples on the surface, near it and anywhere, and which of them are taken where training has got to.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::samples::{Cancelled, Details, Region, SampleSource, Samples};
use super::settings::Sampling;
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::{Bounds, UNIT_LONGEST_SIDE};
use crate::loss::Needs;

/// Where training has got to when samples are drawn.
#[derive(Clone, Copy, Default)]
pub(super) struct Moment<'a> {
    /// Share of the budget that is used, 0 to 1.
    pub used: f64,
    /// The field as it is, in the unit frame, where samples are chosen by its error; none before the first step.
    pub field: Option<&'a dyn ScalarField>,
}

/// Share of the near samples that keep to walls which are thin beside the near band.
const WALL_SHARE: f64 = 0.25;

/// Margin about the bounding box that uniform samples fill: the rest of the unit frame gets fewer.
const BOX_MARGIN: f64 = 0.05 * UNIT_LONGEST_SIDE;

/// Samples of which one is chosen by its error.
const CANDIDATES: usize = 4;

impl SampleSource<'_> {
    /// A training mixture: on the surface, near it in two widths and, where walls are thin, in a third, and anywhere in
    /// the bounding box and in the frame. With gradients where the loss `needs` them. The points in space are those of `moment`.
    pub(super) fn mixture(
        &self,
        count: usize,
        sampling: &Sampling,
        needs: Needs,
        seed: u64,
        moment: &Moment<'_>,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        let shares = &sampling.shares;
        let sum = shares.surface + shares.near + shares.uniform;
        let near = (count as f64 * shares.near / sum).round() as usize;
        let uniform = ((count as f64 * shares.uniform / sum).round() as usize).min(count - near);
        let surface = count - near - uniform;
        let width = sampling.near_sigma * sampling.narrowing.powf(moment.used);
        let sigma = (width * UNIT_LONGEST_SIDE) as f32;
        let frame = Bounds {
            min: [-1.0; 3],
            max: [1.0; 3],
        };
        let is_thin = |details: &Details| details.thickness.iter().any(|&t| t < 2.0 * sigma);
        let walls = match self.details.is_some_and(is_thin) {
            true => (near as f64 * WALL_SHARE) as usize,
            false => 0,
        };
        let measured = [
            (Region::NearParts(sigma), near - near / 2 - walls),
            (Region::NearParts(4.0 * sigma), near / 2),
            (
                Region::Box(self.bounds().grown(BOX_MARGIN)),
                uniform - uniform / 4,
            ),
            // The field answers in the whole frame, far corners included.
            (Region::Box(frame), uniform / 4),
            (Region::NearWalls(sigma), walls),
        ];
        // The distance of a point on the surface needs no search.
        let (points, normals) = self.on_surface(surface, !seed);
        let mut mixture = Samples {
            distances: vec![0.0; points.len()],
            points,
            gradients: Vec::new(),
        };
        let measured = match moment.field {
            Some(field) if sampling.by_error > 0.0 => {
                self.hard(&measured, sampling.by_error, field, seed, cancel)?
            }
            _ => self.measured(&measured, seed, cancel)?,
        };
        if needs == Needs::Gradient {
            mixture.gradients = normals;
            let gradients = self.gradients(&measured, cancel)?;
            mixture.gradients.extend(gradients);
        }
        mixture.points.extend(measured.points);
        mixture.distances.extend(measured.distances);
        Ok(mixture)
    }

    /// Samples of some regions, so many of each, a share of which are chosen by the field's error.
    fn hard(
        &self,
        regions: &[(Region, usize)],
        share: f64,
        field: &dyn ScalarField,
        seed: u64,
        cancel: &CancelToken,
    ) -> Result<Samples, Cancelled> {
        let chosen = |count: usize| (share * count as f64).round() as usize;
        let others = regions
            .iter()
            .map(|&(region, count)| (region, count - chosen(count)));
        let mut samples = self.measured(&others.collect::<Vec<_>>(), seed, cancel)?;
        for (number, &(region, count)) in (1u64..).zip(regions) {
            let seed = !seed.wrapping_add(number << 48);
            let count = chosen(count);
            let candidates = self.measured(&[(region, CANDIDATES * count)], seed, cancel)?;
            for index in by_error(&candidates, field, count, seed) {
                samples.points.push(candidates.points[index]);
                samples.distances.push(candidates.distances[index]);
            }
        }
        Ok(samples)
    }
}

/// `count` of the samples, each with a chance that grows with the field's error there, none twice (Efraimidis and Spirakis 2006).
fn by_error(samples: &Samples, field: &dyn ScalarField, count: usize, seed: u64) -> Vec<usize> {
    let mut values = vec![0.0; samples.points.len()];
    field.values(&samples.points, &mut values);
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let errors = values.iter().zip(&samples.distances);
    let mut keys: Vec<(f64, usize)> = (errors.enumerate())
        .map(|(index, (value, distance))| {
            // A field that diverges must not decide by what is no number.
            let error = f64::from((value - distance).abs()).clamp(1e-9, 1e9);
            (rng.random::<f64>().ln() / error, index)
        })
        .collect();
    if count < keys.len() {
        keys.select_nth_unstable_by(count, |a, b| b.0.total_cmp(&a.0));
    }
    keys.into_iter()
        .take(count)
        .map(|(_, index)| index)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{SignPolicy, SignedDistance};
    use crate::geometry::{SurfaceSampler, shapes};
    use crate::train::Preset;
    use crate::train::parts::Parts;

    #[test]
    fn a_speck_far_from_a_ball_has_samples_inside_and_what_fields_are_judged_on_stays_as_it_is() {
        const RADIUS: f32 = 0.003;
        let speck = shapes::icosphere(3, RADIUS.into()).translated([0.85, 0.0, 0.0]);
        let mesh = shapes::icosphere(4, 0.6).joined(&speck);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let cancel = CancelToken::new();
        let parts = Parts::measure(&oracle, &mesh, &surface, 0.0, &cancel).unwrap();
        let plain = || SampleSource::new(&oracle, &surface, mesh.bounds());
        let sampling = Preset::Standard.settings().sampling;
        let within = |source: &SampleSource<'_>| {
            let needs = Needs::Error;
            let samples = source.mixture(50_000, &sampling, needs, 1, &Moment::default(), &cancel);
            let samples = samples.unwrap();
            assert_eq!(samples.points.len(), 50_000);
            let rows = samples.points.iter().zip(&samples.distances);
            let inside = rows.filter(|&([x, y, z], distance)| {
                *distance < 0.0 && ((x - 0.85).powi(2) + y * y + z * z).sqrt() < RADIUS
            });
            inside.count()
        };
        assert!(within(&plain()) < 3);
        let detailed = plain().with_details(&parts.details);
        assert!(within(&detailed) > 30);
        let judged =
            |source: &SampleSource<'_>| source.near(2000, 0.01, 7, &cancel).unwrap().points;
        assert_eq!(judged(&plain()), judged(&detailed));
    }

    /// Samples about a ball, with gradients.
    fn about_a_ball(policy: SignPolicy) -> Samples {
        let mesh = shapes::icosphere(5, 0.9);
        let oracle = SignedDistance::new(&mesh, policy).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let source = SampleSource::new(&oracle, &surface, mesh.bounds());
        let sampling = Preset::Standard.settings().sampling;
        let (needs, cancel) = (Needs::Gradient, CancelToken::new());
        let samples = source.mixture(20_000, &sampling, needs, 1, &Moment::default(), &cancel);
        samples.unwrap()
    }

    #[test]
    fn gradients_point_away_from_the_inside_and_are_of_length_one() {
        let samples = about_a_ball(SignPolicy::Auto);
        let mut known = [0; 3];
        for ((point, distance), gradient) in (samples.points.iter())
            .zip(&samples.distances)
            .zip(&samples.gradients)
        {
            let dot = |a: &[f32; 3], b: &[f32; 3]| (0..3).map(|i| a[i] * b[i]).sum::<f32>();
            let (length, radius) = (dot(gradient, gradient).sqrt(), dot(point, point).sqrt());
            // Near the middle every face of the polyhedron is about as near.
            if length == 0.0 || radius < 0.3 {
                assert!(distance.abs() < 2e-4 || radius < 0.3);
                continue;
            }
            assert!((length - 1.0).abs() < 1e-3, "{length}");
            assert!(
                dot(gradient, point) > 0.99 * radius,
                "{point:?} {gradient:?}"
            );
            known[if *distance == 0.0 {
                0
            } else {
                1 + usize::from(*distance > 0.0)
            }] += 1;
        }
        // On the surface, inside, outside.
        assert!(
            known[0] == 4000 && known[1] > 2000 && known[2] > 2000,
            "{known:?}"
        );
    }

    #[test]
    fn a_surface_without_an_inside_has_no_normals() {
        let samples = about_a_ball(SignPolicy::None);
        let on_surface = samples.distances.iter().zip(&samples.gradients);
        let mut on_surface = on_surface.filter(|(distance, _)| **distance == 0.0);
        assert!(on_surface.all(|(_, gradient)| *gradient == [0.0; 3]));
    }

    /// Wrong on one side of a plane.
    struct WrongAbove;

    impl ScalarField for WrongAbove {
        fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
            for (value, point) in values.iter_mut().zip(points) {
                let distance = point.iter().map(|x| x * x).sum::<f32>().sqrt() - 0.6;
                *value = distance + if point[2] > 0.0 { 0.02 } else { 0.001 };
            }
        }

        fn values_and_gradients(&self, _: &[[f32; 3]], _: &mut [f32], _: &mut [[f32; 3]]) {
            unreachable!("errors need no gradients")
        }
    }

    #[test]
    fn samples_gather_where_the_field_is_wrong_and_close_in_on_the_surface() {
        let mesh = shapes::icosphere(5, 0.6);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let source = SampleSource::new(&oracle, &surface, mesh.bounds());
        let mut sampling = Preset::Standard.settings().sampling;
        (sampling.by_error, sampling.narrowing) = (0.5, 0.1);
        let drawn = |used, field| {
            let (moment, cancel) = (Moment { used, field }, CancelToken::new());
            let samples = source.mixture(20_000, &sampling, Needs::Error, 1, &moment, &cancel);
            samples.unwrap()
        };
        let above = |samples: &Samples| {
            let off_surface = samples.points.iter().zip(&samples.distances);
            let off_surface: Vec<_> = off_surface
                .filter(|(_, distance)| **distance != 0.0)
                .collect();
            let above = off_surface
                .iter()
                .filter(|(point, _)| point[2] > 0.0)
                .count();
            above as f64 / off_surface.len() as f64
        };
        let plain = drawn(0.0, None);
        let hard = drawn(0.0, Some(&WrongAbove));
        assert_eq!((plain.points.len(), hard.points.len()), (20_000, 20_000));
        assert!((above(&plain) - 0.5).abs() < 0.02);
        // Half is even, and nearly all of the other half is above.
        assert!((0.68..0.76).contains(&above(&hard)), "{}", above(&hard));
        let mut places = hard.points.clone();
        places.sort_by(|a, b| a.partial_cmp(b).unwrap());
        places.dedup();
        assert_eq!(places.len(), 20_000, "samples were drawn twice");
        for (point, distance) in hard.points.iter().zip(&hard.distances) {
            let radius = point.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((radius - 0.6 - distance).abs() < 2e-3);
        }
        let median = |samples: Samples| {
            let mut far: Vec<f32> = samples.distances.iter().map(|d| d.abs()).collect();
            far.sort_by(f32::total_cmp);
            far[far.len() / 2]
        };
        assert!(median(drawn(1.0, None)) < 0.2 * median(plain));
    }
}
