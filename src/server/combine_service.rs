//! `overfit.v1.CombineService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::blocking::run_blocking;
use super::combinations::Combinations;
use super::error::ApiError;
use super::proto;
use super::proto::combine_service_server::CombineService;
use super::resource_name::Collection;

/// Keeps expressions over models.
pub(super) struct CombineCalls {
    pub(super) combinations: Arc<Combinations>,
}

#[tonic::async_trait]
impl CombineService for CombineCalls {
    async fn combine(
        &self,
        request: Request<proto::CombineRequest>,
    ) -> Result<Response<proto::CombineResponse>, Status> {
        let asked = request.into_inner().expression;
        let asked = asked.ok_or_else(|| ApiError::field("expression", "expression is empty"))?;
        let combinations = self.combinations.clone();
        let combination = run_blocking(move |_| combinations.add(asked)).await?;
        Ok(Response::new(proto::CombineResponse {
            combination: Some(combination),
        }))
    }

    async fn get_combination(
        &self,
        request: Request<proto::GetCombinationRequest>,
    ) -> Result<Response<proto::GetCombinationResponse>, Status> {
        let name = request.into_inner().name;
        let id = Collection::Combinations.id(&name, "name")?;
        Ok(Response::new(proto::GetCombinationResponse {
            combination: Some(self.combinations.get(id)?),
        }))
    }

    async fn list_combinations(
        &self,
        request: Request<proto::ListCombinationsRequest>,
    ) -> Result<Response<proto::ListCombinationsResponse>, Status> {
        let proto::ListCombinationsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (combinations, next_page_token) = self.combinations.list(page_size, &page_token)?;
        Ok(Response::new(proto::ListCombinationsResponse {
            combinations,
            next_page_token,
        }))
    }

    async fn delete_combination(
        &self,
        request: Request<proto::DeleteCombinationRequest>,
    ) -> Result<Response<proto::DeleteCombinationResponse>, Status> {
        let name = request.into_inner().name;
        let id = Collection::Combinations.id(&name, "name")?;
        self.combinations.delete(id)?;
        Ok(Response::new(proto::DeleteCombinationResponse {}))
    }
}
