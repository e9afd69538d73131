//! `overfit compare`: how far a model or a mesh is from a mesh.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, MeshArguments, sign};
use super::fit::metrics_in_words;
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{print_json, print_text, print_warnings};
use super::progress::Bar;
use crate::CancelToken;
use crate::distance::{SignPolicy, SignedDistance};
use crate::extract::{ExtractError, Grid, Resolution, SurfaceSettings, extract_surface};
use crate::field::Metrics;
use crate::geometry::{LoadedMesh, Mesh, SurfaceSampler, UNIT_LONGEST_SIDE};
use crate::query::{LoadedModel, MeshComparison, compare_meshes};
use crate::train::{Evaluation, Protocol, evaluate};

/// Measure how far a model or another mesh is from a mesh
///
/// Lengths are divided by the longest side of the mesh's bounding box. A model is measured twice: its values against exact
/// distances at fresh points, and the surface extracted from it against the mesh.
#[derive(Args)]
pub(super) struct CompareArguments {
    /// The mesh file to measure against
    mesh: PathBuf,

    /// A model file (.safetensors), a recipe (.toml) or a mesh file
    #[arg(value_name = "MODEL_OR_MESH")]
    other: PathBuf,

    /// Samples on each of the two surfaces
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    samples: usize,

    /// Cells along the longest side at which a model's surface is extracted
    #[arg(long, value_name = "N", default_value_t = 256)]
    resolution: u32,

    /// Decides every point that is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// How inside and outside of the mesh are told apart
    #[arg(long, value_name = "RULE", default_value_t = SignPolicy::Auto, value_parser = sign())]
    sign: SignPolicy,

    #[command(flatten)]
    device: DeviceArguments,

