//! `overfit mesh`: from a model to a mesh file.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, GridArguments, finite};
use super::interrupt::Interrupt;
use super::model;
use super::output::{
    bytes_in_words, ensure_writable, file_bytes, print_json, print_text, print_warnings,
};
use super::progress::Bar;
use crate::extract::{
    Fineness, Grid, HeldPositions, MeshFileFormat, Surface, SurfaceMode, SurfaceSettings,
    extract_surface, write_mesh,
};
use crate::geometry::{Bounds, Mesh, Topology, TriangleShape};
use crate::words::bodies_in_words;

/// Extract the surface of a model as a mesh
#[derive(Args)]
pub(super) struct MeshArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The mesh file to write: .ply, .obj, .stl or .glb
    #[arg(short, long, value_name = "MESH")]
    output: PathBuf,

    #[command(flatten)]
    grid: GridArguments,

    /// Signed distance of the surface, in the mesh's own units: positive is outside the shape
    #[arg(long, value_name = "D", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    iso: f64,

    /// What the mesh is made of: marching-cubes, or sharp, which keeps edges and corners
    #[arg(long, value_name = "MODE", default_value = "marching-cubes")]
    mode: SurfaceMode,

    /// Draw edges together until there are at most so many triangles, more of them where the surface bends
    #[arg(long, value_name = "N")]
    triangles: Option<u64>,

    /// Draw edges together while the surface stays within about this distance, in the mesh's own units
    #[arg(long, value_name = "E", value_parser = finite, allow_negative_numbers = true)]
    error: Option<f64>,

    /// Leave out vertex normals
    #[arg(long)]
    no_normals: bool,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct MeshReport {
    vertices: usize,
    faces: usize,
    /// Extraction alone, without reading and writing.
    seconds: f64,
    /// Every edge has exactly two faces; this, the parts and the bounds are those of the mesh that the file holds.
    watertight: bool,
    /// No edge has more than two faces.
    manifold: bool,
    /// Connected parts.
    bodies: u64,
    /// Triangles that cut through others; `null` where it was not looked for, as of marching cubes.
    cut_triangles: Option<u64>,
    /// Vertices on sharp edges and at corners.
    sharp_vertices: u64,
    /// Angles and aspects of the triangles.
    triangle_shape: TriangleShape,
    bounds: Bounds,
    voxel_size: f64,
    /// Cells along the longest side of the mesh.
    resolution: f64,
    /// How far the precision of the file's format has moved a vertex, at most, in own units.
    rounding: f64,
    iso: f64,
    /// Points at which the field was evaluated, of those that the dense grid has.
    evaluations: u64,
    dense_evaluations: u64,
    bytes: u64,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &MeshArguments) -> anyhow::Result<()> {
    let format = MeshFileFormat::from_path(&arguments.output)?;
    ensure_writable(&arguments.output)?;
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let (bounds, frame) = (&loaded.shape().bounds, &loaded.shape().frame);
    let fineness = Fineness::new(loaded.shape(), arguments.iso);
    let memory_limit = arguments.grid.memory_limit;
    let resolution = match arguments.grid.resolution() {
        Some(resolution) => resolution,
        None => fineness.automatic(memory_limit, Grid::surface_bytes)?,
    };
    let grid = Grid::around_level_set(bounds, resolution, arguments.iso)?;
    let settings = SurfaceSettings {
        mode: arguments.mode,
        iso: arguments.iso,
        normals: !arguments.no_normals,
        triangles: arguments.triangles,
        error: arguments.error,
        memory_limit,
        ..SurfaceSettings::default()
    };

    let interrupt = Interrupt::listen()?;
    let mut bar = Bar::new("extracting the surface");
    let started = Instant::now();
    let mut progress = |share: f32| bar.set(share.into());
    let surface = extract_surface(
        loaded.unit_field(),
        &grid,
        frame,
        &settings,
        interrupt.token(),
        &mut progress,
    )
    .map_err(|error| interrupt.explain(fineness.explain(error, grid.resolution)))?;
    let seconds = started.elapsed().as_secs_f64();
    bar.say("writing");
    write_mesh(&surface, &arguments.output)?;
    drop(bar);

    let held = format.held(&surface);
    let report = MeshReport {
        bytes: file_bytes(&arguments.output)?,
        warnings: warnings(&surface, &settings, &held, format, &fineness, &grid),
        ..measure(surface, held, &grid, arguments.iso, seconds)
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&format!(
        "{}: {} vertices, {} faces, {}, {}, {} in {:.2} s\nsmallest angle {:.2} degrees (of 99 % over {:.1}), largest aspect {:.0} (of 99 % under {:.1})",
        arguments.output.display(),
        report.vertices,
        report.faces,
        bodies_in_words(report.bodies),
        if report.watertight {
            "watertight"
        } else {
            "open"
        },
        bytes_in_words(report.bytes),
        report.seconds,
        report.triangle_shape.smallest_angle,
        report.triangle_shape.smallest_angle_percentile_1,
        report.triangle_shape.largest_aspect,
        report.triangle_shape.largest_aspect_percentile_99,
    ))
}

fn measure(
    surface: Surface,
    held: HeldPositions,
    grid: &Grid,
    iso: f64,
    seconds: f64,
) -> MeshReport {
    let stats = surface.stats;
    let mesh = Mesh {
        positions: held.positions,
        triangles: surface.triangles,
    };
    let topology = Topology::of(&mesh);
    MeshReport {
        vertices: mesh.positions.len(),
        faces: mesh.triangles.len(),
        seconds,
        watertight: topology.watertight(),
        manifold: topology.non_manifold_edges == 0,
        bodies: topology.bodies,
        cut_triangles: stats.cut_triangles,
        sharp_vertices: stats.sharp_vertices,
        triangle_shape: TriangleShape::of(&mesh.positions, &mesh.triangles),
        bounds: mesh.bounds(),
        voxel_size: grid.voxel_size,
        resolution: grid.resolution,
        rounding: held.largest_shift,
        iso,
        evaluations: stats.evaluations,
        dense_evaluations: stats.dense_evaluations,
        bytes: 0,
        warnings: Vec::new(),
    }
}

fn warnings(
    surface: &Surface,
    settings: &SurfaceSettings,
    held: &HeldPositions,
    format: MeshFileFormat,
    fineness: &Fineness<'_>,
    grid: &Grid,
) -> Vec<String> {
    let mut warnings = fineness.warnings(grid.resolution, Some(&surface.bodies()));
    if surface.stats.open() {
        let count = surface.stats.border_vertices;
        warnings.push(format!(
            "the surface leaves the grid and is open there ({count} vertices on its border)"
        ));
    }
    warnings.extend(surface.warnings(settings));
    let (holder, cure) = match format {
        MeshFileFormat::Stl => (
            "STL holds",
            "write .obj, .ply or .glb, which keep them where they are",
        ),
        _ => ("the file holds", "write .obj, which keeps every digit"),
    };
    warnings.extend(surface.warning_about(held, holder, cure));
    warnings
}
