//! One engine a device, used through trait objects: above this file no code names a Burn backend.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::tensor::{ElementConversion, Tensor, TensorData};

use super::architecture::Architecture;
use super::backend::{AdamState, AdamStep, FieldBackend, Loss};
use super::batch_draw::BatchDraw;
use super::device::{Device, DeviceChoice, DeviceError};
use super::device_failure::{driver_message, on_device};
use super::scalar_field::ScalarField;

/// A field on a device, ready to be evaluated from any thread.
pub type SharedField = Arc<dyn ScalarField + Send + Sync>;

/// Evaluates and trains fields on one device.
///
/// A device that fails in the middle of work (out of memory, lost) ends the call by a panic whose payload is a
/// [`DeviceError`]: see [`device_failure`](super::device_failure()).
pub trait Engine: Send + Sync {
    /// Where it runs.
    fn device(&self) -> Device;

    /// Moves parameters to the device. The result evaluates the network in the unit frame.
    ///
    /// # Panics
    /// Panics if `parameters` is not as long as [`Architecture::parameter_count`].
    fn load(&self, architecture: &Architecture, parameters: &[f32]) -> SharedField;

    /// Starts training from `parameters`, with Adam's moments at zero and room for `pool_size` samples.
    ///
    /// # Panics
    /// Panics if `parameters` is not as long as [`Architecture::parameter_count`].
    fn learner(
        &self,
        architecture: &Architecture,
        parameters: &[f32],
        pool_size: usize,
    ) -> Box<dyn Learner>;
}

/// Parameters in training on a device, with their optimiser and the samples that they are trained on.
pub trait Learner: Send {
    /// Writes samples into the pool, from index `at` on: a point in the unit frame and its signed distance each.
    ///
    /// # Panics
    /// Panics if they do not fit.
    fn store(&mut self, at: usize, samples: &[[f32; 4]]);

    /// One step on a batch drawn from the stored samples. Returns before the step is done where the device works by itself.
    fn step(&mut self, draw: BatchDraw, loss: Loss, adam: AdamStep);

    /// Goes on from other parameters, with Adam's moments at zero; the samples stay.
    ///
    /// # Panics
    /// Panics if there are not as many as before.
    fn restart(&mut self, parameters: &[f32]);

    /// The mean loss of the steps since the last call, each taken before its step; NaN if there were none. Waits for them.
    fn mean_loss(&mut self) -> f32;

    /// Takes a copy of the parameters from the device.
    fn parameters(&self) -> Vec<f32>;

    /// The parameters as they are now, as a field.
    fn field(&self) -> SharedField;
}

/// Every device that this build can use here; the first is what `auto` takes.
///
/// The processor comes first: a device that calls itself a graphics card may be software.
pub fn available_devices() -> Vec<Device> {
    let known = [Device::Cpu, Device::Cuda(0), Device::Vulkan(0)];
    let usable = |device: &Device| open_engine(DeviceChoice::Named(*device)).is_ok();
    known.into_iter().filter(usable).collect()
}

