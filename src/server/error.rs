//! The one place where errors become gRPC statuses.
//!
//! Every status carries a `google.rpc.ErrorInfo` of domain `overfit` with a reason for programs to act on, and where a
//! field of the request is to blame, a `google.rpc.BadRequest` that names it. The message is for people: it says what is
//! wrong and what to do.

use std::any::Any;
use std::io;

use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::resource_name::Collection;
use crate::export::ExportError;
use crate::extract::ExtractError;
use crate::field::{DeviceError, ModelError, device_failure, panic_message};
use crate::geometry::{MeshError, PointCloudError, ReadError};
use crate::query::{EvaluationError, MeasureError, ProjectError, RayError};
use crate::reconstruct::ReconstructError;
use crate::render::RenderError;
use crate::train::{FitError, SettingsError};
use crate::words::shown;

/// `ErrorInfo.domain` of every error.
const DOMAIN: &str = "overfit";

/// Most bytes of a message. It goes out twice among the headers, percent-encoded and in Base64, and clients take 8 KiB of these unless told otherwise:
/// beyond, they say that the stream was removed, and not why.
const MOST_BYTES: usize = 1200;

/// Everything for which a call is refused or fails.
#[derive(Debug, Error)]
pub(super) enum ApiError {
    #[error(
        "this call needs the header 'authorization: Bearer TOKEN'; the token stands in daemon.json in the data folder"
    )]
    TokenMissing,
    #[error(
        "the token is not this daemon's: read daemon.json again, the daemon may have been restarted"
    )]
    TokenWrong,
    /// A field of the request is not what it must be.
    #[error("{message}")]
    Field {
        field: &'static str,
        message: String,
    },
    #[error("{} does not exist{}", collection.name(id), hint(*collection))]
    NotFound { collection: Collection, id: String },
    /// A client stream does not follow its order.
    #[error("{0}")]
    StreamOrder(&'static str),
    /// A client stream broke off.
    #[error("the upload broke off: {}", .0.message())]
    BrokenOff(Status),
    #[error(
        "nothing more of the upload came for {seconds} s: what it held was given back; send it again"
    )]
    Stalled { seconds: f64 },
    #[error(
        "the {what} is too large: this daemon takes {limit} bytes; send a smaller one, or start it with a higher limit (see `overfit serve --help`)"
    )]
    TooLarge { what: &'static str, limit: u64 },
    #[error(
        "the message is larger than this daemon takes ({limit} bytes): use a streaming call, or smaller parts"
    )]
    MessageTooLarge { limit: usize },
    #[error(
        "the daemon has no room for this: it needs {needed} bytes, {held} of {limit} are in use; ask for less at a time, read answers that wait, delete meshes that are not needed any more, or start the daemon with more (--memory)"
    )]
    NoMemory { needed: u64, held: u64, limit: u64 },
    #[error(
        "the daemon has no room to keep this: it has {needed} bytes, and meshes, which take {kept} now, may take {limit}: half of its memory; delete meshes that are not needed any more, or start the daemon with more (--memory)"
    )]
    MemoryKept { needed: u64, kept: u64, limit: u64 },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Mesh(#[from] MeshError),
    #[error(transparent)]
    Reconstruct(#[from] ReconstructError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error("{limit} fits are waiting already: wait until one has ended, or cancel one")]
    QueueFull { limit: u32 },
    #[error("{limit} combinations are kept already: delete those that are not needed any more")]
    CombinationsFull { limit: u32 },
    #[error("fits/{id} has not ended: cancel it first")]
    FitNotEnded { id: String },
    #[error(
        "fits/{id} waits for its turn and has nothing to keep: wait until it runs, or cancel it"
    )]
    FitNotRunning { id: String },
    #[error("fits/{id} has ended: {}", ended_advice(model))]
    FitEnded {
        id: String,
        /// Its model's name; empty if there is none.
        model: String,
    },
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("models/{id} cannot be used: {why}. Delete it, then fit or import it again")]
    ModelDamaged { id: String, why: String },
    #[error("models/{id} cannot be deleted: {source}")]
    ModelDelete { id: String, source: io::Error },
    #[error(transparent)]
    Extract(#[from] ExtractError),
    #[error(transparent)]
    Measure(#[from] MeasureError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error(transparent)]
    Ray(#[from] RayError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the result cannot be written: {0}")]
    Encode(io::Error),
    #[error("the call was cancelled")]
    Cancelled,
    #[error("an error in the program: {0}. Please report it; the daemon goes on")]
    Panic(String),
    #[error("the daemon is shutting down: start it again, and fits go on")]
    ShuttingDown,
    #[error(
        "the daemon was ended while this fit was under way, and it cannot go on: {0}. Ask for it again"
    )]
    FitLost(String),
    #[error(
        "the fit took longer than a fit may here ({seconds} s): take a smaller mesh, or start the daemon with more (--max-fit-seconds)"
    )]
    FitTooLong { seconds: f64 },
    #[error("{0} is there already and came of another request: give each request an id of its own")]
    RequestIdUsed(String),
}

