//! Fits from mesh to model, through the library alone.

use std::cell::Cell;
use std::f64::consts::TAU;

use overfit::CancelToken;
use overfit::combine::{CombineError, parse_recipe};
use overfit::distance::SignPolicy;
use overfit::field::{DeviceChoice, Model, Shape, open_engine};
use overfit::geometry::{Mesh, shapes};
use overfit::network::Activation;
use overfit::optimizer::Muon;
use overfit::query::{LoadedModel, Quantity, ensure_twice_differentiable, evaluate};
use overfit::train::{
    Checkpoint, CheckpointError, FitError, FitSettings, Observer, Phase, Preset, Progress, fit,
    fit_from, fit_to,
};

/// The draft preset, limited by steps alone: repeatable, and a second or two.
fn draft(steps: u64) -> FitSettings {
    let mut settings = Preset::Draft.settings();
    settings.budget.seconds = None;
    settings.budget.steps = Some(steps);
    settings.optimizer.batch_size = 4096;
    settings
}

fn fit_quietly(mesh: &Mesh, settings: &FitSettings) -> Result<Model, FitError> {
    fit(mesh, "test", settings, &CancelToken::new(), &mut |_| {})
}

fn load(model: Model) -> LoadedModel {
    LoadedModel::new(model.into(), &*open_engine(DeviceChoice::Auto).unwrap())
}

#[test]
fn smooth_fields_have_the_curvature_of_their_shape() {
    let (major, minor) = (1.0, 0.4);
    let mut settings = Preset::Smooth.settings();
    (settings.budget.seconds, settings.budget.steps) = (None, Some(300));
    let model = fit_quietly(&shapes::torus(major, minor, 480, 240), &settings).unwrap();
    ensure_twice_differentiable(&Shape::of(&model)).unwrap();
    let model = load(model);
    let places = (0..2000u32).map(|index| {
        let [around, tube] =
            [0.618_034, 0.414_214].map(|step| (f64::from(index) * step).fract() * TAU);
        let from_axis = major + minor * tube.cos();
        let point = [
            from_axis * around.cos(),
            from_axis * around.sin(),
            minor * tube.sin(),
        ];
        let across = tube.cos() / from_axis;
        (point, [(1.0 / minor + across) / 2.0, across / minor])
    });
    let (points, exact): (Vec<_>, Vec<_>) = places.unzip();
    let asked = [Quantity::MeanCurvature, Quantity::GaussianCurvature];
    let columns = evaluate(&model, &points, &asked);
    for (kind, bound) in [(0, 0.02), (1, 0.05)] {
        let pairs = columns[kind].numbers.iter().zip(&exact);
        let mut errors: Vec<f64> = pairs
            .map(|(&found, exact)| (f64::from(found) / exact[kind] - 1.0).abs())
            .collect();
        errors.sort_by(f64::total_cmp);
        let median = errors[errors.len() / 2];
        assert!(median < bound, "kind {kind}: off by {median} in the median");
    }
}

#[test]
fn the_compact_preset_keeps_within_30_kilobytes() {
    let mut settings = Preset::Compact.settings();
    (settings.budget.seconds, settings.budget.steps) = (None, Some(10));
    // A hollow on its side: much that is seen from beyond the frame jumps.
    let model = fit_quietly(&shapes::torus(1.0, 0.4, 96, 48), &settings).unwrap();
    let bytes = model.to_bytes().len();
    assert!(bytes < 30_000, "{bytes} bytes");
    // Where the network was never asked, its distances are right after so few steps, too.
    let points = [[5.0, 0.0, 0.0], [0.0, 0.0, -4.0], [3.0, 3.0, 3.0]];
    let exact = points.map(|[x, y, z]: [f64; 3]| (x.hypot(y) - 1.0).hypot(z) - 0.4);
    let found = load(model).evaluate(&points, false).0;
    for (found, exact) in found.iter().zip(exact) {
        let error = f64::from(*found) / exact - 1.0;
        assert!(error.abs() < 0.03, "{found}, not {exact}");
    }
}

