//! One engine a device, used through trait objects: above this file no code names a Burn backend.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use burn::tensor::{ElementConversion, Tensor, TensorData};
use rayon::prelude::*;

use super::device::{Device, DeviceChoice, DeviceError};
use super::device_failure::{driver_message, on_device};
use super::scalar_field::ScalarField;
#[cfg(feature = "cuda")]
use crate::backend::cuda_cards;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use crate::backend::kernel_cache;
use crate::backend::{
    BatchDraw, FieldBackend, Objective, OptimizerState, Summation, TrainStep, composed, zeros,
};
use crate::loss::{Loss, Needs};
use crate::network::Architecture;
use crate::optimizer::{MOMENTS, UpdateStep};

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

    /// Makes everything ready that evaluating such a network and training it by steps like `update` needs, so that the first step
    /// takes as long as the others: kernels are compiled.
    ///
    /// # Panics
    /// As in the steps themselves.
    fn prepare(
        &self,
        architecture: &Architecture,
        loss: Loss,
        update: UpdateStep,
        summation: Summation,
    );

    /// Starts training from `parameters`, with the optimiser's moments at zero and room for `pool_size` samples of as many columns as a
    /// loss `needs`.
    ///
    /// # Panics
    /// Panics if `parameters` is not as long as [`Architecture::parameter_count`].
    fn learner(
        &self,
        architecture: &Architecture,
        parameters: &[f32],
        needs: Needs,
        pool_size: usize,
    ) -> Box<dyn Learner>;
}

/// Parameters in training on a device, with their optimiser and the samples that they are trained on.
pub trait Learner: Send {
    /// Writes samples into the pool, from index `at` on: row after row of [`Needs::columns`].
    ///
    /// # Panics
    /// Panics if they do not fit.
    fn store(&mut self, at: usize, rows: &[f32]);

    /// One step, on a batch drawn from the stored samples. Returns before the step is done where the device works by itself.
    fn step(&mut self, step: TrainStep);

    /// Moves the running mean of the parameters, of which it keeps a share, towards those of now. From the first call on
    /// [`parameters`](Self::parameters) and [`field`](Self::field) are the mean's.
    fn average(&mut self, kept: f64);

    /// Waits until all steps so far are done.
    fn wait(&self);

    /// Goes on from other parameters, with the optimiser's moments at zero and without a mean; the samples stay.
    ///
    /// # Panics
    /// Panics if there are not as many as before.
    fn restart(&mut self, parameters: &[f32]);

    /// Everything that later steps depend on but for the samples. Waits for the steps so far.
    fn state(&self) -> LearnerState;

    /// Goes on from a state; the samples stay.
    ///
    /// # Panics
    /// Panics if it is that of a network with another number of parameters.
    fn resume(&mut self, state: &LearnerState);

    /// The mean loss of the steps since the last call, each taken before its step; NaN if there were none. Waits for them.
    fn mean_loss(&mut self) -> f32;

    /// Takes a copy of the parameters, or of their mean, from the device.
    fn parameters(&self) -> Vec<f32>;

    /// The parameters as they are now, or their mean, as a field.
    fn field(&self) -> SharedField;
}

/// The parameters in training and all that their optimiser keeps, each `[P]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnerState {
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// What the optimiser's rule keeps of earlier steps.
    pub moments: [Vec<f32>; MOMENTS],
    /// Running mean of the parameters, if there is one.
    pub mean: Option<Vec<f32>>,
}

/// Makes the engine of a device.
///
/// `auto` is a CUDA card if there is one, else a card through Vulkan, else the processor: on an H100 a fit sees fifty times as many
/// samples a second as on two cores.
///
/// # Errors
/// Fails if the device is not in this build, is missing, or does not start; the error names it and offers the processor.
pub fn open_engine(choice: DeviceChoice) -> Result<Arc<dyn Engine>, DeviceError> {
    match choice {
        DeviceChoice::Auto => open_cuda(0)
            .or_else(|_| open_discrete())
            .or_else(|_| open_cpu()),
        DeviceChoice::Named(Device::Cpu) => open_cpu(),
        DeviceChoice::Named(Device::Cuda(index)) => open_cuda(index),
        DeviceChoice::Named(Device::Vulkan(index)) => open_vulkan(index),
    }
}

