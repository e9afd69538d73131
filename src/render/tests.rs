//! Pictures of a model whose field is known.

use std::sync::Arc;

use super::*;
use crate::field::{DeviceChoice, Model, Training, open_engine};
use crate::geometry::{Bounds, Similarity};
use crate::network::{Activation, Architecture, Encoding, Identity, Mlp};

/// A box of half sides 2, 1 and 1 about (10, 0, 0), as far as the level sets of a plane tell: the model is the half-space x < 10, in a box.
fn half_space() -> LoadedModel {
    let architecture = Architecture {
        encoding: Encoding::Identity(Identity {}),
        mlp: Mlp {
            hidden_width: 2,
            hidden_layers: 1,
            activation: Activation::Relu(Default::default()),
            skip: 0,
        },
    };
    // relu(x) - relu(-x) = x: two rows of weights and biases, then one.
    let parameters = vec![1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0];
    assert_eq!(parameters.len(), architecture.parameter_count());
    let bounds = Bounds {
        min: [8.0, -1.0, -1.0],
        max: [12.0, 1.0, 1.0],
    };
    let model = Model {
        spline: None,
        architecture,
        parameters,
        frame: Similarity::to_unit_frame(&bounds).unwrap(),
        bounds,
        outer: None,
        training: Training::default(),
    };
    LoadedModel::new(
        Arc::new(model),
        &*open_engine(DeviceChoice::default()).unwrap(),
    )
}

fn small() -> RenderSettings {
    RenderSettings {
        width: 60,
        height: 40,
        background: Background::Transparent,
        ..RenderSettings::default()
    }
}

fn made(settings: &RenderSettings) -> Result<Rendering, RenderError> {
    render(
        &half_space(),
        settings,
        None,
        &CancelToken::new(),
        &mut |_| (),
    )
}

/// Red, green, blue and alpha.
fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 4] {
    let at = 4 * (y * picture.width + x) as usize;
    picture.rgba[at..at + 4].try_into().unwrap()
}

/// But for rounding.
fn assert_near(found: [u8; 4], expected: [u8; 4]) {
    let near = found.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 1);
    assert!(near, "{found:?} instead of {expected:?}");
}

#[test]
fn a_camera_sees_what_is_in_front_of_it() {
    // From +x along the plane's normal: red is x.
    let settings = RenderSettings {
        mode: Mode::Normals,
        view: View::Eye {
            eye: [20.0, 0.0, 0.0],
            target: None,
        },
        ..small()
    };
    let rendering = made(&settings).unwrap();
    assert_near(pixel(&rendering.picture, 30, 20), [255, 128, 128, 255]);
    // The plane's part in the box is small beside a view of 30 degrees from 10 away: corners are empty.
    assert_eq!(pixel(&rendering.picture, 0, 0), [0; 4]);
    assert!(rendering.rays.rays_that_hit > 100 && rendering.warnings.is_empty());
    // From within, its inside is seen, and looks at the camera.
    let from_within = RenderSettings {
        view: View::Eye {
            eye: [8.5, 0.0, 0.0],
            target: Some([12.0, 0.0, 0.0]),
        },
        ..settings.clone()
    };
    let rendering = made(&from_within).unwrap();
    assert_near(pixel(&rendering.picture, 30, 20), [0, 128, 128, 255]);
    // Away from everything.
    let away = RenderSettings {
        view: View::Eye {
            eye: [20.0, 0.0, 0.0],
            target: Some([30.0, 0.0, 0.0]),
        },
        ..settings
    };
    let rendering = made(&away).unwrap();
    assert!(rendering.picture.rgba.iter().all(|&byte| byte == 0));
    assert!(
        rendering.warnings[0].contains("the picture is empty"),
        "{:?}",
        rendering.warnings
    );
}

#[test]
fn an_orbit_shows_the_whole_box_from_everywhere() {
    let bounds = half_space().shape().bounds;
    for up in Axis::ALL {
        for (azimuth, elevation) in [(0.0, 0.0), (77.0, -35.0), (200.0, 90.0)] {
            for (width, height) in [(60, 40), (40, 60)] {
                let settings = RenderSettings {
                    up,
                    width,
                    height,
                    view: View::Orbit {
                        azimuth,
                        elevation,
                        all_around: false,
                    },
                    ..small()
                };
                let camera = Camera::new(&settings, &bounds).unwrap();
                // Which pixels see the box at all.
                let sees = |x: u32, y: u32| {
                    let ray = camera.ray([f64::from(x) + 0.5, f64::from(y) + 0.5]);
                    let inverse = ray.direction.map(|x| 1.0 / x);
                    bounds.stretch_within(ray.origin, inverse).is_some()
                };
                let seen = (0..width * height).filter(|i| sees(i % width, i / width));
                let seen: Vec<[u32; 2]> = seen.map(|i| [i % width, i / width]).collect();
                assert!(
                    seen.iter()
                        .all(|&[x, y]| x > 0 && y > 0 && x + 1 < width && y + 1 < height)
                );
                let span = |k: usize| {
                    let along = seen.iter().map(|at| at[k]);
                    along.clone().max().unwrap() - along.min().unwrap()
                };
                let filled = f64::max(
                    f64::from(span(0)) / f64::from(width),
                    f64::from(span(1)) / f64::from(height),
                );
                assert!(filled > 0.6, "{up} {azimuth} {elevation}: {filled}");
            }
        }
    }
}

