//! A bound on the memory that clients can make the daemon hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that may be held at once, shared by all who hold some.
#[derive(Clone, Debug)]
pub(super) struct MemoryBudget(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    limit: u64,
    held: AtomicU64,
}

/// Bytes that somebody holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: MemoryBudget,
    bytes: u64,
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self(Arc::new(Shares {
            limit,
            held: AtomicU64::new(0),
        }))
    }

    /// Bytes that are held by anybody, and the whole.
    pub(super) fn held_and_limit(&self) -> (u64, u64) {
        (self.0.held.load(Ordering::Acquire), self.0.limit)
    }

    /// A share that holds nothing yet.
    pub(super) fn share(&self) -> Held {
        Held {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Held {
    /// The whole budget, in bytes.
    pub(super) fn limit(&self) -> u64 {
        self.budget.0.limit
    }

    /// Grows or shrinks to `bytes`; `false`, and nothing changed, if there is no room for that.
    #[must_use]
    pub(super) fn resize(&mut self, bytes: u64) -> bool {
        let Shares { limit, held } = &*self.budget.0;
        let own = self.bytes;
        let resized = held.fetch_update(Ordering::AcqRel, Ordering::Acquire, |sum| {
            let sum = (sum - own).checked_add(bytes)?;
            (sum <= *limit || bytes <= own).then_some(sum)
        });
        if resized.is_ok() {
            self.bytes = bytes;
        }
        resized.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_stays_within_the_limit_and_comes_back() {
        let budget = MemoryBudget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert!(a.resize(60) && b.resize(40));
        assert!(!a.resize(61));
        assert!(a.resize(10) && b.resize(90));
        drop(a);
        assert!(b.resize(100) && !b.resize(101));
        drop(b);
        assert!(budget.share().resize(100));
        assert!(!budget.share().resize(u64::MAX));
    }
}
