//! The work that `overfit bench` measures.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::peak;
use crate::CancelToken;
use crate::backend::{BatchDraw, Objective, Summation, TrainStep};
use crate::distance::{SignPolicy, SignedDistance};
use crate::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
use crate::field::{
    DeviceChoice, Engine, Extended, Learner, ScalarField, SharedField, SparseSpline, SplineField,
    interpolate,
};
use crate::geometry::{Mesh, Similarity, SurfaceSampler, UNIT_LONGEST_SIDE, shapes};
use crate::loss::{Loss, Needs};
use crate::network::{
    Activation, Architecture, Encoding, HashGrid, Identity, Mlp, Relu, Sine, initial_parameters,
};
use crate::optimizer::UpdateStep;
use crate::train::{Preset, Progress, fit};

/// One kind of work.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// A fit from the mesh, which finds its ground truth while it trains. Only its training counts.
    Fit(Network),
    /// Training steps on samples drawn before.
    Train(Network),
    /// Values at random points.
    Evaluate(Network),
    /// Values of the default preset's spline.
    EvaluateSpline(Region),
    /// The making of the default preset's spline.
    MakeSpline,
    /// Signed distances, their sign by the rule that `auto` takes.
    Distance(Region),
    /// The surface of a hash grid after a few training steps, at this resolution.
    Extract(u32),
    /// What any program could do at most.
    Peak(Peak),
}

/// What bounds the speed of a network.
#[derive(Clone, Copy)]
pub(super) enum Peak {
    /// Multiply-adds in registers, which bound a perceptron.
    MultiplyAdd,
    /// Reading a table as large as the hash grid's, end to end.
    Read,
}

/// A network to work with.
#[derive(Clone, Copy)]
pub(super) enum Network {
    HashGrid,
    Siren,
    /// instant-ngp's for signed distances: 16 levels of 2 features, 12 million parameters.
    LargeGrid,
}

/// How much of each kind of work.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Of each case.
    pub seconds: f64,
    /// Base-2 logarithm of the hash grid's entries a level.
    pub log2_entries: u32,
    /// Samples of a training step, unless as the network is usually trained.
    pub batch: Option<u32>,
}

/// Where points lie.
#[derive(Clone, Copy)]
pub(super) enum Region {
    /// The bounding box grown by 5 %.
    Uniform,
    /// The surface, moved by N(0, 0.0056²) per axis; longest side 1.
    Near,
}

impl Network {
    /// The networks that other programs were measured with, and whose figures are known.
    fn architecture(self, log2_entries: u32) -> Architecture {
        let on_grid = |grid| Architecture {
            encoding: Encoding::HashGrid(grid),
            mlp: Mlp {
                hidden_width: 64,
                hidden_layers: 2,
                activation: Activation::Relu(Relu {}),
                skip: 0,
            },
        };
        match self {
            Network::HashGrid => on_grid(HashGrid {
                levels: 8,
                features: 4,
                log2_entries,
                base_resolution: 16,
                finest_resolution: 256,
                ..HashGrid::default()
            }),
            Network::LargeGrid => on_grid(HashGrid {
                levels: 16,
                features: 2,
                log2_entries: 19,
                base_resolution: 16,
                finest_resolution: 2048,
                ..HashGrid::default()
            }),
            Network::Siren => Architecture {
                encoding: Encoding::Identity(Identity {}),
                mlp: Mlp {
                    hidden_width: 256,
                    hidden_layers: 4,
                    activation: Activation::Sine(Sine::default()),
                    skip: 0,
                },
            },
        }
    }

    fn batch_size(self) -> usize {
        match self {
            Network::HashGrid | Network::LargeGrid => 16_384,
            Network::Siren => 8192,
        }
    }

    fn learning_rate(self) -> f64 {
        match self {
            Network::HashGrid | Network::LargeGrid => 5e-3,
            Network::Siren => 1e-4,
        }
    }
}

/// What the cases share: a mesh in the unit frame and samples of its distance.
pub(super) struct Workload<'a> {
    engine: &'a dyn Engine,
    sizes: Sizes,
    mesh: Mesh,
    distances: SignedDistance,
    /// A field that has seen some training, for the cases that extract it.
    trained: OnceCell<SharedField>,
}

/// Base-2 logarithm of the hash grid's entries a level, unless asked otherwise.
pub(super) const LOG2_ENTRIES: u32 = 15;

/// Points that a case works on at a time.
const POINTS: usize = 1 << 18;

/// Training steps before a field is extracted.
const STEPS_BEFORE_EXTRACTION: u64 = 256;