/// Makes the engine of a device.
///
/// # Errors
/// Fails if the device is not in this build, is missing, or does not start; the error names it and offers the processor.
pub fn open_engine(choice: DeviceChoice) -> Result<Arc<dyn Engine>, DeviceError> {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Named(Device::Cpu) => {
            start::<burn::backend::Flex>(Device::Cpu, Default::default)
        }
        DeviceChoice::Named(Device::Cuda(index)) => open_cuda(index),
        DeviceChoice::Named(Device::Vulkan(index)) => open_vulkan(index),
    }
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<Arc<dyn Engine>, DeviceError> {
    let open = || burn::backend::cuda::CudaDevice::new(index);
    start::<burn::backend::Cuda>(Device::Cuda(index), open)
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(index: usize) -> Result<Arc<dyn Engine>, DeviceError> {
    Err(DeviceError::NotBuilt {
        device: Device::Cuda(index),
        feature: "cuda",
        built: built_families(),
    })
}

/// Index 0 is whatever adapter the driver prefers, software included; others count the discrete cards.
#[cfg(feature = "wgpu")]
fn open_vulkan(index: usize) -> Result<Arc<dyn Engine>, DeviceError> {
    use burn::backend::wgpu::WgpuDevice;
    let open = || match index {
        0 => WgpuDevice::DefaultDevice,
        index => WgpuDevice::DiscreteGpu(index),
    };
    start::<burn::backend::Vulkan>(Device::Vulkan(index), open)
}

#[cfg(not(feature = "wgpu"))]
fn open_vulkan(index: usize) -> Result<Arc<dyn Engine>, DeviceError> {
    Err(DeviceError::NotBuilt {
        device: Device::Vulkan(index),
        feature: "wgpu",
        built: built_families(),
    })
}

/// The device families of this build, for messages.
#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
fn built_families() -> String {
    let mut families = vec!["cpu"];
    if cfg!(feature = "cuda") {
        families.push("cuda");
    }
    if cfg!(feature = "wgpu") {
        families.push("vulkan");
    }
    families.join(", ")
}

/// Opens a backend's device and proves that it computes. Drivers report a missing device by panicking: caught here, once.
fn start<B: FieldBackend>(
    device: Device,
    open: impl FnOnce() -> B::Device,
) -> Result<Arc<dyn Engine>, DeviceError> {
    let unusable = |reason: String| DeviceError::Unusable { device, reason };
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let handle = open();
        let two = Tensor::<B, 1>::ones([1], &handle).add_scalar(1.0);
        (handle, scalar(two))
    }));
    match opened {
        Ok((handle, 2.0)) => Ok(Arc::new(BackendEngine::<B> { device, handle })),
        Ok((_, other)) => Err(unusable(format!("it computes 1 + 1 = {other}"))),
        Err(panic) => {
            let otherwise = "there is none of this number, or its driver does not start";
            Err(unusable(driver_message(&*panic, otherwise)))
        }
    }
}

/// The one element of a tensor.
fn scalar<B: FieldBackend>(tensor: Tensor<B, 1>) -> f32 {
    tensor.into_scalar().elem()
}

struct BackendEngine<B: FieldBackend> {
    device: Device,
    handle: B::Device,
}

struct BackendField<B: FieldBackend> {
    device: Device,
    architecture: Architecture,
    handle: B::Device,
    parameters: Tensor<B, 1>,
}

struct BackendLearner<B: FieldBackend> {
    device: Device,
    architecture: Architecture,
    handle: B::Device,
    // Taken out while an operation owns it, so that kernels may write in place.
    state: Option<AdamState<B>>,
    workspace: B::Workspace,
    /// `[pool_size, 4]`
    pool: Option<Tensor<B, 2>>,
    /// Sum of the losses of `losses` steps.
    loss_sum: Option<Tensor<B, 1>>,
    losses: u32,
}

impl<B: FieldBackend> Engine for BackendEngine<B> {
    fn device(&self) -> Device {
        self.device
    }

    fn load(&self, architecture: &Architecture, parameters: &[f32]) -> SharedField {
        assert_eq!(parameters.len(), architecture.parameter_count());
        let data = TensorData::new(parameters.to_vec(), [parameters.len()]);
        Arc::new(BackendField::<B> {
            device: self.device,
            architecture: architecture.clone(),
            handle: self.handle.clone(),
            parameters: on_device(self.device, || Tensor::from_data(data, &self.handle)),
        })
    }

    fn learner(
        &self,
        architecture: &Architecture,
        parameters: &[f32],
        pool_size: usize,
    ) -> Box<dyn Learner> {
        assert_eq!(parameters.len(), architecture.parameter_count());
        let data = TensorData::new(parameters.to_vec(), [parameters.len()]);
        on_device(self.device, || {
            Box::new(BackendLearner::<B> {
                device: self.device,
                architecture: architecture.clone(),
                handle: self.handle.clone(),
                state: Some(AdamState::new(Tensor::from_data(data, &self.handle))),
                workspace: B::Workspace::default(),
                pool: Some(Tensor::zeros([pool_size, 4], &self.handle)),
                loss_sum: None,
                losses: 0,
            })
        })
    }
}