/// What a client does about an error, in gRPC's terms.
struct Verdict {
    code: Code,
    reason: &'static str,
    /// The field of the request that is to blame.
    field: Option<&'static str>,
}

/// What to ask instead of a fit that has ended.
fn ended_advice(model: &str) -> String {
    match model {
        "" => "it left no model to look at".to_owned(),
        model => format!("use its model, {model}"),
    }
}

fn hint(collection: Collection) -> &'static str {
    match collection {
        Collection::Meshes => ": meshes are gone when the daemon stops; upload it again",
        Collection::Fits => {
            ": of the fits that have ended, the oldest are forgotten, but not their models"
        }
        Collection::Models => "",
        Collection::Combinations => ": they are gone when the daemon stops; combine again",
    }
}

impl ApiError {
    /// A field of the request is not what it must be.
    pub(super) fn field(field: &'static str, message: impl Into<String>) -> Self {
        ApiError::Field {
            field,
            message: message.into(),
        }
    }

    /// What a caught panic was about.
    pub(super) fn of_panic(panic: Box<dyn Any + Send>) -> Self {
        device_failure(panic).map_or_else(
            |panic| ApiError::Panic(panic_message(&*panic)),
            ApiError::Device,
        )
    }

    /// `ErrorInfo.reason`, also used for fits that failed.
    pub(super) fn reason(&self) -> &'static str {
        self.verdict().reason
    }

    fn verdict(&self) -> Verdict {
        let verdict = |code, reason| Verdict {
            code,
            reason,
            field: None,
        };
        let blame = |reason, field| Verdict {
            code: Code::InvalidArgument,
            reason,
            field: Some(field),
        };
        match self {
            ApiError::TokenMissing => verdict(Code::Unauthenticated, "TOKEN_MISSING"),
            ApiError::TokenWrong => verdict(Code::Unauthenticated, "TOKEN_WRONG"),
            ApiError::Field { field, .. } => blame("FIELD_INVALID", field),
            ApiError::NotFound { collection, .. } => match collection {
                Collection::Meshes => verdict(Code::NotFound, "MESH_NOT_FOUND"),
                Collection::Fits => verdict(Code::NotFound, "FIT_NOT_FOUND"),
                Collection::Models => verdict(Code::NotFound, "MODEL_NOT_FOUND"),
                Collection::Combinations => verdict(Code::NotFound, "COMBINATION_NOT_FOUND"),
            },
            ApiError::StreamOrder(_) => verdict(Code::InvalidArgument, "STREAM_ORDER"),
            ApiError::BrokenOff(status) => verdict(status.code(), "UPLOAD_BROKEN_OFF"),
            ApiError::Stalled { .. } => verdict(Code::DeadlineExceeded, "UPLOAD_STALLED"),
            ApiError::TooLarge { .. } => verdict(Code::ResourceExhausted, "UPLOAD_TOO_LARGE"),
            ApiError::MessageTooLarge { .. } => {
                verdict(Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
            }
            ApiError::NoMemory { .. } | ApiError::MemoryKept { .. } => {
                verdict(Code::ResourceExhausted, "MEMORY_FULL")
            }
            ApiError::Read(error) => blame(read_reason(error), "data"),
            ApiError::Mesh(error) => blame(mesh_reason(error), "data"),
            ApiError::Reconstruct(error) => match error {
                ReconstructError::Points(error) => blame(points_reason(error), "data"),
                ReconstructError::Smoothing(_) => blame("FIELD_INVALID", "metadata.smoothing"),
                ReconstructError::Extract(ExtractError::TooLarge { .. }) => {
                    blame("MESH_TOO_LARGE", "data")
                }
                ReconstructError::Extract(_) => blame("POINTS_NO_SURFACE", "data"),
                ReconstructError::Mesh(error) => blame(mesh_reason(error), "data"),
                ReconstructError::Cancelled => verdict(Code::Cancelled, "CANCELLED"),
            },
            ApiError::Settings(error) => blame("SETTINGS_INVALID", settings_field(error)),
            ApiError::Device(error) => device_verdict(error),
            ApiError::Fit(error) => fit_verdict(error),
            ApiError::QueueFull { .. } => verdict(Code::ResourceExhausted, "QUEUE_FULL"),
            ApiError::CombinationsFull { .. } => {
                verdict(Code::ResourceExhausted, "COMBINATIONS_FULL")
            }
            ApiError::FitNotEnded { .. } => verdict(Code::FailedPrecondition, "FIT_NOT_ENDED"),
            ApiError::FitNotRunning { .. } => verdict(Code::FailedPrecondition, "FIT_NOT_RUNNING"),
            ApiError::FitEnded { .. } => verdict(Code::FailedPrecondition, "FIT_ENDED"),
            ApiError::Model(error) => model_verdict(error),
            ApiError::ModelDamaged { .. } => verdict(Code::DataLoss, "MODEL_DAMAGED"),
            ApiError::ModelDelete { .. } => verdict(Code::Internal, "MODEL_NOT_DELETED"),
            ApiError::Extract(error) => extract_verdict(error),
            ApiError::Measure(MeasureError::Extract(error)) => extract_verdict(error),
            ApiError::Measure(MeasureError::Error(_)) => blame("FIELD_INVALID", "error"),
            ApiError::Evaluation(error) => evaluation_verdict(error),
            ApiError::Ray(error) | ApiError::Render(RenderError::Ray(error)) => ray_verdict(error),
            ApiError::Project(error) => match error {
                ProjectError::NotFinite { .. } => blame("FIELD_INVALID", "points"),
                ProjectError::Setting(setting) => blame("FIELD_INVALID", setting.name),
                ProjectError::NoValue { .. } => {
                    verdict(Code::FailedPrecondition, "MODEL_NOT_FINITE")
                }
                ProjectError::Cancelled => verdict(Code::Cancelled, "CANCELLED"),
            },
            ApiError::Render(error) => match error {
                RenderError::Setting(setting) => match setting.name {
                    "size" => blame("FIELD_INVALID", "width"),
                    name => blame("FIELD_INVALID", name),
                },
                RenderError::NoMesh => blame("FIELD_INVALID", "mesh"),
                RenderError::NoDirection => blame("FIELD_INVALID", "eye"),
                RenderError::Ray(_) | RenderError::Evaluation(_) => blame("FIELD_INVALID", "mode"),
            },
            ApiError::Export(_) => Verdict {
                code: Code::FailedPrecondition,
                reason: "MODEL_TOO_LARGE_FOR_FORMAT",
                field: Some("format"),
            },
            ApiError::Encode(_) => verdict(Code::Internal, "RESULT_NOT_WRITTEN"),
            ApiError::Cancelled => verdict(Code::Cancelled, "CANCELLED"),
            ApiError::Panic(_) => verdict(Code::Internal, "PANIC"),
            ApiError::ShuttingDown => verdict(Code::Unavailable, "SHUTTING_DOWN"),
            ApiError::FitTooLong { .. } => verdict(Code::DeadlineExceeded, "FIT_TOO_LONG"),
            ApiError::FitLost(_) => verdict(Code::DataLoss, "FIT_LOST"),
            ApiError::RequestIdUsed(_) => Verdict {
                code: Code::AlreadyExists,
                reason: "REQUEST_ID_USED",
                field: Some("request_id"),
            },
        }
    }
}