fn open_cpu() -> Result<Arc<dyn Engine>, DeviceError> {
    start::<burn::backend::Flex>(Device::Cpu, Default::default)
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<Arc<dyn Engine>, DeviceError> {
    let open = || {
        kernel_cache::keep_kernels();
        burn::backend::cuda::CudaDevice::new(index)
    };
    let device = Device::Cuda(index);
    start::<burn::backend::Cuda>(device, open).map_err(|error| match error {
        // The runtime's own words are about its insides.
        DeviceError::Unusable { device, reason } => DeviceError::Unusable {
            device,
            reason: cuda_cards::missing(index).unwrap_or(reason),
        },
        other => other,
    })
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
    let adapter = match index {
        0 => WgpuDevice::DefaultDevice,
        index => WgpuDevice::DiscreteGpu(index),
    };
    open_adapter(index, adapter)
}

/// The first card of its own memory that Vulkan knows, which is what drivers prefer: never software.
#[cfg(feature = "wgpu")]
fn open_discrete() -> Result<Arc<dyn Engine>, DeviceError> {
    open_adapter(0, burn::backend::wgpu::WgpuDevice::DiscreteGpu(0))
}

#[cfg(feature = "wgpu")]
fn open_adapter(
    index: usize,
    adapter: burn::backend::wgpu::WgpuDevice,
) -> Result<Arc<dyn Engine>, DeviceError> {
    let open = || {
        kernel_cache::keep_kernels();
        adapter
    };
    start::<burn::backend::Vulkan>(Device::Vulkan(index), open)
}

#[cfg(not(feature = "wgpu"))]
fn open_discrete() -> Result<Arc<dyn Engine>, DeviceError> {
    open_vulkan(0)
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
        let two = Tensor::<B, 1>::from_data([1.0], &handle).add_scalar(1.0);
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
    state: Option<OptimizerState<B>>,
    /// Running mean of the parameters.
    mean: Option<Tensor<B, 1>>,
    workspace: B::Workspace,
    /// `[pool_size, Needs::columns]`
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

    fn prepare(
        &self,
        architecture: &Architecture,
        loss: Loss,
        update: UpdateStep,
        summation: Summation,
    ) {
        if self.device == Device::Cpu {
            return;
        }
        // One step of a learner of its own: kernels depend neither on the samples nor on their number.
        let parameters = vec![0.0; architecture.parameter_count()];
        let count = 64;
        let needs = loss.needs();
        let mut learner = self.learner(architecture, &parameters, needs, count);
        learner.store(0, &vec![0.5; count * needs.columns()]);
        learner.step(TrainStep {
            draw: BatchDraw::of_step(0, 1, count, count),
            objective: Objective { loss, unit: 1.0 },
            update,
            summation,
        });
        // The first takes a copy, the second the mean.
        learner.average(0.5);
        learner.average(0.5);
        let field = learner.field();
        field.values(&[[0.5; 3]], &mut [0.0]);
        field.values_and_gradients(&[[0.5; 3]], &mut [0.0], &mut [[0.0; 3]]);
        learner.mean_loss();
    }

    fn learner(
        &self,
        architecture: &Architecture,
        parameters: &[f32],
        needs: Needs,
        pool_size: usize,
    ) -> Box<dyn Learner> {
        assert_eq!(parameters.len(), architecture.parameter_count());
        let data = TensorData::new(parameters.to_vec(), [parameters.len()]);
        on_device(self.device, || {
            Box::new(BackendLearner::<B> {
                device: self.device,
                architecture: architecture.clone(),
                handle: self.handle.clone(),
                state: Some(OptimizerState::new(Tensor::from_data(data, &self.handle))),
                mean: None,
                workspace: B::Workspace::default(),
                pool: Some(zeros([pool_size, needs.columns()], &self.handle)),
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

/// Points that are evaluated at a time.
const BATCH: usize = 1 << 16;

impl<B: FieldBackend> BackendField<B> {
    /// Runs the field over bounded batches: a grid of points must not become one tensor. `results` are where those of each
    /// batch go.
    ///
    /// For a device that works by itself, threads bring points and fetch results side by side.
    fn run<T: Send>(
        &self,
        points: &[[f32; 3]],
        gradient: bool,
        results: Vec<T>,
        take: impl Fn(&[f32], T) + Sync,
    ) {
        let work = |(points, results): (&[[f32; 3]], T)| {
            let output = on_device(self.device, || {
                let points = points_tensor::<B>(points, &self.handle);
                let parameters = self.parameters.clone();
                to_vec(B::field(&self.architecture, parameters, points, gradient))
            });
            take(&output, results);
        };
        match self.device {
            Device::Cpu => points.chunks(BATCH).zip(results).for_each(work),
            _ => points.par_chunks(BATCH).zip(results).for_each(work),
        }
    }
}

impl<B: FieldBackend> ScalarField for BackendField<B> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        assert_eq!(points.len(), values.len());
        let results = values.chunks_mut(BATCH).collect();
        self.run(points, false, results, |output, values: &mut [f32]| {
            values.copy_from_slice(output);
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
        let results = values.chunks_mut(BATCH).zip(gradients.chunks_mut(BATCH));
        self.run(
            points,
            true,
            results.collect(),
            |output, (values, gradients)| {
                for (index, row) in output.chunks_exact(4).enumerate() {
                    values[index] = row[0];
                    gradients[index] = [row[1], row[2], row[3]];
                }
            },
        );
    }
}

impl<B: FieldBackend> BackendLearner<B> {
    /// What is made of it so far.
    fn result(&self) -> Tensor<B, 1> {
        let state = self.state.as_ref().expect("only a panicking step takes it");
        self.mean.as_ref().unwrap_or(&state.parameters).clone()
    }
}

impl<B: FieldBackend> Learner for BackendLearner<B> {
    fn store(&mut self, at: usize, rows: &[f32]) {
        let pool = self.pool.take().expect("only a panicking store takes it");
        self.pool = Some(on_device(self.device, || B::store(pool, at, rows)));
    }

    fn step(&mut self, step: TrainStep) {
        let state = self.state.take().expect("only a panicking step takes it");
        let pool = self.pool.as_ref().expect("only a panicking store takes it");
        let architecture = &self.architecture;
        let workspace = &mut self.workspace;
        let losses = self.loss_sum.take();
        let (state, sum) = on_device(self.device, || match step.update.needs_whole_gradient() {
            true => composed::train_step(architecture, state, pool, step, losses),
            false => B::train_step(architecture, state, workspace, pool, step, losses),
        });
        self.state = Some(state);
        self.losses += 1;
        self.loss_sum = Some(sum);
    }

    fn average(&mut self, kept: f64) {
        let state = self.state.as_ref().expect("only a panicking step takes it");
        let parameters = state.parameters.clone();
        let mean = self.mean.take();
        self.mean = Some(on_device(self.device, || match mean {
            Some(mean) => (mean.mul_scalar(kept)).add(parameters.mul_scalar(1.0 - kept)),
            None => parameters,
        }));
    }

    fn wait(&self) {
        on_device(self.device, || {
            B::sync(&self.handle).expect("a device that works");
        });
    }

    fn restart(&mut self, parameters: &[f32]) {
        assert_eq!(parameters.len(), self.architecture.parameter_count());
        let data = TensorData::new(parameters.to_vec(), [parameters.len()]);
        let restarted = || OptimizerState::new(Tensor::from_data(data, &self.handle));
        self.state = Some(on_device(self.device, restarted));
        self.mean = None;
        (self.loss_sum, self.losses) = (None, 0);
    }

    fn state(&self) -> LearnerState {
        let state = self.state.as_ref().expect("only a panicking step takes it");
        let copy = |tensor: &Tensor<B, 1>| to_vec(tensor.clone());
        on_device(self.device, || LearnerState {
            parameters: copy(&state.parameters),
            moments: state.moments.each_ref().map(copy),
            mean: self.mean.as_ref().map(copy),
        })
    }

    fn resume(&mut self, state: &LearnerState) {
        let count = self.architecture.parameter_count();
        let tensor = |numbers: &Vec<f32>| {
            assert_eq!(numbers.len(), count);
            let data = TensorData::new(numbers.clone(), [count]);
            Tensor::from_data(data, &self.handle)
        };
        let (resumed, mean) = on_device(self.device, || {
            let resumed = OptimizerState {
                parameters: tensor(&state.parameters),
                moments: state.moments.each_ref().map(tensor),
            };
            (resumed, state.mean.as_ref().map(tensor))
        });
        self.state = Some(resumed);
        self.mean = mean;
        (self.loss_sum, self.losses) = (None, 0);
    }

    fn mean_loss(&mut self) -> f32 {
        let losses = std::mem::take(&mut self.losses);
        let sum = self.loss_sum.take();
        let mean = |sum| on_device(self.device, || scalar(sum)) / losses as f32;
        sum.map_or(f32::NAN, mean)
    }

    fn parameters(&self) -> Vec<f32> {
        on_device(self.device, || to_vec(self.result()))
    }

    fn field(&self) -> SharedField {
        Arc::new(BackendField::<B> {
            device: self.device,
            architecture: self.architecture.clone(),
            handle: self.handle.clone(),
            parameters: self.result(),
        })
    }
}