fn points_tensor<B: FieldBackend>(points: &[[f32; 3]], device: &B::Device) -> Tensor<B, 2> {
    let flat = points.as_flattened().to_vec();
    Tensor::from_data(TensorData::new(flat, [points.len(), 3]), device)
}

fn to_vec<B: FieldBackend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor
        .into_data()
        .convert::<f32>()
        .into_vec()
        .expect("converted to f32 above")
}

impl<B: FieldBackend> BackendField<B> {
    /// Runs the field over bounded batches: a grid of points must not become one tensor.
    fn run(&self, points: &[[f32; 3]], gradient: bool, mut take: impl FnMut(usize, &[f32])) {
        const BATCH: usize = 1 << 16;
        for (index, batch) in points.chunks(BATCH).enumerate() {
            let output = on_device(self.device, || {
                to_vec(B::field(
                    &self.architecture,
                    self.parameters.clone(),
                    points_tensor::<B>(batch, &self.handle),
                    gradient,
                ))
            });
            take(index * BATCH, &output);
        }
    }
}

impl<B: FieldBackend> ScalarField for BackendField<B> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        assert_eq!(points.len(), values.len());
        self.run(points, false, |start, output| {
            values[start..start + output.len()].copy_from_slice(output);
        });
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        assert_eq!(points.len(), values.len());
        assert_eq!(points.len(), gradients.len());
        self.run(points, true, |start, output| {
            for (offset, row) in output.chunks_exact(4).enumerate() {
                values[start + offset] = row[0];
                gradients[start + offset] = [row[1], row[2], row[3]];
            }
        });
    }
}

impl<B: FieldBackend> BackendLearner<B> {
    fn state(&self) -> &AdamState<B> {
        self.state.as_ref().expect("only a panicking step takes it")
    }
}

impl<B: FieldBackend> Learner for BackendLearner<B> {
    fn store(&mut self, at: usize, samples: &[[f32; 4]]) {
        let pool = self.pool.take().expect("only a panicking store takes it");
        self.pool = Some(on_device(self.device, || B::store(pool, at, samples)));
    }

    fn step(&mut self, draw: BatchDraw, loss: Loss, adam: AdamStep) {
        let state = self.state.take().expect("only a panicking step takes it");
        let pool = self.pool.as_ref().expect("only a panicking store takes it");
        let architecture = &self.architecture;
        let workspace = &mut self.workspace;
        let sum = self.loss_sum.take();
        let (state, sum) = on_device(self.device, || {
            let (state, loss) =
                B::train_step(architecture, state, workspace, pool, draw, loss, adam);
            let sum = match sum {
                None => loss,
                Some(sum) => sum.add(loss),
            };
            (state, sum)
        });
        self.state = Some(state);
        self.losses += 1;
        self.loss_sum = Some(sum);
    }

    fn restart(&mut self, parameters: &[f32]) {
        assert_eq!(parameters.len(), self.architecture.parameter_count());
        let data = TensorData::new(parameters.to_vec(), [parameters.len()]);
        let restarted = || AdamState::new(Tensor::from_data(data, &self.handle));
        self.state = Some(on_device(self.device, restarted));
        (self.loss_sum, self.losses) = (None, 0);
    }

    fn mean_loss(&mut self) -> f32 {
        let losses = std::mem::take(&mut self.losses);
        let sum = self.loss_sum.take();
        let mean = |sum| on_device(self.device, || scalar(sum)) / losses as f32;
        sum.map_or(f32::NAN, mean)
    }

    fn parameters(&self) -> Vec<f32> {
        on_device(self.device, || to_vec(self.state().parameters.clone()))
    }

    fn field(&self) -> SharedField {
        Arc::new(BackendField::<B> {
            device: self.device,
            architecture: self.architecture.clone(),
            handle: self.handle.clone(),
            parameters: self.state().parameters.clone(),
        })
    }
}