fn evaluation_verdict(error: &EvaluationError) -> Verdict {
    let (code, reason, field) = match error {
        EvaluationError::Smoothing { .. } | EvaluationError::NotTwiceDifferentiable(_) => {
            (Code::InvalidArgument, "FIELD_INVALID", Some("smoothing"))
        }
        EvaluationError::TooFar { .. } => (Code::InvalidArgument, "FIELD_INVALID", Some("points")),
        EvaluationError::NotFinite { .. } => (Code::FailedPrecondition, "MODEL_NOT_FINITE", None),
    };
    Verdict {
        code,
        reason,
        field,
    }
}

fn ray_verdict(error: &RayError) -> Verdict {
    let (code, reason, field) = match error {
        RayError::NotFinite { .. } | RayError::NoDirection { .. } => {
            (Code::InvalidArgument, "FIELD_INVALID", Some("rays"))
        }
        RayError::Setting(setting) => (Code::InvalidArgument, "FIELD_INVALID", Some(setting.name)),
        RayError::FieldNotFinite { .. } => (Code::FailedPrecondition, "MODEL_NOT_FINITE", None),
        RayError::Cancelled => (Code::Cancelled, "CANCELLED", None),
    };
    Verdict {
        code,
        reason,
        field,
    }
}

fn read_reason(error: &ReadError) -> &'static str {
    match error {
        ReadError::Io { .. } => "MESH_UNREADABLE",
        ReadError::UnknownFormat { .. } => "MESH_FORMAT_UNKNOWN",
        ReadError::Empty { .. } => "MESH_EMPTY",
        ReadError::WrongContent { .. } => "MESH_WRONG_FORMAT",
        ReadError::Truncated { .. } => "MESH_TRUNCATED",
        ReadError::Malformed { .. } => "MESH_MALFORMED",
        ReadError::Unsupported { .. } => "MESH_UNSUPPORTED",
        ReadError::OverLimit { .. } => "MESH_TOO_LARGE",
        ReadError::Mesh { source, .. } => mesh_reason(source),
        ReadError::Points { source, .. } => points_reason(source),
    }
}

