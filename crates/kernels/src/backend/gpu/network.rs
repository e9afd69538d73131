//! A network on a device: its kernels' buffers, and where a batch is summed.

use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::CubeRuntime;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::draw::BatchLaunch;
use super::evaluate::evaluate;
use super::gradient;
use super::grid_sums::adds_floats;
use super::objective::{Meaning, cotangents};
use super::plan::Plan;
use super::{Cube, array, encoding, fixed_point, float, in_order, primitive, tensor_cores, update};
use crate::backend::{BatchDraw, Objective, Summation, zeros};
use crate::loss::Needs;
use crate::network::Architecture;
use crate::network::encoding::PositionEncoding;

/// Units of a workgroup that works on parameters one by one.
pub(super) const UNITS: u32 = 256;

/// The sums of a batch, ready for the next one.
pub struct Workspace<R: CubeRuntime>(Option<Sums<R>>);

impl<R: CubeRuntime> Default for Workspace<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R: CubeRuntime> Workspace<R> {
    /// Sums for a network and a batch; none if the network does not fit the device.
    pub(super) fn sums(
        &mut self,
        architecture: &Architecture,
        device: &R::Device,
        channels: usize,
        count: usize,
        summation: Summation,
    ) -> Option<&Sums<R>> {
        let fits = self.0.as_ref().is_some_and(|sums| {
            sums.network.architecture == *architecture
                && sums.network.plan.channels == channels
                && sums.summation == summation
                && sums.cubes == sums.network.cube_number(count)
                && sums
                    .slopes
                    .as_ref()
                    .is_none_or(|slopes| slopes.holds(count))
        });
        if !fits {
            let network = Network::new(architecture, device, channels, summation)?;
            self.0 = Some(Sums::for_losses(network, summation, count));
        }
        self.0.as_ref()
    }
}

/// Words that are copied to a device.
fn words_on<R: CubeRuntime>(
    client: &ComputeClient<R>,
    device: &R::Device,
    words: &[u32],
) -> CubeTensor<R> {
    CubeTensor::new_contiguous(
        client.clone(),
        device.clone(),
        Shape::new([words.len()]),
        client.create_from_slice(u32::as_bytes(words)),
        DType::U32,
    )
}

/// A network's kernels on a device.
pub(super) struct Network<R: CubeRuntime> {
    pub(super) architecture: Architecture,
    pub(super) plan: Plan,
    pub(super) client: ComputeClient<R>,
    pub(super) device: R::Device,
    /// See [`encoding::constants`].
    constants: CubeTensor<R>,
}

impl<R: CubeRuntime> Network<R> {
    /// With `channels` columns a sample: see [`Plan`]. None if the network does not fit the device.
    pub(super) fn new(
        architecture: &Architecture,
        device: &R::Device,
        channels: usize,
        summation: Summation,
    ) -> Option<Self> {
        let client = R::client(device);
        let properties = client.properties();
        let tensor_cores = tensor_cores::are_there(properties);
        let plan = |channels| Plan::new(architecture, &properties.hardware, channels, tensor_cores);
        // Samples of two columns are looked at as one first.
        plan(1)?;
        let plan = plan(channels)?;
        let exact = summation == Summation::Exact || !adds_floats(properties, plan.vector);
        let plan = Plan { exact, ..plan };
        let words = encoding::constants(&architecture.encoding.parts());
        Some(Self {
            architecture: architecture.clone(),
            plan,
            constants: words_on(&client, device, &words),
            client,
            device: device.clone(),
        })
    }

    pub(super) fn empty<const D: usize>(&self, shape: [usize; D], dtype: DType) -> CubeTensor<R> {
        let (client, device) = (self.client.clone(), self.device.clone());
        empty_device_contiguous_dtype(client, device, Shape::new(shape), dtype)
    }

