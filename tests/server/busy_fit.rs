//! A fit that takes as long as a test wishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use overfit::CancelToken;
use overfit::geometry::Mesh;
use overfit::server::FitFunction;
use overfit::train::{Checkpoint, FitError, FitSettings, Observer, Phase, Progress};

use crate::octahedron;

/// A fit that reports progress in `phase` until it is cancelled, `released`, or asked to finish. Its snapshots are
/// octahedra, too.
pub fn busy(phase: Phase, released: Arc<AtomicBool>) -> Arc<FitFunction> {
    Arc::new(
        move |mesh: &Mesh,
              name: &str,
              settings: &FitSettings,
              _: Option<Checkpoint>,
              cancel: &CancelToken,
              observer: &mut dyn Observer| {
            let model = octahedron::model(mesh, name, settings);
            for step in 1.. {
                if cancel.is_cancelled() {
                    return Err(FitError::Cancelled);
                }
                if released.load(Ordering::Acquire) || observer.wants_end(step) {
                    break;
                }
                observer.progress(Progress {
                    phase,
                    step,
                    ..Default::default()
                });
                if observer.wants_snapshot(step) {
                    let mut snapshot = model.clone();
                    snapshot.training.steps = step;
                    observer.snapshot(snapshot);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(model)
        },
    )
}