#[test]
fn a_sphere_is_learnt_in_every_architecture() {
    let mesh = shapes::icosphere(4, 3.0);
    let mut siren = Preset::Smooth.settings();
    siren.spline = None;
    siren.budget = draft(300).budget;
    siren.optimizer.batch_size = 2048;
    let Activation::Sine(_) = siren.architecture.mlp.activation else {
        panic!("the smooth preset has a SIREN");
    };
    for settings in [draft(200), siren] {
        let model = fit_quietly(&mesh, &settings).unwrap();
        let metrics = model.training.metrics.unwrap();
        assert!(
            metrics.near_mae < 4e-3,
            "{}: {metrics:?}",
            model.architecture
        );
        assert!(
            metrics.iou.unwrap() > 0.97,
            "{}: {metrics:?}",
            model.architecture
        );
        // In the mesh's own units, inside, outside, and beyond the frame that was trained.
        let points = [
            [0.0, 0.0, 0.0],
            [0.0, 3.2, 0.0],
            [2.0, 2.0, 2.0],
            [20.0, 0.0, 0.0],
        ];
        let (values, gradients) = load(model).evaluate(&points, true);
        for ((point, value), gradient) in points.iter().zip(values).zip(gradients.unwrap()).skip(1)
        {
            let radius = point.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!(
                (radius - 3.0 - f64::from(value)).abs() < 0.15,
                "{point:?}: {value}"
            );
            // Near the surface, where it is trained most, the gradient points away from the centre.
            let along: f64 = point
                .iter()
                .zip(gradient)
                .map(|(p, g)| p * f64::from(g))
                .sum();
            assert!(
                along / radius > 0.7 || radius > 3.3,
                "{point:?}: {gradient:?}"
            );
        }
    }
}

#[test]
fn a_loss_on_gradients_makes_values_and_gradients_truer_step_by_step() {
    // Twisted, so that there is something to learn.
    let mut mesh = shapes::icosphere(4, 1.0);
    for position in &mut mesh.positions {
        let [x, y, z] = *position;
        let (sine, cosine) = (3.0 * z).sin_cos();
        *position = [x * cosine - 0.5 * y * sine, x * sine + 0.5 * y * cosine, z];
    }
    let metrics = |loss: &str| {
        let mut settings = draft(200);
        settings.spline = None;
        settings.loss = loss.parse().unwrap();
        let model = fit_quietly(&mesh, &settings).unwrap();
        model.training.metrics.unwrap()
    };
    let [value, both] = ["l1", "l1,gradient=0.02"].map(metrics);
    let degrees = [value, both].map(|metrics| metrics.gradient_degrees.unwrap());
    assert!(degrees[1] < 0.85 * degrees[0], "{degrees:?}");
    assert!(both.near_mae < value.near_mae, "{value:?} {both:?}");
}

#[test]
fn bodies_that_overlap_become_one_without_walls_inside() {
    let ball = shapes::icosphere(4, 1.0);
    let mesh = ball
        .clone()
        .joined(&ball.clone().translated([1.1, 0.0, 0.0]));
    let field = load(fit_quietly(&mesh, &draft(300)).unwrap());
    // Of the first ball's surface, what lies deep within the second, and the other way round.
    let walls: Vec<[f64; 3]> = (ball.positions.iter())
        .filter(|place| place[0] > 0.9)
        .flat_map(|&[x, y, z]| [[x, y, z], [1.1 - x, y, z]])
        .collect();
    assert!(walls.len() > 50);
    let (values, _) = field.evaluate(&walls, false);
    for (place, value) in walls.iter().zip(values) {
        assert!(value < -0.4, "at {place:?}: {value}");
    }
}

#[test]
fn the_same_seed_gives_the_same_model_and_another_seed_another() {
    let mesh = shapes::torus(1.0, 0.4, 24, 12);
    let mut settings = draft(30);
    let first = fit_quietly(&mesh, &settings).unwrap();
    let second = fit_quietly(&mesh, &settings).unwrap();
    assert_eq!(first.parameters, second.parameters);
    settings.seed = 1;
    assert_ne!(
        first.parameters,
        fit_quietly(&mesh, &settings).unwrap().parameters
    );
}

