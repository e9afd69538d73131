"""The methods of the API that this package calls."""

from typing import TypeVar

from google.protobuf.message import Message

from overfit.connection import Method
from overfit.v1 import combine_pb2, fit_pb2, mesh_pb2, model_pb2, query_pb2, server_pb2

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


def _method(service: str, request: type[_Request], response: type[_Response]) -> Method[_Request, _Response]:
    name = request.DESCRIPTOR.name.removesuffix("Request")
    return Method(f"/overfit.v1.{service}Service/{name}", request, response)


GET_SERVER_INFO = _method("Server", server_pb2.GetServerInfoRequest, server_pb2.GetServerInfoResponse)
UPLOAD_MESH = _method("Mesh", mesh_pb2.UploadMeshRequest, mesh_pb2.UploadMeshResponse)
DELETE_MESH = _method("Mesh", mesh_pb2.DeleteMeshRequest, mesh_pb2.DeleteMeshResponse)
CREATE_FIT = _method("Fit", fit_pb2.CreateFitRequest, fit_pb2.CreateFitResponse)
GET_FIT = _method("Fit", fit_pb2.GetFitRequest, fit_pb2.GetFitResponse)
LIST_FITS = _method("Fit", fit_pb2.ListFitsRequest, fit_pb2.ListFitsResponse)
WATCH_FIT = _method("Fit", fit_pb2.WatchFitRequest, fit_pb2.WatchFitResponse)
CANCEL_FIT = _method("Fit", fit_pb2.CancelFitRequest, fit_pb2.CancelFitResponse)
FINISH_FIT = _method("Fit", fit_pb2.FinishFitRequest, fit_pb2.FinishFitResponse)
PREVIEW_FIT = _method("Fit", fit_pb2.PreviewFitRequest, fit_pb2.PreviewFitResponse)
GET_MODEL = _method("Model", model_pb2.GetModelRequest, model_pb2.GetModelResponse)
LIST_MODELS = _method("Model", model_pb2.ListModelsRequest, model_pb2.ListModelsResponse)
DELETE_MODEL = _method("Model", model_pb2.DeleteModelRequest, model_pb2.DeleteModelResponse)
EXPORT_MODEL = _method("Model", model_pb2.ExportModelRequest, model_pb2.ExportModelResponse)
IMPORT_MODEL = _method("Model", model_pb2.ImportModelRequest, model_pb2.ImportModelResponse)
EVALUATE_STREAM = _method("Query", query_pb2.EvaluateStreamRequest, query_pb2.EvaluateStreamResponse)
MEASURE = _method("Query", query_pb2.MeasureRequest, query_pb2.MeasureResponse)
EXTRACT_MESH = _method("Query", query_pb2.ExtractMeshRequest, query_pb2.ExtractMeshResponse)
EXTRACT_VOLUME = _method("Query", query_pb2.ExtractVolumeRequest, query_pb2.ExtractVolumeResponse)
RAYCAST = _method("Query", query_pb2.RaycastRequest, query_pb2.RaycastResponse)
PROJECT = _method("Query", query_pb2.ProjectRequest, query_pb2.ProjectResponse)
RENDER = _method("Query", query_pb2.RenderRequest, query_pb2.RenderResponse)
COMBINE = _method("Combine", combine_pb2.CombineRequest, combine_pb2.CombineResponse)
DELETE_COMBINATION = _method("Combine", combine_pb2.DeleteCombinationRequest, combine_pb2.DeleteCombinationResponse)
