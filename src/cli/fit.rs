//! `overfit fit`: from a mesh, or a field that is there already, to a model.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, MeshArguments, finite, loss, preset_choice, sign};
use super::checkpoint::CheckpointFile;
use super::fit_source::FitSource;
use super::interrupt::{Interrupt, Interrupted};
use super::output::{
    bytes_in_words, count_in_words, ensure_extension, ensure_writable, file_bytes, print_json,
    print_text, print_warnings,
};
use super::progress::Bar;
use crate::distance::SignPolicy;
use crate::field::{Metrics, Model};
use crate::geometry::HealthReport;
use crate::loss::Loss;
use crate::train::{
    self, Checkpoint, Chosen, Configuration, FitSettings, Observer, Phase, PresetChoice, Progress,
};

/// Fit a model to a mesh
///
/// The mesh is .obj, .ply, .stl, .off, .glb or .gltf; through points without faces, also of .xyz, a surface is put first. In place of a
/// mesh a recipe (.toml) or another model is made one new model: its values and gradients are what is learned.
/// Training ends at whichever of --seconds, --steps and
/// --target-near-mae is met first; a fit by --steps alone gives the same model again for one seed, device and thread count.
#[derive(Args)]
pub(super) struct FitArguments {
    /// The mesh file; or a recipe, or a model
    mesh: PathBuf,

    /// The model file to write: .safetensors
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,

    /// Spline, network, schedule and budget to start from, or auto for those that suit the mesh; the options below change parts of it
    /// [default: standard]
    #[arg(long, value_name = "NAME", value_parser = preset_choice())]
    preset: Option<PresetChoice>,

    /// A TOML file of settings that replace the preset's: all or some of what `overfit presets NAME` prints
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// One setting in place of the preset's or the file's, such as spline.finest=640; may be given again and again
    #[arg(long, value_name = "NAME=VALUE", value_parser = Configuration::from_str)]
    set: Vec<Configuration>,

    /// Training time; the preset's unless --seconds or --steps is given
    #[arg(long, value_name = "S", value_parser = finite, allow_negative_numbers = true)]
    seconds: Option<f64>,

    /// Training steps
    #[arg(long, value_name = "N")]
    steps: Option<u64>,

    /// Stop once the mean error near the surface is at most this (longest side 1)
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    target_near_mae: Option<f64>,

    #[command(flatten)]
    device: DeviceArguments,

    /// Decides the first parameters and every sample [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How inside and outside are told apart [default: auto]
    #[arg(long, value_name = "RULE", value_parser = sign())]
    sign: Option<SignPolicy>,

    /// What is minimised: terms with their weights, such as l1,gradient=0.02; the preset's unless given
    #[arg(long, value_name = "TERMS", value_parser = loss)]
    loss: Option<Loss>,

    /// Learning rate of the first step; the preset's unless given
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    learning_rate: Option<f64>,

    /// Samples a step; the preset's unless given
    #[arg(long, value_name = "N")]
    batch_size: Option<u32>,

    /// Width of the near band: standard deviation of samples about the surface (longest side 1); the preset's unless given
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    near_sigma: Option<f64>,

