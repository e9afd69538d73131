//! The samples that training draws from: where fresh ones come from, and which are kept.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::Scope;

use serde::{Deserialize, Serialize};

use super::checkpoint::bits;
use super::mixture::Moment;
use super::residual::Residual;
use super::samples::{Cancelled, SampleSource};
use super::settings::Sampling;
use crate::CancelToken;
use crate::field::{Learner, SharedField};
use crate::loss::Needs;

/// Fresh samples come so many at a time: the more there are, the closer they lie together along the curve on which they
/// are measured, and the less each costs.
const REFRESH: usize = 1 << 16;

/// Samples drawn beside the training at a time, at most: what is under way when training ends is waited for.
const MOST_BESIDE: usize = 4 * REFRESH;

/// Fresh samples, one mixture after the other.
pub(super) struct Mixtures<'a> {
    source: &'a SampleSource<'a>,
    residual: &'a Residual,
    sampling: Sampling,
    needs: Needs,
    seed: u64,
    /// Mixtures drawn so far.
    drawn: u64,
}

/// Fresh samples that are wanted.
pub(super) struct Order {
    drawn: Drawn,
    /// The network as it is, where samples are chosen by the field's error.
    network: Option<SharedField>,
}

/// A mixture that was drawn into the pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Drawn {
    /// How many samples were wanted.
    pub count: usize,
    /// Share of the budget that was used.
    #[serde(with = "bits")]
    pub used: f64,
}

/// Which samples a learner keeps for use and reuse: the oldest are replaced, some at a time, while training draws from all.
pub(super) struct SamplePool {
    capacity: usize,
    /// Of a sample.
    columns: usize,
    /// Samples kept, in the first rows of the learner's pool.
    kept: usize,
    oldest: usize,
    /// What was drawn into it, in order.
    drawn: Vec<Drawn>,
}

/// Fresh samples as training goes on.
pub(super) enum Supply<'a> {
    /// Drawn between two steps: which step sees which samples is settled.
    Between(Mixtures<'a>),
    /// Drawn by a thread, for a device that works by itself: it never waits, and has as many as the processor can make.
    Beside {
        /// Samples are chosen by the field's error.
        by_error: bool,
        wanted: SyncSender<Order>,
        fresh: Receiver<Result<(Vec<f32>, Drawn), Cancelled>>,
    },
}

impl<'a> Mixtures<'a> {
    /// Of samples of `source`, as what `residual` leaves of them, with what a loss `needs`.
    pub(super) fn new(
        source: &'a SampleSource<'a>,
        residual: &'a Residual,
        sampling: Sampling,
        needs: Needs,
        seed: u64,
    ) -> Self {
        Self {
            source,
            residual,
            sampling,
            needs,
            seed,
            drawn: 0,
        }
    }

    /// The first `count` samples, row after row.
    pub(super) fn first(
        &mut self,
        count: usize,
        cancel: &CancelToken,
    ) -> Result<(Vec<f32>, Drawn), Cancelled> {
        let drawn = Drawn { count, used: 0.0 };
        let network = None;
        Ok((self.next(Order { drawn, network }, cancel)?, drawn))
    }

    /// Samples are chosen by the field's error.
    fn by_error(&self) -> bool {
        self.sampling.by_error > 0.0
    }

    /// What is ordered, row after row. Never more than the pool holds.
    fn next(&mut self, order: Order, cancel: &CancelToken) -> Result<Vec<f32>, Cancelled> {
        self.drawn += 1;
        let seed = self.seed ^ self.drawn.rotate_left(32);
        let count = order.drawn.count.min(self.sampling.pool_size as usize);
        let (sampling, needs) = (&self.sampling, self.needs);
        let field = order
            .network
            .map(|network| self.residual.corrected(network));
        let moment = Moment {
            used: order.drawn.used,
            field: field.as_deref().map(|field| field as _),
        };
        let mixture = self
            .source
            .mixture(count, sampling, needs, seed, &moment, cancel);
        Ok(self.residual.rows(&mixture?, needs))
    }
}

impl SamplePool {
    /// An empty pool of samples with what a loss `needs`.
    pub(super) fn new(capacity: usize, needs: Needs) -> Self {
        Self {
            capacity,
            columns: needs.columns(),
            kept: 0,
            oldest: 0,
            drawn: Vec::new(),
        }
    }

    /// What was drawn into it so far, in order.
    pub(super) fn drawn(&self) -> &[Drawn] {
        &self.drawn
    }

    /// Fills an empty pool with what was drawn into another: what would not be in it any more is not drawn again.
    pub(super) fn refill(
        &mut self,
        drawn: &[Drawn],
        mixtures: &mut Mixtures<'_>,
        learner: &mut dyn Learner,
        cancel: &CancelToken,
    ) -> Result<(), Cancelled> {
        let mut later: usize = drawn.iter().map(|drawn| self.room_for(drawn.count)).sum();
        for &drawn in drawn {
            later -= self.room_for(drawn.count);
            if later < self.capacity {
                let order = Order {
                    drawn,
                    network: None,
                };
                self.add(&mixtures.next(order, cancel)?, drawn, learner);
            } else {
                mixtures.drawn += 1;
                self.advance(self.room_for(drawn.count), drawn);
            }
        }
        Ok(())
    }

