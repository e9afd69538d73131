//! The daemon's services, and who may call them.

use std::sync::Arc;

use tonic::server::NamedService;
use tonic::service::{InterceptorLayer, Routes};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Layer;

use super::authorization::Authorization;
use super::combine_service::CombineCalls;
use super::fit_service::FitCalls;
use super::mesh_service::MeshCalls;
use super::model_service::ModelCalls;
use super::preview::Previews;
use super::proto;
use super::proto::combine_service_server::CombineServiceServer;
use super::proto::fit_service_server::FitServiceServer;
use super::proto::mesh_service_server::MeshServiceServer;
use super::proto::model_service_server::ModelServiceServer;
use super::proto::query_service_server::QueryServiceServer;
use super::proto::server_service_server::ServerServiceServer;
use super::query_service::QueryCalls;
use super::serve::Server;
use super::server_service::ServerCalls;
use super::turns::Turns;

impl Server {
    /// Every service behind the token; on the machine's own addresses health and reflection are open.
    pub(super) fn routes<H>(
        &self,
        health: tonic_health::pb::health_server::HealthServer<H>,
    ) -> Routes
    where
        H: tonic_health::pb::health_server::Health,
    {
        let limits = Arc::new(self.settings.limits.clone());
        let message = limits.max_message_bytes;
        let processors = rayon::current_num_threads();
        let upload_pause = self.settings.times.upload_pause;
        let mesh = MeshServiceServer::new(MeshCalls {
            meshes: self.meshes.clone(),
            memory: self.memory.clone(),
            limits: limits.clone(),
            turns: Turns::new(processors, processors),
            upload_pause,
        });
        let fit = FitServiceServer::new(FitCalls {
            meshes: self.meshes.clone(),
            fits: self.fits.clone(),
            combinations: self.combinations.clone(),
            devices: self.devices.clone(),
            previews: Previews::new(
                self.engine.clone(),
                self.memory.clone(),
                limits.extract_bytes(),
            ),
        });
        let model = ModelServiceServer::new(ModelCalls {
            models: self.models.clone(),
            memory: self.memory.clone(),
            limits: limits.clone(),
            turns: Turns::new(processors, processors),
            upload_pause,
        });
        let combine = CombineServiceServer::new(CombineCalls {
            combinations: self.combinations.clone(),
        });
        let query = QueryServiceServer::new(QueryCalls {
            fields: self.combinations.clone(),
            meshes: self.meshes.clone(),
            memory: self.memory.clone(),
            limits: limits.clone(),
            evaluations: Turns::new(processors, processors),
            extractions: Turns::new(processors, limits.max_running_extractions as usize),
        });
        let server = ServerServiceServer::new(ServerCalls {
            devices: self.devices.clone(),
            memory: self.memory.clone(),
            limits,
            most_fit_time: self.settings.times.fit,
        });
        let guard = InterceptorLayer::new(Authorization::required(self.token.clone()));
        let open = match self.settings.listen.ip().is_loopback() {
            true => InterceptorLayer::new(Authorization::open()),
            false => guard.clone(),
        };
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let valid = "the build made these descriptors";
        Routes::new(guard.layer(mesh.max_decoding_message_size(message)))
            .add_service(guard.layer(fit.max_decoding_message_size(message)))
            .add_service(guard.layer(model.max_decoding_message_size(message)))
            .add_service(guard.layer(combine.max_decoding_message_size(message)))
            .add_service(guard.layer(query.max_decoding_message_size(message)))
            .add_service(guard.layer(server.max_decoding_message_size(message)))
            .add_service(open.layer(health))
            // Older clients know the alpha of reflection only.
            .add_service(open.layer(reflection().build_v1().expect(valid)))
            .add_service(open.layer(reflection().build_v1alpha().expect(valid)))
    }
}

/// Tells health checks how every service is.
pub(super) async fn report_health(health: &HealthReporter, status: ServingStatus) {
    let services = [
        "",
        MeshServiceServer::<MeshCalls>::NAME,
        FitServiceServer::<FitCalls>::NAME,
        ModelServiceServer::<ModelCalls>::NAME,
        CombineServiceServer::<CombineCalls>::NAME,
        QueryServiceServer::<QueryCalls>::NAME,
        ServerServiceServer::<ServerCalls>::NAME,
    ];
    for service in services {
        health.set_service_status(service, status).await;
    }
}
