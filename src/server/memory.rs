//! The ledger of memory: what clients make the daemon hold is charged before it is there, within one limit.
//!
//! Work that is new waits in the order in which it came until there is room, and leaves the last eighth to work that has begun: so what has
//! begun can always end. Growth of work that has begun goes ahead of the queue. What can never fit is refused at once, what waits too long then,
//! both with the figures. What stays until a client deletes it takes half at most, so that no number of meshes stops everything else.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::ApiError;

/// Charges below this share of the limit pass larger ones that wait.
const SMALL: u64 = 1000;

/// The ledger, shared by all who charge.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Ledger>);

#[derive(Debug)]
struct Ledger {
    limit: u64,
    /// How long a charge waits.
    patience: Duration,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    /// Everything.
    held: u64,
    /// Of this, what stays until it is deleted.
    kept: u64,
    /// Charges that begin to hold something, in the order in which they came.
    new: VecDeque<Waiting>,
    /// Charges that grow.
    growing: VecDeque<Waiting>,
}

/// A charge that there is no room for yet.
#[derive(Debug)]
struct Waiting {
    bytes: u64,
    granted: oneshot::Sender<Charge>,
}

/// A charge that is made, or for which there is to be room.
enum Begun {
    Granted(Charge),
    Waits(oneshot::Receiver<Charge>),
}

/// Bytes that somebody holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Charge {
    memory: Memory,
    bytes: u64,
    kept: bool,
}

/// What the ledger says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryUse {
    pub(super) limit: u64,
    pub(super) held: u64,
    /// Of this, what stays until it is deleted.
    pub(super) kept: u64,
    /// Charges that wait.
    pub(super) waiting: u64,
}

impl Memory {
    /// A ledger of `limit` bytes, in which nobody waits longer than `patience`.
    pub(super) fn new(limit: u64, patience: Duration) -> Self {
        Self(Arc::new(Ledger {
            limit,
            patience,
            accounts: Mutex::default(),
        }))
    }

    /// What is held now.
    pub(super) fn in_use(&self) -> MemoryUse {
        let accounts = self.accounts();
        MemoryUse {
            limit: self.0.limit,
            held: accounts.held,
            kept: accounts.kept,
            waiting: (accounts.new.len() + accounts.growing.len()) as u64,
        }
    }

    /// A charge of nothing yet.
    pub(super) fn nothing(&self) -> Charge {
        self.charge_of(0)
    }

    /// Charges new work, once it is its turn.
    ///
    /// # Errors
    /// [`ApiError::NoMemory`], at once if it can never fit, else after waiting.
    pub(super) async fn charge(&self, bytes: u64) -> Result<Charge, ApiError> {
        match self.begin(bytes, false)? {
            Begun::Granted(charge) => Ok(charge),
            Begun::Waits(grant) => self.wait(bytes, grant).await,
        }
    }

