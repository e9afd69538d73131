//! A fit that takes as long as a test wishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use overfit::CancelToken;
use overfit::geometry::Mesh;
use overfit::server::FitFunction;
use overfit::train::{FitError, FitSettings, Phase, Progress};

use crate::octahedron;

/// A fit that reports progress in `phase` until it is cancelled or `released`.
pub fn busy(phase: Phase, released: Arc<AtomicBool>) -> Arc<FitFunction> {
    Arc::new(
        move |mesh: &Mesh,
              name: &str,
              settings: &FitSettings,
              cancel: &CancelToken,
              tell: &mut dyn FnMut(Progress)| {
            for step in 1.. {
                if cancel.is_cancelled() {
                    return Err(FitError::Cancelled);
                }
                if released.load(Ordering::Acquire) {
                    break;
                }
                tell(Progress {
                    phase,
                    step,
                    ..Default::default()
                });
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(octahedron::model(mesh, name, settings))
        },
    )
}
