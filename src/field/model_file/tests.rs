//! Models through their files, and files that are none.

use super::*;
use crate::field::{Bodies, Body, OuterSurface, SparseSpline, SplineLevel};
use crate::network::{Activation, Encoding, Identity, Mlp, Relu, initial_parameters};

fn model() -> Model {
    let architecture = Architecture {
        encoding: Encoding::Identity(Identity {}),
        mlp: Mlp {
            hidden_width: 8,
            hidden_layers: 1,
            activation: Activation::Relu(Relu {}),
            skip: 0,
        },
    };
    Model {
        spline: Some(Arc::new(SparseSpline {
            degree: Degree::Cubic,
            levels: vec![
                SplineLevel {
                    cells: 16,
                    bricks: vec![3, 7],
                    masks: vec![0x8000_0000_0000_0001, 0x10],
                    coefficients: vec![0.5, -0.25, 1e-3],
                },
                SplineLevel {
                    cells: 32,
                    bricks: vec![500],
                    masks: vec![0x3],
                    // Half precision holds them.
                    coefficients: vec![-0.125, 0.75],
                },
            ],
        })),
        parameters: initial_parameters(&architecture, 1),
        architecture,
        frame: Similarity {
            center: [1e9, 0.1, -3.0],
            scale: 1e-9,
        },
        bounds: Bounds {
            min: [-1.0; 3],
            max: [2.0; 3],
        },
        outer: Some(OuterSurface {
            places: vec![
                [0, 2, 3],
                [128, 0, 0],
                [128, 2, 0],
                [128, 0, 2],
                [128, 2, 2],
            ],
            nearest: vec![
                [0.1, 0.2, 0.3],
                [0.9, 0.5, 0.0],
                [0.8; 3],
                [0.7; 3],
                [0.6; 3],
            ],
            cells: vec![[1, 2, 3, 4]],
        }),
        training: Training::default(),
    }
}

#[test]
fn a_model_survives_its_file() {
    let model = model();
    assert_eq!(Model::from_bytes(&model.to_bytes()).unwrap(), model);
    assert_eq!(model.to_bytes(), model.to_bytes());
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = model().to_bytes();
    for length in 0..bytes.len() {
        assert!(
            Model::from_bytes(&bytes[..length]).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn every_flipped_bit_of_the_tensors_is_found() {
    let mut bytes = model().to_bytes();
    let (header, _) = SafeTensors::read_metadata(&bytes).unwrap();
    for place in 8 + header..bytes.len() {
        bytes[place] ^= 1 << (place % 8);
        let error = Model::from_bytes(&bytes).unwrap_err();
        assert!(matches!(error, ModelError::Damaged(_)), "{place}: {error}");
        bytes[place] ^= 1 << (place % 8);
    }
    Model::from_bytes(&bytes).unwrap();
}

#[test]
fn an_outer_surface_is_optional_and_checked() {
    let older = Model {
        outer: None,
        ..model()
    };
    assert_eq!(Model::from_bytes(&older.to_bytes()).unwrap(), older);
    let mut damaged = model();
    damaged.outer.as_mut().unwrap().cells[0][3] = 5;
    let words = Model::from_bytes(&damaged.to_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        words.contains("outer surface") && words.contains("cell 0"),
        "{words}"
    );
}

#[test]
fn a_spline_is_optional_and_checked() {
    let alone = Model {
        spline: None,
        ..model()
    };
    assert_eq!(Model::from_bytes(&alone.to_bytes()).unwrap(), alone);
    let mut damaged = model();
    Arc::make_mut(damaged.spline.as_mut().unwrap()).levels[0].bricks[1] = 1_000_000;
    let words = Model::from_bytes(&damaged.to_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        words.contains("spline") && words.contains("brick 1000000"),
        "{words}"
    );
}

/// What is said of a model's file, if `change` was made to what it says of itself.
fn refused(change: fn(&mut Model)) -> String {
    let mut changed = model();
    change(&mut changed);
    let error = Model::from_bytes(&changed.to_bytes()).unwrap_err();
    error.to_string()
}

#[test]
fn frames_boxes_and_figures_that_no_mesh_has_are_refused() {
    assert!(refused(|m| m.frame.scale = 0.0).contains("no similarity"));
    assert!(refused(|m| m.frame.scale = -1.0).contains("no similarity"));
    assert!(refused(|m| m.frame.scale = 1e300).contains("not in its frame"));
    let far = refused(|m| (m.frame.scale, m.frame.center) = (1e-300, [0.0; 3]));
    assert!(far.contains("no extent"), "{far}");
    assert!(refused(|m| m.frame.center[1] = 1e308).contains("not in its frame"));
    assert!(refused(|m| std::mem::swap(&mut m.bounds.min, &mut m.bounds.max)).contains("no box"));
    assert!(refused(|m| m.bounds.max = [1e300; 3]).contains("not in its frame"));
    assert!(refused(|m| m.bounds.max = m.bounds.min).contains("no extent"));
    assert!(refused(|m| m.training.thickness = Some(-5.0)).contains("thickness is -5"));
    let many = |m: &mut Model| {
        let body = Body {
            longest_side: 1.0,
            thickness: 1.0,
        };
        m.training.bodies = Some(Bodies {
            count: 40,
            thinnest: vec![body; 40],
        });
    };
    assert!(refused(many).contains("40 bodies"));
    let large = |m: &mut Model| m.training.settings = vec![0; 1 << 20].into();
    assert!(refused(large).contains("description has"));
    let larger = |m: &mut Model| m.training.settings = vec![0; 4 << 20].into();
    assert!(refused(larger).contains("header has"));
}

#[test]
fn texts_of_a_file_are_cut_and_escaped() {
    let mut changed = model();
    changed.training.name = format!("a\x1b[31m\u{202e}{}", "x".repeat(100_000));
    changed.training.warnings = vec!["\x1b[2J".to_owned(); 1000];
    let training = Model::from_bytes(&changed.to_bytes()).unwrap().training;
    assert!(training.name.starts_with("a\\u{1b}[31m\\u{202e}xx"));
    assert!(training.name.len() < 300 && training.warnings.len() == 64);
    assert_eq!(training.warnings[0], "\\u{1b}[2J");
}

#[test]
fn a_missing_folder_is_named() {
    let path = Path::new("/does/not/exist/model.safetensors");
    let message = model().save(path).unwrap_err().to_string();
    assert!(
        message.contains("/does/not/exist/model.safetensors"),
        "{message}"
    );
}
