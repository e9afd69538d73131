//! `overfit bench`: how fast this machine is at each kind of work.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::arguments::{DeviceArguments, finite};
use super::output::{count_in_words, print_json, print_text};
use super::progress::Bar;
use crate::CancelToken;
use crate::distance::{SignPolicy, SignedDistance};
use crate::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
use crate::field::{
    Activation, AdamStep, Architecture, Encoding, Engine, Extended, HashGrid, Learner, Loss, Mlp, SharedField,
    initial_parameters, open_engine,
};
use crate::geometry::{Mesh, Similarity, SurfaceSampler, UNIT_LONGEST_SIDE, read_mesh, shapes};

/// Measure training, evaluation, distances and extraction on this machine
#[derive(Args)]
pub(super) struct BenchArguments {
    /// The mesh to measure with; a rippled sphere of 81,920 triangles unless given
    mesh: Option<PathBuf>,

    /// Seconds for each case, preparation not counted
    #[arg(long, value_name = "S", default_value = "3", value_parser = finite, allow_negative_numbers = true)]
    seconds: f64,

    /// Only this case; may be repeated
    #[arg(long = "case", value_name = "NAME", value_parser = CASES.map(|case| case.name))]
    cases: Vec<String>,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct BenchReport {
    cases: Vec<CaseReport>,
    mesh: String,
    faces: usize,
    device: String,
    threads: usize,
    version: &'static str,
}

#[derive(Serialize)]
struct CaseReport {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    unit: &'static str,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    /// Training steps on samples drawn before.
    Train(Network),
    /// Values at random points.
    Evaluate(Network),
    /// Signed distances, their sign by the rule that `auto` takes.
    Distance(Region),
    /// The surface of a hash grid after a few training steps, at this resolution.
    Extract(u32),
}

#[derive(Clone, Copy)]
enum Network {
    HashGrid,
    Siren,
}

#[derive(Clone, Copy)]
enum Region {
    /// The bounding box grown by 5 %.
    Uniform,
    /// The surface, moved by N(0, 0.0056²) per axis; longest side 1.
    Near,
}

const CASES: [Case; 8] = [
    case("train/hash-grid", "samples/s", Work::Train(Network::HashGrid)),
    case("train/siren", "samples/s", Work::Train(Network::Siren)),
    case("evaluate/hash-grid", "points/s", Work::Evaluate(Network::HashGrid)),
    case("evaluate/siren", "points/s", Work::Evaluate(Network::Siren)),
    case("distance/uniform", "queries/s", Work::Distance(Region::Uniform)),
    case("distance/near", "queries/s", Work::Distance(Region::Near)),
    case("extract/256", "s", Work::Extract(256)),
    case("extract/512", "s", Work::Extract(512)),
];

const fn case(name: &'static str, unit: &'static str, work: Work) -> Case {
    Case { name, unit, work }
}

impl Network {
    /// The networks that other programs were measured with, and whose figures are known.
    fn architecture(self) -> Architecture {
        match self {
            Network::HashGrid => Architecture {
                encoding: Encoding::HashGrid(HashGrid {
                    levels: 8,
                    features: 4,
                    log2_entries: 15,
                    base_resolution: 16,
                    finest_resolution: 256,
                }),
                mlp: Mlp {
                    hidden_width: 64,
                    hidden_layers: 2,
                    activation: Activation::Relu,
                },
            },
            Network::Siren => Architecture {
                encoding: Encoding::Identity,
                mlp: Mlp {
                    hidden_width: 256,
                    hidden_layers: 4,
                    activation: Activation::Sine {
                        first_omega: 30.0,
                        omega: 30.0,
                    },
                },
            },
        }
    }

    fn batch_size(self) -> usize {
        match self {
            Network::HashGrid => 16_384,
            Network::Siren => 8192,
        }
    }

    fn learning_rate(self) -> f32 {
        match self {
            Network::HashGrid => 5e-3,
            Network::Siren => 1e-4,
        }
    }
}

pub(super) fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let (name, mesh) = match &arguments.mesh {
        Some(path) => (path.display().to_string(), read_mesh(path)?.mesh),
        None => ("rippled sphere".to_owned(), rippled_sphere()),
    };
    let engine = open_engine(arguments.device.device)?;
    let bench = Bench::new(&mesh, &*engine, arguments.seconds).context(name.clone())?;
    let wanted = |case: &Case| arguments.cases.is_empty() || arguments.cases.iter().any(|name| name == case.name);
    let mut cases = Vec::new();
    for case in CASES.into_iter().filter(wanted) {
        let bar = Bar::new(case.name);
        let value = bench.measure(case.work).with_context(|| format!("case {}", case.name))?;
        drop(bar);
        let (name, unit) = (case.name, case.unit);
        if !arguments.json {
            let number = if unit == "s" { format!("{value:.3}") } else { count_in_words(value) };
            print_text(&format!("{name:<20} {number:>10} {unit}"))?;
        }
        cases.push(CaseReport { name, value, unit });
    }
    if !arguments.json {
        return Ok(());
    }
    print_json(&BenchReport {
        cases,
        mesh: name,
        faces: mesh.triangles.len(),
        device: engine.device().to_string(),
        threads: rayon::current_num_threads(),
        version: crate::VERSION,
    })
}

/// What the cases share: a mesh in the unit frame and samples of its distance.
struct Bench<'a> {
    engine: &'a dyn Engine,
    seconds: f64,
    mesh: Mesh,
    distances: SignedDistance,
    /// A field that has seen some training, for the cases that extract it.
    trained: OnceCell<SharedField>,
}

/// Points that a case works on at a time.
const POINTS: usize = 1 << 18;

/// Training steps before a field is extracted.
const STEPS_BEFORE_EXTRACTION: u64 = 256;

