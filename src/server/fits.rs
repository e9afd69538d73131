//! The fits: a queue, threads of their own that work it off, and what is known about each.
//!
//! A fit belongs to nobody: its client may go away, others may watch. Watchers see the newest of its state only, so that
//! none of them can slow training.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::SystemTime;

use tokio::sync::watch;

use super::activity::Need;
use super::error::ApiError;
use super::fit::Fit;
use super::fit_run::{FitRunner, Order, is_unsaved};
use super::page::{Place, page};
use super::proto::{self, FitState};
use super::resource_name::{Collection, new_id, request_id};
use crate::field::ModelError;

/// Fits that have ended and are remembered; beyond, the oldest are forgotten.
const REMEMBERED: usize = 1000;

/// All fits of a daemon.
pub(super) struct Fits(Arc<Shared>);

struct Shared {
    runner: FitRunner,
    max_queued: u32,
    queue: Mutex<Queue>,
    /// Told when the queue grows or closes.
    changed: Condvar,
    /// Threads that have not ended.
    threads: watch::Sender<u32>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// The connections of those that wait which had a turn already, the last one last.
    served: Vec<Option<SocketAddr>>,
    all: HashMap<String, Arc<Fit>>,
    closed: bool,
}

/// A fit that waits for its turn.
struct Waiting {
    fit: Arc<Fit>,
    order: Order,
    /// Held to the end of the fit.
    need: Need,
}

impl Fits {
    /// Starts `max_running` threads that wait for fits. `before` are those of an earlier daemon, in their order.
    pub(super) fn start(
        runner: FitRunner,
        before: Vec<(proto::Fit, Option<Order>)>,
        max_running: u32,
        max_queued: u32,
    ) -> Self {
        let mut queue = Queue::default();
        for (message, order) in before {
            let fit = Arc::new(Fit::restored(message));
            queue.all.insert(fit.id.clone(), fit.clone());
            if let Some(order) = order {
                let need = runner.activity.need();
                queue.waiting.push_back(Waiting { fit, order, need });
            }
        }
        let shared = Arc::new(Shared {
            runner,
            max_queued,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            threads: watch::Sender::new(0),
        });
        for number in 0..max_running.max(1) {
            let shared = shared.clone();
            shared.threads.send_modify(|threads| *threads += 1);
            thread::Builder::new()
                .name(format!("fit-{number}"))
                .spawn(move || {
                    shared.work_off();
                    shared.threads.send_modify(|threads| *threads -= 1);
                })
                .expect("the system starts a few threads");
        }
        Self(shared)
    }

    /// The fit that this very request has led to before; `None` for a new request.
    ///
    /// # Errors
    /// [`ApiError::Field`] for an id that is none, [`ApiError::RequestIdUsed`] if it is another request's.
    pub(super) fn of_request(
        &self,
        request: &proto::CreateFitRequest,
    ) -> Result<Option<proto::Fit>, ApiError> {
        let Some(id) = request_id(&request.request_id, "request_id")? else {
            return Ok(None);
        };
        let Ok(fit) = self.get(&id) else {
            // Its model would be lost under that of the new one.
            return match self.0.runner.models.get(&id) {
                Ok(model) => Err(ApiError::RequestIdUsed(model.name)),
                Err(_) => Ok(None),
            };
        };
        let settings = request.settings.clone().unwrap_or_default();
        let named = request.display_name.is_empty() || request.display_name == fit.display_name;
        let same = fit.mesh == request.mesh && fit.expression == request.expression;
        match same && fit.settings == Some(settings) && named {
            true => Ok(Some(fit)),
            false => Err(ApiError::RequestIdUsed(fit.name)),
        }
    }

