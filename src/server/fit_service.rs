//! `overfit.v1.FitService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::blocking::run_blocking;
use super::convert::{fit_settings, preset_choice};
use super::error::ApiError;
use super::extraction::Messages;
use super::fit_run::Order;
use super::fit_watch::{FitWatch, PACE};
use super::fits::Fits;
use super::mesh_data::check_display_name;
use super::meshes::Meshes;
use super::preview::Previews;
use super::proto;
use super::proto::fit_service_server::FitService;
use super::resource_name::{Collection, request_id};
use crate::field::{DeviceChoice, DeviceReport, open_engine};

/// Asks for fits, watches, previews and stops them.
pub(super) struct FitCalls {
    pub(super) meshes: Arc<Meshes>,
    pub(super) fits: Arc<Fits>,
    /// The devices that were found at the start.
    pub(super) devices: Arc<[DeviceReport]>,
    pub(super) previews: Previews,
}

#[tonic::async_trait]
impl FitService for FitCalls {
    type WatchFitStream = FitWatch;
    type PreviewFitStream = Messages<proto::PreviewFitResponse>;

    async fn create_fit(
        &self,
        request: Request<proto::CreateFitRequest>,
    ) -> Result<Response<proto::CreateFitResponse>, Status> {
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
        fit_settings(&asked, choice.without_mesh())?;
        let (mesh_message, mesh) = self
            .meshes
            .get(Collection::Meshes.id(&request.mesh, "mesh")?)?;
        let points = mesh_message
            .health
            .as_ref()
            .map_or(0, |health| health.points);
        let looked_at = mesh.clone();
        let chosen = run_blocking(move |_| Ok(choice.for_mesh(&looked_at.mesh, points))).await?;
        let settings = fit_settings(&asked, chosen)?;
        if let DeviceChoice::Named(device) = settings.device
            && !self.devices.iter().any(|known| known.device == device)
        {
            // Told now, not when the fit's turn comes; the device itself says why.
            run_blocking(move |_| Ok(open_engine(settings.device).map(drop)?)).await?;
        }
        let display_name = match &request.display_name {
            name if name.is_empty() => mesh_message.display_name,
            name => name.clone(),
        };
        let order = Order {
            mesh_name: request.mesh.clone(),
            mesh: Some(mesh),
            display_name,
            asked,
            settings,
            request_id,
        };
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
        let proto::PreviewFitRequest {
            name,
            resolution,
            after_step,
        } = request.into_inner();
        let fit = self.fits.find(Collection::Fits.id(&name, "name")?)?;
        let messages = self.previews.of(&fit, resolution, after_step).await?;
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
