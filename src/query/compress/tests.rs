use super::*;
use crate::field::{Degree, Device, DeviceChoice, Refinement, Training, interpolate, open_engine};
use crate::field::{OuterDetail, OuterSurface};
use crate::geometry::{Bounds, Similarity};
use crate::network::{Activation, Architecture, Encoding, Identity, Mlp, Sine, initial_parameters};

/// A torus about (5, 0, 0), as a spline below a network that nobody trained.
fn model(degree: Degree) -> Arc<Model> {
    let architecture = Architecture {
        encoding: Encoding::Identity(Identity {}),
        mlp: Mlp {
            hidden_width: 8,
            hidden_layers: 2,
            activation: Activation::Sine(Sine::default()),
            skip: 0,
        },
    };
    let mut parameters = initial_parameters(&architecture, 3);
    parameters
        .iter_mut()
        .for_each(|parameter| *parameter *= 0.3);
    let torus = |p: &[f32; 3]| (p[0].hypot(p[1]) - 0.6).hypot(p[2]) - 0.3;
    let refinement = Refinement {
        degree,
        coarsest: 10,
        finest: 40,
        ..Refinement::default()
    };
    let spline = interpolate(&refinement, |points| {
        Ok::<_, ()>(points.iter().map(torus).collect())
    });
    let outer = OuterSurface::of(OuterDetail::Coarse, |points| {
        let foot = |p: &[f32; 3]| {
            let ring = p[0].hypot(p[1]).max(1e-6);
            let center = [0.6 * p[0] / ring, 0.6 * p[1] / ring, 0.0];
            let way: [f32; 3] = std::array::from_fn(|axis| p[axis] - center[axis]);
            let length = way.iter().map(|x| x * x).sum::<f32>().sqrt();
            std::array::from_fn(|axis| center[axis] + 0.3 * way[axis] / length)
        };
        Ok::<_, ()>(points.iter().map(foot).collect())
    });
    Arc::new(Model {
        spline: spline.ok().map(Arc::new),
        architecture,
        parameters,
        frame: Similarity {
            center: [5.0, 0.0, 0.0],
            scale: 0.5,
        },
        bounds: Bounds {
            min: [3.2, -1.8, -0.6],
            max: [6.8, 1.8, 0.6],
        },
        outer: outer.ok(),
        training: Training::default(),
    })
}

#[test]
fn a_compact_model_is_small_comes_back_and_keeps_to_its_error() {
    let engine = open_engine(DeviceChoice::Named(Device::Cpu)).unwrap();
    let model = model(Degree::Cubic);
    let mut sizes = vec![model.to_bytes().len()];
    for error in [1e-3, 1e-2] {
        let compact = compress(&model, &*engine, error, &CancelToken::new()).unwrap();
        let bytes = compact.to_bytes();
        let read = Model::from_bytes(&bytes).unwrap();
        assert!(read == compact && read.to_bytes() == bytes);
        let form = compact.training.compact.clone().unwrap();
        let largest = f64::from(form.largest_error);
        assert!(largest <= error && largest > 0.3 * error, "{largest}");
        // At points of its own, which no step was chosen by.
        let points: Vec<[f64; 3]> = (0..5000)
            .map(|index| {
                let (u, v) = (f64::from(index) * 0.37, f64::from(index) * 0.91);
                let ring = 1.2 + 0.6 * v.cos();
                [5.0 + ring * u.cos(), ring * u.sin(), 0.6 * v.sin()]
            })
            .collect();
        let [ours, theirs] = [model.clone(), Arc::new(read)]
            .map(|model| LoadedModel::new(model, &*engine).evaluate(&points, false).0);
        let off = ours
            .iter()
            .zip(theirs)
            .map(|(a, b)| f64::from((a - b).abs()));
        assert!(off.fold(0.0, f64::max) < 1.3 * error);
        sizes.push(bytes.len());
    }
    assert!(sizes[1] * 3 < sizes[0] && sizes[2] < sizes[1], "{sizes:?}");
}

#[test]
fn damaged_and_newer_files_are_refused_in_words() {
    let engine = open_engine(DeviceChoice::Named(Device::Cpu)).unwrap();
    let compact = compress(
        &model(Degree::Quadratic),
        &*engine,
        1e-2,
        &CancelToken::new(),
    )
    .unwrap();
    let bytes = compact.to_bytes();
    for length in (0..bytes.len()).step_by(7) {
        assert!(Model::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    let words = |bytes: &[u8]| Model::from_bytes(bytes).unwrap_err().to_string();
    for place in (bytes.len() - 2000..bytes.len()).step_by(97) {
        let mut altered = bytes.clone();
        altered[place] ^= 0x10;
        assert!(words(&altered).contains("damaged"), "{}", words(&altered));
    }
    // As a newer version would write it, but for the checksum, which it is taken not to have.
    let mut newer = bytes.clone();
    for (old, new) in [(b"coded.v1", b"coded.v7"), (b"checksum", b"nochecks")] {
        let at = newer.windows(8).position(|window| window == old).unwrap();
        newer[at..at + 8].copy_from_slice(new);
    }
    let said = words(&newer);
    assert!(
        said.contains("overfit.coded.v7") && said.contains("overfit.coded.v1"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_done_is_told() {
    let engine = open_engine(DeviceChoice::Named(Device::Cpu)).unwrap();
    let model = model(Degree::Quadratic);
    for error in [0.0, -1.0, f64::NAN, 1e-9, 10.0] {
        let refused = compress(&model, &*engine, error, &CancelToken::new());
        assert!(
            matches!(refused, Err(CompressError::Error { .. })),
            "{error}"
        );
    }
    let cancel = CancelToken::new();
    cancel.cancel();
    let ended = compress(&model, &*engine, 1e-3, &cancel);
    assert_eq!(ended, Err(CompressError::Cancelled));
    let mut nothing = Model {
        spline: None,
        parameters: vec![0.0; model.parameters.len()],
        bounds: Bounds {
            min: [4.0; 3],
            max: [4.1; 3],
        },
        ..(*model).clone()
    };
    // The value everywhere.
    *nothing.parameters.last_mut().unwrap() = 1.0;
    let refused = compress(&Arc::new(nothing), &*engine, 1e-3, &CancelToken::new());
    assert_eq!(refused, Err(CompressError::NoSurface));
}