    /// Puts a fit in the queue, once it is written down. Waits for the disk.
    ///
    /// # Errors
    /// [`ApiError::QueueFull`], [`ApiError::ShuttingDown`], [`ApiError::RequestIdUsed`] if there is a fit with the id of the request, or
    /// [`ApiError::Field`] for one that is to take longer than a fit may.
    pub(super) fn create(&self, order: Order) -> Result<proto::Fit, ApiError> {
        let most = self.0.runner.most_time.as_secs_f64();
        if let Some(seconds) = order.asked.seconds.filter(|&asked| asked > most) {
            let message = format!("seconds is {seconds}: a fit may take {most} s here");
            return Err(ApiError::field("settings.seconds", message));
        }
        let (id, now) = (
            order.request_id.clone().unwrap_or_else(new_id),
            SystemTime::now(),
        );
        let message = proto::Fit {
            name: Collection::Fits.name(&id),
            display_name: order.display_name.clone(),
            mesh: order.mesh_name.clone(),
            expression: order.expression.clone(),
            settings: Some(order.asked.clone()),
            preset: order.settings.preset.to_string(),
            preset_reason: order.settings.preset_reason.clone().unwrap_or_default(),
            state: FitState::Queued.into(),
            create_time: Some(now.into()),
            sequence: 1,
            ..Default::default()
        };
        let fit = Arc::new(Fit::new(id.clone(), Place::new(now, &id), message.clone()));
        let forgotten = {
            let mut queue = self.0.queue();
            self.0.room(&queue)?;
            if queue.all.contains_key(&id) {
                return Err(ApiError::RequestIdUsed(message.name));
            }
            let forgotten = queue.forget_oldest();
            queue.all.insert(id.clone(), fit.clone());
            forgotten
        };
        let journal = &self.0.runner.journal;
        for forgotten in forgotten {
            journal.forget(&forgotten);
        }
        let mesh = order.mesh.as_ref().map(|held| &held.mesh);
        if let Err(error) = journal.begin(&message, mesh) {
            tracing::warn!(name = message.name, %error, "a fit will not outlive the daemon");
            let warning = format!(
                "The fit is lost if the daemon ends before it does: it cannot be written down ({error})"
            );
            fit.update(|message| message.warnings.push(warning));
        }
        let mut queue = self.0.queue();
        if let Err(error) = self.0.room(&queue) {
            // The room was taken meanwhile, or the daemon is about to end.
            queue.all.remove(&id);
            drop(queue);
            journal.forget(&id);
            return Err(error);
        }
        if fit.cancel.is_cancelled() {
            // By whoever saw it in the list meanwhile.
            drop(queue);
            self.0.runner.end_cancelled(&fit);
            return Ok(fit.now());
        }
        let need = self.0.runner.activity.need();
        let fit = queue.push(Waiting { fit, order, need });
        self.0.changed.notify_one();
        Ok(fit)
    }