    /// Charges something that belongs to work that has begun, ahead of what is new.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub(super) async fn charge_more(&self, bytes: u64) -> Result<Charge, ApiError> {
        match self.begin(bytes, true)? {
            Begun::Granted(charge) => Ok(charge),
            Begun::Waits(grant) => self.wait(bytes, grant).await,
        }
    }

    fn begin(&self, bytes: u64, grows: bool) -> Result<Begun, ApiError> {
        let mut accounts = self.accounts();
        let is_next = match grows {
            true => accounts.growing.is_empty() && self.fits(&accounts, bytes),
            false => {
                let passes = accounts.is_calm() || bytes < self.0.limit / SMALL;
                passes && self.fits_new(&accounts, bytes)
            }
        };
        if is_next {
            accounts.held += bytes;
            return Ok(Begun::Granted(self.charge_of(bytes)));
        }
        let most = if grows { self.0.limit } else { self.most_new() };
        if bytes > most {
            return Err(self.refusal(&accounts, bytes));
        }
        let (granted, grant) = oneshot::channel();
        let queue = match grows {
            true => &mut accounts.growing,
            false => &mut accounts.new,
        };
        queue.push_back(Waiting { bytes, granted });
        Ok(Begun::Waits(grant))
    }

    /// Charges what there is room for now, without waiting.
    ///
    /// # Errors
    /// [`ApiError::NoMemory`].
    pub(super) fn charge_now(&self, bytes: u64) -> Result<Charge, ApiError> {
        let mut accounts = self.accounts();
        match self.fits(&accounts, bytes) {
            true => {
                accounts.held += bytes;
                Ok(self.charge_of(bytes))
            }
            false => Err(self.refusal(&accounts, bytes)),
        }
    }

    /// Charges what is there already, whether there is room for it or not.
    pub(super) fn charge_anyway(&self, bytes: u64) -> Charge {
        self.accounts().held += bytes;
        self.charge_of(bytes)
    }

    async fn wait(&self, bytes: u64, grant: oneshot::Receiver<Charge>) -> Result<Charge, ApiError> {
        // Whoever gives up, by its patience or with its call, may have stood before others.
        let _settled = Settled(self);
        let granted = tokio::time::timeout(self.0.patience, grant).await;
        match granted {
            Ok(Ok(charge)) => Ok(charge),
            _ => Err(self.refusal(&self.accounts(), bytes)),
        }
    }

    /// Grants what there is room for.
    fn settle(&self) {
        let mut granted = Vec::new();
        let mut accounts = self.accounts();
        accounts.forget_gone();
        while let Some(first) = accounts.growing.front()
            && self.fits(&accounts, first.bytes)
        {
            granted.extend(accounts.growing.pop_front());
            accounts.held += granted.last().map_or(0, |last| last.bytes);
        }
        while let Some(at) = self.next_new(&accounts) {
            granted.extend(accounts.new.remove(at));
            accounts.held += granted.last().map_or(0, |last| last.bytes);
        }
        drop(accounts);
        for Waiting { bytes, granted } in granted {
            // One that went away meanwhile gives it back.
            let _ = granted.send(self.charge_of(bytes));
        }
    }

    /// The one of those that begin whose turn it is: the first, or a small one that fits where the first does not.
    fn next_new(&self, accounts: &Accounts) -> Option<usize> {
        let small = self.0.limit / SMALL;
        let mut new = accounts.new.iter().enumerate();
        let turn = new.find(|(at, waiting)| {
            (*at == 0 || waiting.bytes < small) && self.fits_new(accounts, waiting.bytes)
        });
        turn.map(|(at, _)| at)
            .filter(|_| accounts.growing.is_empty())
    }

    fn fits(&self, accounts: &Accounts, bytes: u64) -> bool {
        accounts
            .held
            .checked_add(bytes)
            .is_some_and(|sum| sum <= self.0.limit)
    }

    fn fits_new(&self, accounts: &Accounts, bytes: u64) -> bool {
        self.fits(
            accounts,
            bytes.saturating_add(self.0.limit - self.most_new()),
        )
    }

    /// The most that new work may take.
    fn most_new(&self) -> u64 {
        self.0.limit - self.0.limit / 8
    }

    fn give_back(&self, bytes: u64, kept: u64) {
        if bytes == 0 {
            return;
        }
        let mut accounts = self.accounts();
        accounts.held -= bytes;
        accounts.kept -= kept;
        let somebody_waits = !accounts.is_calm();
        drop(accounts);
        if somebody_waits {
            self.settle();
        }
    }

    fn charge_of(&self, bytes: u64) -> Charge {
        Charge {
            memory: self.clone(),
            bytes,
            kept: false,
        }
    }

    fn refusal(&self, accounts: &Accounts, needed: u64) -> ApiError {
        ApiError::NoMemory {
            needed,
            held: accounts.held,
            limit: self.0.limit,
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0
            .accounts
            .lock()
            .expect("no holder of this lock panics")
    }
}

/// Lets others have what its end leaves.
struct Settled<'a>(&'a Memory);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

impl Accounts {
    /// Whether nobody waits.
    fn is_calm(&self) -> bool {
        self.new.is_empty() && self.growing.is_empty()
    }

    fn forget_gone(&mut self) {
        self.new.retain(|waiting| !waiting.granted.is_closed());
        self.growing.retain(|waiting| !waiting.granted.is_closed());
    }
}

impl Charge {
    /// What is charged, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Grows to `bytes`, once there is room, or shrinks.
    ///
    /// # Errors
    /// As [`Memory::charge`]; nothing has changed then.
    pub(super) async fn resize(&mut self, bytes: u64) -> Result<(), ApiError> {
        if bytes > self.bytes {
            let more = self.memory.charge_more(bytes - self.bytes).await?;
            self.absorb(more);
        } else {
            self.shrink(bytes);
        }
        Ok(())
    }

    /// Grows to `bytes` if there is room now.
    ///
    /// # Errors
    /// [`ApiError::NoMemory`]; nothing has changed then.
    pub(super) fn grow_now(&mut self, bytes: u64) -> Result<(), ApiError> {
        let more = self.memory.charge_now(bytes.saturating_sub(self.bytes))?;
        self.absorb(more);
        Ok(())
    }