fn mesh_reason(error: &MeshError) -> &'static str {
    match error {
        MeshError::Empty => "MESH_EMPTY",
        MeshError::NoFaces { .. } => "MESH_NO_FACES",
        MeshError::MissingVertex { .. } => "MESH_MISSING_VERTEX",
        MeshError::NotFinite { .. } => "MESH_NOT_FINITE",
        MeshError::NoExtent { .. } => "MESH_NO_EXTENT",
        MeshError::ExtentOutOfRange { .. } => "MESH_EXTENT_OUT_OF_RANGE",
        MeshError::AllDegenerate { .. } => "MESH_ALL_DEGENERATE",
        MeshError::TooLarge { .. } | MeshError::OverLimit { .. } => "MESH_TOO_LARGE",
    }
}

fn points_reason(error: &PointCloudError) -> &'static str {
    match error {
        PointCloudError::NotFinite { .. } => "POINTS_NOT_FINITE",
        PointCloudError::OnePlace { .. } => "POINTS_NO_EXTENT",
        PointCloudError::TooFew { .. } => "POINTS_TOO_FEW",
        PointCloudError::Flat { .. } => "POINTS_FLAT",
        PointCloudError::ExtentOutOfRange { .. } => "POINTS_EXTENT_OUT_OF_RANGE",
        PointCloudError::NormalCount { .. } => "POINTS_NORMAL_COUNT",
    }
}

