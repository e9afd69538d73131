//! Points spread evenly over a surface.

use rand::{Rng, RngExt};

use super::{Components, Mesh, bending};

/// Draws points of a mesh's surface, each part of it with a chance proportional to its area.
///
/// A triangle is found by Walker's alias method in constant time (Vose, "A Linear Algorithm for Generating Random
/// Numbers with a Given Distribution", 1991); a point on it by folding the unit square.
#[derive(Clone, Debug)]
pub struct SurfaceSampler {
    faces: Vec<Face>,
    area: f64,
}

#[derive(Clone, Copy, Debug)]
struct Face {
    corner: [f32; 3],
    edges: [[f32; 3]; 2],
    normal: [f32; 3],
    /// Chance to stay at this face once its slot is drawn; otherwise `alias` is taken.
    stay: f32,
    alias: u32,
}

/// A point on a surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfacePoint {
    /// Where it is, in the frame of the mesh.
    pub position: [f32; 3],
    /// The triangle that it lies on.
    pub triangle: u32,
    /// Unit normal of that triangle, to its counter-clockwise side.
    pub normal: [f32; 3],
}

impl SurfaceSampler {
    /// A sampler of `mesh`. Triangles without an area are never drawn.
    ///
    /// # Panics
    /// If no triangle has an area, which [`validate`](super::validate()) refuses.
    pub fn new(mesh: &Mesh) -> SurfaceSampler {
        SurfaceSampler::weighted(mesh, |_| {})
    }

    /// A sampler that reaches every connected part of `mesh`, however small: a share of the points, `evenly`, is spread
    /// evenly over the parts, within each by area; another, `by_bending`, as the surface bends (see [`bending`](super::bending()));
    /// the rest by area over the whole surface. Both shares together are at most 1.
    ///
    /// The same as [`new`](Self::new) where there is one part only and nothing is spread by bending.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if `components` are those of a mesh with fewer triangles.
    pub fn spread(
        mesh: &Mesh,
        components: &Components,
        evenly: f64,
        by_bending: f64,
    ) -> SurfaceSampler {
        let evenly = if components.count < 2 { 0.0 } else { evenly };
        if evenly == 0.0 && by_bending == 0.0 {
            return SurfaceSampler::new(mesh);
        }
        let bending = match by_bending > 0.0 {
            true => bending(mesh),
            false => vec![0.0; mesh.triangles.len()],
        };
        SurfaceSampler::weighted(mesh, |areas| {
            let mut of_part = vec![0.0; components.count as usize];
            for (area, &part) in areas.iter().zip(&components.of_triangle) {
                of_part[part as usize] += area;
            }
            let whole: f64 = of_part.iter().sum();
            let reached = of_part.iter().filter(|&&area| area > 0.0).count() as f64;
            let bent: f64 = bending.iter().sum();
            // A plane bends nowhere.
            let by_bending = if bent > 0.0 { by_bending } else { 0.0 };
            let parts = areas.iter_mut().zip(&components.of_triangle);
            for ((area, &part), bending) in parts.zip(&bending) {
                if *area > 0.0 {
                    let part = whole / (reached * of_part[part as usize]);
                    let by_area = *area * (1.0 - evenly - by_bending + evenly * part);
                    *area = by_area + by_bending * whole * bending / bent.max(f64::MIN_POSITIVE);
                }
            }
        })
    }

