//! `overfit inspect`: what a mesh, a model file or a recipe holds.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::arguments::MeshArguments;
use super::combine;
use super::fit::metrics_in_words;
use super::model;
use super::output::{bytes_in_words, file_bytes, print_json, print_text};
use crate::CancelToken;
use crate::combine::is_recipe;
use crate::field::{Bodies, Metrics, Model, Training};
use crate::geometry::{Bounds, Cleanup, HealthReport, MeshFormat, Similarity};
use crate::network::Architecture;
use crate::words::length_in_words;

/// Report on a mesh (is it closed, which way does it look) or a model (network, frame, training, quality)
#[derive(Args)]
pub(super) struct InspectArguments {
    /// A mesh file, a model file (.safetensors) or a recipe (.toml)
    #[arg(value_name = "MESH_OR_MODEL")]
    file: PathBuf,

    #[command(flatten)]
    input: MeshArguments,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct MeshFileReport {
    kind: &'static str,
    format: MeshFormat,
    bytes: u64,
    health: HealthReport,
    cleanup: Cleanup,
    warnings: Vec<String>,
    seconds: f64,
}

#[derive(Serialize)]
struct ModelFileReport {
    kind: &'static str,
    /// In words, such as `hash grid 8x4 2^15 (8..256), mlp 2x64`.
    network: String,
    architecture: Architecture,
    parameters: usize,
    bytes: u64,
    tensors: Vec<TensorReport>,
    /// From the mesh's own units to the unit frame: `unit = (own - center) * scale`.
    frame: Similarity,
    bounds: Bounds,
    metrics: Option<Metrics>,
    training: Training,
}

#[derive(Serialize)]
struct TensorReport {
    name: String,
    shape: Vec<usize>,
}

pub(super) fn run(arguments: &InspectArguments) -> anyhow::Result<()> {
    let path = &arguments.file;
    if is_recipe(path) {
        let report = combine::inspect(path)?;
        if arguments.json {
            return print_json(&report);
        }
        return print_text(&report.in_words(path));
    }
    if model::is_model(path) {
        let report = inspect_model(model::read(path)?, file_bytes(path)?);
        if arguments.json {
            return print_json(&report);
        }
        return print_text(&report.in_words(path));
    }
    let report = inspect_mesh(path, &arguments.input)?;
    if arguments.json {
        return print_json(&report);
    }
    print_text(&report.in_words(path))
}

fn inspect_mesh(path: &Path, input: &MeshArguments) -> anyhow::Result<MeshFileReport> {
    let started = Instant::now();
    let loaded = input.read(path, &CancelToken::new())?;
    let health = HealthReport::of(&loaded.mesh, &loaded.cleanup);
    Ok(MeshFileReport {
        kind: "mesh",
        format: loaded.format,
        bytes: file_bytes(path)?,
        warnings: health.warnings(),
        health,
        cleanup: loaded.cleanup,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn inspect_model(model: Model, bytes: u64) -> ModelFileReport {
    let tensors = model
        .architecture
        .tensors()
        .into_iter()
        .map(|spec| TensorReport {
            name: spec.name,
            shape: spec.shape,
        });
    ModelFileReport {
        kind: "model",
        network: model.to_string(),
        parameters: model.parameter_count(),
        bytes,
        tensors: tensors.collect(),
        frame: model.frame,
        bounds: model.bounds,
        metrics: model.training.metrics,
        architecture: model.architecture,
        training: model.training,
    }
}

impl MeshFileReport {
    fn in_words(&self, path: &Path) -> String {
        let health = &self.health;
        let yes_or_no = |yes: bool| if yes { "yes" } else { "no" };
        let crossings = match health.self_intersections {
            None => "not searched (too many faces)".to_owned(),
            Some(count) if health.more_self_intersections => format!("at least {count}"),
            Some(count) => count.to_string(),
        };
        let volume = health
            .volume
            .map_or("none (nothing is enclosed)".to_owned(), |volume| {
                format!("{volume:.6}")
            });
        let mut lines = vec![
            format!(
                "{}: {} mesh, {}",
                path.display(),
                self.format,
                bytes_in_words(self.bytes)
            ),
            line("vertices", health.vertices),
            line("faces", health.faces),
            line("bodies", health.bodies),
            line("watertight", yes_or_no(health.watertight)),
            line("consistently wound", yes_or_no(health.consistently_wound)),
            line("inside out", yes_or_no(health.inverted)),
            line("turned faces", health.turned_faces),
            line("turned bodies", health.turned_bodies),
            line("boundary edges", health.boundary_edges),
            line("non-manifold edges", health.non_manifold_edges),
            line("self-intersections", crossings),
            line("degenerate triangles", health.degenerate_triangles),
            line("duplicate triangles", health.duplicate_triangles),
            line("merged faces", health.merged_faces),
            bounds_line(&health.bounds),
            line("area", format!("{:.6}", health.area)),
            line("volume", volume),
        ];
        lines.extend(self.warnings.iter().map(|warning| line("warning", warning)));
        lines.join("\n")
    }
}

impl ModelFileReport {
    fn in_words(&self, path: &Path) -> String {
        let training = &self.training;
        let [x, y, z] = self.frame.center;
        let mut lines = vec![
            format!(
                "{}: model of {}, {}",
                path.display(),
                quoted(&training.name),
                bytes_in_words(self.bytes)
            ),
            line("network", &self.network),
            line("parameters", self.parameters),
        ];
        lines.extend(
            self.tensors
                .iter()
                .map(|tensor| line("tensor", format!("{} {:?}", tensor.name, tensor.shape))),
        );
        lines.push(line(
            "frame",
            format!("center [{x}, {y}, {z}], scale {}", self.frame.scale),
        ));
        lines.push(bounds_line(&self.bounds));
        lines.push(line(
            "training",
            format!(
                "preset {}, seed {}, {} steps, {} samples, {:.1} s on {}, by version {}",
                training.preset,
                training.seed,
                training.steps,
                training.samples,
                training.seconds,
                training.device,
                training.version
            ),
        ));
        let thickness = training
            .thickness
            .map_or("unknown".to_owned(), length_in_words);
        lines.push(line("thickness", thickness));
        lines.push(line(
            "bodies",
            training
                .bodies
                .as_ref()
                .map_or("unknown".to_owned(), bodies_line),
        ));
        lines.push(line(
            "quality",
            self.metrics
                .as_ref()
                .map_or("not measured".to_owned(), metrics_in_words),
        ));
        lines.extend(
            training
                .warnings
                .iter()
                .map(|warning| line("warning", warning)),
        );
        lines.join("\n")
    }
}

fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("  {name:<20} {value}")
}

fn bodies_line(bodies: &Bodies) -> String {
    let thinnest = bodies.thinnest.first().map(|body| {
        format!(
            ", the thinnest {} thick and {} long",
            length_in_words(body.thickness),
            length_in_words(body.longest_side)
        )
    });
    format!("{}{}", bodies.count, thinnest.unwrap_or_default())
}

fn bounds_line(bounds: &Bounds) -> String {
    line("bounds", format!("{:?} to {:?}", bounds.min, bounds.max))
}

fn quoted(name: &str) -> String {
    if name.is_empty() {
        "an unnamed mesh".to_owned()
    } else {
        format!("`{name}`")
    }
}
