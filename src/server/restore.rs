//! The fits of an earlier daemon that was stopped or killed, or whose machine lost power.

use std::time::SystemTime;

use super::convert::fit_settings;
use super::error::ApiError;
use super::fit::has_ended;
use super::fit_run::Order;
use super::journal::Journal;
use super::models::Models;
use super::proto::{self, FitState};
use super::resource_name::Collection;
use crate::train::{Chosen, Preset};

/// What becomes of each: those that have ended are listed, the others wait for their turn again.
pub(super) fn restored(
    fits: Vec<proto::Fit>,
    models: &Models,
    journal: &Journal,
) -> Vec<(proto::Fit, Option<Order>)> {
    let fits: Vec<(proto::Fit, Option<Order>)> = (fits.into_iter())
        .map(|mut fit| {
            if has_ended(&fit) {
                return (fit, None);
            }
            let order = order(&mut fit, models);
            if order.is_none() {
                fit.end_time = Some(SystemTime::now().into());
                if let Err(error) = journal.end(&fit) {
                    tracing::warn!(name = fit.name, %error, "the end of a fit is not on disk");
                }
            }
            (fit, order)
        })
        .collect();
    let waiting = fits.iter().filter(|(_, order)| order.is_some()).count();
    if waiting > 0 {
        tracing::info!(fits = waiting, "fits of the daemon before go on");
    }
    fits
}

/// A fit that waits again; `None` for one that has ended after all.
fn order(fit: &mut proto::Fit, models: &Models) -> Option<Order> {
    let id = Collection::Fits.id(&fit.name, "name").ok()?;
    // Killed between the model's last byte and the word that it is there.
    if let Ok(model) = models.get(id)
        && model.damage.is_empty()
    {
        fit.state = FitState::Succeeded.into();
        (fit.model, fit.metrics) = (model.name, model.metrics);
        return None;
    }
    let asked = fit.settings.clone().unwrap_or_default();
    // Chosen when the fit was asked for.
    let chosen = fit.preset.parse::<Preset>().map(|preset| Chosen {
        preset,
        reason: Some(fit.preset_reason.clone()).filter(|reason| !reason.is_empty()),
    });
    let settings = match chosen {
        Ok(chosen) => fit_settings(&asked, chosen),
        Err(error) => Err(ApiError::FitLost(error.to_string())),
    };
    match settings {
        Ok(settings) => {
            fit.state = FitState::Queued.into();
            (fit.start_time, fit.progress) = (None, None);
            Some(Order {
                mesh_name: fit.mesh.clone(),
                mesh: None,
                expression: fit.expression.clone(),
                display_name: fit.display_name.clone(),
                asked,
                settings,
                request_id: None,
                client: None,
            })
        }
        Err(error) => {
            let error = ApiError::FitLost(error.to_string());
            fit.state = FitState::Failed.into();
            fit.error = Some(proto::FitError {
                reason: error.reason().to_owned(),
                message: error.to_string(),
            });
            None
        }
    }
}
