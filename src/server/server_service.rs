//! `overfit.v1.ServerService`.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};

use super::memory::Memory;
use super::proto;
use super::proto::server_service_server::ServerService;
use super::settings::Limits;
use crate::combine::{MOST_DEPTH, MOST_MODELS, MOST_NODES};
use crate::export::ExportFormat;
use crate::field::DeviceReport;
use crate::query::Quantity;
use crate::train::{Preset, PresetChoice, settings_schema};

/// Says what this daemon is and can do.
pub(super) struct ServerCalls {
    pub(super) devices: Arc<[DeviceReport]>,
    pub(super) memory: Memory,
    pub(super) limits: Arc<Limits>,
    /// The longest that a fit may take.
    pub(super) most_fit_time: Duration,
}

#[tonic::async_trait]
impl ServerService for ServerCalls {
    async fn get_server_info(
        &self,
        _: Request<proto::GetServerInfoRequest>,
    ) -> Result<Response<proto::GetServerInfoResponse>, Status> {
        let presets = std::iter::once(choice_by_mesh()).chain(Preset::ALL.map(preset));
        let limits = &self.limits;
        let in_use = self.memory.in_use();
        Ok(Response::new(proto::GetServerInfoResponse {
            version: crate::VERSION.to_owned(),
            api: "overfit.v1".to_owned(),
            devices: self.devices.iter().map(device).collect(),
            presets: presets.collect(),
            limits: Some(proto::Limits {
                max_message_bytes: limits.max_message_bytes as u64,
                max_mesh_bytes: limits.max_mesh_bytes,
                max_model_bytes: limits.max_model_bytes,
                max_running_fits: limits.max_running_fits,
                max_queued_fits: limits.max_queued_fits,
                max_points: limits.max_points,
                max_extract_bytes: limits.max_extract_bytes,
                max_decoded_mesh_bytes: limits.max_decoded_mesh_bytes,
                max_pixels: limits.max_pixels,
                max_expression_nodes: MOST_NODES as u32,
                max_expression_depth: MOST_DEPTH as u32,
                max_combinations: limits.max_combinations,
                max_expression_models: MOST_MODELS as u32,
                max_memory_bytes: in_use.limit,
                max_fit_seconds: self.most_fit_time.as_secs_f64(),
            }),
            quantities: Quantity::ALL.map(quantity).to_vec(),
            export_formats: ExportFormat::ALL.map(export_format).to_vec(),
            memory_bytes: in_use.held,
        }))
    }

    async fn get_settings_schema(
        &self,
        _: Request<proto::GetSettingsSchemaRequest>,
    ) -> Result<Response<proto::GetSettingsSchemaResponse>, Status> {
        Ok(Response::new(proto::GetSettingsSchemaResponse {
            json: settings_schema().to_string(),
        }))
    }
}

/// About what a model's file has beside its parameters and its outer surface.
const DESCRIPTION_BYTES: u64 = 2500;

/// What it sets is told once it has seen the mesh.
fn choice_by_mesh() -> proto::Preset {
    proto::Preset {
        name: PresetChoice::Auto.to_string(),
        description: PresetChoice::AUTO_DESCRIPTION.to_owned(),
        ..proto::Preset::default()
    }
}

fn preset(preset: Preset) -> proto::Preset {
    let settings = preset.settings();
    let spline = settings
        .spline
        .map_or(0, |spline| spline.typical_coefficients());
    let (network, spline) = (
        settings.architecture.parameter_count() as u64,
        u64::from(spline),
    );
    proto::Preset {
        name: preset.name().to_owned(),
        description: preset.description().to_owned(),
        seconds: preset.seconds(),
        default: preset == Preset::default(),
        parameters: network + spline,
        // A coefficient takes two bytes, and half a byte of the masks.
        size_bytes: 4 * network
            + 5 * spline / 2
            + settings.outer.typical_bytes()
            + DESCRIPTION_BYTES,
    }
}

fn quantity(quantity: Quantity) -> proto::Quantity {
    let components = quantity.components().iter();
    proto::Quantity {
        name: quantity.name().to_owned(),
        description: quantity.description().to_owned(),
        components: components.map(|&component| component.to_owned()).collect(),
        length_power: quantity.length_power(),
    }
}

fn export_format(format: ExportFormat) -> proto::ExportFormat {
    proto::ExportFormat {
        name: format.name().to_owned(),
        description: format.description().to_owned(),
        max_numbers: format.most_numbers().unwrap_or(0) as u64,
    }
}

fn device(report: &DeviceReport) -> proto::Device {
    proto::Device {
        id: report.device.to_string(),
        description: report.description.clone(),
    }
}