impl<'a> Bench<'a> {
    fn new(mesh: &Mesh, engine: &'a dyn Engine, seconds: f64) -> anyhow::Result<Bench<'a>> {
        let frame = Similarity::to_unit_frame(&mesh.bounds()).context("the mesh has no extent")?;
        let mesh = frame.apply_to_mesh(mesh);
        Ok(Bench {
            engine,
            seconds,
            distances: SignedDistance::new(&mesh, SignPolicy::Auto)?,
            mesh,
            trained: OnceCell::new(),
        })
    }

    /// The figure of one case, in its unit.
    fn measure(&self, work: Work) -> anyhow::Result<f64> {
        match work {
            Work::Train(network) => {
                let mut training = self.training(network);
                Ok(self.rate(|| training.step()))
            }
            Work::Evaluate(network) => {
                let architecture = network.architecture();
                let field = self.engine.load(&architecture, &initial_parameters(&architecture, 0));
                let points = self.points(Region::Uniform);
                let mut values = vec![0.0; points.len()];
                Ok(self.rate(|| {
                    field.values(&points, &mut values);
                    points.len()
                }))
            }
            Work::Distance(region) => {
                let points = self.points(region);
                let mut distances = vec![0.0; points.len()];
                Ok(self.rate(|| {
                    self.distances.distances(&points, &mut distances);
                    points.len()
                }))
            }
            Work::Extract(resolution) => self.extraction_seconds(resolution),
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
            if elapsed >= self.seconds {
                return done as f64 / elapsed;
            }
        }
    }

    fn extraction_seconds(&self, resolution: u32) -> anyhow::Result<f64> {
        let trained = self.trained.get_or_init(|| {
            let mut training = self.training(Network::HashGrid);
            while training.adam.step < STEPS_BEFORE_EXTRACTION {
                training.step();
            }
            training.learner.field()
        });
        let field = Extended(Arc::clone(trained));
        let grid = Grid::around_level_set(&self.mesh.bounds(), Resolution::Cells(resolution), 0.0)?;
        let extract = || {
            let settings = SurfaceSettings::default();
            extract_surface(&field, &grid, &Similarity::IDENTITY, &settings, &CancelToken::new(), &mut |_| {})
        };
        let started = Instant::now();
        let mut runs = 0;
        loop {
            extract()?;
            runs += 1;
            let elapsed = started.elapsed().as_secs_f64();
            if elapsed >= self.seconds {
                return Ok(elapsed / f64::from(runs));
            }
        }
    }

    fn points(&self, region: Region) -> Vec<[f32; 3]> {
        let mut rng = Pcg64Mcg::seed_from_u64(11);
        match region {
            Region::Uniform => {
                let bounds = self.mesh.bounds();
                let [center, size] = [bounds.center(), bounds.size()].map(|vector| vector.map(|x| x as f32));
                let mut point = || std::array::from_fn(|axis| center[axis] + 1.05 * size[axis] * (rng.random::<f32>() - 0.5));
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
        let architecture = network.architecture();
        let mut points = self.points(Region::Near);
        // As a fit does it: four near the surface for each one anywhere.
        for (near, uniform) in points.iter_mut().step_by(5).zip(self.points(Region::Uniform)) {
            *near = uniform;
        }
        let mut targets = vec![0.0; points.len()];
        self.distances.distances(&points, &mut targets);
        Training {
            points,
            targets,
            learner: self.engine.learner(&architecture, &initial_parameters(&architecture, 0)),
            batch_size: network.batch_size(),
            adam: AdamStep {
                step: 0,
                learning_rate: network.learning_rate(),
                beta1: 0.9,
                beta2: 0.99,
                epsilon: 1e-15,
            },
        }
    }
}

/// A network in training on samples drawn before.
struct Training {
    learner: Box<dyn Learner>,
    points: Vec<[f32; 3]>,
    targets: Vec<f32>,
    batch_size: usize,
    adam: AdamStep,
}

impl Training {
    /// One step on the next batch. Gives the number of its samples.
    fn step(&mut self) -> usize {
        let batch = self.adam.step as usize % (POINTS / self.batch_size);
        let range = batch * self.batch_size..(batch + 1) * self.batch_size;
        self.adam.step += 1;
        self.learner.step(&self.points[range.clone()], &self.targets[range], Loss::L1, self.adam);
        self.batch_size
    }
}

/// A sphere with waves on it, so that distances are not those of a sphere.
fn rippled_sphere() -> Mesh {
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
    use crate::field::DeviceChoice;
    use crate::geometry::Topology;

    #[test]
    fn its_networks_can_be_built_and_its_mesh_is_closed() {
        for network in [Network::HashGrid, Network::Siren] {
            assert_eq!(network.architecture().validate(), Ok(()));
            assert_eq!(POINTS % network.batch_size(), 0);
        }
        let mesh = rippled_sphere();
        assert_eq!(mesh.triangles.len(), 81_920);
        assert!(Topology::of(&mesh).watertight());
    }

    #[test]
    fn near_points_have_the_spread_of_the_protocol() {
        let engine = open_engine(DeviceChoice::Auto).unwrap();
        let bench = Bench::new(&rippled_sphere(), &*engine, 0.1).unwrap();
        let points = bench.points(Region::Near);
        let mut distances = vec![0.0; points.len()];
        bench.distances.distances(&points, &mut distances);
        let square = distances.iter().map(|&d| f64::from(d).powi(2)).sum::<f64>() / distances.len() as f64;
        // Along the normal of a nearly flat surface the spread is that of one axis.
        assert!((square.sqrt() / UNIT_LONGEST_SIDE / 0.0056 - 1.0).abs() < 0.05, "{}", square.sqrt());
    }
}
