//! `overfit.v1.FitService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::blocking::run_blocking;
use super::combinations::Combinations;
use super::convert::{fit_settings, preset_choice};
use super::error::ApiError;
use super::expression::expression;
use super::extraction::Messages;
use super::fit_run::Order;
use super::fit_watch::{FitWatch, PACE};
use super::fits::Fits;
use super::mesh_data::check_display_name;
use super::meshes::Meshes;
use super::message_memory::InFlight;
use super::preview::Previews;
use super::proto;
use super::proto::fit_service_server::FitService;
use super::resource_name::{Collection, request_id};
use crate::field::{DeviceChoice, DeviceReport, open_engine};
use crate::train::PresetChoice;

/// Asks for fits, watches, previews and stops them.
pub(super) struct FitCalls {
    pub(super) meshes: Arc<Meshes>,
    pub(super) fits: Arc<Fits>,
    pub(super) combinations: Arc<Combinations>,
    /// The devices that were found at the start.
    pub(super) devices: Arc<[DeviceReport]>,
    pub(super) previews: Previews,
}

impl FitCalls {
    /// An order for a mesh, with the preset that was chosen by it.
    async fn of_mesh(&self, order: Order, choice: PresetChoice) -> Result<Order, ApiError> {
        let id = Collection::Meshes.id(&order.mesh_name, "mesh")?;
        let (message, mesh) = self.meshes.get(id)?;
        let points = message.health.as_ref().map_or(0, |health| health.points);
        let looked_at = mesh.clone();
        let chosen = run_blocking(move |_| Ok(choice.for_mesh(&looked_at.mesh, points))).await?;
        Ok(Order {
            mesh: Some(mesh),
            display_name: match order.display_name {
                name if name.is_empty() => message.display_name,
                name => name,
            },
            settings: fit_settings(&order.asked, chosen)?,
            ..order
        })
    }

    /// An order for an expression, which is checked now; its surface is extracted when its turn comes.
    async fn of_expression(
        &self,
        order: Order,
        asked: &proto::Expression,
    ) -> Result<Order, ApiError> {
        if !order.mesh_name.is_empty() {
            let message = "mesh and expression are both set: a fit becomes one of them";
            return Err(ApiError::field("mesh", message));
        }
        let expression = expression(asked)?;
        let combinations = self.combinations.clone();
        run_blocking(move |_| combinations.combined(&expression).map(drop)).await?;
        Ok(Order {
            display_name: match order.display_name {
                name if name.is_empty() => "combination".to_owned(),
                name => name,
            },
            ..order
        })
    }
}

#[tonic::async_trait]
impl FitService for FitCalls {
    type WatchFitStream = FitWatch;
    type PreviewFitStream = Messages<proto::PreviewFitResponse>;

    async fn create_fit(
        &self,
        request: Request<proto::CreateFitRequest>,
    ) -> Result<Response<proto::CreateFitResponse>, Status> {
        let client = request.remote_addr();
        let request = request.into_inner();
        check_display_name(&request.display_name)?;
        // Before its mesh, which may be gone.
        if let Some(fit) = self.fits.of_request(&request)? {
            return Ok(Response::new(proto::CreateFitResponse { fit: Some(fit) }));
        }
        let request_id = request_id(&request.request_id, "request_id")?;
        let asked = request.settings.clone().unwrap_or_default();
        let choice = preset_choice(&asked)?;
        // What will not do with one preset hardly does with another: told before the mesh is looked at.
        let otherwise = fit_settings(&asked, choice.without_mesh())?;
        let order = Order {
            mesh_name: request.mesh.clone(),
            mesh: None,
            expression: request.expression.clone(),
            display_name: request.display_name.clone(),
            asked,
            settings: otherwise,
            request_id,
            client,
        };
        let order = match &request.expression {
            Some(expression) => self.of_expression(order, expression).await?,
            None => self.of_mesh(order, choice).await?,
        };
        let device = order.settings.device;
        if let DeviceChoice::Named(named) = device
            && !self.devices.iter().any(|known| known.device == named)
        {
            // Told now, not when the fit's turn comes; the device itself says why.
            run_blocking(move |_| Ok(open_engine(device).map(drop)?)).await?;
        }
        let fits = self.fits.clone();
        let fit = match run_blocking(move |_| fits.create(order)).await {
            // The same request came twice at once.
            Err(used @ ApiError::RequestIdUsed(_)) => {
                self.fits.of_request(&request)?.ok_or(used)?
            }
            fit => fit?,
        };
        Ok(Response::new(proto::CreateFitResponse { fit: Some(fit) }))
    }

    async fn get_fit(
        &self,
        request: Request<proto::GetFitRequest>,
    ) -> Result<Response<proto::GetFitResponse>, Status> {
        let name = request.into_inner().name;
        let fit = self.fits.get(Collection::Fits.id(&name, "name")?)?;
        Ok(Response::new(proto::GetFitResponse { fit: Some(fit) }))
    }

    async fn list_fits(
        &self,
        request: Request<proto::ListFitsRequest>,
    ) -> Result<Response<proto::ListFitsResponse>, Status> {
        let proto::ListFitsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (fits, next_page_token) = self.fits.list(page_size, &page_token)?;
        Ok(Response::new(proto::ListFitsResponse {
            fits,
            next_page_token,
        }))
    }

    async fn watch_fit(
        &self,
        request: Request<proto::WatchFitRequest>,
    ) -> Result<Response<Self::WatchFitStream>, Status> {
        let proto::WatchFitRequest {
            name,
            after_sequence,
        } = request.into_inner();
        let fit = self.fits.find(Collection::Fits.id(&name, "name")?)?;
        let watch = FitWatch::new(fit.state.subscribe(), after_sequence, PACE);
        Ok(Response::new(watch.until(fit.left())))
    }

    async fn cancel_fit(
        &self,
        request: Request<proto::CancelFitRequest>,
    ) -> Result<Response<proto::CancelFitResponse>, Status> {
        let name = request.into_inner().name;
        let id = Collection::Fits.id(&name, "name")?.to_owned();
        let fits = self.fits.clone();
        let fit = run_blocking(move |_| fits.cancel(&id)).await?;
        Ok(Response::new(proto::CancelFitResponse { fit: Some(fit) }))
    }

    async fn finish_fit(
        &self,
        request: Request<proto::FinishFitRequest>,
    ) -> Result<Response<proto::FinishFitResponse>, Status> {
        let name = request.into_inner().name;
        let fit = self.fits.finish(Collection::Fits.id(&name, "name")?)?;
        Ok(Response::new(proto::FinishFitResponse { fit: Some(fit) }))
    }

    async fn preview_fit(
        &self,
        request: Request<proto::PreviewFitRequest>,
    ) -> Result<Response<Self::PreviewFitStream>, Status> {
        let in_flight = InFlight::of(&request);
        let proto::PreviewFitRequest {
            name,
            resolution,
            after_step,
        } = request.into_inner();
        let fit = self.fits.find(Collection::Fits.id(&name, "name")?)?;
        let previews = &self.previews;
        let messages = previews
            .of(&fit, resolution, after_step, &in_flight)
            .await?;
        Ok(Response::new(messages))
    }

    async fn delete_fit(
        &self,
        request: Request<proto::DeleteFitRequest>,
    ) -> Result<Response<proto::DeleteFitResponse>, Status> {
        let name = request.into_inner().name;
        let id = Collection::Fits.id(&name, "name")?.to_owned();
        let fits = self.fits.clone();
        run_blocking(move |_| fits.delete(&id)).await?;
        Ok(Response::new(proto::DeleteFitResponse {}))
    }
}
