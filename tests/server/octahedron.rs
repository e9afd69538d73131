//! A shape whose field is a network in closed form: |x| + |y| + |z| is the sum of six rectified units.

use overfit::CancelToken;
use overfit::field::{Bodies, Body, Metrics, Model, Training};
use overfit::geometry::{Mesh, Similarity};
use overfit::network::{Activation, Architecture, Encoding, Identity, Mlp, Relu};
use overfit::server::proto;
use overfit::train::{Checkpoint, FitError, FitSettings, Observer, Progress};

/// Distance of the corners from the centre.
pub const RADIUS: f32 = 3.0;
/// What its walls are said to be thick: a hundredth of its size.
pub const THICKNESS: f64 = 0.06;
/// Where the centre is.
pub const CENTER: [f32; 3] = [10.0, -20.0, 5.0];

pub fn positions() -> Vec<[f32; 3]> {
    let mut corners = Vec::new();
    for axis in 0..3 {
        for sign in [1.0, -1.0] {
            let mut corner = CENTER;
            corner[axis] += sign * RADIUS;
            corners.push(corner);
        }
    }
    corners
}

/// Counter-clockwise from outside, over corners in the order +x −x +y −y +z −z.
pub const TRIANGLES: [[u32; 3]; 8] = [
    [0, 2, 4],
    [2, 1, 4],
    [1, 3, 4],
    [3, 0, 4],
    [2, 0, 5],
    [1, 2, 5],
    [3, 1, 5],
    [0, 3, 5],
];

pub fn raw_data() -> Vec<u8> {
    let positions = positions();
    let positions = positions
        .as_flattened()
        .iter()
        .flat_map(|x| x.to_le_bytes());
    positions
        .chain(
            TRIANGLES
                .as_flattened()
                .iter()
                .flat_map(|i| i.to_le_bytes()),
        )
        .collect()
}

pub fn metadata() -> proto::MeshMetadata {
    proto::MeshMetadata {
        display_name: "octahedron".to_owned(),
        format: proto::MeshFormat::Raw.into(),
        vertex_count: 6,
        triangle_count: 8,
        ..Default::default()
    }
}

pub fn create_mesh_request() -> proto::CreateMeshRequest {
    proto::CreateMeshRequest {
        metadata: Some(metadata()),
        data: raw_data().into(),
    }
}

/// The value of the model's field, in own units: (|x| + |y| + |z| - radius) / √3.
pub fn value(point: [f32; 3]) -> f32 {
    let sum: f32 = (0..3).map(|axis| (point[axis] - CENTER[axis]).abs()).sum();
    (sum - RADIUS) / 3.0_f32.sqrt()
}

/// "Fits" by writing down the answer.
pub fn fit(
    mesh: &Mesh,
    name: &str,
    settings: &FitSettings,
    _: Option<Checkpoint>,
    _: &CancelToken,
    observer: &mut dyn Observer,
) -> Result<Model, FitError> {
    observer.progress(Progress::default());
    Ok(model(mesh, name, settings))
}

/// The model of an octahedron with the bounds of `mesh`.
pub fn model(mesh: &Mesh, name: &str, settings: &FitSettings) -> Model {
    let bounds = mesh.bounds();
    let frame = Similarity::to_unit_frame(&bounds).unwrap();
    let architecture = Architecture {
        encoding: Encoding::Identity(Identity {}),
        mlp: Mlp {
            hidden_width: 8,
            hidden_layers: 1,
            activation: Activation::Relu(Relu {}),
            skip: 0,
        },
    };
    let slope = 1.0 / 3.0_f32.sqrt();
    let radius = (f64::from(RADIUS) * frame.scale) as f32;
    let mut parameters = vec![0.0; architecture.parameter_count()];
    let specs = architecture.tensors();
    let [hidden, _, output, bias] = &specs[..] else {
        panic!("two layers have four tensors");
    };
    for unit in 0..6 {
        // Row `unit` of [8, 3]: ±1 on one axis.
        parameters[hidden.offset + unit * 3 + unit / 2] = if unit % 2 == 0 { 1.0 } else { -1.0 };
        parameters[output.offset + unit] = slope;
    }
    parameters[bias.offset] = -radius * slope;
    Model {
        architecture,
        parameters,
        frame,
        bounds,
        spline: None,
        outer: None,
        training: Training {
            name: name.to_owned(),
            preset: settings.preset.name().to_owned(),
            steps: 7,
            metrics: Some(Metrics {
                near_mae: 0.25,
                iou: Some(1.0),
                ..Default::default()
            }),
            warnings: vec!["a warning of the fit".to_owned()],
            thickness: Some(THICKNESS),
            bodies: Some(Bodies {
                count: 2,
                thinnest: vec![Body {
                    longest_side: 1.0,
                    thickness: THICKNESS,
                }],
            }),
            ..Default::default()
        },
    }
}