impl<'a> Workload<'a> {
    /// Builds the distances of a mesh.
    pub(super) fn new(
        mesh: &Mesh,
        engine: &'a dyn Engine,
        sizes: Sizes,
    ) -> anyhow::Result<Workload<'a>> {
        let frame = Similarity::to_unit_frame(&mesh.bounds()).context("the mesh has no extent")?;
        let mesh = frame.apply_to_mesh(mesh);
        Ok(Workload {
            engine,
            sizes,
            distances: SignedDistance::new(&mesh, SignPolicy::Auto)?,
            mesh,
            trained: OnceCell::new(),
        })
    }

    fn batch_size(&self, network: Network) -> usize {
        let asked = self.sizes.batch.map(|batch| batch as usize);
        asked.unwrap_or_else(|| network.batch_size())
    }

    /// The figure of one case, in its unit.
    pub(super) fn measure(&self, work: Work) -> anyhow::Result<f64> {
        match work {
            Work::Fit(network) => {
                let mut settings = Preset::default().settings();
                settings.spline = None;
                settings.architecture = network.architecture(self.sizes.log2_entries);
                settings.device = DeviceChoice::Named(self.engine.device());
                settings.optimizer.batch_size = self.batch_size(network) as u32;
                settings.budget.seconds = Some(self.sizes.seconds);
                let (cancel, observer) = (CancelToken::new(), &mut |_: Progress| {});
                let model = fit(&self.mesh, "bench", &settings, &cancel, observer)?;
                Ok(model.training.samples as f64 / model.training.seconds)
            }
            Work::Train(network) => {
                let mut training = self.training(network);
                Ok(self.rate(|| training.steps()))
            }
            Work::Evaluate(network) => {
                let architecture = network.architecture(self.sizes.log2_entries);
                let field = self
                    .engine
                    .load(&architecture, &initial_parameters(&architecture, 0));
                let points = self.points(Region::Uniform);
                let mut values = vec![0.0; points.len()];
                Ok(self.rate(|| {
                    field.values(&points, &mut values);
                    points.len()
                }))
            }
            Work::EvaluateSpline(region) => {
                let field = SplineField::new(&self.spline());
                let points = self.points(region);
                let mut values = vec![0.0; points.len()];
                Ok(self.rate(|| {
                    field.values(&points, &mut values);
                    points.len()
                }))
            }
            Work::MakeSpline => Ok(1.0
                / self.rate(|| {
                    self.spline();
                    1
                })),
            Work::Distance(region) => {
                let points = self.points(region);
                let mut distances = vec![0.0; points.len()];
                Ok(self.rate(|| {
                    self.distances.distances(&points, &mut distances);
                    points.len()
                }))
            }
            Work::Extract(resolution) => self.extraction_seconds(resolution),
            Work::Peak(Peak::MultiplyAdd) => Ok(self.rate(peak::multiply_add)),
            Work::Peak(Peak::Read) => {
                let table = vec![1.0; peak::TABLE];
                Ok(self.rate(|| peak::read(&table)))
            }
        }
    }

    /// Repeats `work`, which tells how much it did, for the time of a case, after one round that does not count.
    fn rate(&self, mut work: impl FnMut() -> usize) -> f64 {
        work();
        let started = Instant::now();
        let mut done = 0;
        loop {
            done += work();
            let elapsed = started.elapsed().as_secs_f64();
            if elapsed >= self.sizes.seconds {
                return done as f64 / elapsed;
            }
        }
    }

    fn extraction_seconds(&self, resolution: u32) -> anyhow::Result<f64> {
        let trained = self.trained.get_or_init(|| {
            let mut training = self.training(Network::HashGrid);
            while training.update.step < STEPS_BEFORE_EXTRACTION {
                training.steps();
            }
            training.learner.field()
        });
        let field = Extended::new(Arc::clone(trained), None);
        let grid = Grid::around_level_set(&self.mesh.bounds(), Resolution::Cells(resolution), 0.0)?;
        let extract = || {
            let settings = SurfaceSettings::default();
            extract_surface(
                &field,
                &grid,
                &Similarity::IDENTITY,
                &settings,
                &CancelToken::new(),
                &mut |_| {},
            )
        };
        let started = Instant::now();
        let mut runs = 0;
        loop {
            extract()?;
            runs += 1;
            let elapsed = started.elapsed().as_secs_f64();
            if elapsed >= self.sizes.seconds {
                return Ok(elapsed / f64::from(runs));
            }
        }
    }

    fn spline(&self) -> SparseSpline {
        let settings = Preset::default().settings();
        let refinement = settings.spline.expect("the default preset has a spline");
        let oracle = |points: &[[f32; 3]]| -> Result<Vec<f32>, Infallible> {
            let mut distances = vec![0.0; points.len()];
            self.distances.distances(points, &mut distances);
            Ok(distances)
        };
        let Ok(spline) = interpolate(&refinement, oracle);
        spline
    }

    fn points(&self, region: Region) -> Vec<[f32; 3]> {
        let mut rng = Pcg64Mcg::seed_from_u64(11);
        match region {
            Region::Uniform => {
                let bounds = self.mesh.bounds();
                let [center, size] =
                    [bounds.center(), bounds.size()].map(|vector| vector.map(|x| x as f32));
                let mut point = || {
                    std::array::from_fn(|axis| {
                        center[axis] + 1.05 * size[axis] * (rng.random::<f32>() - 0.5)
                    })
                };
                (0..POINTS).map(|_| point()).collect()
            }
            Region::Near => {
                let sampler = SurfaceSampler::new(&self.mesh);
                let sigma = (0.0056 * UNIT_LONGEST_SIDE) as f32;
                let mut point = || {
                    let on_surface = sampler.sample(&mut rng).position;
                    on_surface.map(|x| x + sigma * normal(&mut rng))
                };
                (0..POINTS).map(|_| point()).collect()
            }
        }
    }

    fn training(&self, network: Network) -> Training {
        let architecture = network.architecture(self.sizes.log2_entries);
        let mut points = self.points(Region::Near);
        // As a fit does it: four near the surface for each one anywhere.
        for (near, uniform) in points
            .iter_mut()
            .step_by(5)
            .zip(self.points(Region::Uniform))
        {
            *near = uniform;
        }
        let mut targets = vec![0.0; points.len()];
        self.distances.distances(&points, &mut targets);
        let rows = points.iter().zip(targets);
        let rows: Vec<f32> = rows
            .flat_map(|(&[x, y, z], distance)| [x, y, z, distance])
            .collect();
        let parameters = initial_parameters(&architecture, 0);
        let mut learner = (self.engine).learner(&architecture, &parameters, Needs::Error, POINTS);
        learner.store(0, &rows);
        Training {
            learner,
            batch_size: self.batch_size(network),
            update: UpdateStep {
                learning_rate: network.learning_rate(),
                ..UpdateStep::default()
            },
        }
    }
}

