//! `overfit raycast`, `project` and `render`, as a shell user runs them.

mod program;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use overfit::geometry::shapes;
use program::{failure, json, overfit, write_npy, write_obj};

/// Radius of the sphere, about (10, -5, 3).
const RADIUS: f64 = 2.0;

/// A folder with a sphere and a model of it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sphere = shapes::icosphere(4, RADIUS).translated([10.0, -5.0, 3.0]);
    write_obj(&folder.path().join("sphere.obj"), &sphere);
    json(
        folder.path(),
        "fit sphere.obj -o sphere.safetensors --preset draft --steps 100 --batch-size 2048 --json",
    );
    folder
}

/// Runs a command with text on its standard input; gives its output's lines.
fn piped(folder: &Path, words: &str, input: &str) -> Vec<Vec<f64>> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_overfit"))
        .args(words.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|word| word.parse().unwrap()).collect());
    rows.collect()
}

#[test]
fn rays_points_and_pictures() {
    let folder = folder();
    let here = folder.path();
    // From a file: one hit, from within, and a miss.
    let rays = [
        [10.0, -5.0, 13.0, 0.0, 0.0, -3.0],
        [10.0, -5.0, 3.0, 1.0, 0.0, 0.0],
        [20.0, -5.0, 13.0, 0.0, 0.0, -1.0],
    ];
    write_npy(
        &here.join("rays.npy"),
        npyz::Order::C,
        &[3, 6],
        rays.as_flattened(),
    );
    let report = json(
        here,
        "raycast sphere.safetensors --rays rays.npy -o hits.npy --json",
    );
    assert_eq!(
        (&report["rays"], &report["rays_that_hit"]),
        (&3.into(), &2.into())
    );
    assert_eq!(report["columns"][0], "distance");
    let file = std::fs::File::open(here.join("hits.npy")).unwrap();
    let npy = npyz::NpyFile::new(file).unwrap();
    assert_eq!(npy.shape(), [3, 8]);
    let rows: Vec<f64> = npy.into_vec().unwrap();
    assert!(
        (rows[0] - 8.0).abs() < 0.02 && (rows[3] - 5.0).abs() < 0.02,
        "{rows:?}"
    );
    assert!(rows[6] > 0.99 && rows[7] == 0.0, "{rows:?}");
    assert!((rows[8] - 2.0).abs() < 0.02 && rows[15] == 1.0, "{rows:?}");
    assert!(rows[16].is_infinite() && rows[17].is_nan());
    // As text, all hits.
    let rows = piped(
        here,
        "raycast sphere.safetensors --rays - --all",
        "# down\n10 -5 13 0 0 -1\n",
    );
    assert_eq!(rows.len(), 2);
    assert!(rows[0][8] == 1.0 && rows[1][8] == 0.0, "{rows:?}");
    assert!((rows[1][1] - 12.0).abs() < 0.02, "{rows:?}");
    let rows = piped(
        here,
        "project sphere.safetensors --points -",
        "14,-5,3\n9.5,-5,3\n",
    );
    assert!(
        (rows[0][0] - 12.0).abs() < 0.02 && (rows[0][3] - 2.0).abs() < 0.02,
        "{rows:?}"
    );
    assert!(
        (rows[1][3] + 1.5).abs() < 0.05 && rows[1][8] == 1.0,
        "{rows:?}"
    );
    // Pictures.
    for mode in ["shaded", "curvature", "slice", "error --mesh sphere.obj"] {
        let words =
            format!("render sphere.safetensors -o ball.png --size 48x32 --mode {mode} --json");
        let output = overfit(here, &words);
        assert!(
            output.status.success(),
            "{mode}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let bytes = std::fs::read(here.join("ball.png")).unwrap();
        assert_eq!(bytes[16..24], [0, 0, 0, 48, 0, 0, 0, 32]);
    }
    let report = json(
        here,
        "render sphere.safetensors -o spin_##.png --size 32 --turntable 3 --json",
    );
    assert_eq!(report["pictures"], 3);
    assert!(here.join("spin_03.png").exists() && !here.join("spin_##.png").exists());
    json(
        here,
        "render sphere.safetensors -o spin.png --size 32 --turntable 3 --json",
    );
    let bytes = std::fs::read(here.join("spin.png")).unwrap();
    assert!(bytes.windows(4).any(|chunk| chunk == b"acTL"));
    // What cannot be done is told.
    let told = [
        (
            "raycast sphere.safetensors --rays sphere.obj -o h.npy",
            "is no .npy file",
        ),
        (
            "raycast sphere.safetensors --rays rays.npy -o h.txt",
            "must end in .npy, .csv",
        ),
        (
            "project sphere.safetensors --points rays.npy -o h.npy",
            "points are [N, 3]",
        ),
        (
            "raycast sphere.safetensors --rays rays.npy -o h.npy --reach -1",
            "reach is -1",
        ),
        ("render sphere.safetensors -o ball.jpg", "must end in .png"),
        (
            "render sphere.safetensors -o ball.png --size 0x3",
            "size is 0x3",
        ),
        (
            "render sphere.safetensors -o ball.png --mode error",
            "--mesh",
        ),
        (
            "render sphere.safetensors -o ball.png --eye 1,1,1 --target 1,1,1",
            "same place",
        ),
        (
            "render sphere.safetensors -o ball.png --mode slice --turntable 4",
            "turntable",
        ),
    ];
    for (words, expected) in told {
        let line = failure(here, words);
        assert!(line.contains(expected), "{words}: {line}");
    }
    write_npy(
        &here.join("still.npy"),
        npyz::Order::C,
        &[1, 6],
        &[0.0f32; 6],
    );
    let line = failure(here, "raycast sphere.safetensors --rays still.npy -o h.npy");
    assert!(
        line.contains("ray 0") && line.contains("length 0"),
        "{line}"
    );
}
