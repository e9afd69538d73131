//! `overfit render`: pictures of a model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use super::arguments::{DeviceArguments, MeshArguments, finite};
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{
    count_in_words, ensure_extension, ensure_writable, print_json, print_text, print_warnings,
    write_whole,
};
use super::progress::Bar;
use crate::distance::{SignPolicy, SignedDistance};
use crate::query::{LoadedModel, RayStats};
use crate::render::{
    Axis, Background, Mode, RenderSettings, Rendering, View, render, write_animation, write_png,
};

/// Render a picture of a model, straight from its field
///
/// Modes: shaded, normals, curvature (mean curvature, blue hollow, red bulging), error (how far the surface is from --mesh), slice (a plane through
/// the field with lines of equal distance). What the colours mean is printed. The camera stands around the shape, as far away as shows
/// it whole, or at --eye.
#[derive(Args)]
pub(super) struct RenderArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The .png file to write; with --turntable an animated one, or, with ### in its name, one file a picture
    #[arg(short, long, value_name = "PICTURE")]
    output: PathBuf,

    /// Pixels across and down, or one number for a square
    #[arg(long, value_name = "WxH", default_value = "1024x1024", value_parser = size)]
    size: [u32; 2],

    /// What the colours show
    #[arg(long, value_name = "MODE", default_value_t = Mode::Shaded, value_parser = named::<Mode, _>(Mode::ALL.map(Mode::name)))]
    mode: Mode,

    /// The axis that points up: y as in most OBJ and glTF files, z as in Blender
    #[arg(long, value_name = "AXIS", default_value_t = Axis::Y, value_parser = named::<Axis, _>(Axis::ALL.map(Axis::name)))]
    up: Axis,

    /// Degrees that the camera is turned around the shape, counter-clockwise seen from above; 0 is the front (+z, or -y with --up z)
    #[arg(long, value_name = "DEGREES", default_value = "30", value_parser = finite, allow_negative_numbers = true)]
    azimuth: f64,

    /// Degrees that the camera stands above the shape
    #[arg(long, value_name = "DEGREES", default_value = "20", value_parser = finite, allow_negative_numbers = true)]
    elevation: f64,

    /// Where the camera is, in the mesh's own units
    #[arg(long, value_name = "X,Y,Z", value_parser = place, allow_hyphen_values = true, conflicts_with_all = ["azimuth", "elevation", "turntable"])]
    eye: Option<Place>,

    /// What the camera at --eye looks at [default: the middle of the shape]
    #[arg(long, value_name = "X,Y,Z", value_parser = place, allow_hyphen_values = true, requires = "eye")]
    target: Option<Place>,

    /// The angle that the shorter side of the picture covers, in degrees
    #[arg(long, value_name = "DEGREES", default_value = "30", value_parser = finite)]
    field_of_view: f64,

    /// transparent, white, black, or a colour such as #20242c
    #[arg(long, value_name = "COLOUR", default_value_t = Background::default())]
    background: Background,

    /// Samples of each pixel along an edge: 1, 4, 9 or 16
    #[arg(long, value_name = "N", default_value_t = 4)]
    samples: u32,

    /// Signed distance of the surface, in the mesh's own units: positive is outside the shape
    #[arg(long, value_name = "D", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    iso: f64,

    /// The curvature or error at the end of the scale of colours, or the distance between two lines of a slice [default: what suits what is seen]
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    range: Option<f64>,

    /// The axis at right angles to a slice [default: the one that a view from the front looks along]
    #[arg(long, value_name = "AXIS", value_parser = named::<Axis, _>(Axis::ALL.map(Axis::name)))]
    plane: Option<Axis>,

    /// Where on that axis a slice lies, in the mesh's own units [default: the middle of the shape]
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    offset: Option<f64>,

    /// So many pictures, once around the shape
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=720))]
    turntable: Option<u32>,

    /// Pictures a second of an animated PNG
    #[arg(long, value_name = "N", default_value_t = 15, requires = "turntable", value_parser = clap::value_parser!(u16).range(1..=60))]
    fps: u16,

    /// The mesh file that --mode error measures against
    #[arg(long, value_name = "MESH")]
    mesh: Option<PathBuf>,

    #[command(flatten)]
    input: MeshArguments,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RenderReport {
    width: u32,
    height: u32,
    /// Pictures that were made.
    pictures: u32,
    mode: &'static str,
    up: &'static str,
    legend: Vec<String>,
    /// Rays of the camera.
    rays: RayStats,
    /// Evaluations for anything.
    evaluations: u64,
    /// Rendering alone, without reading and writing.
    seconds: f64,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &RenderArguments) -> anyhow::Result<()> {
    ensure_extension(&arguments.output, &["png"])?;
    ensure_writable(&arguments.output)?;
    let [width, height] = arguments.size;
    let settings = RenderSettings {
        width,
        height,
        mode: arguments.mode,
        view: arguments.view(0.0),
        up: arguments.up,
        field_of_view: arguments.field_of_view,
        background: arguments.background,
        iso: arguments.iso,
        samples: arguments.samples,
        range: arguments.range,
        plane: arguments.plane,
        offset: arguments.offset,
    };
    if settings.mode == Mode::Slice {
        ensure!(
            arguments.turntable.is_none(),
            "a slice has no turntable: leave one of them out"
        );
    }
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let interrupt = Interrupt::listen()?;
    let mut bar = Bar::new("rendering");
    let (mesh, notes) = mesh(arguments, &interrupt)?;
    let mut studio = Studio {
        loaded: &loaded,
        settings,
        mesh: mesh.as_ref(),
        interrupt: &interrupt,
        report: RenderReport {
            width,
            height,
            pictures: 0,
            mode: arguments.mode.name(),
            up: arguments.up.name(),
            legend: Vec::new(),
            rays: RayStats::default(),
            evaluations: 0,
            seconds: 0.0,
            warnings: notes,
        },
    };
    let output = &arguments.output;
    let count = arguments.turntable.unwrap_or(1);
    let mut frame = |index: u32| {
        let turn = f64::from(index) / f64::from(count);
        studio.settings.view = arguments.view(turn);
        studio.rendered(&mut |share| {
            bar.set((f64::from(index) + f64::from(share)) / f64::from(count))
        })
    };
    match (arguments.turntable, numbered(output)) {
        (None, _) => {
            let made = frame(0)?;
            write_whole(output, |file| Ok(write_png(file, &made.picture)?))?;
        }
        (Some(_), None) => write_whole(output, |file| {
            let picture = |index| Ok::<_, Failure>(frame(index).map_err(Failure)?.picture);
            write_animation(file, count, arguments.fps, picture).map_err(|Failure(error)| error)
        })?,
        (Some(_), Some(name)) => {
            for index in 0..count {
                let made = frame(index)?;
                let path = output.with_file_name(name(index + 1));
                write_whole(&path, |file| Ok(write_png(file, &made.picture)?))?;
            }
        }
    }
    drop(bar);
    let report = studio.report;
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&in_words(output, &report))
}