    #[command(flatten)]
    input: MeshArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CompareReport {
    kind: &'static str,
    /// The model's values against exact distances; none for a mesh.
    metrics: Option<Metrics>,
    /// The second surface against the first; none for a model that has no surface.
    surface: Option<SurfaceReport>,
    seconds: f64,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct SurfaceReport {
    #[serde(flatten)]
    comparison: MeshComparison,
    vertices: usize,
    faces: usize,
    /// Cells along the longest side, where the surface was extracted.
    resolution: Option<u32>,
}

pub(super) fn run(arguments: &CompareArguments) -> anyhow::Result<()> {
    ensure!(
        arguments.samples > 0,
        "--samples is 0: nothing can be said without samples"
    );
    let started = Instant::now();
    let mut bar = Bar::new("reading the mesh");
    let cancel = CancelToken::new();
    let LoadedMesh {
        mesh: first,
        cleanup,
        ..
    } = arguments.input.read(&arguments.mesh, &cancel)?;
    let mut report = if model::is_field(&arguments.other) {
        compare_model(arguments, &first, &mut bar)?
    } else {
        let LoadedMesh {
            mesh: second,
            cleanup,
            ..
        } = arguments.input.read(&arguments.other, &cancel)?;
        bar.say("comparing");
        CompareReport {
            kind: "mesh",
            metrics: None,
            surface: Some(compare_surfaces(arguments, &first, &second, None)?),
            seconds: 0.0,
            warnings: cleanup.notes,
        }
    };
    drop(bar);
    report.warnings.splice(0..0, cleanup.notes);
    report.seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&report.in_words())
}

fn compare_model(
    arguments: &CompareArguments,
    first: &Mesh,
    bar: &mut Bar,
) -> anyhow::Result<CompareReport> {
    let loaded = model::open(&arguments.other, arguments.device.device)?;
    bar.say("measuring the model's values");
    let interrupt = Interrupt::listen()?;
    let Evaluation {
        metrics,
        mut warnings,
    } = measure_values(arguments, first, &loaded, &interrupt)?;
    let surface = match extract(arguments, &loaded, &interrupt, bar)? {
        Ok(second) => {
            bar.say("comparing");
            Some(compare_surfaces(
                arguments,
                first,
                &second,
                Some(arguments.resolution),
            )?)
        }
        Err(no_surface) => {
            warnings.push(no_surface.to_string());
            None
        }
    };
    Ok(CompareReport {
        kind: "model",
        metrics: Some(metrics),
        surface,
        seconds: 0.0,
        warnings,
    })
}

/// The evaluation protocol's figures.
fn measure_values(
    arguments: &CompareArguments,
    first: &Mesh,
    loaded: &LoadedModel,
    interrupt: &Interrupt,
) -> anyhow::Result<Evaluation> {
    let frame = &loaded.shape().frame;
    let unit = frame.apply_to_mesh(first);
    // The protocol divides by the longest side of this mesh, whose unit frame need not be the model's.
    let ratio = unit.bounds().longest_side() / UNIT_LONGEST_SIDE;
    ensure!(
        (ratio - 1.0).abs() < 1e-3,
        "{} is {ratio:.3} times as large as the mesh that {} was fitted to: give that mesh",
        arguments.mesh.display(),
        arguments.other.display()
    );
    let distances = SignedDistance::build(&unit, arguments.sign, interrupt.token())
        .map_err(|error| interrupt.explain(error))
        .with_context(|| format!("cannot measure {}", arguments.mesh.display()))?;
    let protocol = Protocol {
        seed: Protocol::default().seed.wrapping_add(arguments.seed),
        ..Protocol::default()
    };
    let surface = SurfaceSampler::new(distances.boundary().unwrap_or(&unit));
    let field = loaded.unit_field();
    evaluate(
        field,
        &distances,
        &surface,
        unit.bounds(),
        &protocol,
        interrupt.token(),
    )
    .ok_or_else(|| Interrupted::default().into())
}

/// The model's surface; the inner error says that it has none, as is the case for unsigned distances.
fn extract(
    arguments: &CompareArguments,
    loaded: &LoadedModel,
    interrupt: &Interrupt,
    bar: &mut Bar,
) -> anyhow::Result<Result<Mesh, ExtractError>> {
    bar.say("extracting the model's surface");
    let (bounds, frame) = (&loaded.shape().bounds, &loaded.shape().frame);
    let grid = Grid::around_level_set(bounds, Resolution::Cells(arguments.resolution), 0.0)?;
    let settings = SurfaceSettings {
        normals: false,
        ..SurfaceSettings::default()
    };
    let mut progress = |share: f32| bar.set(share.into());
    let extracted = extract_surface(
        loaded.unit_field(),
        &grid,
        frame,
        &settings,
        interrupt.token(),
        &mut progress,
    );
    match extracted {
        Ok(surface) => Ok(Ok(Mesh {
            positions: surface.positions,
            triangles: surface.triangles,
        })),
        Err(error @ ExtractError::NoSurface { .. }) => Ok(Err(error)),
        Err(error) => Err(interrupt.explain(error)),
    }
}

fn compare_surfaces(
    arguments: &CompareArguments,
    first: &Mesh,
    second: &Mesh,
    resolution: Option<u32>,
) -> anyhow::Result<SurfaceReport> {
    let comparison = compare_meshes(first, second, arguments.samples, arguments.seed)
        .with_context(|| {
            format!(
                "cannot compare {} and {}",
                arguments.mesh.display(),
                arguments.other.display()
            )
        })?;
    Ok(SurfaceReport {
        comparison,
        vertices: second.positions.len(),
        faces: second.triangles.len(),
        resolution,
    })
}

impl CompareReport {
    fn in_words(&self) -> String {
        let mut lines = Vec::new();
        if let Some(metrics) = &self.metrics {
            lines.push(metrics_in_words(metrics));
        }
        if let Some(surface) = &self.surface {
            let found = &surface.comparison;
            let at = surface
                .resolution
                .map(|cells| format!(" at resolution {cells}"));
            lines.push(format!(
                "surface{}: Chamfer-L1 {:.2e}, Hausdorff {:.2e}, normal consistency {:.4}, {}, {} (longest side 1)",
                at.unwrap_or_default(),
                found.chamfer_l1,
                found.hausdorff,
                found.normal_consistency,
                if found.watertight { "watertight" } else { "open" },
                if found.manifold { "manifold" } else { "not manifold" },
            ));
        }
        lines.join("\n")
    }
}
