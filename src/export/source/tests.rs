use std::process::Command;
use std::sync::Arc;

use super::super::{ExportError, ExportFormat, export};
use crate::field::{Device, DeviceChoice, Model, OuterDetail, OuterSurface, Training, open_engine};
use crate::geometry::{Bounds, Similarity};
use crate::network::{
    Activation, Architecture, DenseGrid, Encoding, Fourier, HashGrid, Identity, Interpolation,
    Joined, Mlp, Sine, TriPlane, initial_parameters,
};
use crate::query::LoadedModel;

/// What makes OSL out of C, but for shaders.
const PRELUDE: &str = "
#include <math.h>
#include <stdio.h>
typedef const float *point;
static float min(float a, float b) { return a < b ? a : b; }
static float max(float a, float b) { return a > b ? a : b; }
#define abs fabsf
#define log logf
#define exp expf
#define sin sinf
#define cos cosf
#define sqrt sqrtf
#define floor floorf
#define round roundf
";

const MAIN: &str = "
int main(void) {
    float p[3];
    while (scanf(\"%f %f %f\", p, p + 1, p + 2) == 3) printf(\"%.9g\\n\", sdf(p));
    return 0;
}
";

/// A network that nobody trained, about a ball, with what is known of the ball.
fn model(encoding: Encoding, activation: Activation, seed: u64) -> Model {
    let architecture = Architecture {
        encoding,
        mlp: Mlp {
            hidden_width: 9,
            hidden_layers: 2,
            activation,
            skip: (seed % 2) as u32,
        },
    };
    let to_ball = |p: &[f32; 3]| {
        let length = p.iter().map(|x| x * x).sum::<f32>().sqrt();
        p.map(|x| 0.9 * x / length)
    };
    let outer = OuterSurface::of(OuterDetail::Coarse, |points| {
        Ok::<_, ()>(points.iter().map(to_ball).collect())
    });
    Model {
        spline: None,
        parameters: initial_parameters(&architecture, seed),
        architecture,
        frame: Similarity {
            center: [3.0, -2.0, 1.0],
            scale: 0.45,
        },
        bounds: Bounds {
            min: [1.0, -4.0, -1.0],
            max: [5.0, 0.0, 3.0],
        },
        outer: outer.ok(),
        training: Training {
            name: "a ball\n}".to_owned(),
            ..Training::default()
        },
    }
}

fn joined(interpolation: Interpolation) -> Encoding {
    Encoding::Joined(Joined {
        parts: vec![
            Encoding::HashGrid(HashGrid {
                levels: 2,
                features: 2,
                log2_entries: 8,
                base_resolution: 4,
                finest_resolution: 24,
                interpolation,
            }),
            Encoding::TriPlane(TriPlane {
                levels: 1,
                features: 2,
                base_resolution: 7,
                finest_resolution: 7,
                interpolation,
            }),
            Encoding::DenseGrid(DenseGrid {
                levels: 1,
                features: 2,
                base_resolution: 3,
                finest_resolution: 3,
                interpolation,
            }),
            Encoding::Fourier(Fourier {
                waves: 5,
                scale: 1.5,
            }),
        ],
    })
}

/// Points in the box, about the border of the frame and far away, own units.
fn points() -> Vec<[f64; 3]> {
    let place = |index: usize| {
        let reach = [2.0, 2.4, 30.0][index % 3];
        [7, 11, 13].map(|step| reach * ((index * step % 97) as f64 / 48.0 - 1.0))
    };
    let moved = |[x, y, z]: [f64; 3]| [x + 3.0, y - 2.0, z + 1.0];
    (0..900).map(|index| moved(place(index))).collect()
}

/// The values of written OSL, which is C but for a prelude, compiled by the C compiler that Rust links with.
fn compiled_values(text: &str, points: &[[f64; 3]]) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("sdf.c"), folder.path().join("sdf"));
    let (functions, _) = text.split_once("\nshader ").unwrap();
    std::fs::write(&source, format!("{PRELUDE}{functions}{MAIN}")).unwrap();
    let compiled = Command::new("cc")
        .args(["-std=c99", "-O1", "-o"])
        .arg(&program)
        .arg(&source)
        .arg("-lm")
        .output()
        .expect("Rust links with cc");
    let errors = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{errors}");
    let input = folder.path().join("points");
    let lines: Vec<String> = points
        .iter()
        .map(|[x, y, z]| format!("{x} {y} {z}"))
        .collect();
    std::fs::write(&input, lines.join("\n")).unwrap();
    let output = Command::new(program)
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn assert_same(model: Model) {
    let exported = export(&model, ExportFormat::Osl).unwrap();
    let text = String::from_utf8(exported.bytes).unwrap();
    let words = model.architecture.to_string();
    let engine = open_engine(DeviceChoice::Named(Device::Cpu)).unwrap();
    let loaded = LoadedModel::new(Arc::new(model), &*engine);
    let points: Vec<[f64; 3]> = points()
        .iter()
        .map(|p| p.map(|x| f64::from(x as f32)))
        .collect();
    let (ours, _) = loaded.evaluate(&points, false);
    let theirs = compiled_values(&text, &points);
    assert_eq!(ours.len(), theirs.len());
    for ((ours, theirs), point) in ours.iter().zip(theirs).zip(&points) {
        let error = (ours - theirs).abs() / (1.0 + ours.abs());
        assert!(error < 2e-5, "{words}: {ours} {theirs} at {point:?}");
    }
}

#[test]
fn compiled_source_answers_as_the_field_does() {
    for activation in Activation::all() {
        assert_same(model(Encoding::Identity(Identity {}), activation, 5));
    }
    for interpolation in [Interpolation::Linear, Interpolation::Quadratic] {
        let activation = Activation::Sine(Sine::default());
        assert_same(model(joined(interpolation), activation, 6));
    }
    let older = Model {
        outer: None,
        ..model(Encoding::Identity(Identity {}), Activation::all()[0], 7)
    };
    assert_same(older);
}

#[test]
fn every_language_has_the_same_numbers_and_balanced_brackets() {
    let model = model(
        joined(Interpolation::Linear),
        Activation::Sine(Sine::default()),
        6,
    );
    for format in [ExportFormat::Glsl, ExportFormat::Wgsl, ExportFormat::Osl] {
        let exported = export(&model, format).unwrap();
        assert!(exported.warnings.is_empty());
        let text = String::from_utf8(exported.bytes).unwrap();
        assert!(
            text.lines().take(5).all(|line| line.starts_with("//")),
            "{text}"
        );
        for brackets in [['(', ')'], ['{', '}'], ['[', ']']] {
            let code = text.lines().filter(|line| !line.starts_with("//"));
            let counts = brackets.map(|bracket| {
                code.clone()
                    .map(|line| line.matches(bracket).count())
                    .sum::<usize>()
            });
            assert_eq!(counts[0], counts[1], "{format}: {brackets:?}");
        }
        let last = *model.parameters.last().unwrap();
        assert!(text.contains(&super::literal(last)));
    }
}

#[test]
fn large_fields_are_refused_with_the_cure() {
    let wide = Model {
        outer: None,
        ..model(
            Encoding::HashGrid(HashGrid::default()),
            Activation::all()[0],
            1,
        )
    };
    let error = export(&wide, ExportFormat::Glsl).unwrap_err();
    assert!(matches!(error, ExportError::TooLarge { most: 20_000, .. }));
    let words = error.to_string();
    assert!(
        words.contains("compact") && words.contains("onnx"),
        "{words}"
    );
    assert!(export(&wide, ExportFormat::Onnx).is_ok());
}
