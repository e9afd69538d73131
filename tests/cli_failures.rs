//! What the program says when something cannot be done: one line that names it and says what to do.

mod program;

use std::path::PathBuf;

use overfit::field::{Model, Training};
use overfit::geometry::{Bounds, Similarity, shapes};
use overfit::network::initial_parameters;
use overfit::train::Preset;
use program::{failure, write_npy, write_obj};

fn untrained_model() -> Model {
    let architecture = Preset::Draft.settings().architecture;
    Model {
        parameters: initial_parameters(&architecture, 0),
        architecture,
        frame: Similarity::IDENTITY,
        bounds: Bounds {
            min: [-0.9; 3],
            max: [0.9; 3],
        },
        spline: None,
        outer: None,
        training: Training::default(),
    }
}

#[test]
fn what_cannot_be_done_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_obj(&here.join("sphere.obj"), &shapes::icosphere(1, 1.0));
    untrained_model()
        .save(&here.join("sphere.safetensors"))
        .unwrap();
    std::fs::write(here.join("empty.obj"), "").unwrap();
    std::fs::write(here.join("broken.safetensors"), "no tensors").unwrap();
    write_npy(&here.join("flat.npy"), npyz::Order::C, &[6], &[0.0f32; 6]);
    write_npy(
        &here.join("three.npy"),
        npyz::Order::C,
        &[1, 3],
        &[0.0f32; 3],
    );
    let mut flipped = untrained_model().to_bytes();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(here.join("flipped.safetensors"), flipped).unwrap();
    let cases: [(&str, &str); 30] = [
        ("", "no command given"),
        ("fit sphere.obj", "--output"),
        ("fit none.obj -o a.safetensors", "none.obj"),
        ("fit empty.obj -o a.safetensors", "empty.obj"),
        (
            "inspect sphere.obj --mesh-limit 1KB",
            "at most 1000 are allowed; decimate it first, or raise the limit by --mesh-limit",
        ),
        ("fit sphere.obj -o a.obj", ".safetensors"),
        (
            "fit sphere.obj -o none/a.safetensors",
            "there is no folder none",
        ),
        ("fit sphere.obj -o a.safetensors --preset best", "draft"),
        ("fit sphere.obj -o a.safetensors --device gpu", "auto, cpu"),
        (
            "fit sphere.obj -o a.safetensors --seconds -1",
            "seconds is -1",
        ),
        ("fit sphere.obj -o a.safetensors --steps 0", "steps is 0"),
        (
            "fit sphere.obj -o a.safetensors --set spline.finset=3",
            "did you mean 'spline.finest'?",
        ),
        (
            "fit sphere.obj -o a.safetensors --set spline.finest=9999",
            "spline.finest is 9999",
        ),
        (
            "fit sphere.obj -o a.safetensors --config none.toml",
            "none.toml",
        ),
        (
            "mesh broken.safetensors -o a.ply",
            "broken.safetensors: not a model file",
        ),
        ("mesh none.safetensors -o a.ply", "none.safetensors"),
        (
            "inspect flipped.safetensors",
            "flipped.safetensors: the model file is damaged: its checksum is",
        ),
        (
            "mesh flipped.safetensors -o a.ply",
            "flipped.safetensors: the model file is damaged",
        ),
        (
            "mesh sphere.safetensors -o a.xyz",
            ".obj, .ply, .stl or .glb",
        ),
        (
            "mesh sphere.safetensors -o a.ply --resolution 0",
            "resolution 0",
        ),
        ("mesh sphere.safetensors -o a.ply --resolution 100000", "TB"),
        (
            "volume sphere.safetensors -o a.npy --resolution 100000",
            "PB",
        ),
        ("volume sphere.safetensors -o a.vdb --band 0", "--band is 0"),
        (
            "volume sphere.safetensors -o a.vdb --quantity gradient",
            "--quantity: a .vdb file is a level set, of the value alone",
        ),
        (
            "eval sphere.safetensors --points flat.npy -o a.npy",
            "points are [N, 3]",
        ),
        (
            "eval sphere.safetensors --points three.npy -o a.npy --quantity hessian --smoothing 0",
            "preset smooth",
        ),
        (
            "eval sphere.safetensors --points three.npy -o a.npy --quantity curvature",
            "mean-curvature",
        ),
        (
            "eval sphere.safetensors --points three.npy -o a.npy --smoothing -1",
            "smoothing is -1",
        ),
        ("measure sphere.safetensors --error 0", "error is 0"),
        ("inspect sphere.xyz", "sphere.xyz"),
    ];
    for (words, expected) in cases {
        let line = failure(here, words);
        assert!(line.contains(expected), "{words:?}: {line}");
    }
    let left: Vec<PathBuf> = std::fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let made = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == "a");
    assert!(left.iter().find(made).is_none(), "{left:?}");
}
