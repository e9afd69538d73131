//! How the program ends when it is told to: Ctrl-C during a fit, SIGTERM for the daemon.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// The program at work; ended with the test, however that ends.
struct Running {
    child: Child,
    errors: BufReader<ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program and waits until a line with `word` is on its standard error.
fn start(folder: &Path, words: &[&str], word: &str) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_overfit"))
        .args(words)
        .current_dir(folder)
        .env("RUST_LOG", "overfit=debug")
        .env_remove("OVERFIT_DATA_DIR")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let errors = BufReader::new(child.stderr.take().unwrap());
    let mut running = Running { child, errors };
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        let read = running.errors.read_line(&mut line).unwrap();
        assert_ne!(read, 0, "it ended before it said {word}");
    }
    running
}

fn signal(child: &Child, name: &str) {
    // The shell's own: a bare system has no program of that name.
    let sent = Command::new("sh")
        .args(["-c", &format!("kill {name} {}", child.id())])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn an_interrupted_fit_ends_at_once_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("t.obj"),
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n",
    )
    .unwrap();
    let words = [
        "fit",
        "t.obj",
        "-o",
        "t.safetensors",
        "--seconds",
        "600",
        "--preset",
        "draft",
    ];
    let mut fit = start(folder.path(), &words, "reading t.obj");
    signal(&fit.child, "-INT");
    assert_eq!(fit.child.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    fit.errors.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("overfit: interrupted; nothing was written"),
        "{rest}"
    );
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["t.obj"]);
}

#[test]
fn an_interrupted_fit_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = overfit::geometry::shapes::torus(1.0, 0.4, 24, 12);
    let corners = mesh
        .positions
        .iter()
        .map(|[x, y, z]| format!("v {x} {y} {z}\n"));
    let faces = mesh.triangles.iter().map(|face| {
        let [a, b, c] = face.map(|corner| corner + 1);
        format!("f {a} {b} {c}\n")
    });
    let text: String = corners.chain(faces).collect();
    std::fs::write(folder.path().join("t.obj"), text).unwrap();
    let words = |steps: &'static str, output: &'static str| {
        [
            "fit",
            "t.obj",
            "-o",
            output,
            "--steps",
            steps,
            "--preset",
            "draft",
            "--resume",
            "--device",
            "cpu",
            "--batch-size",
            "512",
        ]
    };
    let parameters = |output: &str| {
        let model = overfit::field::Model::load(&folder.path().join(output)).unwrap();
        model.parameters
    };
    // So many steps that the signal comes before the last, on any machine.
    let mut fit = start(
        folder.path(),
        &words("1000000", "t.safetensors"),
        "training",
    );
    signal(&fit.child, "-INT");
    assert_eq!(fit.child.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    fit.errors.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("goes on from the checkpoint"), "{rest}");
    let checkpoint = folder.path().join("t.safetensors.checkpoint");
    assert!(checkpoint.exists() && !folder.path().join("t.safetensors").exists());
    // The budget may be another.
    let steps = overfit::train::Checkpoint::from_bytes(&std::fs::read(&checkpoint).unwrap());
    let steps = (steps.unwrap().step() + 50).to_string();
    let steps: &'static str = steps.leak();
    let mut fit = start(
        folder.path(),
        &words(steps, "t.safetensors"),
        "going on from step",
    );
    assert_eq!(fit.child.wait().unwrap().code(), Some(0));
    assert!(!checkpoint.exists());
    let resumed = parameters("t.safetensors");
    assert!(resumed.iter().all(|x| x.is_finite()) && !resumed.is_empty());

    std::fs::write(&checkpoint, "no checkpoint").unwrap();
    let mut fit = start(
        folder.path(),
        &words("50", "t.safetensors"),
        "cannot be gone on from",
    );
    assert_eq!(fit.child.wait().unwrap().code(), Some(1));
}

#[test]
fn the_daemon_ends_with_success_on_sigterm_and_takes_its_file_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = start(folder.path(), &["serve", "--data-dir", "data"], "listening");
    let file = folder.path().join("data/daemon.json");
    assert!(file.exists());
    signal(&daemon.child, "-TERM");
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
    assert!(!file.exists());
}