    /// A sampler that draws triangles by weights, which `weigh` makes of their areas.
    fn weighted(mesh: &Mesh, weigh: impl FnOnce(&mut [f64])) -> SurfaceSampler {
        let mut areas = Vec::with_capacity(mesh.triangles.len());
        let mut faces = Vec::with_capacity(mesh.triangles.len());
        for index in 0..mesh.triangles.len() {
            let [a, b, c] = mesh.corners(index);
            let edge = |to: [f64; 3]| -> [f64; 3] { std::array::from_fn(|i| to[i] - a[i]) };
            let (u, v) = (edge(b), edge(c));
            let normal = [
                u[1] * v[2] - u[2] * v[1],
                u[2] * v[0] - u[0] * v[2],
                u[0] * v[1] - u[1] * v[0],
            ];
            let length = normal[0].hypot(normal[1]).hypot(normal[2]);
            let narrow = |x: [f64; 3]| x.map(|x| x as f32);
            areas.push(length / 2.0);
            faces.push(Face {
                corner: narrow(a),
                edges: [narrow(u), narrow(v)],
                normal: narrow(if length > 0.0 {
                    normal.map(|x| x / length)
                } else {
                    normal
                }),
                stay: 1.0,
                alias: index as u32,
            });
        }
        let area = areas.iter().sum::<f64>();
        assert!(area > 0.0, "the mesh has a triangle with an area");
        weigh(&mut areas);
        let weight = areas.iter().sum::<f64>();
        fill_alias_table(&mut faces, &areas, weight);
        SurfaceSampler { faces, area }
    }

    /// Area of the whole surface.
    pub fn area(&self) -> f64 {
        self.area
    }

    /// A fresh point.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> SurfacePoint {
        let mut triangle = rng.random_range(0..self.faces.len() as u32);
        let slot = &self.faces[triangle as usize];
        if rng.random::<f32>() >= slot.stay {
            triangle = slot.alias;
        }
        let face = &self.faces[triangle as usize];
        let (mut s, mut t): (f32, f32) = (rng.random(), rng.random());
        if s + t > 1.0 {
            (s, t) = (1.0 - s, 1.0 - t);
        }
        let [u, v] = face.edges;
        SurfacePoint {
            position: std::array::from_fn(|i| face.corner[i] + s * u[i] + t * v[i]),
            triangle,
            normal: face.normal,
        }
    }
}