    pub(super) fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.plan.units() as u32)
    }

    fn cube_number(&self, samples: usize) -> usize {
        self.plan.cubes(samples, &self.client.properties().hardware)
    }

    pub(super) fn cubes(&self, samples: usize) -> CubeCount {
        CubeCount::Static(self.cube_number(samples) as u32, 1, 1)
    }

    /// The grid's part of the parameters, as kernels read it. Without a grid it is never read, but has a length.
    pub(super) fn table(&self, parameters: &CubeTensor<R>) -> ArrayArg<R> {
        let length = match self.plan.table {
            0 => self.plan.vector,
            length => length,
        };
        let handle = parameters.handle.clone();
        // SAFETY: the grid's parameters come first in the flat vector, and a network has more than one vector of them.
        unsafe { ArrayArg::from_raw_parts(handle, length) }
    }

    /// The encoding's constants, four words an element.
    pub(super) fn constants(&self) -> ArrayArg<R> {
        let handle = self.constants.handle.clone();
        // SAFETY: so many elements of four words were made; an encoding has at least one feature.
        unsafe { ArrayArg::from_raw_parts(handle, 4 * self.plan.constants()) }
    }

    /// The objective `[1]` and the gradient `[P]`, both times `share`, of samples `[N, Needs::columns]`; without an objective of
    /// points and cotangents, `[N, 4]` or with two columns a sample `[N, 7]`.
    pub(super) fn gradient(
        self,
        parameters: Tensor<Cube<R>, 1>,
        samples: Tensor<Cube<R>, 2>,
        objective: Option<Objective>,
        share: f32,
    ) -> (Tensor<Cube<R>, 1>, Tensor<Cube<R>, 1>) {
        let [count, _] = samples.dims();
        let (parameters, samples) = (primitive(parameters), primitive(samples));
        let sums = match objective {
            None => {
                let sums = Sums::new(self, Summation::Exact, count);
                let batch = in_order(count);
                sums.collect(&parameters, &samples, batch, Meaning::Cotangent, 1.0);
                sums
            }
            Some(objective) => {
                let sums = Sums::for_losses(self, Summation::Exact, count);
                // A pool as large as the batch is taken in order.
                let (seed, count) = (0, count as u32);
                let draw = BatchDraw {
                    seed,
                    kept: count,
                    count,
                };
                sums.collect_objective(&parameters, &samples, draw, objective);
                sums
            }
        };
        let network = &sums.network;
        let length = parameters.meta.num_elements();
        let gradient = network.empty([length], DType::F32);
        let loss = network.empty([1], DType::F32);
        update::gather::launch::<R>(
            &network.client,
            update::cubes(&network.client, &network.plan),
            CubeDim::new_1d(UNITS),
            array(&gradient),
            array(&sums.low),
            array(&sums.high),
            array(&sums.floats),
            array(&sums.by_cube),
            array(&loss),
            sums.cubes as u32,
            share,
            network.plan,
        );
        let [loss, gradient] = [loss, gradient].map(|t| Tensor::from_primitive(float(t)));
        (loss, gradient)
    }
}

/// Where a batch's loss and gradient are summed.
pub(super) struct Sums<R: CubeRuntime> {
    pub(super) network: Network<R>,
    /// What was asked for: a device may not have it.
    summation: Summation,
    /// Workgroups of a batch.
    pub(super) cubes: usize,
    /// `[grid parameters]`, at their zero between steps: see `grid_sums`.
    pub(super) low: CubeTensor<R>,
    pub(super) high: CubeTensor<R>,
    pub(super) floats: CubeTensor<R>,
    /// `[cubes, Plan::sums]`
    pub(super) by_cube: CubeTensor<R>,
    /// Where gradients by position take part.
    slopes: Option<Slopes<R>>,
}

/// What it takes to tell the loss's derivatives by a batch's gradients by position.
struct Slopes<R: CubeRuntime> {
    /// The same network, for values and gradients.
    network: Network<R>,
    /// `[count, 4]`
    outputs: CubeTensor<R>,
    /// `[count, Meaning::CotangentAndLoss.columns]`
    rows: CubeTensor<R>,
}