/// The field of a request that changes any setting by its name.
pub(super) const OVERRIDES: &str = "settings.overrides";

/// The setting's place in the request, as `BadRequest` wants it.
fn settings_field(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::OutOfRange { field, .. } => match field.as_str() {
            "budget.seconds" => "settings.seconds",
            "budget.steps" => "settings.steps",
            "budget.target_near_mae" => "settings.target_near_mae",
            "sampling.near_sigma" => "settings.near_sigma",
            field if field.starts_with("sampling.shares") => "settings.shares",
            // The rest has fields of its own in no request.
            _ => OVERRIDES,
        },
        SettingsError::Start { .. } => OVERRIDES,
        SettingsError::NoBudget => "settings.seconds",
        SettingsError::Architecture(_) => "settings.preset",
        SettingsError::Loss(_) => "settings.loss",
        SettingsError::Optimizer(error) => match error.setting() {
            "batch_size" => "settings.batch_size",
            "learning_rate" => "settings.learning_rate",
            _ => OVERRIDES,
        },
    }
}

fn device_verdict(error: &DeviceError) -> Verdict {
    let (code, reason) = match error {
        DeviceError::Unknown(_) => (Code::InvalidArgument, "DEVICE_UNKNOWN"),
        DeviceError::NotBuilt { .. } => (Code::FailedPrecondition, "DEVICE_NOT_BUILT"),
        DeviceError::Unusable { .. } => (Code::FailedPrecondition, "DEVICE_UNUSABLE"),
        DeviceError::Stopped { .. } => (Code::Unavailable, "DEVICE_STOPPED"),
    };
    Verdict {
        code,
        reason,
        field: Some("settings.device"),
    }
}

fn fit_verdict(error: &FitError) -> Verdict {
    let (code, reason, field) = match error {
        FitError::Settings(error) => (
            Code::InvalidArgument,
            "SETTINGS_INVALID",
            Some(settings_field(error)),
        ),
        FitError::Device(error) => return device_verdict(error),
        FitError::Distance(_) => (Code::InvalidArgument, "MESH_NO_DISTANCE", Some("mesh")),
        // No call goes on from one by now.
        FitError::Checkpoint(_) => (Code::FailedPrecondition, "CHECKPOINT_INVALID", None),
        FitError::NoExtent => (Code::InvalidArgument, "MESH_NO_EXTENT", Some("mesh")),
        FitError::Cancelled => (Code::Cancelled, "CANCELLED", None),
        FitError::Diverged { .. } => (Code::Aborted, "TRAINING_DIVERGED", None),
    };
    Verdict {
        code,
        reason,
        field,
    }
}

fn model_verdict(error: &ModelError) -> Verdict {
    let (code, reason, field) = match error {
        ModelError::Read { .. } => (Code::DataLoss, "MODEL_FILE_UNREADABLE", None),
        ModelError::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
            (Code::ResourceExhausted, "DISK_FULL", None)
        }
        ModelError::Write { .. } => (Code::Internal, "DISK_WRITE_FAILED", None),
        ModelError::NotSafetensors(_)
        | ModelError::Incomplete(_)
        | ModelError::Architecture(_)
        | ModelError::Damaged(_) => (Code::InvalidArgument, "MODEL_INVALID", Some("chunk")),
    };
    Verdict {
        code,
        reason,
        field,
    }
}