#[test]
fn a_slice_has_its_sides_and_lines() {
    let settings = RenderSettings {
        mode: Mode::Slice,
        width: 400,
        height: 200,
        ..small()
    };
    let rendering = made(&settings).unwrap();
    let picture = &rendering.picture;
    let [left, middle, right] = [90, 200, 310].map(|x| pixel(picture, x, 100));
    assert!(left[2] > left[0], "inside is blue: {left:?}");
    assert!(right[0] > right[2], "outside is orange: {right:?}");
    assert!(
        middle[0] < 90 && middle[2] < 90,
        "the surface is dark: {middle:?}"
    );
    assert!(
        rendering.legend[0].contains("z = 0"),
        "{:?}",
        rendering.legend
    );
    assert_eq!(rendering.range, Some(0.2));
    let outside = RenderSettings {
        plane: Some(Axis::X),
        offset: Some(11.9),
        ..settings
    };
    let rendering = made(&outside).unwrap();
    assert!(
        rendering.warnings[0].contains("x = 11.9"),
        "{:?}",
        rendering.warnings
    );
}

#[test]
fn every_mode_makes_a_picture_and_edges_are_soft() {
    let mesh = crate::geometry::shapes::cuboid([8.0, -1.0, -1.0], [10.0, 1.0, 1.0]);
    let mesh = crate::distance::SignedDistance::new(&mesh, crate::distance::SignPolicy::None);
    let mesh = mesh.unwrap();
    let loaded = half_space();
    for mode in [Mode::Shaded, Mode::Normals, Mode::Curvature, Mode::Error] {
        let settings = RenderSettings { mode, ..small() };
        let found = render(
            &loaded,
            &settings,
            Some(&mesh),
            &CancelToken::new(),
            &mut |_| (),
        );
        let found = found.unwrap();
        let alphas: Vec<u8> = found
            .picture
            .rgba
            .iter()
            .skip(3)
            .step_by(4)
            .copied()
            .collect();
        assert!(alphas.contains(&0) && alphas.contains(&255), "{mode}");
        let soft = alphas
            .iter()
            .filter(|&&alpha| alpha != 0 && alpha != 255)
            .count();
        assert!(soft > 10, "{mode}: {soft}");
        assert_eq!(found.legend.is_empty(), mode == Mode::Shaded);
    }
    let hard = RenderSettings {
        samples: 1,
        ..small()
    };
    let alphas = made(&hard).unwrap().picture.rgba;
    assert!(
        alphas
            .iter()
            .skip(3)
            .step_by(4)
            .all(|&alpha| alpha == 0 || alpha == 255)
    );
}

#[test]
fn what_makes_no_picture_is_refused() {
    let good = small();
    let eye = |eye, target| View::Eye { eye, target };
    let wrong = [
        RenderSettings {
            width: 0,
            ..good.clone()
        },
        RenderSettings {
            width: 1 << 20,
            height: 1 << 20,
            ..good.clone()
        },
        RenderSettings {
            samples: 5,
            ..good.clone()
        },
        RenderSettings {
            field_of_view: 180.0,
            ..good.clone()
        },
        RenderSettings {
            iso: f64::NAN,
            ..good.clone()
        },
        RenderSettings {
            range: Some(-1.0),
            ..good.clone()
        },
        RenderSettings {
            view: eye([f64::INFINITY, 0.0, 0.0], None),
            ..good.clone()
        },
        RenderSettings {
            view: eye([1.0; 3], Some([1.0; 3])),
            ..good.clone()
        },
        RenderSettings {
            mode: Mode::Error,
            ..good.clone()
        },
    ];
    for settings in wrong {
        assert!(made(&settings).is_err(), "{settings:?}");
    }
    let cancelled = CancelToken::new();
    cancelled.cancel();
    for mode in [Mode::Shaded, Mode::Slice] {
        let settings = RenderSettings {
            mode,
            ..good.clone()
        };
        let error = render(&half_space(), &settings, None, &cancelled, &mut |_| ()).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    }
}

#[test]
fn png_files_read_back() {
    let settings = small();
    let rendering = made(&settings).unwrap();
    let mut file = Vec::new();
    write_png(&mut file, &rendering.picture).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&file))
        .read_info()
        .unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    assert_eq!(bytes, rendering.picture.rgba);
    let mut file = Vec::new();
    let picture = |_| Ok::<_, std::io::Error>(rendering.picture.clone());
    write_animation(&mut file, 3, 12, picture).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(&file))
        .read_info()
        .unwrap();
    let control = reader.info().animation_control.unwrap();
    assert_eq!((control.num_frames, control.num_plays), (3, 0));
}
