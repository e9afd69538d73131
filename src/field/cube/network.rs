//! A network on a device: its kernels' buffers, and where a batch is summed.

use burn::tensor::{DType, Int, Shape, Tensor};
use burn_cubecl::CubeRuntime;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::gradient::{self, Objective};
use super::plan::Plan;
use super::{Cube, adam, array, encoding, fixed_point, float, primitive};
use crate::field::architecture::{Architecture, Encoding};
use crate::field::batch_draw::BatchDraw;

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
        count: usize,
    ) -> Option<&Sums<R>> {
        let fits = self.0.as_ref().is_some_and(|sums| {
            sums.network.architecture == *architecture
                && sums.cubes == sums.network.cube_number(count)
        });
        if !fits {
            let network = Network::new(architecture, device)?;
            self.0 = Some(Sums::new(network, count));
        }
        self.0.as_ref()
    }
}

/// A network's kernels on a device.
pub(super) struct Network<R: CubeRuntime> {
    pub(super) architecture: Architecture,
    pub(super) plan: Plan,
    pub(super) client: ComputeClient<R>,
    pub(super) device: R::Device,
    /// See [`encoding::level_words`].
    pub(super) levels: CubeTensor<R>,
}

impl<R: CubeRuntime> Network<R> {
    /// None if the network does not fit the device.
    pub(super) fn new(architecture: &Architecture, device: &R::Device) -> Option<Self> {
        let client = R::client(device);
        let plan = Plan::new(architecture, &client.properties().hardware)?;
        let words = match &architecture.encoding {
            // Never read, but a kernel's buffers have a length.
            Encoding::Identity => vec![0],
            Encoding::HashGrid(grid) => encoding::level_words(&grid.grid_levels()),
        };
        let handle = client.create_from_slice(u32::as_bytes(&words));
        let shape = Shape::new([words.len()]);
        Some(Self {
            architecture: architecture.clone(),
            plan,
            levels: CubeTensor::new_contiguous(
                client.clone(),
                device.clone(),
                shape,
                handle,
                DType::U32,
            ),
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

    /// The loss `[1]` and the gradient `[P]`, both times `share`, of samples `[N, 4]`.
    pub(super) fn gradient(
        self,
        parameters: Tensor<Cube<R>, 1>,
        samples: Tensor<Cube<R>, 2>,
        objective: Objective,
        share: f32,
    ) -> (Tensor<Cube<R>, 1>, Tensor<Cube<R>, 1>) {
        let [count, _] = samples.dims();
        let count = count as u32;
        // A pool as large as the batch is taken in order.
        let draw = BatchDraw {
            seed: 0,
            kept: count,
            count,
        };
        let sums = Sums::new(self, count as usize);
        let network = &sums.network;
        let parameters = primitive(parameters);
        sums.collect(&parameters, &primitive(samples), draw, objective);
        let length = parameters.meta.num_elements();
        let gradient = network.empty([length], DType::F32);
        let loss = network.empty([1], DType::F32);
        let dim = CubeDim::new_1d(UNITS);
        adam::gather::launch::<R>(
            &network.client,
            calculate_cube_count_elemwise(&network.client, length + 1, dim),
            dim,
            array(&gradient),
            array(&sums.low),
            array(&sums.high),
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
    /// Workgroups of a batch.
    pub(super) cubes: usize,
    /// `[grid parameters]`, at their zero between steps: see `fixed_point`.
    pub(super) low: CubeTensor<R>,
    pub(super) high: CubeTensor<R>,
    /// `[cubes, Plan::sums]`
    pub(super) by_cube: CubeTensor<R>,
}

impl<R: CubeRuntime> Sums<R> {
    /// For batches of `count` samples.
    pub(super) fn new(network: Network<R>, count: usize) -> Self {
        let cubes = network.cube_number(count);
        // Never read without a grid, but a kernel's buffers have a length.
        let table = network.plan.table.max(1);
        let words = |word: u32| {
            let filled = Tensor::<Cube<R>, 1, Int>::full([table], word as i32, &network.device);
            filled.into_primitive()
        };
        Self {
            cubes,
            low: words(fixed_point::LOW_ZERO),
            high: words(0),
            by_cube: network.empty([cubes * network.plan.sums()], DType::F32),
            network,
        }
    }

    /// Sums over the batch.
    pub(super) fn collect(
        &self,
        parameters: &CubeTensor<R>,
        pool: &CubeTensor<R>,
        draw: BatchDraw,
        objective: Objective,
    ) {
        let network = &self.network;
        gradient::gradient::launch::<R>(
            &network.client,
            CubeCount::Static(self.cubes as u32, 1, 1),
            network.dim(),
            array(parameters),
            array(pool),
            array(&network.levels),
            array(&self.low),
            array(&self.high),
            array(&self.by_cube),
            draw.seed,
            draw.kept,
            draw.count,
            objective,
            network.plan,
        );
    }
}