    /// A fit as it is now.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn get(&self, id: &str) -> Result<proto::Fit, ApiError> {
        Ok(self.0.queue().find(id)?.now())
    }

    /// A page of the list, and the token of the next.
    ///
    /// # Errors
    /// As [`page`].
    pub(super) fn list(
        &self,
        size: i32,
        token: &str,
    ) -> Result<(Vec<proto::Fit>, String), ApiError> {
        let fits: Vec<Arc<Fit>> = self.0.queue().all.values().cloned().collect();
        page(
            fits.iter()
                .map(|fit| (fit.place.clone(), fit.now()))
                .collect(),
            size,
            token,
        )
    }

    /// The state of each.
    pub(super) fn states(&self) -> Vec<FitState> {
        let fits = self.0.queue();
        fits.all
            .values()
            .map(|fit| fit.state.borrow().state())
            .collect()
    }

    /// Stops a fit: at once if it waits, at its next look at the token if it runs. A fit that has ended stays as it is.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn cancel(&self, id: &str) -> Result<proto::Fit, ApiError> {
        let (fit, at_rest) = {
            let mut queue = self.0.queue();
            let fit = queue.find(id)?.clone();
            fit.cancel();
            let before = queue.waiting.len();
            (queue.waiting).retain(|waiting| !Arc::ptr_eq(&waiting.fit, &fit));
            let at_rest = queue.waiting.len() < before || fit.is_left();
            (fit, at_rest)
        };
        if at_rest {
            self.0.runner.end_cancelled(&fit);
        }
        Ok(fit.now())
    }

    /// Ends the training of a fit that runs and keeps its best state. A fit that has ended stays as it is.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], or [`ApiError::FitNotRunning`] while it waits.
    pub(super) fn finish(&self, id: &str) -> Result<proto::Fit, ApiError> {
        let fit = self.find(id)?;
        fit.finish()?;
        Ok(fit.now())
    }

    /// The fit itself, which stays when it is forgotten.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn find(&self, id: &str) -> Result<Arc<Fit>, ApiError> {
        Ok(self.0.queue().find(id)?.clone())
    }

    /// Forgets a fit that has ended.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], or [`ApiError::FitNotEnded`].
    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let mut queue = self.0.queue();
        if !queue.find(id)?.has_ended() {
            return Err(ApiError::FitNotEnded { id: id.to_owned() });
        }
        queue.all.remove(id);
        drop(queue);
        self.0.runner.journal.forget(id);
        Ok(())
    }

    /// Takes nothing new, and leaves everything to the next daemon: what waits at once, what runs as soon as its state is written down. The threads
    /// end soon after. What is not in the journal is cancelled.
    pub(super) fn suspend(&self) {
        let waiting = {
            let mut queue = self.0.queue();
            queue.closed = true;
            // Under the lock: whoever cancels does so before or after.
            for fit in queue.all.values().filter(|fit| !fit.has_ended()) {
                fit.suspend();
            }
            std::mem::take(&mut queue.waiting)
        };
        for Waiting { fit, .. } in waiting {
            self.0.runner.leave(&fit);
        }
        self.0.changed.notify_all();
    }

    /// Tries once more to write the models that could not be written. Gives those that still cannot, and why. Waits for the disk.
    pub(super) fn save_unsaved(&self) -> Vec<(String, ModelError)> {
        let models = &self.0.runner.models;
        let mut still = Vec::new();
        for id in models.unsaved() {
            if let Err(error) = models.save_again(&id) {
                still.push((id, error));
            }
        }
        let all: Vec<Arc<Fit>> = self.0.queue().all.values().cloned().collect();
        for fit in all.iter().filter(|fit| is_unsaved(fit)) {
            if still.iter().all(|(id, _)| *id != fit.id) {
                self.0.runner.settle(fit);
            }
        }
        let named = still.into_iter();
        named
            .map(|(id, error)| (Collection::Models.name(&id), error))
            .collect()
    }

    /// Waits until every thread has ended, after [`suspend`](Self::suspend).
    pub(super) async fn ended(&self) {
        let mut threads = self.0.threads.subscribe();
        // The sender lives as long as `self`.
        let _ = threads.wait_for(|threads| *threads == 0).await;
    }
}

impl Drop for Fits {
    fn drop(&mut self) {
        self.suspend();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no holder of this lock panics")
    }

    /// Checks that another fit is taken.
    fn room(&self, queue: &Queue) -> Result<(), ApiError> {
        if queue.closed {
            return Err(ApiError::ShuttingDown);
        }
        match queue.waiting.len() >= self.max_queued as usize {
            true => Err(ApiError::QueueFull {
                limit: self.max_queued,
            }),
            false => Ok(()),
        }
    }

    /// What a fit thread does all its life.
    fn work_off(&self) {
        while let Some(Waiting { fit, order, need }) = self.next() {
            self.runner.run(&fit, &order);
            drop(need);
        }
    }

