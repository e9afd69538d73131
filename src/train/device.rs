//! The device of a fit, which gets ready while the mesh does.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::settings::FitSettings;
use crate::field::{Device, DeviceChoice, DeviceError, Engine, open_engine};

/// This build knows graphics cards.
const HAS_CARDS: bool = cfg!(any(feature = "cuda", feature = "wgpu"));

/// A device that is being opened, and whose kernels are being compiled, by a thread of its own.
///
/// A graphics card takes some tenths of a second to open, and seconds for kernels that it has never compiled.
pub(super) struct DeviceInPreparation {
    thread: Option<JoinHandle<Result<Arc<dyn Engine>, DeviceError>>>,
    engine: Option<Arc<dyn Engine>>,
    /// It may be a graphics card: the processor has nothing to get ready.
    may_compile: bool,
}

impl DeviceInPreparation {
    /// For fits with these settings.
    pub(super) fn start(settings: &FitSettings) -> Self {
        let (choice, architecture) = (settings.device, settings.architecture.clone());
        let (loss, update) = (settings.loss, settings.optimizer.step(1, 0.0));
        let summation = settings.summation();
        let prepare = move || {
            let started = Instant::now();
            let engine = open_engine(choice)?;
            let open = started.elapsed();
            engine.prepare(&architecture, loss, update, summation);
            let (device, kernels) = (engine.device(), started.elapsed() - open);
            tracing::debug!(%device, ?open, ?kernels, "device ready");
            Ok(engine)
        };
        Self {
            thread: Some(thread::spawn(prepare)),
            engine: None,
            may_compile: choice != DeviceChoice::Named(Device::Cpu) && HAS_CARDS,
        }
    }

    /// Tells now if the device cannot be used, where that is known by now.
    pub(super) fn fail_early(&mut self) -> Result<(), DeviceError> {
        match self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            true => self.join(),
            false => Ok(()),
        }
    }

    /// It is not ready yet.
    pub(super) fn is_compiling(&self) -> bool {
        let under_way = |thread: &JoinHandle<_>| !thread.is_finished();
        self.may_compile && self.thread.as_ref().is_some_and(under_way)
    }

    /// Waits until the device is ready.
    pub(super) fn ready(mut self) -> Result<Arc<dyn Engine>, DeviceError> {
        self.join()?;
        Ok(self.engine.expect("it was joined without an error"))
    }

    fn join(&mut self) -> Result<(), DeviceError> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        match thread.join() {
            Ok(engine) => self.engine = Some(engine?),
            // A device that fails panics: the fit's caller makes an error of it.
            Err(panic) => resume_unwind(panic),
        }
        Ok(())
    }
}