/// Makes pictures, and keeps account.
struct Studio<'a> {
    loaded: &'a LoadedModel,
    settings: RenderSettings,
    mesh: Option<&'a SignedDistance>,
    interrupt: &'a Interrupt,
    report: RenderReport,
}

impl Studio<'_> {
    fn rendered(&mut self, progress: &mut dyn FnMut(f32)) -> anyhow::Result<Rendering> {
        let started = Instant::now();
        let token = self.interrupt.token();
        let made = render(self.loaded, &self.settings, self.mesh, token, progress);
        let made = made.map_err(|error| match error.is_cancelled() {
            true => Interrupted::default().into(),
            false => anyhow::Error::from(error),
        })?;
        let report = &mut self.report;
        report.seconds += started.elapsed().as_secs_f64();
        report.pictures += 1;
        report.rays += made.rays;
        report.evaluations += made.evaluations;
        report.legend.clone_from(&made.legend);
        for warning in &made.warnings {
            if !report.warnings.contains(warning) {
                report.warnings.push(warning.clone());
            }
        }
        // The scale of the first picture holds for all: what turns is not to change its colours.
        self.settings.range = self.settings.range.or(made.range);
        Ok(made)
    }
}

/// An error of any kind, also of writing.
struct Failure(anyhow::Error);

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure(anyhow::Error::from(error).context("cannot write the animation"))
    }
}