    /// Go on from where an earlier run of the same command was ended, whatever ended it: keeps MODEL.checkpoint beside the model
    /// until that is there
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    input: MeshArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct FitReport {
    preset: String,
    /// Why that one, where it was chosen by the mesh.
    preset_reason: Option<String>,
    device: String,
    steps: u64,
    samples: u64,
    samples_per_second: f64,
    seconds: Seconds,
    parameters: usize,
    bytes: u64,
    /// The evaluation protocol's figures, longest side 1.
    metrics: Option<Metrics>,
    warnings: Vec<String>,
    health: HealthReport,
}

#[derive(Serialize)]
struct Seconds {
    /// Reading the mesh.
    load: f64,
    /// From the start to the first training step.
    first_step: f64,
    /// Training alone, without preparation and evaluation.
    train: f64,
    /// From start to the written model.
    total: f64,
}

pub(super) fn run(arguments: &FitArguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let file = (arguments.config.as_deref())
        .map(read_configuration)
        .transpose()?;
    let choice = arguments.preset(file.as_ref())?;
    // What will not do with one preset hardly does with another: told before the mesh is read.
    let otherwise = choice.without_mesh();
    (arguments.settings(file.as_ref(), otherwise)?).validate()?;
    ensure_extension(&arguments.output, &["safetensors"])?;
    ensure_writable(&arguments.output)?;
    let interrupt = Interrupt::listen()?;
    tracing::info!("reading {}", arguments.mesh.display());
    let mut bar = Bar::new("reading the mesh");
    let mut progress = |share: f32| bar.set(share.into());
    let (input, cancel) = (&arguments.input, interrupt.token());
    let loaded = FitSource::read(&arguments.mesh, input, cancel, &mut progress)
        .map_err(|error| interrupt.explain(error))?;
    let load = started.elapsed().as_secs_f64();
    let chosen = choice.for_mesh(&loaded.mesh, loaded.cleanup.points);
    let settings = arguments.settings(file.as_ref(), chosen)?;
    settings.validate()?;

    let name = arguments
        .mesh
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let mut watch = Watch {
        bar,
        started,
        first_step: None,
        checkpoints: (arguments.resume).then(|| CheckpointFile::beside(&arguments.output)),
    };
    let checkpoint = match &watch.checkpoints {
        Some(file) => file.read(&settings, &loaded.mesh)?,
        None => None,
    };
    let (mesh, cancel) = (&loaded.mesh, interrupt.token());
    if let Some(checkpoint) = &checkpoint {
        tracing::info!("going on from step {}", checkpoint.step());
    }
    let truth = loaded.truth();
    let fitted = train::fit_to(
        mesh, truth, &name, &settings, checkpoint, cancel, &mut watch,
    );
    let Watch {
        bar,
        first_step,
        checkpoints,
        ..
    } = watch;
    drop(bar);
    let model = fitted.map_err(|error| match &checkpoints {
        Some(file) if file.is_there() && cancel.is_cancelled() => {
            Interrupted("the same command goes on from the checkpoint beside the model").into()
        }
        _ => interrupt.explain(error),
    })?;
    save(&model, &arguments.output)?;
    checkpoints.iter().for_each(CheckpointFile::remove);
    // Training does not wait for what only the report tells.
    let health = HealthReport::of(&loaded.mesh, &loaded.cleanup);

    let training = &model.training;
    let mut warnings = health.warnings();
    for warning in &training.warnings {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    let report = FitReport {
        preset: training.preset.clone(),
        preset_reason: training.preset_reason.clone(),
        device: training.device.clone(),
        steps: training.steps,
        samples: training.samples,
        samples_per_second: training.samples as f64 / training.seconds.max(1e-9),
        parameters: model.parameter_count(),
        bytes: file_bytes(&arguments.output)?,
        metrics: training.metrics,
        warnings,
        health,
        seconds: Seconds {
            load,
            first_step: first_step.unwrap_or_default(),
            train: training.seconds,
            total: started.elapsed().as_secs_f64(),
        },
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&report.in_words(&arguments.output))
}

/// Shows how far the fit is, and keeps its checkpoints.
struct Watch {
    bar: Bar,
    started: Instant,
    /// Seconds to the first step.
    first_step: Option<f64>,
    checkpoints: Option<CheckpointFile>,
}

impl Observer for Watch {
    fn progress(&mut self, progress: Progress) {
        if progress.phase == Phase::Train {
            let first_step = &mut self.first_step;
            first_step.get_or_insert_with(|| self.started.elapsed().as_secs_f64());
        }
        show_progress(&mut self.bar, &progress);
    }

    fn wants_checkpoint(&mut self, is_last: bool) -> bool {
        let checkpoints = self.checkpoints.as_mut();
        checkpoints.is_some_and(|file| is_last || file.is_due())
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        if let Some(file) = &mut self.checkpoints {
            file.write(&checkpoint);
        }
    }
}

impl FitArguments {
    /// What everything starts from: the option's, the file's, or the default.
    fn preset(&self, file: Option<&Configuration>) -> anyhow::Result<PresetChoice> {
        let of_file = file.map(Configuration::preset).transpose()?.flatten();
        Ok(self.preset.or(of_file).unwrap_or_default())
    }

    /// The preset's settings with what was given in their place.
    fn settings(
        &self,
        file: Option<&Configuration>,
        chosen: Chosen,
    ) -> anyhow::Result<FitSettings> {
        let mut settings = chosen.settings();
        for changes in file.into_iter().chain(&self.set) {
            settings = changes.applied_to(&settings)?;
        }
        if self.seconds.is_some() || self.steps.is_some() {
            settings.budget.seconds = self.seconds;
            settings.budget.steps = self.steps;
        }
        let budget = &mut settings.budget;
        budget.target_near_mae = self.target_near_mae.or(budget.target_near_mae);
        settings.device = self.device.device;
        settings.seed = self.seed.unwrap_or(settings.seed);
        settings.sign = self.sign.unwrap_or(settings.sign);
        settings.loss = self.loss.unwrap_or(settings.loss);
        let optimizer = &mut settings.optimizer;
        optimizer.learning_rate = self.learning_rate.unwrap_or(optimizer.learning_rate);
        optimizer.batch_size = self.batch_size.unwrap_or(optimizer.batch_size);
        settings.sampling.near_sigma = self.near_sigma.unwrap_or(settings.sampling.near_sigma);
        Ok(settings)
    }
}

fn read_configuration(path: &Path) -> anyhow::Result<Configuration> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Configuration::from_toml(&text).with_context(|| path.display().to_string())
}

/// Saves the model where it was asked for, or else anywhere: minutes of training are never lost to a full disk.
fn save(model: &Model, path: &Path) -> anyhow::Result<()> {
    let Err(error) = model.save(path) else {
        return Ok(());
    };
    let refuge = tempfile::Builder::new()
        .prefix("overfit-")
        .suffix(".safetensors")
        .tempfile()
        .and_then(|file| {
            std::fs::write(file.path(), model.to_bytes())?;
            Ok(file.into_temp_path().keep()?)
        });
    match refuge {
        Ok(refuge) => bail!(
            "{error}; the model is safe in {}: move it from there",
            refuge.display()
        ),
        Err(second) => bail!(
            "{error}; the folder for temporary files does not take the model either ({second}): it is lost"
        ),
    }
}

/// Shows how far a fit is.
pub(super) fn show_progress(bar: &mut Bar, progress: &Progress) {
    match progress.phase {
        Phase::Prepare => bar.say("preparing distances and first samples"),
        Phase::Compile => bar.say("compiling kernels, which are kept"),
        Phase::Evaluate => bar.say("measuring the result"),
        Phase::Train => {
            bar.set(progress.fraction);
            let left = progress
                .remaining_seconds
                .map(|seconds| format!(", {seconds:.0} s left"));
            bar.say(format!(
                "step {}, loss {:.2e}, {} samples/s{}",
                progress.step,
                progress.loss,
                count_in_words(progress.samples_per_second),
                left.unwrap_or_default()
            ));
        }
    }
}

impl FitReport {
    fn in_words(&self, path: &Path) -> String {
        let reason = self.preset_reason.iter();
        let mut text: String = reason.map(|reason| format!("{reason}\n")).collect();
        text += &format!(
            "{}: {} parameters, {}\n{} steps, {} samples in {:.1} s ({} samples/s) on {}",
            path.display(),
            self.parameters,
            bytes_in_words(self.bytes),
            self.steps,
            count_in_words(self.samples as f64),
            self.seconds.train,
            count_in_words(self.samples_per_second),
            self.device
        );
        if let Some(metrics) = &self.metrics {
            text.push('\n');
            text.push_str(&metrics_in_words(metrics));
        }
        text
    }
}

/// The protocol's figures in one line.
pub(super) fn metrics_in_words(metrics: &Metrics) -> String {
    let iou = metrics.iou.map(|iou| format!(", IoU {iou:.4}"));
    let degrees = metrics.gradient_degrees;
    let degrees = degrees.map(|degrees| format!(", gradient {degrees:.2} degrees off"));
    format!(
        "near error {:.2e}, right sign {:.2} %, uniform error {:.2e}{}{} (lengths: longest side 1)",
        metrics.near_mae,
        100.0 * metrics.sign_agreement,
        metrics.uniform_mae,
        iou.unwrap_or_default(),
        degrees.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::field::Training;
    use crate::geometry::{Bounds, Similarity};
    use crate::loss::Squared;
    use crate::network::initial_parameters;
    use crate::train::Preset;

    fn settings(options: &[&str]) -> FitSettings {
        let words = ["overfit", "fit", "a.obj", "-o", "a.safetensors"]
            .iter()
            .chain(options);
        match Cli::try_parse_from(words).map(|cli| cli.command) {
            Ok(Command::Fit(arguments)) => {
                let file = arguments.config.as_deref().map(read_configuration);
                let file = file.transpose().unwrap();
                let choice = arguments.preset(file.as_ref()).unwrap();
                (arguments.settings(file.as_ref(), choice.without_mesh())).unwrap()
            }
            Ok(_) => panic!("another command"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn without_options_it_is_the_preset() {
        assert_eq!(settings(&[]), Preset::default().settings());
        assert_eq!(settings(&["--preset", "smooth"]), Preset::Smooth.settings());
    }

    #[test]
    fn options_replace_parts_of_the_preset() {
        let steps = settings(&["--steps", "10"]);
        assert_eq!((steps.budget.steps, steps.budget.seconds), (Some(10), None));
        let all = settings(&[
            "--seconds",
            "2.5",
            "--seed",
            "7",
            "--sign",
            "winding",
            "--loss",
            "l2",
            "--learning-rate",
            "1e-3",
            "--batch-size",
            "64",
            "--near-sigma",
            "0.01",
            "--target-near-mae",
            "1e-3",
            "--device",
            "cuda:1",
        ]);
        assert_eq!((all.budget.seconds, all.budget.steps), (Some(2.5), None));
        assert_eq!(all.budget.target_near_mae, Some(1e-3));
        assert_eq!(
            (all.seed, all.sign, all.loss),
            (7, SignPolicy::Winding, Squared::default().into())
        );
        assert_eq!(
            (all.optimizer.learning_rate, all.optimizer.batch_size),
            (1e-3, 64)
        );
        assert_eq!(all.sampling.near_sigma, 0.01);
        assert_eq!(all.device, "cuda:1".parse().unwrap());
    }

    #[test]
    fn a_file_starts_from_its_preset_and_options_have_the_last_word() {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        let text =
            "preset = 'draft'\nseed = 5\n[optimizer]\nbatch_size = 512\n[budget]\nseconds = 9";
        std::fs::write(file.path(), text).unwrap();
        let config = file.path().to_str().unwrap();
        let found = settings(&["--config", config, "--set", "spline.finest=80"]);
        assert_eq!((found.preset, found.seed), (Preset::Draft, 5));
        assert_eq!(found.optimizer.batch_size, 512);
        assert_eq!(found.budget.seconds, Some(9.0));
        assert_eq!(found.spline.unwrap().finest, 80);
        let found = settings(&["--config", config, "--preset", "detail", "--seed", "6"]);
        assert_eq!((found.preset, found.seed), (Preset::Detail, 6));
        assert_eq!(found.architecture, Preset::Detail.settings().architecture);
    }

    #[test]
    fn a_model_that_cannot_be_saved_is_kept_elsewhere() {
        let architecture = Preset::Smooth.settings().architecture;
        let model = Model {
            parameters: initial_parameters(&architecture, 1),
            architecture,
            frame: Similarity::IDENTITY,
            bounds: Bounds {
                min: [-0.9; 3],
                max: [0.9; 3],
            },
            spline: None,
            outer: None,
            training: Training::default(),
        };
        let message = save(&model, Path::new("/does/not/exist/a.safetensors"))
            .unwrap_err()
            .to_string();
        let (_, rest) = message.split_once("the model is safe in ").unwrap();
        let (refuge, _) = rest.split_once(": move it").unwrap();
        assert_eq!(Model::load(Path::new(refuge)).unwrap(), model);
        std::fs::remove_file(refuge).unwrap();
    }
}