    /// Waits for a fit, which is then marked as running; `None` once the queue is closed.
    fn next(&self) -> Option<Waiting> {
        let queue = self.queue();
        let mut queue = self
            .changed
            .wait_while(queue, |queue| !queue.closed && queue.waiting.is_empty())
            .expect("no holder of this lock panics");
        let waiting = queue.pop()?;
        // Under the lock: whoever cancels sees it either waiting or running.
        waiting.fit.update(|message| {
            message.state = FitState::Running.into();
            message.start_time = Some(SystemTime::now().into());
            message.progress = Some(proto::Progress {
                phase: proto::Phase::Prepare.into(),
                ..Default::default()
            });
        });
        Some(waiting)
    }
}

impl Queue {
    /// Appends a fit, and gives it as it is now.
    fn push(&mut self, waiting: Waiting) -> proto::Fit {
        let message = waiting.fit.now();
        self.waiting.push_back(waiting);
        message
    }

    /// Takes the next: of the connection that had its last turn the longest ago, or none yet, the first. So who asks for many fits at once does not
    /// keep others from theirs.
    fn pop(&mut self) -> Option<Waiting> {
        let last_turn = |waiting: &Waiting| {
            let mut served = self.served.iter();
            served.rposition(|client| *client == waiting.order.client)
        };
        let waiting = self.waiting.iter().enumerate();
        let (at, _) = waiting.min_by_key(|(_, waiting)| last_turn(waiting))?;
        let next = self.waiting.remove(at)?;
        let waits = |client: &Option<SocketAddr>| {
            let mut waiting = self.waiting.iter();
            *client != next.order.client && waiting.any(|waiting| waiting.order.client == *client)
        };
        let mut served: Vec<_> = self.served.iter().copied().filter(waits).collect();
        served.push(next.order.client);
        self.served = served;
        Some(next)
    }

    fn find(&self, id: &str) -> Result<&Arc<Fit>, ApiError> {
        self.all.get(id).ok_or_else(|| ApiError::NotFound {
            collection: Collection::Fits,
            id: id.to_owned(),
        })
    }

    /// Makes room for another. Gives the ids of those that are forgotten.
    fn forget_oldest(&mut self) -> Vec<String> {
        let ended = self.all.iter().filter(|(_, fit)| fit.has_ended());
        let mut ended: Vec<(Place, String)> = ended
            .map(|(id, fit)| (fit.place.clone(), id.clone()))
            .collect();
        ended.sort_unstable();
        ended.truncate((ended.len() + 1).saturating_sub(REMEMBERED));
        let forgotten = ended.into_iter().map(|(_, id)| id);
        forgotten.inspect(|id| drop(self.all.remove(id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::activity::Activity;
    use super::*;
    use crate::train::Preset;

    #[test]
    fn connections_take_turns_and_each_has_its_fits_in_order() {
        let mut queue = Queue::default();
        let ask = |queue: &mut Queue, client: u16, name: &str| {
            let order = Order {
                mesh_name: String::new(),
                mesh: None,
                expression: None,
                display_name: String::new(),
                asked: proto::FitSettings::default(),
                settings: Preset::default().settings(),
                request_id: None,
                client: Some(([127, 0, 0, 1], client).into()),
            };
            let place = Place::new(SystemTime::now(), name);
            queue.push(Waiting {
                fit: Arc::new(Fit::new(name.to_owned(), place, proto::Fit::default())),
                order,
                need: Activity::new().need(),
            });
        };
        for name in ["a1", "a2", "a3", "a4"] {
            ask(&mut queue, 1, name);
        }
        ask(&mut queue, 2, "b1");
        let next = |queue: &mut Queue| queue.pop().map(|waiting| waiting.fit.id.clone());
        assert_eq!(next(&mut queue).unwrap(), "a1");
        ask(&mut queue, 3, "c1");
        ask(&mut queue, 2, "b2");
        let rest: Vec<String> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(rest, ["b1", "c1", "a2", "b2", "a3", "a4"]);
        assert_eq!(queue.served.len(), 1);
    }
}
