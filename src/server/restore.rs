//! The fits of an earlier daemon that was killed, or whose machine lost power.

use std::time::SystemTime;

use super::convert::fit_settings;
use super::fits::Order;
use super::journal::{Entry, Journal, Work};
use super::meshes::Meshes;
use super::models::Models;
use super::proto::{self, FitState};
use super::resource_name::Collection;

/// What becomes of each: those that have ended are listed, the others wait for their turn again.
pub(super) fn restored(
    entries: Vec<Entry>,
    meshes: &Meshes,
    models: &Models,
    journal: &Journal,
) -> Vec<(proto::Fit, Option<Order>)> {
    let fits: Vec<(proto::Fit, Option<Order>)> = (entries.into_iter())
        .map(|entry| match entry.work {
            None => (entry.fit, None),
            Some(work) => {
                let mut fit = entry.fit;
                let order = order(&mut fit, work, meshes, models);
                if order.is_none() {
                    fit.end_time = Some(SystemTime::now().into());
                    if let Err(error) = journal.end(&fit) {
                        tracing::warn!(name = fit.name, %error, "the end of a fit is not on disk");
                    }
                }
                (fit, order)
            }
        })
        .collect();
    let waiting = fits.iter().filter(|(_, order)| order.is_some()).count();
    if waiting > 0 {
        tracing::warn!(
            fits = waiting,
            "the daemon before did not end by itself: its fits go on"
        );
    }
    fits
}

/// A fit that waits again; `None` for one that has ended after all.
fn order(fit: &mut proto::Fit, work: Work, meshes: &Meshes, models: &Models) -> Option<Order> {
    let id = Collection::Fits.id(&fit.name, "name").ok()?;
    // Killed between the model's last byte and the word that it is there.
    if let Ok(model) = models.get(id) {
        fit.state = FitState::Succeeded.into();
        (fit.model, fit.metrics) = (model.name, model.metrics);
        return None;
    }
    let asked = fit.settings.clone().unwrap_or_default();
    let found = match work {
        Work::Lost(words) => Err(words),
        Work::Ready { mesh, checkpoint } => match fit_settings(&asked) {
            Ok(settings) => Ok((mesh, checkpoint, settings)),
            Err(error) => Err(error.to_string()),
        },
    };
    match found {
        Ok((mesh, checkpoint, settings)) => {
            fit.state = FitState::Queued.into();
            (fit.start_time, fit.progress) = (None, None);
            Some(Order {
                mesh_name: fit.mesh.clone(),
                mesh: meshes.hold(mesh),
                display_name: fit.display_name.clone(),
                asked,
                settings,
                checkpoint: checkpoint.map(|checkpoint| *checkpoint),
            })
        }
        Err(words) => {
            fit.state = FitState::Failed.into();
            fit.error = Some(proto::FitError {
                reason: "FIT_LOST".to_owned(),
                message: format!(
                    "The daemon was ended while this fit was under way, and it cannot go on: {words}"
                ),
            });
            None
        }
    }
}