impl RenderArguments {
    /// From where the picture is taken at a share of a whole turn.
    fn view(&self, turn: f64) -> View {
        match self.eye {
            Some(Place(eye)) => View::Eye {
                eye,
                target: self.target.map(|Place(target)| target),
            },
            None => View::Orbit {
                azimuth: self.azimuth + 360.0 * turn,
                elevation: self.elevation,
                all_around: self.turntable.is_some(),
            },
        }
    }
}

/// The distances to the mesh, and what is to be said about it.
fn mesh(
    arguments: &RenderArguments,
    interrupt: &Interrupt,
) -> anyhow::Result<(Option<SignedDistance>, Vec<String>)> {
    match (&arguments.mesh, arguments.mode) {
        (Some(path), Mode::Error) => {
            let read = arguments.input.read(path, interrupt.token());
            let read = read.map_err(|error| interrupt.explain(error))?;
            let built = SignedDistance::build(&read.mesh, SignPolicy::None, interrupt.token());
            let built = built.map_err(|error| interrupt.explain(error));
            Ok((
                Some(built.with_context(|| path.display().to_string())?),
                read.cleanup.notes,
            ))
        }
        (None, Mode::Error) => bail!("--mode error measures against a mesh: name it with --mesh"),
        (Some(_), _) => bail!("--mesh is for --mode error: leave it out"),
        (None, _) => Ok((None, Vec::new())),
    }
}

/// How files are named, counted from 1, whose name holds a run of `#`; `None` without one.
fn numbered(path: &Path) -> Option<impl Fn(u32) -> String> {
    let name = path.file_name()?.to_str()?.to_owned();
    let start = name.find('#')?;
    let digits = name[start..].chars().take_while(|&c| c == '#').count();
    Some(move |number| {
        let (before, after) = (&name[..start], &name[start + digits..]);
        format!("{before}{number:0digits$}{after}")
    })
}

fn in_words(output: &Path, report: &RenderReport) -> String {
    let (width, height) = (report.width, report.height);
    let what = match report.pictures {
        1 => format!("{width}x{height} pixels"),
        pictures => format!("{pictures} pictures of {width}x{height} pixels"),
    };
    let rays = &report.rays;
    let rays = match rays.rays {
        0 => format!("{} evaluations", count_in_words(report.evaluations as f64)),
        count => format!(
            "{} rays, {:.1} evaluations each; {} evaluations in all; {} is up",
            count_in_words(count as f64),
            rays.evaluations as f64 / count as f64,
            count_in_words(report.evaluations as f64),
            report.up
        ),
    };
    let first = format!(
        "{}: {what} in {:.2} s ({rays})",
        output.display(),
        report.seconds
    );
    let lines = std::iter::once(first).chain(report.legend.iter().cloned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A name out of a few; clap lists them in help and errors.
fn named<T, const N: usize>(names: [&'static str; N]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// A place in space.
#[derive(Clone, Copy, Debug)]
struct Place([f64; 3]);

fn place(text: &str) -> Result<Place, String> {
    let numbers: Result<Vec<f64>, String> =
        text.split(',').map(|word| finite(word.trim())).collect();
    let numbers = <[f64; 3]>::try_from(numbers?);
    numbers
        .map(Place)
        .map_err(|_| "it must be three numbers with commas between them".to_owned())
}

/// Pixels across and down.
fn size(text: &str) -> Result<[u32; 2], String> {
    let wrong = || "it must be two whole numbers such as 1024x768, or one".to_owned();
    let sides: Vec<Option<u32>> = text.split('x').map(|side| side.parse().ok()).collect();
    match sides[..] {
        [Some(side)] => Ok([side, side]),
        [Some(width), Some(height)] => Ok([width, height]),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_places_are_read() {
        assert_eq!(size("640x480"), Ok([640, 480]));
        assert_eq!(size("512"), Ok([512, 512]));
        for nonsense in ["", "x", "640x", "1x2x3", "-4x4", "big"] {
            assert!(size(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(place("1,-2.5, 3").unwrap().0, [1.0, -2.5, 3.0]);
        for nonsense in ["", "1,2", "1,2,3,4", "1,2,nan"] {
            assert!(place(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn numbered_files_have_as_many_digits_as_asked_for() {
        let name = numbered(Path::new("out/spin_###.png")).unwrap();
        assert_eq!(
            (name(7), name(1000)),
            ("spin_007.png".to_owned(), "spin_1000.png".to_owned())
        );
        assert!(numbered(Path::new("spin.png")).is_none());
    }
}