/// A network in training on samples drawn before.
struct Training {
    learner: Box<dyn Learner>,
    batch_size: usize,
    update: UpdateStep,
}

impl Training {
    /// Some steps. Gives the number of their samples.
    fn steps(&mut self) -> usize {
        const STEPS: usize = 16;
        for _ in 0..STEPS {
            self.update.step += 1;
            let draw = BatchDraw::of_step(0, self.update.step, POINTS, self.batch_size);
            self.learner.step(TrainStep {
                draw,
                objective: Objective {
                    loss: Loss::default(),
                    unit: 1.0,
                },
                update: self.update,
                summation: Summation::Fast,
            });
        }
        // Waits for the device.
        self.learner.mean_loss();
        STEPS * self.batch_size
    }
}

/// A sphere with waves on it, so that distances are not those of a sphere.
pub(super) fn rippled_sphere() -> Mesh {
    let mut mesh = shapes::icosphere(6, 1.0);
    for position in &mut mesh.positions {
        let ripple: f64 = position.iter().map(|x| (9.0 * x).sin()).product();
        *position = position.map(|x| x * (1.0 + 0.15 * ripple));
    }
    mesh
}

/// A number drawn from N(0, 1), by the method of Box and Muller (1958).
fn normal(rng: &mut Pcg64Mcg) -> f32 {
    // 1 - u is never 0, whose logarithm is infinite.
    let (u, v): (f32, f32) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::open_engine;
    use crate::geometry::Topology;

    #[test]
    fn its_networks_can_be_built_and_its_mesh_is_closed() {
        for network in [Network::HashGrid, Network::Siren] {
            assert_eq!(network.architecture(LOG2_ENTRIES).validate(), Ok(()));
            assert_eq!(POINTS % network.batch_size(), 0);
        }
        let mesh = rippled_sphere();
        assert_eq!(mesh.triangles.len(), 81_920);
        assert!(Topology::of(&mesh).watertight());
    }

    #[test]
    fn near_points_have_the_spread_of_the_protocol() {
        let engine = open_engine(DeviceChoice::Auto).unwrap();
        let sizes = Sizes {
            seconds: 0.1,
            log2_entries: LOG2_ENTRIES,
            batch: None,
        };
        let workload = Workload::new(&rippled_sphere(), &*engine, sizes).unwrap();
        let points = workload.points(Region::Near);
        let mut distances = vec![0.0; points.len()];
        workload.distances.distances(&points, &mut distances);
        let square =
            distances.iter().map(|&d| f64::from(d).powi(2)).sum::<f64>() / distances.len() as f64;
        // Along the normal of a nearly flat surface the spread is that of one axis.
        assert!(
            (square.sqrt() / UNIT_LONGEST_SIDE / 0.0056 - 1.0).abs() < 0.05,
            "{}",
            square.sqrt()
        );
    }
}