#[test]
fn scale_and_place_change_nothing_but_the_frame() {
    let mesh = shapes::torus(1.0, 0.4, 24, 12);
    let moved = Mesh {
        positions: mesh
            .positions
            .iter()
            .map(|p| {
                [
                    p[0] * 1024.0 + 8192.0,
                    p[1] * 1024.0,
                    p[2] * 1024.0 - 4096.0,
                ]
            })
            .collect(),
        triangles: mesh.triangles.clone(),
    };
    let settings = draft(30);
    let here = fit_quietly(&mesh, &settings).unwrap();
    let there = fit_quietly(&moved, &settings).unwrap();
    // A shift and scale by powers of two is exact, so the same network comes out.
    assert_eq!(here.parameters, there.parameters);
    let (at_here, _) = load(here).evaluate(&[[1.2, 0.1, 0.3]], false);
    let point = [1.2 * 1024.0 + 8192.0, 0.1 * 1024.0, 0.3 * 1024.0 - 4096.0];
    let (at_there, _) = load(there).evaluate(&[point], false);
    assert!((at_there[0] / 1024.0 - at_here[0]).abs() < 1e-5);
}

#[test]
fn progress_tells_every_phase_and_only_grows() {
    let mut heard: Vec<Progress> = Vec::new();
    let mesh = shapes::icosphere(3, 1.0);
    let settings = draft(60);
    fit(&mesh, "test", &settings, &CancelToken::new(), &mut |p| {
        heard.push(p)
    })
    .unwrap();
    assert_eq!(heard.first().map(|p| p.phase), Some(Phase::Prepare));
    assert_eq!(heard.last().map(|p| p.phase), Some(Phase::Evaluate));
    for pair in heard.windows(2) {
        assert!(pair[0].fraction <= pair[1].fraction && pair[0].step <= pair[1].step);
    }
    let last = heard.last().unwrap();
    assert_eq!((last.step, last.samples), (60, 60 * 4096));
    assert!(last.quality.is_some() && last.loss > 0.0);
}

#[test]
fn a_quality_target_ends_the_fit_early() {
    let mut settings = draft(20_000);
    settings.budget.target_near_mae = Some(0.02);
    let model = fit_quietly(&shapes::icosphere(3, 1.0), &settings).unwrap();
    assert!(
        model.training.steps < 10_000,
        "{} steps",
        model.training.steps
    );
    assert!(model.training.metrics.unwrap().near_mae < 0.025);
}

/// Takes snapshots at some steps and ends training at another.
struct Visitor {
    wanted: Vec<u64>,
    end: u64,
    snapshots: Vec<Model>,
    told: Vec<Progress>,
}

impl Visitor {
    fn new(wanted: &[u64], end: u64) -> Self {
        Self {
            wanted: wanted.to_vec(),
            end,
            snapshots: Vec::new(),
            told: Vec::new(),
        }
    }
}

impl Observer for Visitor {
    fn progress(&mut self, progress: Progress) {
        self.told.push(progress);
    }

    fn wants_snapshot(&self, step: u64) -> bool {
        self.wanted.contains(&step)
    }

    fn snapshot(&mut self, model: Model) {
        self.snapshots.push(model);
    }

    fn wants_end(&self, step: u64) -> bool {
        step >= self.end
    }
}

#[test]
fn a_snapshot_is_the_state_at_its_step_and_an_early_end_keeps_it() {
    let mesh = shapes::icosphere(3, 3.0);
    let visited = |mut visitor: Visitor| {
        // So long a budget that no check comes before the end, and no spline, which a few steps do not improve.
        let settings = FitSettings {
            spline: None,
            ..draft(1_000_000)
        };
        let cancel = CancelToken::new();
        let model = fit(&mesh, "test", &settings, &cancel, &mut visitor).unwrap();
        (model, visitor)
    };
    let (model, visitor) = visited(Visitor::new(&[3, 7], 7));
    let steps: Vec<u64> = visitor.snapshots.iter().map(|s| s.training.steps).collect();
    assert_eq!((steps, model.training.steps), (vec![3, 7], 7));
    assert!(model.training.metrics.is_some());
    assert_eq!(visitor.told.last().unwrap().phase, Phase::Evaluate);
    assert_eq!(visitor.told.last().unwrap().fraction, 1.0);
    let [early, late] = &visitor.snapshots[..] else {
        panic!("two snapshots");
    };
    assert_eq!(late.parameters, model.parameters);
    assert_eq!((late.frame, late.bounds), (model.frame, model.bounds));
    // What a fit that ends there keeps; and looking on changed nothing.
    let (ended, _) = visited(Visitor::new(&[], 3));
    assert_eq!(early.parameters, ended.parameters);
    // Whoever wants the end before it begins gets one step.
    let (first, _) = visited(Visitor::new(&[], 0));
    assert_eq!(first.training.steps, 1);
    assert!(first.training.metrics.is_some());
}