/// Gives each slot an equal share of the weight: its own face's up to that share, and of one other face the rest.
fn fill_alias_table(faces: &mut [Face], weights: &[f64], total: f64) {
    let mean = total / weights.len() as f64;
    let mut left: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..left.len()).partition(|&i| left[i] < 1.0);
    let largest = (0..left.len())
        .max_by(|&a, &b| weights[a].total_cmp(&weights[b]))
        .unwrap_or(0);
    while let Some(poor) = small.pop() {
        // Rounding may use up the large ones first. A slot that is then still short is full but for rounding, unless
        // its face has no area: that one must never be drawn.
        let rich = large.last().copied();
        if rich.is_none() && weights[poor] > 0.0 {
            continue;
        }
        let rich = rich.unwrap_or(largest);
        faces[poor].stay = left[poor] as f32;
        faces[poor].alias = rich as u32;
        left[rich] -= 1.0 - left[poor];
        if left[rich] < 1.0 && large.last() == Some(&rich) {
            large.pop();
            small.push(rich);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn triangles_are_drawn_by_their_area() {
        // Areas 1 : 0 : 3 : 12, the second without any.
        let positions = [
            [0.0, 0.0, 0.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 3.0, 0.0],
            [4.0, 0.0, 0.0],
            [0.0, 0.0, 3.0],
            [0.0, -6.0, 0.0],
        ];
        let triangles = [[0, 1, 2], [0, 2, 3], [0, 1, 3], [0, 4, 6]];
        let sampler = SurfaceSampler::new(&Mesh::from_arrays(&positions, &triangles));
        assert_eq!(sampler.area(), 14.0);
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let mut drawn = [0_u32; 4];
        const DRAWS: u32 = 200_000;
        for _ in 0..DRAWS {
            drawn[sampler.sample(&mut rng).triangle as usize] += 1;
        }
        for (count, area) in drawn.into_iter().zip([0.5, 0.0, 1.5, 12.0]) {
            let share = f64::from(count) / f64::from(DRAWS);
            assert!((share - area / 14.0).abs() < 0.005, "{drawn:?}");
        }
        assert_eq!(drawn[1], 0);
    }

    #[test]
    fn a_part_of_a_millionth_of_the_surface_gets_its_floor_and_large_ones_their_share() {
        let ball = |radius: f64, x: f64| shapes::icosphere(2, radius).translated([x, 0.0, 0.0]);
        let mesh = ball(2.0, 0.0)
            .joined(&ball(1.0, 10.0))
            .joined(&ball(2e-3, 20.0));
        let faces = shapes::icosphere(2, 1.0).triangles.len() as u32;
        let components = Components::of(&mesh);
        let sampler = SurfaceSampler::spread(&mesh, &components, 0.3, 0.0);
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let mut drawn = [0_u32; 3];
        const DRAWS: u32 = 100_000;
        for _ in 0..DRAWS {
            drawn[(sampler.sample(&mut rng).triangle / faces) as usize] += 1;
        }
        for (count, expected) in drawn.into_iter().zip([0.1 + 0.56, 0.1 + 0.14, 0.1]) {
            let share = f64::from(count) / f64::from(DRAWS);
            assert!((share - expected).abs() < 0.006, "{drawn:?}");
        }
        // Of one part it is the sampler by area, to the last bit.
        let one = ball(1.0, 0.0);
        let reaching = SurfaceSampler::spread(&one, &Components::of(&one), 0.3, 0.0);
        let by_area = SurfaceSampler::new(&one);
        let mut rngs = [Pcg64Mcg::seed_from_u64(4), Pcg64Mcg::seed_from_u64(4)];
        for _ in 0..100 {
            assert_eq!(reaching.sample(&mut rngs[0]), by_area.sample(&mut rngs[1]));
        }
    }

    #[test]
    fn points_lie_on_their_triangle_and_spread_evenly() {
        let mesh = shapes::cuboid([-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]);
        let sampler = SurfaceSampler::new(&mesh);
        let mut rng = Pcg64Mcg::seed_from_u64(2);
        let mut mean = [0.0; 3];
        for _ in 0..50_000 {
            let point = sampler.sample(&mut rng);
            let along: f32 = (0..3).map(|i| point.position[i] * point.normal[i]).sum();
            assert!((along - 1.0).abs() < 1e-6, "{point:?}");
            assert!(point.position.iter().all(|x| x.abs() <= 1.0 + 1e-6));
            mean = std::array::from_fn(|i| mean[i] + f64::from(point.position[i]) / 50_000.0);
        }
        assert!(mean.iter().all(|x| x.abs() < 0.015), "{mean:?}");
    }

    #[test]
    fn points_gather_where_the_surface_bends() {
        // A fine ball beside a large plate, whose bending is all along its four edges and corners.
        let plate = shapes::cuboid([-1.0, -1.0, 0.0], [1.0, 1.0, 0.01]);
        let mesh = shapes::icosphere(3, 0.1)
            .translated([0.0, 0.0, 1.0])
            .joined(&plate);
        let components = Components::of(&mesh);
        let on_ball = |by_bending| {
            let sampler = SurfaceSampler::spread(&mesh, &components, 0.0, by_bending);
            let mut rng = Pcg64Mcg::seed_from_u64(2);
            let points = (0..20_000).filter(|_| sampler.sample(&mut rng).position[2] > 0.5);
            points.count() as f64 / 20_000.0
        };
        let areas = (0.04 * PI, 8.08);
        let by_area = areas.0 / (areas.0 + areas.1);
        // 8 π r, and 12 edges' lengths by a right angle.
        let bending = (0.8 * PI, (16.0 + 0.04) * PI / 2.0);
        let by_bending = bending.0 / (bending.0 + bending.1);
        assert!((on_ball(0.0) - by_area).abs() < 0.004);
        let expected = 0.5 * (by_area + by_bending);
        assert!((on_ball(0.5) - expected).abs() < 0.01, "{}", on_ball(0.5));
    }
}