impl<R: CubeRuntime> Slopes<R> {
    fn new(network: &Network<R>, count: usize) -> Self {
        let (architecture, device) = (&network.architecture, &network.device);
        let one_column = Network::new(architecture, device, 1, Summation::Exact);
        let columns = Meaning::CotangentAndLoss.columns(network.plan.channels);
        Self {
            network: one_column.expect("a network has a plan for one column"),
            outputs: network.empty([count, 4], DType::F32),
            rows: network.empty([count, columns], DType::F32),
        }
    }

    /// It has room for such a batch.
    fn holds(&self, count: usize) -> bool {
        self.outputs.meta.shape()[0] == count
    }
}

impl<R: CubeRuntime> Sums<R> {
    /// For batches of `count` samples.
    pub(super) fn new(network: Network<R>, summation: Summation, count: usize) -> Self {
        let cubes = network.cube_number(count);
        let plan = network.plan;
        // Never read where they are not used, but a kernel's buffers have a length.
        let length = |used: bool| if used { plan.table } else { 0 }.max(plan.vector);
        let words = |word: u32| {
            let words = vec![word; length(plan.exact)];
            words_on(&network.client, &network.device, &words)
        };
        let floats = zeros::<Cube<R>, 1>([length(!plan.exact)], &network.device);
        Self {
            summation,
            cubes,
            low: words(fixed_point::LOW_ZERO),
            high: words(0),
            floats: primitive(floats),
            by_cube: network.empty([cubes * plan.sums()], DType::F32),
            slopes: None,
            network,
        }
    }

    /// The same, for samples that a loss looks at, maybe at their gradients.
    pub(super) fn for_losses(network: Network<R>, summation: Summation, count: usize) -> Self {
        let slopes = (network.plan.channels > 1).then(|| Slopes::new(&network, count));
        Self {
            slopes,
            ..Self::new(network, summation, count)
        }
    }

    /// Sums over the batch.
    pub(super) fn collect_objective(
        &self,
        parameters: &CubeTensor<R>,
        pool: &CubeTensor<R>,
        draw: BatchDraw,
        objective: Objective,
    ) {
        let Objective { loss, unit } = objective;
        let batch = || BatchLaunch::new(draw.seed, draw.kept, draw.count);
        let Some(slopes) = &self.slopes else {
            return self.collect(parameters, pool, batch(), Meaning::Of(loss), unit);
        };
        let Slopes {
            network,
            outputs,
            rows,
        } = slopes;
        let count = draw.count as usize;
        evaluate::launch::<R>(
            &network.client,
            network.cubes(count),
            network.dim(),
            network.plan.vector,
            array(parameters),
            network.table(parameters),
            array(pool),
            network.constants(),
            array(outputs),
            batch(),
            Needs::Gradient.columns(),
            true,
            network.plan,
        );
        let dim = CubeDim::new_1d(UNITS);
        cotangents::launch::<R>(
            &network.client,
            calculate_cube_count_elemwise(&network.client, count.div_ceil(4), dim),
            dim,
            array(outputs),
            array(pool),
            array(rows),
            batch(),
            unit,
            loss,
        );
        let (batch, meaning) = (in_order(count), Meaning::CotangentAndLoss);
        self.collect(parameters, rows, batch, meaning, unit);
    }

    /// Sums over samples of which `meaning` tells the columns.
    fn collect(
        &self,
        parameters: &CubeTensor<R>,
        pool: &CubeTensor<R>,
        batch: BatchLaunch<R>,
        meaning: Meaning,
        unit: f32,
    ) {
        let network = &self.network;
        gradient::gradient::launch::<R>(
            &network.client,
            CubeCount::Static(self.cubes as u32, 1, 1),
            network.dim(),
            network.plan.vector,
            array(parameters),
            network.table(parameters),
            array(pool),
            network.constants(),
            array(&self.low),
            array(&self.high),
            array(&self.floats),
            array(&self.by_cube),
            batch,
            unit,
            meaning,
            network.plan,
        );
    }
}