/// Cancels a fit as soon as it is in a phase, and counts what comes after that.
struct Canceller {
    phase: Phase,
    token: CancelToken,
    /// Progress messages since.
    heard: usize,
    /// Training steps since.
    steps: Cell<usize>,
}

impl Observer for Canceller {
    fn progress(&mut self, progress: Progress) {
        if self.token.is_cancelled() {
            self.heard += 1;
        } else if progress.phase == self.phase {
            self.token.cancel();
        }
    }

    fn wants_end(&self, _step: u64) -> bool {
        if self.token.is_cancelled() {
            self.steps.set(self.steps.get() + 1);
        }
        false
    }
}

#[test]
fn a_cancelled_fit_does_one_more_step_at_most_and_begins_nothing() {
    let mesh = shapes::icosphere(5, 1.0);
    for phase in [Phase::Prepare, Phase::Train, Phase::Evaluate] {
        let mut canceller = Canceller {
            phase,
            token: CancelToken::new(),
            heard: 0,
            steps: Cell::new(0),
        };
        let cancel = canceller.token.clone();
        let outcome = fit(&mesh, "test", &draft(20), &cancel, &mut canceller);
        assert!(matches!(outcome, Err(FitError::Cancelled)), "{phase:?}");
        assert!(cancel.is_cancelled(), "{phase:?} is not told");
        assert_eq!(
            canceller.heard, 0,
            "{phase:?}: it went on to something else"
        );
        let steps = canceller.steps.get();
        assert!(steps <= 1, "{phase:?}: {steps} steps more");
    }
}

/// Takes a checkpoint after so many steps, and cancels the fit there.
struct EndsAt<'a> {
    step: u64,
    cancel: &'a CancelToken,
    taken: Option<Vec<u8>>,
}

impl Observer for EndsAt<'_> {
    fn progress(&mut self, _: Progress) {}

    // Asked after every step.
    fn wants_end(&self, step: u64) -> bool {
        if step == self.step {
            self.cancel.cancel();
        }
        false
    }

    fn wants_checkpoint(&mut self, is_last: bool) -> bool {
        is_last
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.taken = Some(checkpoint.to_bytes());
    }
}

#[test]
fn a_fit_that_goes_on_from_a_checkpoint_ends_with_the_same_bits() {
    let mesh = shapes::torus(1.0, 0.4, 48, 24);
    // Steps enough for several mixtures in a pool that they overflow.
    let mut settings = draft(160);
    (settings.sampling.pool_size, settings.sampling.narrowing) = (150_000, 0.5);
    settings.optimizer.batch_size = 8192;
    let mut averaged = settings.clone();
    averaged.optimizer.average = 0.9;
    averaged.optimizer.matrices = Some(Muon::default());
    for settings in [settings, averaged] {
        let whole = fit_quietly(&mesh, &settings).unwrap();
        for step in [1, 70, 150] {
            let cancel = CancelToken::new();
            let mut observer = EndsAt {
                step,
                cancel: &cancel,
                taken: None,
            };
            let ended = fit(&mesh, "test", &settings, &cancel, &mut observer);
            assert!(matches!(ended, Err(FitError::Cancelled)));
            let checkpoint = Checkpoint::from_bytes(&observer.taken.unwrap()).unwrap();
            assert_eq!(checkpoint.step(), step);
            let go_on = |mesh: &Mesh| {
                let (cancel, checkpoint) = (CancelToken::new(), Some(checkpoint.clone()));
                fit_from(mesh, "test", &settings, checkpoint, &cancel, &mut |_| {})
            };
            let resumed = go_on(&mesh).unwrap();
            assert_eq!(resumed.parameters, whole.parameters, "from step {step}");
            assert_eq!(resumed.training.steps, whole.training.steps);
            assert_eq!(resumed.training.samples, whole.training.samples);
            assert_eq!(resumed.training.metrics, whole.training.metrics);
            let another = go_on(&shapes::torus(1.0, 0.41, 48, 24));
            assert!(matches!(
                another,
                Err(FitError::Checkpoint(CheckpointError::Another("mesh")))
            ));
        }
    }
}