    /// So many of the wanted samples fit in.
    fn room_for(&self, count: usize) -> usize {
        count.min(self.capacity)
    }

    /// Samples that can be drawn from.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Adds fresh samples, row after row; once the pool is full, the oldest make room.
    ///
    /// # Panics
    /// Panics if there are more than the pool holds.
    pub(super) fn add(&mut self, fresh: &[f32], drawn: Drawn, learner: &mut dyn Learner) {
        let count = fresh.len() / self.columns;
        assert!(count <= self.capacity, "a pool of samples overflows");
        let before_end = count.min(self.capacity - self.oldest);
        let (rows, wrapped) = fresh.split_at(before_end * self.columns);
        learner.store(self.oldest, rows);
        if !wrapped.is_empty() {
            learner.store(0, wrapped);
        }
        self.advance(count, drawn);
    }

    /// Counts samples that were added.
    fn advance(&mut self, count: usize, drawn: Drawn) {
        self.kept = self.kept.max((self.oldest + count).min(self.capacity));
        self.oldest = (self.oldest + count) % self.capacity;
        self.drawn.push(drawn);
    }
}

impl<'a> Supply<'a> {
    /// Draws by a thread of its own, which ends when this value is dropped or the fit is cancelled.
    pub(super) fn beside<'scope>(
        mut mixtures: Mixtures<'a>,
        cancel: &'scope CancelToken,
        scope: &'scope Scope<'scope, '_>,
    ) -> Self
    where
        'a: 'scope,
    {
        let by_error = mixtures.by_error();
        let (wanted, orders) = sync_channel::<Order>(1);
        let (sender, fresh) = channel();
        scope.spawn(move || {
            for order in orders {
                let drawn = order.drawn;
                let rows = mixtures.next(order, cancel).map(|rows| (rows, drawn));
                if sender.send(rows).is_err() {
                    return;
                }
            }
        });
        Supply::Beside {
            by_error,
            wanted,
            fresh,
        }
    }

    /// Adds what there is to the pool. `due` are the samples that are wanted by now; it is less by those that are on their
    /// way afterwards. `used` is the share of the budget that is used.
    pub(super) fn refresh(
        &mut self,
        due: &mut usize,
        used: f64,
        pool: &mut SamplePool,
        learner: &mut dyn Learner,
        cancel: &CancelToken,
    ) -> Result<(), Cancelled> {
        let order = |by_error: bool, count, learner: &dyn Learner| Order {
            drawn: Drawn { count, used },
            network: by_error.then(|| learner.field()),
        };
        match self {
            Supply::Between(mixtures) if *due >= REFRESH => {
                let order = order(mixtures.by_error(), *due, learner);
                let drawn = order.drawn;
                pool.add(&mixtures.next(order, cancel)?, drawn, learner);
                *due = 0;
            }
            Supply::Between(_) => {}
            Supply::Beside {
                by_error,
                wanted,
                fresh,
            } => {
                while let Ok(rows) = fresh.try_recv() {
                    let (rows, drawn) = rows?;
                    pool.add(&rows, drawn, learner);
                }
                // What the processor cannot keep up with is not owed.
                *due = (*due).min(MOST_BESIDE);
                if *due >= REFRESH {
                    match wanted.try_send(order(*by_error, *due, learner)) {
                        Ok(()) => *due = 0,
                        Err(TrySendError::Full(_)) => {}
                        // The thread has ended: its reason was received above, or is a panic that the scope raises.
                        Err(TrySendError::Disconnected(_)) => return Err(Cancelled),
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::TrainStep;
    use crate::distance::{SignPolicy, SignedDistance};
    use crate::field::LearnerState;
    use crate::geometry::{Bounds, SurfaceSampler, shapes};
    use crate::train::Preset;

    /// Keeps what is stored, and trains nothing.
    struct Rows(Vec<[f32; 4]>);

    impl Learner for Rows {
        fn store(&mut self, at: usize, rows: &[f32]) {
            let (rows, _) = rows.as_chunks();
            self.0[at..at + rows.len()].copy_from_slice(rows);
        }

        fn step(&mut self, _: TrainStep) {}

        fn average(&mut self, _: f64) {}

        fn state(&self) -> LearnerState {
            unreachable!("nothing is trained")
        }

        fn resume(&mut self, _: &LearnerState) {}

        fn wait(&self) {}

        fn restart(&mut self, _: &[f32]) {}

        fn mean_loss(&mut self) -> f32 {
            f32::NAN
        }

        fn parameters(&self) -> Vec<f32> {
            Vec::new()
        }

        fn field(&self) -> SharedField {
            unreachable!("nothing is trained")
        }
    }

    /// Calls `test` with samples of a ball's surface, and how many the pool holds.
    fn with_mixtures(pool_size: u32, test: impl FnOnce(Mixtures<'_>)) {
        let mesh = shapes::icosphere(4, 0.9);
        let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
        let surface = SurfaceSampler::new(&mesh);
        let bounds: Bounds = mesh.bounds();
        let source = SampleSource::new(&oracle, &surface, bounds);
        let mut sampling = Preset::Standard.settings().sampling;
        sampling.pool_size = pool_size;
        let residual = Residual::of(None, &Default::default());
        test(Mixtures::new(&source, &residual, sampling, Needs::Error, 1));
    }

    #[test]
    fn the_pool_stays_within_its_size_and_holds_true_distances() {
        with_mixtures(1000, |mut mixtures| {
            let mut pool = SamplePool::new(1000, Needs::Error);
            let mut rows = Rows(vec![[f32::NAN; 4]; 1000]);
            let cancel = CancelToken::new();
            for kept in [400, 800, 1000] {
                let (fresh, drawn) = mixtures.first(400, &cancel).unwrap();
                pool.add(&fresh, drawn, &mut rows);
                assert_eq!(pool.kept(), kept);
            }
            assert_eq!(pool.oldest, 200);
            cancel.cancel();
            assert_eq!(mixtures.first(400, &cancel), Err(Cancelled));
            for [x, y, z, distance] in &rows.0 {
                let radius = (x * x + y * y + z * z).sqrt();
                // A fine polyhedron of a sphere lies within 4e-3 of it.
                assert!((radius - 0.9 - distance).abs() < 4e-3);
            }
            rows.0.sort_by(|a, b| a.partial_cmp(b).unwrap());
            rows.0.dedup();
            assert_eq!(rows.0.len(), 1000, "samples were drawn twice");
        });
    }

    #[test]
    fn samples_drawn_beside_are_those_drawn_between() {
        with_mixtures(1 << 17, |mixtures| {
            let cancel = CancelToken::new();
            let size = 1 << 17;
            let mut rows = [(); 2].map(|()| Rows(vec![[f32::NAN; 4]; size]));
            let [between, beside] = &mut rows;
            let again = Mixtures { ..mixtures };
            let mut pool = SamplePool::new(size, Needs::Error);
            let mut supply = Supply::Between(mixtures);
            for mut due in [REFRESH - 1, REFRESH, REFRESH] {
                let wanted = due;
                supply
                    .refresh(&mut due, 0.0, &mut pool, between, &cancel)
                    .unwrap();
                assert_eq!(due, if wanted < REFRESH { wanted } else { 0 });
            }
            assert_eq!(pool.kept(), size);
            std::thread::scope(|scope| {
                let mut pool = SamplePool::new(size, Needs::Error);
                let mut supply = Supply::beside(again, &cancel, scope);
                // One order after the other, so that both are as large; they are taken whenever they are there.
                for kept in [REFRESH, 2 * REFRESH] {
                    let mut due = REFRESH;
                    while pool.kept() < kept {
                        supply
                            .refresh(&mut due, 0.0, &mut pool, beside, &cancel)
                            .unwrap();
                        std::thread::yield_now();
                    }
                    assert_eq!(due, 0);
                }
                cancel.cancel();
                let ended = |_| {
                    let mut due = 10 * MOST_BESIDE;
                    let result = supply.refresh(&mut due, 0.0, &mut pool, beside, &cancel);
                    assert!(result.is_err() || due <= MOST_BESIDE);
                    std::thread::yield_now();
                    result.is_err()
                };
                assert!((0..).any(ended));
            });
            assert_eq!(rows[0].0, rows[1].0);
        });
    }

    #[test]
    fn a_pool_is_filled_again_with_what_was_in_it() {
        with_mixtures(1000, |mixtures| {
            let cancel = CancelToken::new();
            let again = || Mixtures { ..mixtures };
            let [mut first, mut second] = [again(), again()];
            let [mut before, mut after] = [(); 2].map(|()| Rows(vec![[f32::NAN; 4]; 1000]));
            let mut pool = SamplePool::new(1000, Needs::Error);
            for (count, used) in [(300, 0.0), (400, 0.1), (2000, 0.2), (400, 0.3), (300, 0.4)] {
                let drawn = [Drawn { count, used }];
                pool.refill(&drawn, &mut first, &mut before, &cancel)
                    .unwrap();
            }
            let mut refilled = SamplePool::new(1000, Needs::Error);
            refilled
                .refill(pool.drawn(), &mut second, &mut after, &cancel)
                .unwrap();
            assert_eq!(before.0, after.0);
            assert_eq!(
                (refilled.kept, refilled.oldest, second.drawn),
                (pool.kept, pool.oldest, first.drawn)
            );
            assert_eq!(refilled.drawn, pool.drawn);
        });
    }
}