    /// As [`resize`](Self::resize), on a thread for blocking work.
    ///
    /// # Errors
    /// As [`Memory::charge`].
    pub(super) fn resize_blocking(&mut self, bytes: u64) -> Result<(), ApiError> {
        match bytes > self.bytes {
            true => Handle::current().block_on(self.resize(bytes)),
            false => {
                self.shrink(bytes);
                Ok(())
            }
        }
    }

    /// Shrinks to `bytes`, if it is larger.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.memory
            .give_back(less, if self.kept { less } else { 0 });
    }

    /// From now on it stays until it is deleted.
    ///
    /// # Errors
    /// [`ApiError::MemoryKept`] if all that stays would take more than half.
    pub(super) fn keep(&mut self) -> Result<(), ApiError> {
        let limit = self.memory.0.limit / 2;
        let mut accounts = self.memory.accounts();
        if !self.kept && accounts.kept + self.bytes > limit {
            return Err(ApiError::MemoryKept {
                needed: self.bytes,
                kept: accounts.kept,
                limit,
            });
        }
        if !self.kept {
            accounts.kept += self.bytes;
        }
        drop(accounts);
        self.kept = true;
        Ok(())
    }

    /// Why there is no room for `needed` bytes.
    pub(super) fn refusal(&self, needed: u64) -> ApiError {
        self.memory.refusal(&self.memory.accounts(), needed)
    }

    /// Takes over what another holds.
    pub(super) fn absorb(&mut self, mut other: Charge) {
        debug_assert!(!self.kept && !other.kept);
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn ledger(limit: u64) -> Memory {
        Memory::new(limit, LONG)
    }

    #[tokio::test]
    async fn new_work_leaves_an_eighth_and_growth_takes_it() {
        let memory = ledger(800);
        let mut first = memory.charge(700).await.unwrap();
        first.resize(800).await.unwrap();
        assert!(memory.charge_now(1).is_err());
        first.shrink(10);
        assert_eq!(memory.in_use().held, 10);
        // What can never fit is refused at once, with the figures.
        let refused = memory.charge(701).await.unwrap_err();
        assert!(matches!(
            refused,
            ApiError::NoMemory {
                needed: 701,
                held: 10,
                limit: 800
            }
        ));
        assert!(memory.charge(u64::MAX).await.is_err());
        assert!(memory.charge_more(u64::MAX).await.is_err());
        drop(first);
        assert_eq!(memory.in_use().held, 0);
    }

    #[tokio::test]
    async fn turns_are_taken_in_order_and_growth_goes_ahead() {
        let memory = ledger(8000);
        let ledger = memory.clone();
        let held = memory.charge(6500).await.unwrap();
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for (number, bytes) in [(0, 6000), (1, 2000), (2, 900)] {
            let (memory, told) = (memory.clone(), told.clone());
            tasks.push(tokio::spawn(async move {
                let charge = memory.charge(bytes).await.unwrap();
                told.send(number).unwrap();
                drop(charge);
            }));
            while ledger.in_use().waiting <= number {
                tokio::task::yield_now().await;
            }
        }
        // One that is small passes, and so does what grows.
        drop(memory.charge(5).await.unwrap());
        drop(memory.charge_more(1000).await.unwrap());
        // The first gives up: the second was only behind it.
        tasks.remove(0).abort();
        drop(held);
        assert_eq!(order.recv().await, Some(1));
        assert_eq!(order.recv().await, Some(2));
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            memory.in_use(),
            MemoryUse {
                limit: 8000,
                held: 0,
                kept: 0,
                waiting: 0
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let memory = Memory::new(100, Duration::from_secs(7));
        let held = memory.charge_anyway(120);
        assert!(matches!(
            memory.charge(50).await.unwrap_err(),
            ApiError::NoMemory {
                needed: 50,
                held: 120,
                limit: 100
            }
        ));
        drop(held);
        assert_eq!(memory.charge(50).await.unwrap().bytes(), 50);
        assert_eq!(memory.in_use().waiting, 0);
    }

    #[tokio::test]
    async fn what_stays_takes_half_at_most() {
        let memory = ledger(100);
        let (mut a, mut b) = (memory.nothing(), memory.nothing());
        a.resize(30).await.unwrap();
        b.resize(30).await.unwrap();
        a.keep().unwrap();
        assert!(matches!(
            b.keep(),
            Err(ApiError::MemoryKept {
                needed: 30,
                kept: 30,
                limit: 50
            })
        ));
        b.shrink(20);
        b.keep().unwrap();
        assert_eq!(memory.in_use().kept, 50);
        drop((a, b));
        assert_eq!((memory.in_use().kept, memory.in_use().held), (0, 0));
    }
}