#[test]
fn an_open_sheet_is_fitted_unsigned_or_by_winding_and_says_so() {
    let mesh = shapes::sheet(2.0, 2.0, 4, 4);
    let model = fit_quietly(&mesh, &draft(40)).unwrap();
    assert_eq!(model.training.metrics.unwrap().iou, None);
    assert!(!model.training.warnings.is_empty());
}

#[test]
fn bad_settings_and_missing_devices_are_named() {
    let mesh = shapes::icosphere(1, 1.0);
    let mut settings = draft(10);
    settings.optimizer.learning_rate = f64::NAN;
    let message = fit_quietly(&mesh, &settings).unwrap_err().to_string();
    assert!(message.contains("learning_rate"), "{message}");
    let mut settings = draft(10);
    settings.device = "cuda:99".parse().unwrap();
    let message = fit_quietly(&mesh, &settings).unwrap_err().to_string();
    assert!(
        message.contains("cuda:99") && message.contains("--device cpu"),
        "{message}"
    );
}

/// Two balls and their union in closed form.
const BALLS: &str = "union = { of = [{ sphere = { radius = 1.0 } }, { sphere = { center = [1.2, 0.0, 0.3], radius = 0.7 } }] }";

fn combined(text: &str, model: &LoadedModel) -> LoadedModel {
    let expression = parse_recipe(text).unwrap();
    let load = |_: &str| -> Result<LoadedModel, CombineError> { Ok(model.clone()) };
    LoadedModel::combine(&expression, load).unwrap()
}

#[test]
fn an_expression_is_distilled_and_the_model_is_a_part_like_any_other() {
    let unused = load(fit_quietly(&shapes::icosphere(2, 1.0), &draft(1)).unwrap());
    let field = combined(BALLS, &unused);
    let cancel = CancelToken::new();
    let (mesh, _) = field.surface_to_fit(1 << 30, &cancel, &mut |_| {}).unwrap();
    let truth = Some(field.truth());
    // Without a sign is no answer to what has one.
    let settings = FitSettings {
        sign: SignPolicy::None,
        ..draft(200)
    };
    let model = fit_to(&mesh, truth, "balls", &settings, None, &cancel, &mut |_| {}).unwrap();
    let metrics = model.training.metrics.unwrap();
    assert!(metrics.near_mae < 4e-4, "{metrics:?}");
    assert!(metrics.iou.unwrap() > 0.998, "{metrics:?}");
    assert!(metrics.gradient_degrees.unwrap() < 3.0, "{metrics:?}");
    let model = load(model);

    let moved =
        "transform = { translate = [10, 0, 0], degrees = 90, scale = 2, of = { model = 'balls' } }";
    let moved = combined(moved, &model);
    let at = |distance: f64, [x, y, z]: [f64; 3], radius: f64| {
        let length = (x * x + y * y + z * z).sqrt();
        [x, y, z].map(|x| x / length * (radius + distance))
    };
    let points: Vec<[f64; 3]> = [[-1.0, 0.2, 0.1], [-0.3, 0.9, 0.4], [-0.2, -0.5, -0.8]]
        .into_iter()
        .flat_map(|way| [-0.1, 0.0, 0.2].map(|distance| at(distance, way, 1.0)))
        .collect();
    // About z, x becomes y, and y becomes -x.
    let there: Vec<[f64; 3]> = (points.iter())
        .map(|&[x, y, z]| [10.0 - 2.0 * y, 2.0 * x, 2.0 * z])
        .collect();
    let (here, _) = model.evaluate(&points, false);
    let (values, gradients) = moved.evaluate(&there, true);
    for (index, gradient) in gradients.unwrap().iter().enumerate() {
        assert!((values[index] - 2.0 * here[index]).abs() < 1e-5);
        let exact = [-0.1, 0.0, 0.2][index % 3];
        assert!((values[index] - 2.0 * exact).abs() < 0.01, "{values:?}");
        let [x, y, _] = points[index];
        let length = points[index].iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((f64::from(gradient[0]) + y / length).abs() < 0.1);
        assert!((f64::from(gradient[1]) - x / length).abs() < 0.1);
    }
}