fn extract_verdict(error: &ExtractError) -> Verdict {
    let (code, reason, field) = match error {
        ExtractError::ZeroResolution => (
            Code::InvalidArgument,
            "RESOLUTION_INVALID",
            Some("grid.resolution"),
        ),
        ExtractError::VoxelSize(_) => (
            Code::InvalidArgument,
            "VOXEL_SIZE_INVALID",
            Some("grid.voxel_size"),
        ),
        ExtractError::Bounds { .. } => (Code::FailedPrecondition, "MODEL_BOUNDS_INVALID", None),
        ExtractError::Setting { name, .. } => (
            Code::InvalidArgument,
            "SETTINGS_INVALID",
            Some(match *name {
                "iso" => "iso",
                "band" => "band",
                _ => "grid",
            }),
        ),
        ExtractError::TooLarge { .. } => {
            (Code::ResourceExhausted, "EXTRACT_TOO_LARGE", Some("grid"))
        }
        ExtractError::NoSurface { .. } => (Code::FailedPrecondition, "NO_SURFACE", Some("iso")),
        ExtractError::NotFinite { .. } => (Code::FailedPrecondition, "MODEL_NOT_FINITE", None),
        ExtractError::Cancelled => (Code::Cancelled, "CANCELLED", None),
    };
    Verdict {
        code,
        reason,
        field,
    }
}

/// What a client is told: whatever an error quotes, it stands in logs and on terminals.
fn message(text: &str) -> String {
    let shown = shown(text, MOST_BYTES);
    let beyond = |(at, letter): &(usize, char)| at + letter.len_utf8() > MOST_BYTES;
    match shown.char_indices().find(beyond) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Status {
        let Verdict {
            code,
            reason,
            field,
        } = error.verdict();
        let message = message(&error.to_string());
        let mut details = ErrorDetails::new();
        details.set_error_info(
            reason,
            DOMAIN,
            std::collections::HashMap::<String, String>::new(),
        );
        if let Some(field) = field {
            details.add_bad_request_violation(field, message.clone());
        }
        Status::with_error_details(code, message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_fits_among_the_headers_whatever_a_caller_sent() {
        for letter in ["x", "ä", "立", "\u{202e}", "\x1b[31m\n"] {
            let name = letter.repeat(1_000_000);
            for error in [
                Collection::Models.id(&name, "name").unwrap_err(),
                ApiError::field("name", name),
            ] {
                let status = Status::from(error);
                let mut headers = http::HeaderMap::new();
                status.add_header(&mut headers).unwrap();
                let bytes: usize = headers.values().map(|value| value.len()).sum();
                assert!(bytes < 8000, "{letter:?}: {bytes} bytes");
                assert!(!status.message().chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn a_status_says_what_is_wrong_where_and_to_whom() {
        let status = Status::from(ApiError::from(ExtractError::ZeroResolution));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("RESOLUTION_INVALID", "overfit")
        );
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "grid.resolution");
        assert_eq!(violations[0].description, status.message());
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let write = |kind: io::ErrorKind| {
            ApiError::from(ModelError::Write {
                path: "m.safetensors".into(),
                source: kind.into(),
            })
        };
        assert_eq!(write(io::ErrorKind::StorageFull).reason(), "DISK_FULL");
        assert_eq!(
            write(io::ErrorKind::PermissionDenied).reason(),
            "DISK_WRITE_FAILED"
        );
    }

    #[test]
    fn every_setting_that_a_request_can_hold_is_blamed_by_its_place() {
        let fields = [
            ("budget", "seconds"),
            ("budget", "steps"),
            ("budget", "target_near_mae"),
            ("sampling", "shares"),
            ("sampling", "near_sigma"),
        ];
        for (part, field) in fields {
            let error = SettingsError::OutOfRange {
                field: format!("{part}.{field}"),
                value: "7".to_owned(),
                requirement: "8".to_owned(),
            };
            assert_eq!(settings_field(&error), format!("settings.{field}"));
        }
    }
}
